"""Curves and timelines are bounded, evenly thinned, and sent in parts that add up; showing stays within its share."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.panels import Bars, Pictures, Points, Strip, Text
from playground.trainings import _series
from playground.trainings._pace import SHARES, Pace
from playground.trainings._series import MOST_ENTRIES, MOST_POINTS, Series, Timeline, panel_json


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 7))
def test_a_curve_has_at_most_its_points_evenly_and_always_the_first_and_the_newest(count: int, gap: int) -> None:
    series = Series()
    for i in range(count):
        series.add(1 + i * gap, i)
        assert series.points[-1] == (1 + i * gap, i)
    points = series.points
    assert len(points) <= MOST_POINTS
    assert points[0] == (1, 0)
    assert all(step == 1 + value * gap for step, value in points)
    gaps = {b - a for (a, _), (b, _) in zip(points[:-1], points[1:-1], strict=False)}
    assert len(gaps) <= 1  # but for the newest, which may come early
    assert count < MOST_POINTS or len(points) >= MOST_POINTS // 2


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2000), st.integers(0, 2000), st.integers(0, 900))
def test_a_curve_that_was_cut_goes_on_from_there(count: int, at: int, more: int) -> None:
    series = Series()
    for step in range(1, count + 1):
        series.add(step, -step)
    series.cut(at)
    assert all(step <= at for step, _ in series.points)
    begin = min(at, count)
    for step in range(begin + 1, begin + 1 + more):
        series.add(step, -step)
    assert len(series.points) <= MOST_POINTS
    assert [step for step, _ in series.points] == sorted({step for step, _ in series.points})
    if more:
        assert series.points[-1] == (begin + more, -begin - more)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["add", "add", "add", "cut", "look"]), max_size=400), st.randoms())
def test_a_page_that_adds_what_is_new_sees_the_timeline_as_it_is(actions: list[str], rng: object) -> None:
    timeline, version, step = Timeline(), 0, 0
    page: list[str] = []
    seen = 0
    for action in [*actions, "look"]:
        if action == "add":
            version, step = version + 1, step + 1
            timeline.add(step, {"loss": step}, {"sample": Text("x")}, version)
        elif action == "cut" and step:
            version, step = version + 1, rng.randint(0, step)  # type: ignore[attr-defined]
            timeline.cut(step)
        elif action == "look":
            first, entries = timeline.since(seen)
            page, seen = page[:first] + entries, version
            assert [json.loads(text)["step"] for text in page] == timeline.steps
    assert len(timeline.steps) <= MOST_ENTRIES
    assert timeline.steps == sorted(timeline.steps)


def test_a_timeline_of_large_pictures_stays_within_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_series, "MOST_BYTES", 10_000)
    timeline = Timeline()
    for step in range(1, 50):
        timeline.add(step, {}, {"samples": Pictures(("x" * 900,))}, step)
        assert timeline.bytes <= 10_000
        assert timeline.steps[-1] == step


def test_a_panel_says_its_kind_and_those_of_a_strip_do_too() -> None:
    strip = Strip((Bars(("a",), (0.5,)), Points({"c": ((1.0, 2.0),)}, (-1, 1, -1, 1))), ("one", "two"))
    assert json.loads(json.dumps(panel_json(strip))) == {
        "kind": "strip",
        "labels": ["one", "two"],
        "panels": [
            {"kind": "bars", "labels": ["a"], "values": [0.5]},
            {"kind": "points", "clouds": {"c": [[1.0, 2.0]]}, "bounds": [-1, 1, -1, 1]},
        ],
    }


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0005, 0.2), st.floats(0.0, 3.0), st.integers(50, 3000))
def test_all_extras_together_stay_below_a_tenth_whatever_they_cost(step_s: float, look_s: float, steps: int) -> None:
    pace = Pace(steps)
    extra = worked = 0.0
    looks = 0
    for step in range(steps):
        if pace.look_next(step):
            pace.looked(step + 1, step_s + look_s)
            extra, looks = extra + look_s, looks + 1
        else:
            pace.plain(step_s)
        worked += step_s
        for kind in ("words", "state", "gradients"):
            if pace.allows(kind):
                cost = look_s / 7
                pace.pay(kind, cost)
                extra += cost
    once = look_s * 3  # each kind is done once, to learn what it costs, and the first look is nobody's
    assert sum(SHARES.values()) < 0.1
    assert extra <= 0.1 * worked + once
    assert looks >= 1


def test_a_first_look_that_takes_long_does_not_put_off_all_others() -> None:
    pace, looks = Pace(1000), []
    for step in range(1000):
        if pace.look_next(step):
            pace.looked(step + 1, 30.0 if not looks else 0.2)
            looks.append(step + 1)
        else:
            pace.plain(0.1)
    assert [step for step in looks if 100 < step < 800]
    assert len(looks) > 15


def test_looks_come_often_at_first_and_then_evenly() -> None:
    pace, looks = Pace(6000), []
    for step in range(6000):
        if pace.look_next(step):
            looks.append(step + 1)
            pace.looked(step + 1, 0.01)
        else:
            pace.plain(0.01)
    assert looks[:6] == [2, 3, 4, 5, 6, 8]
    assert {b - a for a, b in zip(looks[-20:-1], looks[-19:], strict=True)} == {100}
    assert len(looks) < 100


def test_steps_between_looks_that_somebody_chose_are_kept() -> None:
    pace, looks = Pace(100, look_every=25), []
    for step in range(100):
        if pace.look_next(step):
            looks.append(step + 1)
            pace.looked(step + 1, 0.01)
        else:
            pace.plain(0.01)
    assert looks == [25, 50, 75, 100]
