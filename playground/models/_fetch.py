"""Downloads from the Hugging Face Hub: with real bytes, a deadline, a check, and a way to stop.

The Hub's own client does the work in a thread; a `tqdm` class of ours hears of every piece
that arrives and raises in there when the download was stopped. What is complete in the cache
is used without opening a socket. `HF_ENDPOINT`, `HF_TOKEN` and `HF_HOME` are the client's.
"""

import hashlib
import re
import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models import _hub_files
from playground.models._aside import is_full, remove_parts, set_aside
from playground.models._image_gpt import COLOURS
from playground.models._safety import check_folder, check_header
from playground.models._spec import Hub, Spec
from playground.models._weights import weight_files

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", COLOURS)
STALL_S = 30.0
CONNECT_S = 6.0
PIECE = 1 << 18  # bytes
COMMIT = re.compile(r"[0-9a-f]{40}")


class Stopped(Exception):
    """Nobody waits for this download any more."""


@dataclass
class Transfer:
    """What the downloading thread and the waiting generator tell each other."""

    total: int = 0
    done: int = 0
    moved_at: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)

    def add(self, count: float) -> None:
        if self.stop.is_set():
            raise Stopped
        if count:
            self.done += int(count)
            self.moved_at = time.monotonic()


def hub_cache(cache_dir: Path | None) -> Path:
    """The folder of the Hub's cache."""
    from huggingface_hub import constants

    return cache_dir / "hub" if cache_dir else Path(constants.HF_HUB_CACHE)


def cached(source: Hub, cache_dir: Path | None) -> Path | None:
    """The complete snapshot of a Hub model in the cache, or None. No network."""
    storage = hub_cache(cache_dir) / ("models--" + source.repo.replace("/", "--"))
    revision = source.revision or "main"
    recorded = storage / "refs" / revision
    if not COMMIT.fullmatch(revision) and recorded.is_file():
        revision = recorded.read_text().strip()
    folder = storage / "snapshots" / revision
    return folder if COMMIT.fullmatch(revision) and complete(folder) else None


def complete(folder: Path) -> bool:
    """Whether configuration, tokenizer and all weights are there."""
    if (folder / _hub_files.INDEX).is_file():
        return _hub_files.whole(folder) and bool(_weights_of(folder))
    if not (folder / "config.json").is_file() or not any((folder / name).is_file() for name in TOKENIZERS):
        return False
    return bool(_weights_of(folder))


def _weights_of(folder: Path) -> list[Path]:
    """The weights of a snapshot, all of them or none."""
    try:
        return weight_files(folder)
    except (PlaygroundError, ValueError, KeyError, AttributeError):
        return []


def download(
    spec: Spec, source: Hub, cache_dir: Path | None, refuse: Callable[[int], None], stall_s: float = STALL_S
) -> Generator[Progress, None, Path]:
    """The snapshot of a Hub model, fetched and verified; closing the generator stops it.

    `refuse(bytes of the weights)` is called before anything large is fetched, and may raise.

    Raises:
        PlaygroundError: no connection, no such model, gated, no room, stalled, or damaged twice.
    """
    name = ""
    for attempt in (1, 2):
        folder = yield from _watched(spec, source, cache_dir, refuse, stall_s)
        damaged = yield from _verify(folder)
        if not damaged:
            check_folder(folder, hub_cache(cache_dir))
            return folder
        name = " and ".join(file.name for file in damaged)
        for file in damaged:
            set_aside(file)
        if attempt == 1:
            yield Progress(f"{name} arrived damaged: fetching it again")
    raise PlaygroundError(f"{name} of {source.repo} arrived damaged twice: try again later.")


