"""Each check of a load is seen red: a defect is planted in the page, and the load generator's own clients find it."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.middleware import Middleware

from benchmarks import goals, load
from benchmarks.load_server import CODE, Breaking, Lag, Window
from playground import fields
from playground.manager import ModelManager
from playground.room import Room
from playground.run import Run
from playground.ui import page as page_module
from playground.ui.door import Door
from playground.visits import Visits, Watcher
from tests.conftest import free_port
from tests.page import test_visits as visits_claims

pytestmark = pytest.mark.slow
Patch = pytest.MonkeyPatch
PATIENCE_S = 60


@dataclass
class Planted:
    """A page as the load generator's server serves it, with a defect or none."""

    url: str
    lag: Lag
    tally: load.Tally

    def client(self, number: int = 0) -> load.ApiClient:
        return load.ApiClient(self.url, number, self.tally, time.monotonic() + PATIENCE_S)

    def job(self, client: load.ApiClient, kind: str) -> None:
        """One job of a client: "run" or "cancel"."""
        from gradio_client import Client

        client.random.choices = lambda *more, **named: [kind]  # type: ignore[method-assign, assignment]
        client.random.randint = lambda low, high: high if high > 8 else 2  # type: ignore[method-assign, assignment]
        connected = Client(self.url, headers={"X-Class-Code": CODE}, verbose=False, analytics_enabled=False,
                           httpx_kwargs={"timeout": PATIENCE_S})  # fmt: skip
        client.job(connected)
        connected.close()

    def missed(self, lag: bool = False) -> list[str]:
        """The goals that were missed; how late the loop is counts where that is asked for (this machine is busy)."""
        late = self.lag.take()
        return goals.missed(self.tally, late if lag else ())


@contextmanager
def planted(patch: Patch, plant: Callable[[Patch], None] | None = None) -> Iterator[Planted]:
    """The real page with the window of benchmarks/load_server.py."""
    rooms: list[Room] = []

    class Seen(Room):
        def __init__(self, *values: Any, **named: Any) -> None:
            super().__init__(*values, **named)
            rooms.append(self)

    patch.setattr(page_module, "Room", Seen)
    if plant is not None:
        plant(patch)
    manager, lag, port = ModelManager("class", device="cpu", dtype="float32"), Lag(), free_port()
    kept = Visits(keep=manager.keep)
    window = Middleware(Window, lag=lag, breaking=Breaking(manager), rooms=rooms, visits=kept)
    blocks, visits = page_module.launch(
        manager, port=port, block=False, door=Door("class", CODE, "teacher of all"), middleware=(window,), visits=kept
    )
    list(manager.load("tales"))
    try:
        yield Planted(f"http://127.0.0.1:{port}/", lag, load.Tally())
    finally:
        visits.close()
        blocks.close(verbose=False)
        manager.close()


def a_swallowed_cancel(patch: Patch) -> None:
    """Who leaves a run leaves it computing."""
    drive = Room.drive

    def defect(self: Room, *more: Any) -> Any:
        events, box, news = drive(self, *more), list[Any](), threading.Condition()

        def compute() -> None:
            for event in events:
                time.sleep(0.1)
                with news:
                    box.append(event)
                    news.notify_all()

        threading.Thread(target=compute, daemon=True).start()
        for at in range(10_000):
            with news:
                assert news.wait_for(lambda at=at: len(box) > at, PATIENCE_S)
            yield box[at]
            if box[at].to_json()["event"] == "finished":
                return

    patch.setattr(Room, "drive", defect)


def a_lost_job(patch: Patch) -> None:
    """A run stands still after its second event and says nothing."""
    drive, never = Room.drive, threading.Event()

    def defect(self: Room, *more: Any) -> Any:
        for count, event in enumerate(drive(self, *more)):
            if count > 1:
                never.wait(12)
            yield event

    patch.setattr(Room, "drive", defect)


def cross_talk(patch: Patch) -> None:
    """The first request's settings are kept and used for everybody."""
    build, first = fields.build, list[Any]()

    def defect(settings: Any, given: Any) -> Any:
        made = build(settings, given)
        if "canary" in given.get("prompt", ""):
            first.append(made)
            return first[0]
        return made

    patch.setattr(fields, "build", defect)


def a_blocked_loop(patch: Patch) -> None:
    """Somebody computes in the event loop."""
    answer = Window._answer

    def defect(self: Window, path: str, query: Any) -> Any:
        time.sleep(0.5)
        return answer(self, path, query)

    patch.setattr(Window, "_answer", defect)


