"""The manager's tests really check: each defect planted here turns the test of its name red."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from playground.manager._admission import Admission
from playground.manager._ledger import Ledger
from playground.manager._loads import Entry, Loads
from tests.manager import test_manager as claims
from tests.manager.test_invariants import Histories

Patch = pytest.MonkeyPatch


def in_use_is_evicted(patch: Patch) -> None:
    patch.setattr(
        Ledger, "idle", lambda self, kinds=("model", "kept"): [h for h in self._held.values() if h.kind in kinds]
    )


def newest_is_evicted(patch: Patch) -> None:
    idle = Ledger.idle
    patch.setattr(Ledger, "idle", lambda self, kinds=("model", "kept"): idle(self, kinds)[::-1])


def a_failed_load_keeps_its_reservation(patch: Patch) -> None:
    patch.setattr(Ledger, "cancel", lambda self, name: None)


def the_first_who_leaves_stops_the_load(patch: Patch) -> None:
    leave = Loads.leave

    def defect(self: Loads, entry: Entry, waiter: object) -> None:
        leave(self, entry, waiter)
        entry.stopping = entry.model is None

    patch.setattr(Loads, "leave", defect)


def more_is_lent_than_there_is(patch: Patch) -> None:
    patch.setattr(Ledger, "free", property(lambda self: 10**18))


def a_model_may_be_larger_than_it_said(patch: Patch) -> None:
    settle = Ledger.settle

    def defect(self: Ledger, name: Any, count: int, drop: Any) -> Any:
        budget, self.budget = self.budget, 10**18
        try:
            return settle(self, name, count, drop)
        finally:
            self.budget = budget

    patch.setattr(Ledger, "settle", defect)


def evicted_in_vain(patch: Patch) -> None:
    take = Loads._take

    def defect(self: Loads, entry: Entry, need: int) -> list[Any] | None:
        if need > self._ledger.most() and self._room.first() is entry:
            for holding in self._ledger.idle(("model",)):
                self.drop(str(holding.name))
        return take(self, entry, need)

    patch.setattr(Loads, "_take", defect)


def waiting_for_room_never_ends(patch: Patch) -> None:
    reserve = Loads._reserve

    def defect(self: Loads, entry: Entry, need: int) -> Any:
        self._queue_s = float("inf")
        return reserve(self, entry, need)

    patch.setattr(Loads, "_reserve", defect)


def a_load_that_nobody_wants_goes_on(patch: Patch) -> None:
    leave = Loads.leave

    def defect(self: Loads, entry: Entry, waiter: object) -> None:
        leave(self, entry, waiter)
        entry.stopping = False

    patch.setattr(Loads, "leave", defect)


def everybody_is_admitted(patch: Patch) -> None:
    ask = Admission.ask

    def defect(self: Admission, *asked: Any) -> int:
        self._most = dict.fromkeys(self._most, 10**6)
        return ask(self, *asked)

    patch.setattr(Admission, "ask", defect)


DEFECTS: list[tuple[Callable[[Patch], None], Callable[[], Any]]] = [
    (in_use_is_evicted, claims.test_a_load_waits_for_a_model_in_use_instead_of_evicting_it),
    (newest_is_evicted, claims.test_the_least_recently_used_goes_first),
    (a_failed_load_keeps_its_reservation, claims.test_a_load_that_fails_half_way_leaves_everything_as_it_was),
    (the_first_who_leaves_stops_the_load, claims.test_the_last_one_who_leaves_stops_the_load_and_no_earlier_one),
    (more_is_lent_than_there_is, claims.test_a_load_waits_for_a_model_in_use_instead_of_evicting_it),
    (
        a_model_may_be_larger_than_it_said,
        claims.test_a_model_that_takes_more_than_it_said_is_not_kept_beyond_the_budget,
    ),
    (evicted_in_vain, claims.test_a_cancelled_wait_for_room_evicts_nothing),
    (waiting_for_room_never_ends, claims.test_waiting_for_room_ends_with_figures),
    (a_load_that_nobody_wants_goes_on, claims.test_the_last_one_who_leaves_stops_the_load_and_no_earlier_one),
    (everybody_is_admitted, claims.test_more_than_so_many_runs_wait_in_turn_round_robin_across_visitors),
]
HISTORIES: list[tuple[Callable[[Patch], None], str]] = [
    (more_is_lent_than_there_is, "<="),
    (evicted_in_vain, "evicted in vain"),
    (a_load_that_nobody_wants_goes_on, "a load that nobody waits for goes on"),
    (everybody_is_admitted, "<= 3"),
    (in_use_is_evicted, "a model in use was evicted"),
]


@pytest.mark.parametrize(("plant", "claim"), DEFECTS, ids=[plant.__name__ for plant, _ in DEFECTS])
def test_a_planted_defect_is_found(
    plant: Callable[[Patch], None], claim: Callable[[], Any], monkeypatch: Patch
) -> None:
    claim()
    plant(monkeypatch)
    with pytest.raises((AssertionError, KeyError, StopIteration, pytest.fail.Exception)):
        claim()


@pytest.mark.parametrize(("plant", "words"), HISTORIES, ids=[plant.__name__ for plant, _ in HISTORIES])
def test_arbitrary_histories_find_a_planted_defect(
    plant: Callable[[Patch], None], words: str, monkeypatch: Patch
) -> None:
    """The invariants of `test_invariants`, which hold without the defect, see it by themselves."""
    plant(monkeypatch)
    quick = settings(max_examples=400, stateful_step_count=50, deadline=None, derandomize=True, database=None,
                     phases=[Phase.generate], report_multiple_bugs=False)  # fmt: skip
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(Histories, settings=quick)
    assert words in str(caught.value)
