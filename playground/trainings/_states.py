"""The checkpoints of one run on the disk: folders that are whole or absent, thinned to a bound."""

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError

PREFIX = "playground-training-"
MOST_STATES = 12
MOST_BYTES = 120_000_000  # of one run; its newest checkpoint may be larger
SPARE_BYTES = 200_000_000  # what stays free on the disk


class Workshop:
    """A temporary folder that goes with its owner; those of processes that were killed are swept."""

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._finalizer = weakref.finalize(self, shutil.rmtree, str(self.path), ignore_errors=True)

    def close(self) -> None:
        """Remove it; idempotent."""
        self._finalizer()


def sweep(base: Path) -> None:
    """Remove the folders of processes that are no more."""
    for folder in base.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not _lives(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class States:
    """Checkpoints by step below one folder. Step 0 needs none: a run that begins anew is the same run."""

    def __init__(self, folder: Path, module: Any) -> None:
        self._folder, self._module = folder, module
        self._bytes: dict[int, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, live: Any, step: int, expected_bytes: int = 0) -> None:
        """Write one; a lesson writes it beside its place and then renames it.

        Raises:
            PlaygroundError: the disk has no room for it.
        """
        if step in self._bytes:
            return
        expected = max([expected_bytes, *self._bytes.values()])
        free = shutil.disk_usage(self._folder).free
        if free < expected + SPARE_BYTES:
            raise PlaygroundError(
                f"The disk has {free / 1e6:,.0f} MB left, too little for a checkpoint of about "
                f"{expected / 1e6:,.0f} MB: free some, or train a smaller model."
            )
        try:
            self._module.save_checkpoint(self.at(step), live)
        except OSError as error:
            self._clear(step)
            raise PlaygroundError(f"The checkpoint could not be written ({error.strerror}): free some disk.") from error
        self._bytes[step] = sum(file.stat().st_size for file in self.at(step).iterdir())
        self._thin()

    def _thin(self) -> None:
        """Let go, one by one, whichever leaves the smallest hole, but never the newest, until the bounds hold."""
        while len(self._bytes) > MOST_STATES or (self.bytes > MOST_BYTES and len(self._bytes) > 1):
            steps = self.steps
            holes = {step: after - before for before, step, after in zip(steps, steps[1:], steps[2:], strict=False)}
            self.forget(min(holes, key=lambda step: (holes[step], step)))

    @property
    def bytes(self) -> int:
        """What they take on the disk."""
        return sum(self._bytes.values())

    def at(self, step: int) -> Path:
        """The folder of a step's checkpoint."""
        return self._folder / f"step-{step:07d}"

    @property
    def steps(self) -> list[int]:
        """Where the run can go on from, 0 among them."""
        return [0, *sorted(self._bytes)]

    def forget(self, step: int) -> None:
        """Remove one; nothing happens to one that is not there."""
        if self._bytes.pop(step, None) is not None:
            self._clear(step)

    def cut(self, step: int) -> None:
        """Remove those after `step`."""
        for later in [s for s in self._bytes if s > step]:
            self.forget(later)

    def _clear(self, step: int) -> None:
        place = self.at(step)
        if place.exists():  # out of the way at once, so that none is ever half there
            shutil.rmtree(place.with_name(place.name + ".old"), ignore_errors=True)
            place.rename(place.with_name(place.name + ".old"))
        for suffix in ("", ".new", ".old"):
            shutil.rmtree(self.at(step).with_name(self.at(step).name + suffix), ignore_errors=True)

    def close(self) -> None:
        """Remove them all."""
        self._bytes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
