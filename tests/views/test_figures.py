"""The figures on the page are those of the step."""

import pytest

from tests.views.recorded import Writer, frame


@pytest.fixture
def run(stage):
    started, steps, finished = Writer(top_k=12, top_p=0.9).run(30)
    stage.feed(frame(started, steps, 30, finished))
    return stage, steps


def drawn(text: str) -> str:
    return text.replace(" ", "·").replace("\n", "⏎")


def percent(p: float) -> str:
    if p * 100 < 0.01:
        return "<\u202f0.01\u00a0%" if p else "0\u00a0%"
    return f"{p * 100:.1f}\u00a0%" if p >= 0.1 else f"{p * 100:.2f}\u00a0%"


def test_bars_show_the_servers_exact_probabilities_until_a_slider_moves(run):
    stage, steps = run
    for index in (0, 7, 29):
        stage.select(index)
        want = {drawn(c["text"]): percent(c["probability"]) for c in steps[index]["candidates"]}
        rows = [row for row in stage.rows() if "others" not in row[0]]
        assert len(rows) >= 9
        assert {name: want[name] for name, _ in rows} == dict(rows)


def test_removed_candidates_stay_and_name_their_filter(run):
    stage, steps = run
    stage.select(4)
    stage.page.get_by_role("button", name="more candidates").click()
    stage.settle()
    removed = [c for c in steps[4]["candidates"] if c["removed_by"]]
    assert removed
    bars = stage.page.locator(".pg-row[data-removed]:not([hidden]) .pg-bar")
    labels = bars.evaluate_all("all => all.map(b => b.ariaLabel)")
    assert sum("removed by top-" in label for label in labels) >= len(removed)


def test_all_rows_and_the_others_add_up_to_one(run):
    stage, steps = run
    for index in (2, 11):
        sums = stage.page.evaluate(
            "i => { const t = window.stage; const d = playground.distribution(t.store.steps()[i], t.redraw);"
            " return ['final', 'raw'].map(name => d.rows.reduce((sum, row) => sum + row[name], d.others[name])); }",
            index,
        )
        assert sums == pytest.approx([1, 1], abs=1e-9)


def test_the_needle_lands_inside_the_chosen_segment_for_every_step(run):
    stage, steps = run
    for index, step in enumerate(steps):
        found = stage.page.evaluate(
            "i => { const t = window.stage; const d = playground.distribution(t.store.steps()[i], t.redraw);"
            " return [d.random, d.segments.find(s => d.random >= s.from && d.random < s.to)?.token_id]; }",
            index,
        )
        assert found == [step["random"], step["token_id"]]


def test_the_needle_lands_inside_a_segment_that_was_no_candidate_of_the_first_fifty(stage):
    started, steps, _ = Writer(top_p=1.0, temperature=1.6).run(60)
    far = [i for i, step in enumerate(steps) if step["rank"] >= 50]
    assert far
    stage.feed(frame(started, steps, 60))
    for index in far[:4]:
        stage.select(index)
        needle, chosen = stage.page.evaluate(
            "() => [document.querySelector('.pg-needle i'), document.querySelector('.pg-segment[data-chosen]')]"
            ".map(e => { const r = e.getBoundingClientRect(); return [r.left, r.right]; })"
        )
        assert needle[1] >= chosen[0] - 1
        assert needle[0] <= chosen[1] + 1


def test_greedy_has_no_needle_and_says_so(stage):
    started, steps, finished = Writer(search="greedy").run(5)
    stage.feed(frame(started, steps, 5, finished))
    assert "Greedy: no number is drawn" in stage.text(".pg-dice .pg-small")
    assert not stage.page.locator(".pg-needle").is_visible()


def test_a_token_that_a_person_put_there_is_not_called_greedy(stage):
    started, steps, finished = Writer().run(5)
    steps[4] = {**steps[4], "random": None}
    stage.feed(frame(started, steps, 5, finished))
    assert "you put" in stage.text(".pg-dice .pg-small")


def test_a_click_on_a_bar_offers_to_go_on_from_there_with_that_token(run):
    stage, steps = run
    stage.select(6)
    row = stage.page.locator(".pg-row").nth(2)
    row.locator(".pg-bar").click()
    stage.settle()
    row.get_by_role("button", name="Continue from here with").click()
    token_id = sorted(steps[6]["candidates"], key=lambda c: (-c["probability"], c["token_id"]))[2]["token_id"]
    assert stage.sent("fork") == [{"run": "run-1", "index": 6, "token_id": token_id}]


def test_the_line_of_figures_counts_context_and_tokens(run):
    stage, _ = run
    line = stage.page.locator(".pg-figures").inner_text()
    assert "0.08\u00a0s" in line
    assert "41\u00a0tok/s" in line
    assert "34 of 512" in line
    assert "30 of 60" in line
