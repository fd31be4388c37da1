"""Fairness of the queue and of the compute gate."""

import threading
import time
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from playground.manager._handles import SMALL_BYTES, Lease
from playground.manager._turns import FairQueue, Gate


@given(st.lists(st.sampled_from("abc"), max_size=20))
def test_the_place_in_the_queue_is_the_turn_on_which_one_is_served(visits: list[str]) -> None:
    queue: FairQueue[int] = FairQueue()
    for item, visit in enumerate(visits):
        queue.join(visit, item)
    places = {item: queue.place(item) for item in range(len(visits))}
    served = [queue.serve() for _ in visits]
    assert {item: turn for turn, item in enumerate(served, 1)} == places
    for visit in "abc":
        own = [item for item in served if visits[item] == visit]
        assert own == sorted(own), "first come, first served within a visitor"


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_no_visitor_is_served_twice_while_another_waits_for_a_first_time(visits: list[str]) -> None:
    queue: FairQueue[int] = FairQueue()
    for item, visit in enumerate(visits):
        queue.join(visit, item)
    first = [visits[queue.serve()] for _ in set(visits)]
    assert sorted(first) == sorted(set(visits))


def test_leaving_the_queue_is_idempotent_and_touches_no_other() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.join("a", 1)
    queue.join("b", 2)
    queue.leave(1)
    queue.leave(1)
    assert len(queue) == 1
    assert queue.first() == 2


def test_two_visitors_alternate_step_by_step_whatever_their_number_of_runs() -> None:
    gate, order, go = Gate(2), list[str](), threading.Event()

    def run(visit: str) -> None:
        go.wait()
        for _ in range(60):
            with gate.turn(visit):
                order.append(visit)
                time.sleep(0.001)

    threads = [threading.Thread(target=run, args=(visit,)) for visit in ("x", "x", "x", "y")]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(30)
    # y has a quarter of the runs and gets half of the turns for as long as it has work
    while_both = order[order.index("y") : len(order) - order[::-1].index("y")]
    share = while_both.count("y") / len(while_both)
    assert 0.4 < share < 0.6, f"y had {share:.0%} of the turns"


def test_only_one_step_of_a_kind_computes_at_a_time() -> None:
    gate, inside, most = Gate(2), 0, 0
    lock = threading.Lock()

    def run(visit: str) -> None:
        nonlocal inside, most
        for _ in range(50):
            with gate.turn(visit):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=run, args=(str(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1


def test_a_step_that_fails_gives_its_turn_back() -> None:
    gate = Gate(1)
    with pytest.raises(ZeroDivisionError), gate.turn():
        _ = 1 / 0
    with gate.turn():
        pass


def test_one_kind_of_work_has_all_cores_and_two_have_half_each() -> None:
    now = 0.0
    gate = Gate(4, lambda: now)
    assert gate.threads("generate") == 4
    with gate.turn(kind="train"):
        assert gate.threads("generate") == 2
    now = 0.2
    assert gate.threads("generate") == 2, "training only drew breath"
    now = 5.0
    assert gate.threads("generate") == 4


def test_the_threads_are_set_in_the_thread_that_computes() -> None:
    gate, seen = Gate(3), dict[str, int]()
    mine = torch.get_num_threads()

    def run() -> None:
        with gate.turn():
            seen["worker"] = torch.get_num_threads()
        torch.set_num_threads(mine)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert seen == {"worker": 3}


@pytest.mark.parametrize(("size", "threads"), [(SMALL_BYTES - 1, 1), (SMALL_BYTES, 3)])
def test_a_small_model_computes_on_one_thread(size: int, threads: int) -> None:
    lease, seen = Lease(SimpleNamespace(bytes=size), Gate(3), "", lambda: None), list[int]()

    def run() -> None:
        with lease.turn():
            seen.append(torch.get_num_threads())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    lease.release()
    assert seen == [threads]
