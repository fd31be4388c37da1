"""Four families on one data set: what they are given, and what comes of it."""

import numpy as np
import pytest

from playground.errors import PlaygroundError
from playground.lessons import families
from playground.training import _plane


def test_points_become_tokens_and_go_back_into_their_cell():
    given = np.array([[-2.49, 2.49], [0.0, 1.0], [-9.0, 9.0]])
    rows = families.to_tokens(given)
    assert rows[0].tolist() == [64, 0, 63]
    assert rows[2].tolist() == [64, 0, 63]  # what lies outside goes into the outermost cell
    back = families.to_points(rows[:2, 1:], np.random.default_rng(0))
    assert np.abs(back - given[:2]).max() <= 5 / 64


def test_all_four_take_turns_are_measured_and_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(families, "fitting", lambda steps, seconds, clock: sum(1 for _ in steps(40)))
    monkeypatch.setattr(families, "SLICE_S", 0.0)  # a turn is one step
    seen = list(families.run("ring", 600, 0))
    data = seen[0]
    assert data["family"] == "data" and len(data["points"]) == families.SHOWN
    noise = np.random.default_rng(0).standard_normal((600, 2))
    fresh = _plane.draw("ring", 600, np.random.default_rng([77, 0]))
    for name in families.FAMILIES:
        turns = [t for t in seen if t["family"] == name]
        assert [t["step"] for t in turns] == list(range(41))
        assert turns[-1]["done"] and not any(t["done"] for t in turns[:-1])
        pictures = [t for t in turns if "points" in t]
        assert len(pictures) >= families.SNAPSHOTS
        assert turns[-1]["distance"] < 2 * _plane.energy_distance(noise, fresh)
        assert turns[-1]["own_distance"] == data["own_distance"] < turns[-1]["distance"]
    order = [t["family"] for t in seen if t.get("step")]
    assert order[:8] == [*families.FAMILIES, *families.FAMILIES]


def test_the_same_seed_draws_the_same_points_and_another_seed_others():
    def drawn(seed: int) -> np.ndarray:
        one = families.family("autoregressive", "moons", seed)
        for _ in one.steps(3):
            pass
        return one.draw(50, 0)

    assert np.array_equal(drawn(0), drawn(0))
    assert not np.array_equal(drawn(0), drawn(1))


@pytest.mark.parametrize(("data", "seconds"), [("faces", 10), ("ring", 0), ("ring", float("nan")), ("ring", 10**9)])
def test_other_data_and_other_times_are_refused(data: str, seconds: float):
    with pytest.raises(PlaygroundError):
        next(families.run(data, seconds, 0))
