"""The control request of the fault tests, a hand on every computing step, and the page that both belong to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gradio_client import Client

from playground.manager import ModelManager
from playground.manager._loader import FileLoader
from playground.models._causal import CausalStepper
from playground.visits import Visits
from tests.conftest import free_port

PATIENCE_S = 60
TALES_MB = 65  # what the manager sets aside for it
ASKED: dict[str, Any] = {
    "prompt": "Once upon a time", "model": "tales", "seed": 7, "temperature": 1.3, "top_k": 0, "top_p": 1.0,
    "max_new_tokens": 12,
}  # fmt: skip
Written = list[tuple[int, float]]


def control(client: Client, **more: Any) -> Written:
    """What a seeded run writes: each token's id and the model's log-probability of it."""
    events = list(client.submit(**{**ASKED, **more}, api_name="/text"))
    assert events[-1]["event"] == "finished"
    return tokens(events)


def tokens(events: list[dict[str, Any]]) -> Written:
    """Ids and log-probabilities, these in the seven digits that the page's frames have."""
    return [(e["token_id"], float(f"{e['logprob']:.7g}")) for e in events if e["event"] == "token"]


def until(true: Callable[[], Any], what: str = "it") -> Any:
    """What `true` says once it says something."""
    wait = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if found := true():
            return found
        wait.wait(0.02)
    raise AssertionError(f"{what} did not come")


@dataclass
class Computing:
    """A hand on the steps of all models: they are counted, held at `hold`, and go wrong as `faults` say, in turn."""

    count: int = 0
    hold: int | None = None  # as many steps may still be computed; None: any number
    faults: list[Callable[[], None]] = field(default_factory=list)
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def allow(self, steps: int | None) -> None:
        with self._moved:
            self.hold = None if steps is None else steps + (self.hold or 0)
            self._moved.notify_all()

    def stop(self) -> None:
        """Hold the next step."""
        with self._moved:
            self.hold = 0

    def install(self, patch: Any) -> None:
        whole = CausalStepper._forward

        def forward(stepper: Any, input_ids: Any) -> Any:
            with self._moved:
                assert self._moved.wait_for(lambda: self.hold is None or self.hold > 0, PATIENCE_S), "it stayed held"
                self.hold = None if self.hold is None else self.hold - 1
                self.count += 1
                fault = self.faults.pop(0) if self.faults else None
            if fault is not None:
                fault()
            return whole(stepper, input_ids)

        patch.setattr(CausalStepper, "_forward", forward)


class Counting(FileLoader):
    """The real loader; `loads` are the models that it has loaded, in order."""

    def __init__(self) -> None:
        super().__init__(device="cpu", dtype="float32")
        self.loads: list[str] = []

    def load(self, spec: Any, folder: Any) -> Any:
        model = yield from super().load(spec, folder)
        self.loads.append(spec.id)
        return model


@dataclass
class Page:
    """A page that this process serves."""

    url: str
    manager: ModelManager
    loader: Counting
    visits: Visits
    computing: Computing
    client: Client
    blocks: Any

    def idle(self) -> bool:
        return not self.manager._leases and not len(self.manager._admission)

    def written(self, **more: Any) -> Written:
        return control(self.client, **more)


@contextmanager
def served(patch: Any, budget_mb: int, audience: str = "own") -> Iterator[Page]:
    """The real page with the real models, within a budget."""
    from playground.ui.page import launch

    loader, computing, port = Counting(), Computing(), free_port()
    manager = ModelManager(audience, budget_mb * 10**6, loader=loader)
    computing.install(patch)
    blocks, visits = launch(manager, port=port, block=False)
    url = f"http://127.0.0.1:{port}/"
    client = Client(url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": PATIENCE_S})
    try:
        yield Page(url, manager, loader, visits, computing, client, blocks)
    finally:
        computing.allow(None)
        client.close()
        visits.close()
        blocks.close(verbose=False)
        manager.close()
