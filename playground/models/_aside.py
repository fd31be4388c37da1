"""Files of the Hub's cache that are not whole: taken out of the way, so that they are fetched again."""

import errno
from pathlib import Path

from playground.errors import PlaygroundError
from playground.models._safety import check_header
from playground.models._weights import weight_files


def set_aside(damaged: Path) -> None:
    """Take a file out of the cache's snapshot: its content stays, under another name, and it is fetched again. What
    lies outside of that model's own folder of the cache is not touched."""
    target = damaged.resolve()
    storage = next((parent.parent for parent in damaged.parents if parent.name == "snapshots"), damaged.parent)
    if target.exists() and target.is_relative_to(storage.resolve()):
        target.replace(target.with_name(target.name + ".damaged"))
    damaged.unlink(missing_ok=True)


def corrupt(folder: Path) -> Path | None:
    """The first weight file of a cached snapshot that is not whole (by its header and its length), or None."""
    for path in weight_files(folder):
        try:
            check_header(path)
        except PlaygroundError:
            return path
    return None


def remove_parts(storage: Path) -> None:
    """On a full disk nothing is kept to go on from: it would hold the room that is missing."""
    for part in storage.rglob("*.incomplete"):
        part.unlink(missing_ok=True)


def is_full(error: BaseException | None) -> bool:
    """Whether the disk had no room left, wherever in the chain of errors that is said."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
