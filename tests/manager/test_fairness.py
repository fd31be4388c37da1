"""Nobody waits more than twice the round-robin share, in turns that are counted; the place is true as others leave."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.manager._turns import SAID_S, FairQueue, Gate
from tests.manager.fakes import Stepped

PATIENCE_S = 60
actions = st.lists(
    st.one_of(st.just("serve"), st.just("newcomer"), st.sampled_from("abcdef"), st.sampled_from("AB")), max_size=150
)


def worst_wait(history: list[str], held_back: Callable[[int], str] = lambda step: "") -> int:
    """The most turns that one other visitor had while the first in somebody's line waited."""
    queue: FairQueue[int] = FairQueue()
    since: dict[int, Counter[str]] = {}  # of those who were first in line when they came: who was served meanwhile
    owner: dict[int, str] = {}
    worst = 0
    for step, action in enumerate([*history, *["serve"] * len(history)]):
        if action == "serve":
            blocked = held_back(step)
            if queue.first(lambda visit, blocked=blocked: visit != blocked) is None:
                continue
            item = queue.serve(lambda visit, blocked=blocked: visit != blocked)
            passed = since.pop(item, Counter())
            worst = max([worst, *(n for visit, n in passed.items() if visit != owner[item])])
            for counted in since.values():
                counted[owner[item]] += 1
            continue
        visit = f"new{step}" if action == "newcomer" else action
        owner[step] = visit
        if queue.head(visit) is None:
            since[step] = Counter()
        queue.join(visit, step)
    return worst


def starved(queue: FairQueue[Any], newcomers: int) -> int:
    """How many newcomers, one after another, are served before one who has just had a turn and waits for the next."""
    queue.join("regular", "regular")
    queue.serve()
    queue.join("regular", "regular")
    for served in range(newcomers):
        queue.join(f"new{served}", served)
        if queue.serve() == "regular":
            return served
    return newcomers


@settings(max_examples=300)
@given(actions)
def test_while_one_waits_no_other_visitor_has_more_than_two_turns(history: list[str]) -> None:
    assert worst_wait(history) <= 2


def test_a_stream_of_newcomers_keeps_nobody_waiting() -> None:
    assert starved(FairQueue(), 100) <= 1


class NewestFirst(FairQueue[Any]):
    """The planted defect: whoever is not known yet comes first."""

    def join(self, visit: str, item: Any) -> None:
        known = visit in self._next_round or visit in self._lines
        super().join(visit, item)
        if not known:
            self._lines[visit].round = 0


def test_planted_newcomers_first_are_found() -> None:
    assert starved(NewestFirst(), 100) == 100


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20), st.sampled_from(["", "a", "b"]))
def test_places_are_the_order_of_serving_whoever_is_held_back(visits: list[str], blocked: str) -> None:
    queue: FairQueue[int] = FairQueue()
    for item, visit in enumerate(visits):
        queue.join(visit, item)

    def may(visit: str) -> bool:
        return visit != blocked

    places = {item: queue.place(item, may) for item in range(len(visits))}
    assert sorted(places.values()) == list(range(1, len(visits) + 1))
    free = [item for item, visit in enumerate(visits) if may(visit)]
    served = [queue.serve(may) for _ in free]
    assert [places[item] for item in served] == list(range(1, len(free) + 1))
    assert queue.first(may) is None
    with pytest.raises(IndexError):
        queue.serve(may)


