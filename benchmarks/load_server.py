"""The page as the load generator serves it: the real one, with a window into the process and a way to break things.

    python -m benchmarks.load_server --port 7900

`GET /bench/state` says who computes now; `/bench/figures` what the process holds (resident memory, threads, open
files, temporary bytes) and how late its event loop was since the last question; `/bench/fault?kind=…` lets one
of the next steps go wrong. None of this exists in `app.py`. Linux, because the figures are read from /proc.
"""

import argparse
import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

CODE = "loadload"  # the class code that all clients send
FAULTS = ("nan", "memory", "slow", "broken", "unload")
LAG_EVERY_S = 0.05


class Lag:
    """How late the event loop runs what is due: asked 20 times a second, from a thread of its own."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, once the loop is known."""
        if self._loop is None:
            self._loop = loop
            threading.Thread(target=self._ask, name="lag", daemon=True).start()

    def _ask(self) -> None:
        while self._loop is not None and not self._loop.is_closed():
            asked = time.perf_counter()
            self._loop.call_soon_threadsafe(self._hear, asked)
            time.sleep(LAG_EVERY_S)

    def _hear(self, asked: float) -> None:
        self._late.append(time.perf_counter() - asked)

    def take(self) -> list[float]:
        """Seconds, since the last question."""
        late, self._late = self._late, []
        return late


class Breaking:
    """Lets one of the next steps of a model go wrong, as it may in life."""

    def __init__(self, manager: Any) -> None:
        self._manager, self._next = manager, list[str]()

    def plan(self, kind: str) -> None:
        """One of `FAULTS`, soon."""
        if kind == "unload":
            for info in self._manager.models():
                if info.state == "ready":
                    self._manager.unload(info.id)
            return
        self._next.append(kind)

    def install(self) -> None:
        """Stand between the loop and the model."""
        from playground.models._causal import CausalStepper

        whole = CausalStepper._forward

        def forward(stepper: Any, input_ids: Any) -> Any:
            kind = self._next.pop() if self._next else ""
            if kind == "memory":
                raise MemoryError("planned by the load generator")
            if kind == "broken":
                raise RuntimeError("planned by the load generator")
            if kind == "slow":
                time.sleep(2)
            out = whole(stepper, input_ids)
            return out * float("nan") if kind == "nan" else out

        CausalStepper._forward = forward  # type: ignore[assignment, method-assign]


def process_figures() -> dict[str, float]:
    """What this process holds now."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    temporary = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))
    return {
        "resident_mb": int(status["VmRSS"].split()[0]) * 1024 / 1e6,
        "threads": int(status["Threads"]),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "temporary_bytes": sum(f.stat().st_size for f in temporary.rglob("*") if f.is_file()),
    }


class Window:
    """ASGI middleware that answers `/bench/…` and passes everything else on."""

    def __init__(self, app: Any, lag: Lag, breaking: Breaking, rooms: Sequence[Any], visits: Any) -> None:
        self.app, self.lag, self.breaking, self.rooms, self.visits = app, lag, breaking, rooms, visits
        self.page: Any = None  # Gradio's application, known from the first request on

    def held(self) -> dict[str, float]:
        """What is kept on purpose, each within a bound of its own: states to go on from, steps, pages."""
        pages = len(self.page.state_holder.session_data) if self.page is not None else 0
        kept = sum(room.manager.memory().kept_bytes for room in self.rooms)
        return {
            "kept_mb": kept / 1e6,
            "steps_mb": self.visits.step_bytes / 1e6,
            "visits": len(self.visits._visits),
            "pages": pages,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.page = scope.get("app")
            self.lag.watch(asyncio.get_running_loop())
        if scope["type"] != "http" or not scope["path"].startswith("/bench/"):
            await self.app(scope, receive, send)
            return
        body = json.dumps(self._answer(scope["path"], parse_qs(scope["query_string"].decode()))).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str, query: dict[str, list[str]]) -> Any:
        if path == "/bench/state":
            return {"visits": [visit for room in self.rooms for visit in room.visits()]}
        if path == "/bench/figures":
            return {**process_figures(), **self.held(), "lag_s": self.lag.take()}
        if path == "/bench/fault":
            self.breaking.plan(query["kind"][0])
        return {}


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=7900)
    arguments = parser.parse_args()
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="load-")

    from starlette.middleware import Middleware

    from playground.manager import ModelManager
    from playground.room import Room
    from playground.ui import page
    from playground.ui.door import Door
    from playground.visits import Visits

    manager = ModelManager(audience="class")
    lag, breaking, rooms = Lag(), Breaking(manager), list[Room]()
    breaking.install()

    class Seen(Room):
        def __init__(self, *values: Any, **named: Any) -> None:
            super().__init__(*values, **named)
            rooms.append(self)

    page.Room = Seen  # type: ignore[attr-defined]
    kept = Visits(keep=manager.keep)
    window = Middleware(Window, lag=lag, breaking=breaking, rooms=rooms, visits=kept)
    page.launch(
        manager, port=arguments.port, door=Door("class", CODE, "teacher of all"), middleware=(window,), visits=kept
    )


if __name__ == "__main__":
    main()