def test_without_a_planted_defect_the_checks_are_green(monkeypatch: Patch) -> None:
    with planted(monkeypatch) as page:
        for number in range(2):
            page.job(page.client(number), "run")
        page.job(page.client(2), "cancel")
        assert page.tally.counts["finished"] == 2
        assert page.tally.counts["stop to idle"] == 1
        page.tally.seconds.clear()  # how long it took is this machine's business
        assert page.missed() == []


def test_planted_a_swallowed_cancel_turns_stop_to_idle_red(monkeypatch: Patch) -> None:
    until_idle = load.until_idle
    monkeypatch.setattr(load, "until_idle", lambda url, visit, begun: until_idle(url, visit, begun, 3.0))
    with planted(monkeypatch, a_swallowed_cancel) as page:
        page.job(page.client(), "cancel")
        assert page.missed() == ["runs that went on after a stop: 1"]


def test_planted_a_lost_job_turns_lost_red(monkeypatch: Patch) -> None:
    monkeypatch.setattr(load, "LOST_S", 4.0)
    with planted(monkeypatch, a_lost_job) as page:
        page.job(page.client(), "run")
        assert any(sentence.startswith("lost jobs") for sentence in page.missed())


def test_planted_a_cross_talk_turns_foreign_red(monkeypatch: Patch) -> None:
    with planted(monkeypatch, cross_talk) as page:
        for number in range(2):
            page.job(page.client(number), "run")
        assert page.missed() == ["words of somebody else: ['canarya0000000']"]


def test_planted_a_blocked_event_loop_turns_the_lag_red(monkeypatch: Patch) -> None:
    with planted(monkeypatch, a_blocked_loop) as page:
        for _ in range(4):
            load.ask(page.url, "figures") if page.lag._loop is None else load.ask(page.url, "state")
        (sentence,) = page.missed(lag=True)
        assert sentence.startswith("the event loop is late, p99: ")


def test_planted_a_tab_that_nobody_notices_to_be_gone_turns_closed_to_idle_red(monkeypatch: Patch) -> None:
    from tests.page.fake import Clock, Tape, reached

    monkeypatch.setattr(Run, "_why_stop", lambda self: self._wanted)
    clock, tape, visits = Clock(), Tape(), Visits()
    visits.clock = clock
    run = visits_claims.started(visits, tape)
    with Watcher(run, clock=clock):
        tape.allow(2)
        reached(run, 2)
    begun = clock.now
    while not run.ended and clock.now - begun <= 3 * goals.CLOSED_S:
        clock.now += 1.0
        tape.allow(1)
        reached(run, int(clock.now - begun) + 2)
    assert not run.ended
    assert goals.closes({}, [clock.now - begun]) is not None
    run.stop()
    tape.allow(5)


def test_planted_visits_that_are_never_dropped_are_found(monkeypatch: Patch) -> None:
    visits_claims.test_memory_stays_bounded_over_five_hundred_visits()
    monkeypatch.setattr(Visits, "_drop_visits", lambda self, room: None)
    with pytest.raises(AssertionError):
        visits_claims.test_memory_stays_bounded_over_five_hundred_visits()


def test_planted_memory_that_grows_by_the_minute_turns_the_memory_red() -> None:
    filling = [min(600.0 + 6 * i, 900.0) for i in range(120)]
    assert goals.memory(filling) is None, "what is kept within bounds may fill them in the first half"
    assert goals.memory([value + 40 * (i % 9 == 0) for i, value in enumerate(filling)]) is None
    grown = goals.memory([600.0 + 2 * i for i in range(120)])
    assert grown is not None and re.fullmatch(r"resident memory grew by \d+ MB after half time", grown)


def test_planted_an_answer_of_the_servers_own_failure_is_found() -> None:
    tally = load.Tally()
    tally.add("status 500")
    assert goals.missed(tally, ()) == ["answers of the server's own failures: {'status 500': 1}"]


def test_planted_a_queue_without_a_bound_is_found(monkeypatch: Patch) -> None:
    """The page's own bound of Gradio's queue: what it is launched with, and that one more is turned away."""
    assert bound(monkeypatch) == 500
    queue = page_module.gr.Blocks.queue
    monkeypatch.setattr(
        page_module.gr.Blocks, "queue", lambda self, **named: queue(self, **{**named, "max_size": None})
    )
    with pytest.raises(AssertionError, match="no bound"):
        bound(monkeypatch)


def bound(patch: Patch) -> int:
    """How many events Gradio's queue takes."""
    manager = ModelManager("class")
    blocks, visits = page_module.launch(manager, port=free_port(), block=False)
    try:
        most = blocks._queue.max_size
        assert most is not None, "no bound"
        return int(most)
    finally:
        visits.close()
        blocks.close(verbose=False)
        manager.close()
