"""Sliders act on the past: every step again, in the browser, as the filters' twins compute it."""

import itertools

import numpy as np

from tests.views.recorded import Writer, frame, softmax


def test_a_moved_slider_redraws_the_bars_of_the_shown_step(stage):
    started, steps, finished = Writer(top_p=1.0, temperature=1.0).run(20)
    stage.feed(frame(started, steps, 20, finished)).select(5).move(temperature=0.5)
    table = Writer().table
    before = steps[4]["token_id"]
    exact = softmax(table[before] / 0.5)
    for candidate in sorted(steps[5]["candidates"], key=lambda c: -c["logit"])[:5]:
        name = candidate["text"].replace(" ", "·").replace("\n", "⏎")
        shown = dict(stage.rows())[name].replace("\u00a0%", "").replace("<\u202f", "")
        assert abs(float(shown) / 100 - exact[candidate["token_id"]]) <= 1e-3
    assert "as if its own context had stayed" in stage.text(".pg-moved")


def test_tokens_that_would_be_different_are_underlined_with_the_other_one_and_only_those(stage):
    started, steps, finished = Writer(top_p=1.0, temperature=1.0).run(40)
    stage.feed(frame(started, steps, 40, finished)).move(search="greedy")
    favourite = [max(step["candidates"], key=lambda c: c["logit"]) for step in steps]
    want = [None if f["token_id"] == s["token_id"] else f["text"] for f, s in zip(favourite, steps, strict=True)]
    assert None in want
    assert len(set(want)) > 3
    count = sum(w is not None for w in want)
    stage.until(f"() => document.querySelectorAll('.pg-chip[data-other]').length === {count}")
    shown = stage.chips.evaluate_all("all => all.map(c => c.dataset.other || null)")
    assert shown == [w and w.replace(" ", "·").replace("\n", "⏎") for w in want]
    label = stage.chips.nth(next(i for i, w in enumerate(want) if w)).get_attribute("aria-label")
    assert "would now be" in label


def test_sliders_put_back_undo_every_mark(stage):
    started, steps, finished = Writer().run(30)
    stage.feed(frame(started, steps, 30, finished))
    before = stage.page.locator(".pg-why").inner_text()
    stage.move(temperature=0.2)
    stage.until("() => document.querySelectorAll('.pg-chip[data-other]').length > 0")
    stage.move(temperature=started["settings"]["temperature"])
    stage.until("() => document.querySelectorAll('.pg-chip[data-other]').length === 0")
    stage.settle()
    assert stage.page.locator(".pg-why").inner_text() == before


def test_settings_that_choose_no_token_redraw_nothing(stage):
    started, steps, finished = Writer().run(10)
    stage.feed(frame(started, steps, 10, finished)).move(max_new_tokens=200, seed=11, prompt="other")
    assert stage.page.locator(".pg-columns[data-moved]").count() == 0


def test_stages_that_are_off_are_dashes_and_top_k_shows_what_it_removed(stage):
    started, steps, finished = Writer(top_p=1.0).run(5)
    stage.feed(frame(started, steps, 5, finished)).move(top_k=3)
    off = stage.page.locator(".pg-tile[data-off]").evaluate_all("all => all.map(t => t.innerText)")
    assert {"min-p", "typical"} <= set(off)
    tile = stage.page.locator(".pg-tile", has_text="top-k")
    tile.click()
    stage.settle()
    assert "Keeps the 3 likeliest tokens" in stage.text(".pg-large .pg-small")
    assert stage.page.locator(".pg-large .pg-column[data-removed]").count() == 5
    assert len([row for row in stage.rows() if row[1] != "0\u00a0%"]) == 3


def test_figures_over_the_columns_of_a_stage_stand_apart_also_at_the_ends_of_the_scale(stage):
    started, steps, finished = Writer(top_p=1.0).run(5)
    stage.feed(frame(started, steps, 5, finished)).move(temperature=0.13)
    stage.settle()
    figures = stage.page.locator(".pg-large .pg-percent")
    assert len([text for text in figures.all_inner_texts() if text.startswith("<\u202f")]) > 2
    assert ", in %" in stage.text(".pg-large h4")
    for width in (360, 1280):
        stage.page.set_viewport_size({"width": width, "height": 800})
        stage.settle()
        boxes = figures.evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).filter(r => r.width).map(r => [r.left, r.right])"
        )
        assert min(left - right for (_, right), (left, _) in itertools.pairwise(boxes)) > 6, width


def test_500_steps_are_redrawn_in_slices_and_clicks_are_answered_between_them(stage):
    started, steps, finished = Writer(max_new_tokens=500).run(500)
    stage.feed(frame(started, steps, 500, finished))
    assert stage.chips.count() == 500
    # each slider move asks for a new pass; the page must stay able to paint and to answer in between
    turns = stage.page.evaluate(
        """async () => {
          let turns = 0, going = true;
          const tick = () => { turns += 1; if (going) setTimeout(tick, 0); };
          tick();
          for (let i = 1; i <= 20; i += 1) {
            playground.settings('text', { temperature: 0.3 + i / 20 });
            await window.settled();
          }
          going = false;
          return turns;
        }"""
    )
    assert turns > 20  # other work had its turn while all was redrawn
    stage.chips.nth(100).click()
    stage.settle()
    assert stage.text(".pg-where") == "step 101 of 500"
    stage.move(search="greedy")
    favourites = [max(s["candidates"], key=lambda c: c["logit"])["token_id"] for s in steps]
    count = int(np.sum([f != s["token_id"] for f, s in zip(favourites, steps, strict=True)]))
    stage.until(f"() => document.querySelectorAll('.pg-chip[data-other]').length === {count}")
    assert not stage.problems


def test_a_token_of_the_text_that_was_no_candidate_has_its_name_where_it_would_now_be_chosen(stage):
    """Such a token travels by its number alone, for the repetition penalty."""
    started, steps, finished = Writer(top_p=1.0).run(20)
    prompt = {token["token_id"] for token in started["prompt_tokens"]}
    earlier = next(s for s in steps[:8] if s["token_id"] not in prompt)
    step = steps[12]
    step["candidates"] = [c for c in step["candidates"] if c["token_id"] != earlier["token_id"]]
    step["known"] = {"token_ids": [earlier["token_id"]], "logits": [max(c["logit"] for c in step["candidates"]) + 3]}
    step["token_id"], step["text"], step["piece"] = (step["candidates"][0][k] for k in ("token_id", "text", "text"))
    stage.feed(frame(started, steps, 20, finished)).select(12).move(temperature=0.3)
    name = earlier["text"].replace(" ", "·").replace("\n", "⏎")
    chosen = stage.page.locator(".pg-segment[data-chosen]:visible")
    assert chosen.count() == 1
    assert chosen.get_attribute("title").startswith(f"{name}: ")
    assert f"falls on “{name}”" in stage.text(".pg-dice")