def _watched(
    spec: Spec, source: Hub, cache_dir: Path | None, refuse: Callable[[int], None], stall_s: float
) -> Generator[Progress, None, Path]:
    """One attempt in a thread of its own, with its bytes."""
    transfer, result = Transfer(), dict[str, Any]()

    def work() -> None:
        try:
            result["folder"] = _attempt(source, cache_dir, refuse, transfer)
        except Stopped:
            result["error"] = PlaygroundError("The download was stopped.")
        except Exception as error:  # noqa: BLE001 the client's own errors, explained below
            result["error"] = error

    thread = threading.Thread(target=work, name="download", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            yield Progress("downloading", transfer.done, transfer.total, "bytes")
            thread.join(0.1)
            if time.monotonic() - transfer.moved_at > stall_s:
                raise PlaygroundError(
                    f"The download of {spec.title} has stood still for {stall_s:.0f} s at {transfer.done / 1e6:.0f} of "
                    f"{transfer.total / 1e6:.0f} MB: check the connection and load it again; "
                    "it goes on from there."
                )
    finally:
        transfer.stop.set()
        thread.join(1.0)
    if "error" in result:
        if is_full(result["error"]):
            remove_parts(hub_cache(cache_dir) / ("models--" + source.repo.replace("/", "--")))
        raise _explained(spec, source, result["error"])
    return Path(result["folder"])


def _attempt(source: Hub, cache_dir: Path | None, refuse: Callable[[int], None], transfer: Transfer) -> str:
    from huggingface_hub import constants, hf_hub_download, snapshot_download

    constants.HF_HUB_DISABLE_XET = True  # its downloads run outside Python and could not be stopped
    constants.DOWNLOAD_CHUNK_SIZE = PIECE  # else progress is told, and stopping asked, every 10 MB
    cache = hub_cache(cache_dir)
    cache.mkdir(parents=True, exist_ok=True)
    listener = _listener(transfer)
    _refuse_if_unreachable(constants.ENDPOINT)
    transfer.moved_at = time.monotonic()  # importing took its time
    listed = snapshot_download(
        source.repo,
        revision=source.revision,
        cache_dir=str(cache),
        allow_patterns=_hub_files.PATTERNS,
        max_workers=4,
        tqdm_class=listener,
        dry_run=True,
    )
    names = set(_hub_files.chosen(one.filename for one in listed))
    wanted = [one for one in listed if one.filename in names]
    weights = sum(f.file_size or 0 for f in wanted if f.filename.endswith(".safetensors"))
    if not weights:
        raise PlaygroundError(f"{source.repo} has no safetensors weights: choose a model that has.")
    refuse(weights)
    missing = sum(f.file_size or 0 for f in wanted if f.will_download)
    free = shutil.disk_usage(cache).free
    if missing * 1.05 > free:
        raise PlaygroundError(
            f"{source.repo} takes {missing / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB free: make room and "
            "load it again."
        )
    transfer.total, transfer.done = missing, 0
    transfer.moved_at = time.monotonic()
    for one in wanted:  # one after the other, in this thread: the library's pool would hold up the program's end
        transfer.add(0)
        path = hf_hub_download(
            source.repo, one.filename, revision=one.commit_hash, cache_dir=str(cache), tqdm_class=listener
        )
    return str(_hub_files.root(Path(path), wanted[-1].filename))


def _refuse_if_unreachable(endpoint: str) -> None:
    """The client tries for half a minute where there is no network; a look at the address tells at once.

    Raises:
        PlaygroundError: nothing answers at `endpoint`. Behind a proxy only the proxy could tell: nothing is asked.
    """
    address = urlsplit(endpoint)
    if not address.hostname or address.scheme in urllib.request.getproxies():
        return
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname, port), CONNECT_S).close()
    except OSError as error:
        raise PlaygroundError(
            f"The Hugging Face Hub ({address.hostname}) cannot be reached ({error.strerror or error}): check the "
            "connection. Models that come with the project or were fetched before work without one."
        ) from error


def _listener(transfer: Transfer) -> type:
    """A tqdm that shows nothing and tells `transfer` of every byte."""
    from tqdm.auto import tqdm

    class Listener(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._counts = kwargs.get("unit") == "B"
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            transfer.add(n or 0 if self._counts else 0)
            return None

    return Listener


def _verify(folder: Path) -> Generator[Progress, None, list[Path]]:
    """The weight files whose content is not what their names in the Hub's cache say (the SHA-256 of large files)."""
    files = weight_files(folder)
    total, done, damaged = sum(f.stat().st_size for f in files), 0, list[Path]()
    for path in files:
        expected, digest = path.resolve().name, hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(1 << 22):
                digest.update(piece)
                done += len(piece)
                yield Progress("checking", done, total, "bytes")
        if re.fullmatch(r"[0-9a-f]{64}", expected) and digest.hexdigest() != expected:
            damaged.append(path)
            continue
        try:
            check_header(path)
        except PlaygroundError:
            damaged.append(path)
    return damaged


def _explained(spec: Spec, source: Hub, error: Exception) -> PlaygroundError:
    """The client's error in words that say what to do."""
    from huggingface_hub import errors

    if isinstance(error, PlaygroundError):
        return error
    if isinstance(error, (errors.DryRunError, errors.LocalEntryNotFoundError)) and isinstance(
        error.__cause__, Exception
    ):
        error = error.__cause__
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError) or (spec.gated and status in (401, 403)):
        return PlaygroundError(
            f"{source.repo} is gated: accept its licence on its page of the Hugging Face Hub, set HF_TOKEN "
            "to a token of your account and load it again. SmolLM2-360M-Instruct is open and about as large."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return PlaygroundError(f"{source.repo} has no revision {source.revision!r} on the Hub: choose another one.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return PlaygroundError(f"There is no model {source.repo!r} on the Hub (or it is private): check the spelling.")
    if is_full(error):
        room = f"free {spec.size_mb:.0f} MB" if spec.size_mb else "make room"
        return PlaygroundError(f"The disk is full: {room} and load {spec.title} again. What had arrived was removed.")
    return PlaygroundError(
        f"{spec.title} could not be fetched ({type(error).__name__}): check the connection. Models that come with the "
        "project or were fetched before work without one."
    )
