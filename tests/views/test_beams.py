"""Beam search: hypotheses, their scores, their tree, and the text of the one that is opened."""

import pytest

from tests.views.recorded import Writer, frame


@pytest.fixture
def run(stage):
    started, events = Writer(search="beam", num_beams=4).beams(10, 4)
    return stage.feed(frame(started, events, 10)), events


def test_the_best_hypothesis_is_the_text_while_beams_run(run):
    stage, events = run
    shown = stage.chips.evaluate_all("all => all.map(c => c.querySelector('bdi').textContent)")
    assert "".join(shown) == events[-1]["beams"][0]["so_far"].replace(" ", "·").replace("\n", "⏎")


def test_every_hypothesis_stands_with_its_score(run):
    stage, events = run
    scores = stage.page.locator(".pg-beam .pg-figure").all_inner_texts()
    assert scores == [f"{beam['score']:.2f}".replace("-", "−") for beam in events[-1]["beams"]]


def test_opening_a_hypothesis_shows_its_own_text_and_bars(run):
    stage, events = run
    stage.page.locator(".pg-beam").nth(2).click()
    stage.settle()
    beam = events[-1]["beams"][2]
    shown = stage.chips.evaluate_all("all => all.map(c => c.querySelector('bdi').textContent)")
    assert "".join(shown) == beam["so_far"].replace(" ", "·").replace("\n", "⏎")
    favourite = max(events[-1]["candidates"][beam["parent"]], key=lambda c: c["probability"])
    assert stage.rows()[0][0] == favourite["text"].replace(" ", "·").replace("\n", "⏎")
    assert stage.page.locator(".pg-beam").nth(2).get_attribute("aria-pressed") == "true"


def test_the_opened_hypothesis_is_one_unbroken_path_in_the_tree(run):
    stage, _ = run
    columns = len(set(stage.page.locator(".pg-node rect").evaluate_all("all => all.map(r => r.getAttribute('x'))")))
    assert columns > 3
    assert stage.page.locator('.pg-node[data-state="path"]').count() == columns
    assert stage.page.locator('.pg-edge[data-state="path"]').count() == columns - 1


def test_beams_draw_no_number_and_say_why_the_sliders_sleep(run):
    stage, _ = run
    assert not stage.page.locator(".pg-dice").is_visible()
    assert "draws no random number" in stage.page.locator(".pg-beams").inner_text()


def test_a_finished_hypothesis_stays_with_its_mark_and_its_text(stage):
    started, events = Writer(search="beam", num_beams=3).beams(6, 3)
    done = {**events[2]["beams"][0], "finished": True, "score": -1.5}
    for event in events[2:]:
        event["beams"] = [*event["beams"], done]
    stage.feed(frame(started, events, 6))
    assert stage.page.locator(".pg-tag:visible").all_inner_texts() == ["ended"]
    assert "3 live, 1 finished" in stage.page.locator(".pg-beams").inner_text()
    stage.page.locator(".pg-beam").nth(3).click()
    stage.settle()
    shown = stage.chips.evaluate_all("all => all.map(c => c.querySelector('bdi').textContent)")
    assert "".join(shown) == done["so_far"].replace(" ", "·").replace("\n", "⏎")


def test_the_winners_tokens_take_over_when_they_come(stage):
    writer = Writer(search="beam", num_beams=3)
    started, events = writer.beams(6, 3)
    best = events[-1]["beams"][0]["tokens"]
    table = Writer(search="greedy")
    steps = [{**table.step(i), "seq": 7 + i, "random": None} for i in range(6)]
    for step, token_id in zip(steps, best, strict=True):
        step["token_id"] = token_id
    stage.feed(frame(started, events + steps, 12))
    assert stage.chips.count() == 6
    assert stage.page.locator('.pg-beam[aria-pressed="true"]').count() == 1
    assert stage.sent("resync") == []
