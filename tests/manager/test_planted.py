"""The manager's tests really check: each defect planted here turns the test of its name red."""

from collections.abc import Callable
from typing import Any

import pytest

from playground.manager._ledger import Ledger
from playground.manager._loads import Entry, Loads
from tests.manager import test_manager as claims

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


DEFECTS: list[tuple[Callable[[Patch], None], Callable[[], Any]]] = [
    (in_use_is_evicted, claims.test_a_load_waits_for_a_model_in_use_instead_of_evicting_it),
    (newest_is_evicted, claims.test_the_least_recently_used_goes_first),
    (a_failed_load_keeps_its_reservation, claims.test_a_load_that_fails_half_way_leaves_everything_as_it_was),
    (the_first_who_leaves_stops_the_load, claims.test_the_last_one_who_leaves_stops_the_load_and_no_earlier_one),
]


@pytest.mark.parametrize(("plant", "claim"), DEFECTS, ids=[plant.__name__ for plant, _ in DEFECTS])
def test_a_planted_defect_is_found(
    plant: Callable[[Patch], None], claim: Callable[[], Any], monkeypatch: Patch
) -> None:
    claim()
    plant(monkeypatch)
    with pytest.raises((AssertionError, KeyError, StopIteration, pytest.fail.Exception)):
        claim()
