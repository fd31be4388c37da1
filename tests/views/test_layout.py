"""Room: phone, projector, zoom, both themes; nothing jumps while text streams."""

import re
from itertools import pairwise

import pytest

from tests.views.recorded import Writer, frame

CONTRAST = """() => {
  const rgb = (c) => { const d = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    d.fillStyle = c; d.fillRect(0, 0, 1, 1); return [...d.getImageData(0, 0, 1, 1).data]; };
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight * linear(c[i] / 255), 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll('#host *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility({visibilityProperty: true}) || e.closest('svg')) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([e.className, e.textContent.slice(0, 20), ratio]);
  }
  return poor;
}"""


def full(stage):
    started, steps, finished = Writer(top_k=20).run(80)
    history = [{"role": "user", "content": "Tell me a story."}, {"role": "assistant", "content": "No."}]
    stage.feed(frame(started, steps, 80, finished, history=history, notices=["The prompt was cut."], error="An error."))
    return stage.select(12).move(temperature=0.6, top_p=0.7)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (640, 360), (1280, 720)])
def test_nothing_scrolls_sideways(stages, width, height):
    stage = full(stages(width=width, height=height))
    assert stage.page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_middle_and_why_stand_side_by_side_from_820_px_on(stages):
    stage = full(stages())
    for width, beside in ((1280, True), (860, True), (840, False), (390, False)):
        stage.page.set_viewport_size({"width": width, "height": 800})
        stage.settle()
        middle, why = stage.page.locator(".pg-text").bounding_box(), stage.page.locator(".pg-why").bounding_box()
        assert (why["x"] > middle["x"] + middle["width"]) is beside, width


def test_everything_that_can_be_touched_is_24_px_high_on_a_phone(stages):
    stage = full(stages(width=390, height=844, has_touch=True))
    small = stage.page.evaluate(
        "() => [...document.querySelectorAll('#host button, #host summary, #host input')]"
        ".filter(e => e.checkVisibility({visibilityProperty: true}))"
        ".map(e => [e.className, Math.round(e.getBoundingClientRect().height)]).filter(([, h]) => h < 24)"
    )
    assert small == []


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_stands_out_by_four_and_a_half_to_one(stages, dark):
    stage = full(stages(dark=dark))
    levels = stage.chips.evaluate_all("all => all.map(c => c.dataset.surprise)")
    assert len(set(levels)) >= 5
    assert stage.page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_scale_of_surprise_goes_one_way_in_grey(stages, dark):
    stage = full(stages(dark=dark))
    colours = stage.page.locator(".pg-sample").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
    rgb = [[float(v) for v in re.findall(r"[\d.]+", colour)] for colour in colours[1:]]
    greys = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in rgb]
    steps = [b - a for a, b in pairwise(greys)]
    assert len(steps) == 4
    assert all(step > 8 for step in steps) if dark else all(step < -8 for step in steps)


def test_surprise_is_also_the_height_of_a_line(stages):
    stage = full(stages())
    shadows = stage.page.locator(".pg-sample").evaluate_all("all => all.map(e => getComputedStyle(e).boxShadow)")
    assert len(set(shadows)) == 6


def test_nothing_above_the_last_line_moves_while_text_streams(stages):
    stage = stages()
    started, steps, finished = Writer().run(60)
    stage.feed(frame(started, steps[:10], 10))
    parts = ".pg-status, .pg-text, .pg-scrubber, .pg-figures, .pg-candidates, .pg-dice, .pg-stages"
    where = f"() => [...document.querySelectorAll('{parts}')].map(e => Math.round(e.getBoundingClientRect().top))"
    chips = "() => [...document.querySelectorAll('.pg-chip')].slice(0, 12).map(e => [e.offsetLeft, e.offsetTop])"
    tops, first = stage.page.evaluate(where), stage.page.evaluate(chips)
    for end in (11, 12, 15, 17):
        stage.feed(frame(started, steps[end - 1 : end] if end < 13 else steps[:end], end))
        assert stage.page.evaluate(where) == tops
        assert stage.page.evaluate(chips)[:12] == first[:12]


def test_the_text_follows_its_end_unless_a_person_scrolled_up(stages):
    stage = stages(height=500)
    started, steps, _ = Writer().run(300)
    stage.feed(frame(started, steps[:200], 200))
    text = stage.page.locator(".pg-text")
    assert text.evaluate("t => t.scrollHeight - t.scrollTop - t.clientHeight") < 3
    text.evaluate("t => { t.scrollTop = 0; }")
    stage.feed(frame(started, steps[:300], 300))
    assert text.evaluate("t => t.scrollTop") == 0


def test_motion_is_short_and_absent_where_it_is_unwanted(stages):
    longest = "all => Math.max(...all.map(e => parseFloat(getComputedStyle(e).transitionDuration)))"
    assert 0 < full(stages()).page.locator("#host *").evaluate_all(longest) <= 0.15
    assert full(stages(reduced_motion="reduce")).page.locator("#host *").evaluate_all(longest) == 0
