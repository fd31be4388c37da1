"""Many at once on the real page: turns are fair, places are true, and nothing of anybody reaches anybody else."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest

from playground import run as run_module
from playground.ui import runner
from playground.visits import Visits
from tests.audience.served import CLASS, PATIENCE_S, Served, Tab, places, serve
from tests.manager.test_fairness import Recording, longest_waits

VISITS = 30
CANARY = re.compile(r"canary[0-9]{3}x")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serve(monkeypatch, "class") as page:
        yield page


def tabs(served: Served, count: int) -> list[Tab]:
    first = served.browser(code=CLASS).open()
    others = [served.browser(cookies=first.http.cookies) for _ in range(count - 1)]
    for tab in others:
        tab.config = first.config
    return [first, *others]


def until(true: Callable[[], bool]) -> None:
    wait = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if true():
            return
        wait.wait(0.02)
    raise AssertionError("it did not become true")


def foreign(heard: dict[str, str]) -> list[tuple[str, str]]:
    """(who, whose) for every canary that somebody was sent and did not write."""
    return [(own, other) for own, text in heard.items() for other in set(CANARY.findall(text)) - {own}]


def everybody(served: Served, count: int = VISITS) -> dict[str, str]:
    """Many visits at the same time, each with a text of its own, which does several things; what each was sent."""
    people = {f"canary{i:03}x": tab for i, tab in enumerate(tabs(served, count))}
    served.world.open()
    go = threading.Barrier(count)

    def live(canary: str, tab: Tab) -> None:
        go.wait(PATIENCE_S)
        tab.run(canary, max_new_tokens=4)
        run_id = re.findall(r'\\"run\\":\\"([0-9a-f]{12})\\"', tab.heard)[-1]
        tab.run(canary + " once more", max_new_tokens=3)
        tab.ask("text-view", "resync", {"run": run_id, "from": 1})
        tab.send("text-continue", "click", prompt=canary, max_new_tokens=2)
        for _ in tab.listen():
            pass
        tab.ask("models-view", "halt", {"id": "a"})

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(live, people.keys(), people.values()))
    return {canary: tab.heard for canary, tab in people.items()}


def test_thirty_visits_at_once_see_their_own_text_and_nobody_elses(served: Served) -> None:
    heard = everybody(served)
    for own, text in heard.items():
        assert text.count(own) >= 10, "its own text did not come"
    assert foreign(heard) == []


def one_visit_for_all(patch: pytest.MonkeyPatch) -> None:
    visit = Visits.visit
    patch.setattr(Visits, "visit", lambda self, token: visit(self, "0" * 32))


def frames_of_whoever_came_last(patch: pytest.MonkeyPatch) -> None:
    runs: list[Any] = []
    started, frame = run_module.Run.start, run_module.Run.frame

    def start(self: Any) -> None:
        runs.append(self)
        started(self)

    patch.setattr(run_module.Run, "start", start)
    patch.setattr(run_module.Run, "frame", lambda self, *more, **named: frame(runs[-1], *more, **named))


def any_run_can_be_asked_for(patch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    resync = runner.Runner.resync

    def defect(self: Any, event: gr.EventData, token: str) -> str:
        kept.update(self.visits.visit(token).runs)
        kept["any"] = next(iter(kept.values()))
        event._data = {"run": "any", "from": 1}
        self.visits.visit(token).runs["any"] = kept["any"]
        return resync(self, event, token)

    patch.setattr(runner.Runner, "resync", defect)


@pytest.mark.parametrize("plant", [one_visit_for_all, frames_of_whoever_came_last, any_run_can_be_asked_for])
def test_a_planted_cross_talk_is_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with serve(monkeypatch, "class") as served:
        try:
            found = bool(foreign(everybody(served, 6)))
        except KeyError:  # a question was answered with an error: what it asks about went with another's visit
            found = True
        assert found


def test_runs_of_eight_visits_alternate_step_by_step(served: Served) -> None:
    people, queue = tabs(served, 8), Recording()
    served.manager._gate._lanes["generate"].waiting = queue
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(tab.run, f"canary{i:03}x", max_new_tokens=12) for i, tab in enumerate(people)]
        served.world.allow(1)
        until(lambda: waiting_at_the_gate(served) == 7)
        served.world.open()
        for run in runs:
            run.result(PATIENCE_S)
    assert Counter(served.world.turns) == {tab.visit: 12 for tab in people}
    for turns, others in longest_waits(queue.events):
        assert turns <= 2 * others


def waiting_at_the_gate(served: Served) -> int:
    return len(served.manager._gate._lanes["generate"].waiting)


def gate_is_busy(served: Served) -> bool:
    return bool(served.manager._gate._lanes["generate"].busy)


def queued_beyond_one(served: Served) -> int:
    """How many runs wait behind the one that holds the model; -1: there is none yet."""
    return len(served.manager._admission) if served.manager._leases else -1


def test_the_place_beyond_the_active_limit_is_shown_and_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, "class", active=1) as served:
        people = tabs(served, 4)
        with ThreadPoolExecutor(4) as pool:
            runs = []
            for count, tab in enumerate(people):
                runs.append(pool.submit(tab.run, f"canary{count:03}x", max_new_tokens=1))
                until(lambda n=count: queued_beyond_one(served) == n)
            last = people[-1]
            for place in (3, 2, 1):
                until(lambda n=place: n in places(last.heard))
                assert min(places(last.heard)) == place
                served.world.allow(1)
            served.world.allow(1)
            for run in runs:
                run.result(PATIENCE_S)
        assert places(last.heard) == [3, 2, 1]


def test_the_place_at_the_gate_is_shown_and_falls(served: Served) -> None:
    people = tabs(served, 4)
    with ThreadPoolExecutor(4) as pool:
        runs = []
        for count, tab in enumerate(people):
            runs.append(pool.submit(tab.run, f"canary{count:03}x", max_new_tokens=1))
            until(lambda n=count: waiting_at_the_gate(served) == n and gate_is_busy(served))
        last = people[-1]
        for place in (3, 2, 1):
            until(lambda n=place: n in places(last.heard))
            assert min(places(last.heard)) == place
            served.world.allow(1)
        served.world.allow(1)
        for run in runs:
            run.result(PATIENCE_S)
    assert places(last.heard) == [3, 2, 1]


def test_the_place_falls_when_somebody_in_front_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, "class", active=1) as served:
        people = tabs(served, 3)
        with ThreadPoolExecutor(3) as pool:
            runs = []
            for count, tab in enumerate(people):
                runs.append(pool.submit(tab.run, f"canary{count:03}x", max_new_tokens=1))
                until(lambda n=count: queued_beyond_one(served) == n)
            until(lambda: 2 in places(people[2].heard))
            served.visits.visit(people[1].visit).stop("text")
            until(lambda: 1 in places(people[2].heard))
            served.world.allow(2)
            for run in runs:
                run.result(PATIENCE_S)
        assert places(people[2].heard) == [2, 1]


def test_api_clients_of_one_session_are_one_visitor_and_others_are_others(served: Served) -> None:
    from gradio_client import Client

    clients = [
        Client(served.url, headers={"X-Class-Code": CLASS}, verbose=False, analytics_enabled=False) for _ in "ab"
    ]
    jobs = [clients[0].submit(prompt="x", max_new_tokens=6, api_name="/text") for _ in range(2)]
    jobs.append(clients[1].submit(prompt="y", max_new_tokens=6, api_name="/text"))
    served.world.allow(1)
    until(lambda: waiting_at_the_gate(served) == 2)
    served.world.open()
    for job in jobs:
        assert job.result(PATIENCE_S)["event"] == "finished"
    assert sorted(Counter(served.world.turns).values()) == [6, 12]
    for client in clients:
        client.close()
