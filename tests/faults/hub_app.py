"""`python app.py` as these tests start it: downloads come in small pieces and stand still for three seconds at most.

With FULL_AFTER=bytes, the disk is full once so many bytes were written below HF_HOME: what is written then fails as
the kernel lets it fail. FORBID_SOCKETS=1 lets nobody connect but to this machine's own page.
"""

import builtins
import errno
import io
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import app  # noqa: E402
from playground.models import _fetch  # noqa: E402


class Full(io.FileIO):
    """A file on a disk that has so many bytes left, for all files together; nothing where FULL_AFTER is not there."""

    switch = Path(os.environ.get("FULL_AFTER", "/nonexistent"))

    def write(self, data: Any) -> int:
        if self.switch.exists() and self.tell() + len(data) > int(self.switch.read_text()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def install() -> None:
    """Stand behind `open` for files of the Hub's cache that are written."""
    whole, home = builtins.open, os.environ["HF_HOME"]

    def opened(path: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if "b" in mode and set(mode) & set("wa") and str(path).startswith(home):
            return Full(path, mode.replace("b", ""))
        return whole(path, mode, *more, **named)

    builtins.open = opened  # type: ignore[assignment]
    io.open = opened  # type: ignore[assignment]


if __name__ == "__main__":
    _fetch.PIECE = 1 << 14
    _fetch.download.__defaults__ = (3.0,)
    if "FULL_AFTER" in os.environ:
        install()
    app.main(sys.argv[1:])
