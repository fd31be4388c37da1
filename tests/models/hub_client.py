"""Fetches one model in a process of its own (the Hub's client reads HF_ENDPOINT when it is imported).

    python -m tests.models.hub_client REPOSITORY CACHE [--stop-after EVENTS] [--no-sockets] [--load] [--budget BYTES]

Prints one JSON object per line: each change of progress, then the end.
"""

import argparse
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("repository")
parser.add_argument("cache", type=Path)
parser.add_argument("--revision")
parser.add_argument("--stop-after", type=int, default=0)
parser.add_argument("--no-sockets", action="store_true")
parser.add_argument("--gated", action="store_true")
parser.add_argument("--load", action="store_true")
parser.add_argument("--stall", type=float, default=60.0)
parser.add_argument("--budget", type=int, default=10**10)
given = parser.parse_args()


class Forbidden(socket.socket):
    """Instead of every socket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("a socket was opened")


if given.no_sockets:
    socket.socket = Forbidden  # type: ignore[misc]

from playground.errors import PlaygroundError  # noqa: E402
from playground.manager import ModelManager  # noqa: E402
from playground.manager._loads import gb  # noqa: E402
from playground.models import _fetch  # noqa: E402
from playground.models._places import fetch  # noqa: E402
from playground.models._spec import Hub, Spec  # noqa: E402

_fetch.PIECE = 1 << 14
_fetch.download.__defaults__ = (given.stall,)


def refuse(size: int) -> None:
    """What the manager does with a model that cannot fit."""
    if size > given.budget:
        raise PlaygroundError(f"It needs {gb(size)}, {gb(given.budget)} are free: choose a smaller one.")


def say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


source = Hub(f"stub/{given.repository}", given.revision)
spec = Spec(source.repo, "Tiny", ("text",), "tiny", 0, "none", 1, 1, (source,), gated=given.gated, trusted=False)
manager = ModelManager("own", cache_dir=given.cache)
work = manager.load(source.repo) if given.load else fetch(spec, given.cache, refuse)
begun, count, last = time.monotonic(), 0, None
try:
    while True:
        event = next(work)
        if event != last:
            say(**event.to_json())
            count, last = count + 1, event
        if given.stop_after and count >= given.stop_after:
            stopped = time.monotonic()
            work.close()
            alive = [t.name for t in threading.enumerate() if t.name == "download"]
            say(event="stopped", seconds=time.monotonic() - stopped, alive=alive)
            break
except StopIteration as done:
    say(event="end", folder=str(done.value), seconds=time.monotonic() - begun, state=manager._loader.where(spec)[0])
except PlaygroundError as error:
    say(event="error", text=str(error), seconds=time.monotonic() - begun)
