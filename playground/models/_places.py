"""Where the weights are: on this computer already, or to be fetched."""

import json
import os
import re
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models import _aside, _fetch, _package
from playground.models._hub_files import INDEX
from playground.models._safety import check_folder
from playground.models._spec import Embedded, Folder, Hub, Package, Source, Spec, memory_mb

ASSETS = Path(__file__).parents[2] / "assets"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")


def own_gpt2(name: str, **said: Any) -> tuple[Spec, ...]:
    """The entry of a model of GPT-2's layout that the project trains itself, once its weights lie in
    assets/models/`name`; its sizes are those of its file and its configuration. `said` is the rest of the Spec."""
    folder = ASSETS / "models" / name
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    except OSError:
        return ()
    width, depth = int(config["n_embd"]), int(config["n_layer"])
    embeddings = (int(config["vocab_size"]) + int(config["n_positions"])) * width
    parameters = embeddings + depth * (12 * width**2 + 13 * width) + 2 * width  # of GPT-2, output tied to input
    return (
        Spec(id=name, parameters=parameters, licence="MIT", size_mb=round(size / 1e6, 1),
             memory_mb=memory_mb(parameters), sources=(Embedded(f"models/{name}"),),
             context_window=int(config["n_positions"]), **said),
    )  # fmt: skip


def own(name: str, **said: Any) -> tuple[Spec, ...]:
    """The entry of a model that the project trains itself, once its folder assets/models/`name` has an about.json with
    its `parameters` and `bytes`. `said` is the rest of the Spec."""
    try:
        about = json.loads((ASSETS / "models" / name / "about.json").read_text(encoding="utf-8"))
    except OSError:
        return ()
    parameters, size_mb = int(about["parameters"]), round(int(about["bytes"]) / 1e6, 1)
    return (
        Spec(id=name, parameters=parameters, licence="MIT", size_mb=size_mb, memory_mb=memory_mb(parameters),
             sources=(Embedded(f"models/{name}"),), **said),
    )  # fmt: skip


def user_cache(cache_dir: Path | None) -> Path:
    """The folder for what this program makes itself."""
    if cache_dir is not None:
        return cache_dir
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "generative-playground"


def where(spec: Spec, cache_dir: Path | None) -> tuple[str, Path | None]:
    """("embedded" | "cached" | "not downloaded", folder): looked up without the network."""
    for source in spec.sources:
        folder = _present(source, cache_dir)
        if folder is not None:
            return ("embedded" if isinstance(source, Embedded) else "cached"), folder
    return "not downloaded", None


def _present(source: Source, cache_dir: Path | None) -> Path | None:
    if isinstance(source, Embedded):
        folder = ASSETS / source.path
        return folder if any((folder / name).is_file() for name in ("config.json", INDEX)) else None
    if isinstance(source, Folder):
        return Path(source.path) if Path(source.path).is_dir() else None
    if isinstance(source, Hub):
        return _fetch.cached(source, cache_dir)
    return _package.converted(source, user_cache(cache_dir))


def fetch(spec: Spec, cache_dir: Path | None, refuse: Callable[[int], None]) -> Generator[Progress, None, Path]:
    """The checked folder of a model: what is here already, else the first source that can be had.

    `refuse(bytes of the weights)` may raise before a large download begins.

    Raises:
        PlaygroundError: no source can be had (why not the first), or the folder is not safe to open.
    """
    yield Progress("looking for the files")
    broken = ""
    for source in spec.sources:
        folder = _present(source, cache_dir)
        damaged = _aside.corrupt(folder) if folder is not None and isinstance(source, Hub) else None
        if damaged is not None:
            _aside.set_aside(damaged)
            broken = f"{damaged.name} was damaged and has been set aside. "
            yield Progress(f"{damaged.name} in the cache was damaged: fetching it again")
            break
        if folder is not None:
            check_folder(folder, _fetch.hub_cache(cache_dir) if isinstance(source, Hub) else None)
            return folder
    first: PlaygroundError | None = None
    for source in _nearest_first(spec.sources):
        try:
            if isinstance(source, Hub):
                return (yield from _fetch.download(spec, source, cache_dir, refuse))
            if isinstance(source, Package):
                return (yield from _package.obtain(spec, source, user_cache(cache_dir)))
        except PlaygroundError as error:
            first = first or error
    if first and broken:
        raise PlaygroundError(broken + str(first)) from first
    raise first or PlaygroundError(f"{spec.title} is not on this computer and nowhere to be had.")


def _nearest_first(sources: tuple[Source, ...]) -> list[Source]:
    """The order in which to fetch: without the Hub where the client is told to stay offline."""
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE:
        return list(sources)
    return [s for s in sources if not isinstance(s, Hub)] + [s for s in sources if isinstance(s, Hub)]


def stranger(model_id: str, known: tuple[str, ...]) -> Spec:
    """A Spec for a local folder or a Hub id ("owner/name" or "owner/name@revision") outside the catalogue.

    Raises:
        PlaygroundError: it is neither.
    """
    spec = Spec(
        id=model_id,
        title=model_id[:80],
        modalities=("text",),
        architecture="named by its config.json",
        parameters=0,
        licence="see its card",
        size_mb=0,
        memory_mb=0,
        sources=(),
        trusted=False,
        note="Outside the catalogue: its chat template is not run.",
    )
    if model_id and os.path.isdir(os.path.expanduser(model_id)):  # False, where Path.is_dir raises: names too long
        folder = Path(model_id).expanduser()
        return replace(spec, title=folder.resolve().name, sources=(Folder(str(folder.resolve())),))
    repo, _, revision = model_id.partition("@")
    if "/" in repo and HUB_ID.fullmatch(repo) and ".." not in repo and re.fullmatch(r"[\w.-]{0,64}", revision):
        recorded = "" if revision else " Its revision 'main' is resolved and recorded at the first download."
        return replace(spec, sources=(Hub(repo, revision or None),), note=spec.note + recorded)
    raise PlaygroundError(
        f"There is no model called {model_id[:80]!r}: give a folder of this computer, an id of the Hugging Face Hub "
        f"(owner/name), or a name of the list ({', '.join([*known[:3], '…'])})."
    )
