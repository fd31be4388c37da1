"""The real page, served over HTTP in this process, with a modality whose every step waits for the test's leave."""

import json
import re
import secrets
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx

from playground import fields
from playground.events import Event, Finished, Reason, Started
from playground.manager import ModelManager
from playground.people import Quotas
from playground.ui import endpoints, page
from playground.ui.door import Door
from playground.visits import Visits
from tests.conftest import free_port
from tests.manager.fakes import MB, FakeLoader
from tests.page.fake import State, token

PATIENCE_S = 60
CLASS, TEACHER = "k7m-2xp", "abc-def-ghj"


@dataclass(frozen=True)
class Settings:
    """The least that a tab of the page needs."""

    prompt: str = fields.text("Once", label="Prompt", lines=2)
    model: str = fields.choice("a", (), label="Model")
    mode: str = fields.choice("completion", ("completion", "chat"), label="Mode")
    max_new_tokens: int = fields.slider(5, 1, 500, 1, label="Length")


@dataclass
class World:
    """What the fake modality does: each step takes one leave; `turns` says whose steps they were, in order."""

    leave: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    turns: list[str] = field(default_factory=list)
    free: bool = False  # no leave is needed

    def allow(self, steps: int) -> None:
        self.leave.release(steps)

    def open(self) -> None:
        """Let everything run to its end."""
        self.free = True
        self.leave.release(100_000)

    def modality(self) -> Any:
        return SimpleNamespace(
            __doc__="A model that repeats its prompt.", TITLE="Text", Settings=Settings, generate=self.generate,
            limits=lambda settings, spec: {}, EXAMPLES=(), PRESETS={},
        )  # fmt: skip

    def generate(
        self, settings: Settings, manager: Any, start: Any = None, visit: str = "", run_id: str = ""
    ) -> Generator[Event, Reason | None, None]:
        lease = yield from manager.acquire(settings.model, visit)
        text, index, reason = "", 0, None
        with lease:
            reason = yield Started(
                "r", "text", settings.model, settings.prompt, (), {"prompt": settings.prompt}, 10, 100
            )
            while reason is None and index < settings.max_new_tokens:
                with lease.turn():
                    if not self.free:
                        assert self.leave.acquire(timeout=PATIENCE_S), "the test gave no leave"
                    self.turns.append(visit)
                step = token(index, f" {settings.prompt}")
                text, index = text + step.text, index + 1
                reason = yield step
        yield Finished("r", 99, reason or Reason.MAX_NEW_TOKENS, text, index, state=State(index))


@dataclass
class Served:
    """A page that is being served."""

    url: str
    world: World
    manager: ModelManager
    visits: Visits
    blocks: Any

    def browser(self, **options: Any) -> "Tab":
        return Tab(self, **options)


@contextmanager
def serve(
    monkeypatch: Any, audience: str = "class", *, active: int = 8, host: str = "127.0.0.1", codes: bool = True,
    quotas: Quotas | None = None, real: bool = False,
) -> Iterator[Served]:  # fmt: skip
    """Serve the page with fake models "a" and "b", of which "a" lies in the repository (`real`: with the real ones)."""
    world = World()
    if real:
        manager = ModelManager(audience, active=active)
    else:
        loader = FakeLoader({"a": 10, "b": 20})
        loader.where = lambda spec: ("embedded" if spec.id == "a" else "cached", None)  # type: ignore[method-assign]
        manager = ModelManager(audience, 100 * MB, active=active, loader=loader)
        for room in (page, endpoints):
            monkeypatch.setattr(room, "offered", lambda manager=None: {"text": world.modality()})
    door = Door(audience, CLASS if codes and audience == "class" else "", TEACHER if codes else "")
    port = free_port()
    visits = Visits(keep=manager.keep)
    blocks, _ = page.launch(manager, host=host, port=port, block=False, visits=visits, door=door, quotas=quotas)
    try:
        yield Served(f"http://127.0.0.1:{port}", world, manager, visits, blocks)
    finally:
        world.open()
        visits.close()
        blocks.close(verbose=False)
        manager.close()


class Tab:
    """One browser tab, over HTTP: a visit of its own, a session of its own. `heard` is all that it was ever sent."""

    def __init__(self, served: Served, code: str = "", cookies: Any = None, **headers: str) -> None:
        self.served, self.heard = served, ""
        self.visit, self.session = secrets.token_hex(16), secrets.token_hex(6)
        self.http = httpx.Client(base_url=served.url, headers=headers, timeout=PATIENCE_S, cookies=cookies)
        if code:
            assert self.http.post("/enter", data={"code": code}).status_code == 303
        self.config: dict[str, Any] = {}

    def open(self) -> "Tab":
        answer = self.http.get("/config")
        answer.raise_for_status()
        self.config = answer.json()
        return self

    def _listener(self, elem_id: str, event: str) -> dict[str, Any]:
        target = next(c["id"] for c in self.config["components"] if c["props"].get("elem_id") == elem_id)
        return next(d for d in self.config["dependencies"] if [target, event] in [list(t) for t in d["targets"]])

    def _values(self, listener: dict[str, Any], changes: dict[str, Any]) -> list[Any]:
        known = {c["id"]: c["props"] for c in self.config["components"]}
        values = [known[i].get("value") for i in listener["inputs"]]
        for at, i in enumerate(listener["inputs"]):
            name = str(known[i].get("elem_id") or "").removeprefix("text-")
            values[at] = changes.get(name, values[at])
        return values

    def send(self, elem_id: str, event: str, data: Any = None, **changes: Any) -> str:
        """Fire one of the page's own events; the id under which its answers come."""
        listener = self._listener(elem_id, event)
        values = self._values(listener, changes)
        if values and self._is_visit(listener):
            values[0] = self.visit
        answer = self.http.post(
            "/gradio_api/queue/join",
            json={"data": values, "fn_index": listener["id"], "session_hash": self.session, "event_data": data},
        )
        self.heard += answer.text
        assert answer.status_code == 200, answer.text
        return str(answer.json()["event_id"])

    def _is_visit(self, listener: dict[str, Any]) -> bool:
        return "signed" in str(listener.get("js"))

    def listen(self, until: str = "process_completed") -> Iterator[str]:
        """What comes for this session, line by line, until the run is over."""
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as answer:
            for line in answer.iter_lines():
                self.heard += line
                yield line
                if f'"{until}"' in line:
                    return

    def run(self, prompt: str, **changes: Any) -> str:
        """Run to the end; all that came."""
        before = len(self.heard)
        self.send("text-run", "click", prompt=prompt, **changes)
        for _ in self.listen():
            pass
        return self.heard[before:]

    def ask(self, elem_id: str, event: str, data: Any = None, **changes: Any) -> Any:
        """Fire an event that answers at once; its answer."""
        self.send(elem_id, event, data, **changes)
        lines = list(self.listen())
        return json.loads(lines[-1].removeprefix("data: "))["output"]["data"]


def places(text: str) -> list[int]:
    """The places in the queue that a stream spoke of, in order, each once."""
    found = [int(n) for n in re.findall(r'\\"queued\\":(\d+)', text)]
    return [n for i, n in enumerate(found) if i == 0 or found[i - 1] != n]
