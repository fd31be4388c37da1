"""How long a run takes on this computer, compared with the one that the estimates were fitted to."""

import sys
from typing import Any

import pytest
import torch

from playground.training import _estimate
from playground.ui import train_answers


@pytest.mark.parametrize(("takes", "factor"), [(1.0, 1.0), (3.0, 3.0), (1000.0, 20.0), (1e-6, 0.2)])
def test_the_factor_is_the_quickest_of_some_measurements_within_reason(
    takes: float, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = iter([takes * 7] * 3 + [takes] + [takes * 2] * 4)
    monkeypatch.setattr(_estimate, "_here", _estimate._Here())
    monkeypatch.setattr(_estimate, "_probe", lambda: next(measured) * _estimate.PROBE_S)
    assert _estimate.slower() == pytest.approx(factor)


def test_a_computer_that_was_busy_at_first_is_not_called_slow_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    takes, now = 5.0, 100.0
    monkeypatch.setattr(_estimate, "_here", _estimate._Here())
    monkeypatch.setattr(_estimate, "_probe", lambda: takes * _estimate.PROBE_S)
    assert _estimate.slower(lambda: now) == pytest.approx(5.0)
    takes, now = 1.5, now + 1
    assert _estimate.slower(lambda: now) == pytest.approx(5.0)  # it is not measured at each question
    now += _estimate.AGAIN_S + 1
    assert _estimate.slower(lambda: now) == pytest.approx(1.5)
    takes, now = 9.0, now + _estimate.AGAIN_S + 1
    assert _estimate.slower(lambda: now) == pytest.approx(1.5)


def test_measuring_draws_no_random_numbers_and_is_short() -> None:
    before = torch.get_rng_state()
    assert 0 < _estimate._probe() < 5
    assert torch.equal(torch.get_rng_state(), before)


def test_the_page_shows_the_time_of_this_computer_once_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {"seconds": 10.0, "parameters": 5}
    monkeypatch.setattr(_estimate, "slower", lambda: 2.5)
    assert train_answers._at_this_pace(told) == {"seconds": 25.0, "parameters": 5}
    monkeypatch.delitem(sys.modules, "torch")
    assert train_answers._at_this_pace(told) == told