class Recording(FairQueue[Any]):
    """A gate's queue that notes who came and who was served, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, str]] = []

    def join(self, visit: str, item: Any) -> None:
        self.events.append(("join", visit))
        item.visit = visit
        super().join(visit, item)

    def serve(self, may: Any = None) -> Any:
        item = super().serve(may)
        self.events.append(("serve", item.visit))
        return item


def longest_waits(events: list[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """For each turn: turns of others since it was asked for, and how many others had one."""
    for at, (kind, visit) in enumerate(events):
        if kind == "serve":
            asked = max(i for i, event in enumerate(events[:at]) if event == ("join", visit))
            others = [who for what, who in events[asked:at] if what == "serve" and who != visit]
            yield len(others), len(set(others))


def test_runs_of_thirty_visitors_alternate_at_the_gate_step_by_step() -> None:
    gate, queue, go = Gate(1), Recording(), threading.Barrier(30)
    gate._lanes["generate"].waiting = queue

    def run(visit: str, steps: int) -> None:
        go.wait(PATIENCE_S)
        for _ in range(steps):
            with gate.turn(visit):
                sum(range(2000))

    threads = [threading.Thread(target=run, args=(f"v{i}", 10 + i)) for i in range(30)]
    [thread.start() for thread in threads]
    [thread.join(PATIENCE_S) for thread in threads]
    served = [who for what, who in queue.events if what == "serve"]
    assert Counter(served) == {f"v{i}": 10 + i for i in range(30)}
    for turns, others in longest_waits(queue.events):
        assert turns <= 2 * others


def test_the_place_beyond_the_active_limit_falls_as_others_leave() -> None:
    world = Stepped({"a": 10}, 100, active=1)
    first = world.get("a", "first")
    wishes = [world.manager.acquire("a", visit) for visit in "xyz"]
    for wish in wishes:
        next(wish)
    assert [next(wish).place for wish in wishes] == [1, 2, 3]  # type: ignore[union-attr]
    wishes[0].close()
    assert [next(wish).place for wish in wishes[1:]] == [1, 2]  # type: ignore[union-attr]
    first.release()
    with pytest.raises(StopIteration) as lease:
        next(wishes[1])
    assert lease.value.value.model
    assert next(wishes[2]).place == 1  # type: ignore[union-attr]


def test_a_class_holds_a_small_model_at_once_and_eight_a_large_one() -> None:
    world = Stepped({"small": 50, "large": 4000}, 5000)
    held: dict[str, list[Any]] = {"small": [], "large": []}
    for model in held:
        world.get(model).release()
        for number in range(40):
            try:
                next(world.manager.acquire(model, f"visit {number}"))
            except StopIteration as lease:
                held[model].append(lease.value)
    assert {model: len(leases) for model, leases in held.items()} == {"small": 32, "large": 8}


def test_the_place_at_the_gate_falls_as_others_leave_and_is_said_after_a_second() -> None:
    now, leave = [0.0], {visit: threading.Event() for visit in "abcd"}
    gate = Gate(1, lambda: now[0])

    def step(visit: str) -> None:
        with gate.turn(visit):
            leave[visit].wait(PATIENCE_S)

    threads = []
    for count, visit in enumerate("abcd"):
        threads.append(threading.Thread(target=step, args=(visit,)))
        threads[-1].start()
        reached(lambda n=count: len(gate._lanes["generate"].waiting) == n)
    assert [gate.waiting(visit) for visit in "abcd"] == [0, 0, 0, 0], "nobody has waited yet"
    now[0] = SAID_S
    assert [gate.waiting(visit) for visit in "abcd"] == [0, 1, 2, 3]
    for gone, expected in (("a", [0, 0, 1, 2]), ("b", [0, 0, 0, 1]), ("c", [0, 0, 0, 0])):
        before = len(gate._lanes["generate"].waiting)
        leave[gone].set()
        reached(lambda n=before: len(gate._lanes["generate"].waiting) == n - 1)
        assert [gate.waiting(visit) for visit in "abcd"] == expected
    leave["d"].set()
    [thread.join(PATIENCE_S) for thread in threads]


def reached(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    wait = threading.Event()
    for _ in range(PATIENCE_S * 200):
        if true():
            return
        wait.wait(0.005)
    raise AssertionError("it did not become true")


def test_a_visit_at_its_limit_holds_nobody_up() -> None:
    world = Stepped({"a": 10}, 100, active=8)
    world.manager.govern(lambda visit, running: list(running).count(visit) < 1, lambda visit, seconds: None)
    held = world.get("a", "x")
    mine, other = world.manager.acquire("a", "x"), world.manager.acquire("a", "y")
    next(mine)
    assert next(mine).place == 1  # type: ignore[union-attr]
    with pytest.raises(StopIteration):
        next(other)
    held.release()
    with pytest.raises(StopIteration):
        next(mine)


def test_the_time_of_each_step_is_told_to_whoever_counts_it() -> None:
    now, told = [0.0], list[tuple[str, float]]()
    gate = Gate(1, lambda: now[0])
    gate.spent = lambda visit, seconds: told.append((visit, seconds))
    with gate.turn("x"):
        now[0] += 2.5
    now[0] += 7  # waiting counts nowhere
    with gate.turn("y"):
        now[0] += 1
    assert told == [("x", 2.5), ("y", 1.0)]


@pytest.mark.parametrize("asked", ["while it waits", "just before it waits"])
def test_the_step_of_a_run_that_was_stopped_goes_first(asked: str) -> None:
    gate, order, leave = Gate(1), list[str](), threading.Event()

    def step(visit: str) -> None:
        with gate.turn(visit):
            order.append(visit)
            leave.wait(PATIENCE_S)

    threads = []
    for count, visit in enumerate(("computing", "a", "b", "stopped")):
        if visit == "stopped" and asked == "just before it waits":
            gate.hurry(visit)
        threads.append(threading.Thread(target=step, args=(visit,)))
        threads[-1].start()
        reached(lambda n=count: len(gate._lanes["generate"].waiting) == n)
    if asked == "while it waits":
        gate.hurry("stopped")
    leave.set()
    [thread.join(PATIENCE_S) for thread in threads]
    assert order == ["computing", "stopped", "a", "b"]
