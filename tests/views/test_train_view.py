"""The Train view in a real browser, fed with the recorded trainings of the six lessons."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from playground.lessons import catalogue
from playground.ui import train_recorded
from tests.views.test_layout import CONTRAST
from tests.views.train_stage import TrainStage, frame

STAGES = ("data", "tokens", "architecture", "learning", "error", "save")
POISON = "<img src=x onerror=window.hit=1>${window.hit=2}"


@pytest.fixture
def stage(browser: Any) -> Iterator[TrainStage]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    found = TrainStage(context.new_page())
    yield found
    assert found.problems == []
    context.close()


@pytest.fixture
def phone(browser: Any) -> Iterator[Any]:
    contexts = []

    def make(dark: bool) -> TrainStage:
        contexts.append(browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True))
        return TrainStage(contexts[-1].new_page(), dark)

    yield make
    for context in contexts:
        context.close()


def kinds(lesson: str) -> set[str]:
    return {panel["kind"] for moment in frame(lesson)["checkpoints"] for panel in moment["panels"].values()}


def test_the_recordings_hold_every_kind_of_panel() -> None:
    every = set().union(*(kinds(lesson) for lesson in catalogue.NAMES))
    assert every == {"text", "bars", "curve", "points", "field", "pictures", "strip"}


@pytest.mark.parametrize("lesson", catalogue.NAMES)
def test_a_first_visit_shows_a_real_run_with_every_panel_of_its_newest_checkpoint(
    stage: TrainStage, lesson: str
) -> None:
    recorded = frame(lesson)
    stage.feed(recorded)
    panels = recorded["checkpoints"][-1]["panels"]
    drawn = {e.lower() for e in stage.page.locator(".tr-panel > h4").all_inner_texts()}
    on_field = {n for n, p in panels.items() if p["kind"] == "points"} if "field" in str(kinds(lesson)) else set()
    assert drawn == {name.lower() for name in panels} - {n.lower() for n in on_field}
    assert "recorded" in stage.text(".tr-state")
    assert stage.page.locator(".tr-timeline .tr-line[d]").count() >= 1
    assert stage.page.locator("canvas, img, .tr-text, .tr-bar, .tr-line").count() > 3


def test_scrubbing_shows_what_the_model_wrote_then(stage: TrainStage) -> None:
    recorded = frame("gpt")
    stage.feed(recorded)
    moments = recorded["checkpoints"]
    for at in (0, len(moments) // 2, len(moments) - 1):
        stage.page.evaluate("at => window.stage.look(at)", at)
        stage.settle()
        wrote = stage.page.locator(".tr-panel .tr-text").first.evaluate("e => e.textContent")
        assert wrote == moments[at]["panels"]["sample"]["text"]
        assert f"{moments[at]['step']:,}" in stage.text(".tr-at")


def test_the_timeline_can_be_walked_with_the_keyboard(stage: TrainStage) -> None:
    recorded = frame("gan")
    stage.feed(recorded)
    steps, handle = [m["step"] for m in recorded["checkpoints"]], stage.page.locator(".tr-scrub input")
    handle.focus()
    for key, step in (("Home", steps[0]), ("ArrowRight", steps[1]), ("ArrowLeft", steps[0]), ("End", steps[-1])):
        stage.page.keyboard.press(key)
        stage.settle()
        assert handle.input_value() == str(step), key
        assert f"step {step}" in handle.get_attribute("aria-valuetext")


def test_frames_that_carry_only_what_is_new_make_the_whole_timeline(stage: TrainStage) -> None:
    whole = frame("gan", state="running")
    moments = whole["checkpoints"]
    assert len(moments) > 5
    for first, end in ((0, 3), (3, 5), (5, len(moments))):
        stage.feed({**whole, "checkpoints": moments[first:end], "first": first, "version": end})
    held = stage.page.evaluate("() => playground.trainStore.checkpoints.map(c => c.step)")
    assert held == [m["step"] for m in moments]
    assert stage.sent("resync") == []


def test_a_missed_frame_is_asked_for_again(stage: TrainStage) -> None:
    whole = frame("gan", state="running")
    stage.feed({**whole, "checkpoints": whole["checkpoints"][:2], "first": 0})
    stage.feed({**whole, "checkpoints": whole["checkpoints"][4:5], "first": 4})
    assert [s["data"] for s in stage.sent("resync")] == [{"run": "abc"}]


def test_a_question_without_an_answer_is_asked_again_and_the_first_answer_is_taken(stage: TrainStage) -> None:
    stage.feed(frame("gan")).open("architecture")
    (first,) = [s["data"] for s in stage.sent("ask") if s["data"]["what"] == "architecture"]
    stage.page.wait_for_function("() => window.sent.filter(s => s.data.what === 'architecture').length === 2")
    again = [s["data"]["number"] for s in stage.sent("ask") if s["data"]["what"] == "architecture"]
    assert again == [first["number"]] * 2
    waiting = "() => playground.trainStore.answers.get([...playground.trainStore.answers.keys()].find(" \
              "k => k.startsWith('architecture')))"  # fmt: skip
    stage.answer("architecture", error="first")
    stage.answer("architecture", error="second")
    kept = stage.page.evaluate(waiting)
    assert (kept["waiting"], kept["error"]) == (False, "first")


def test_after_a_rewind_the_timeline_ends_where_the_run_stands(stage: TrainStage) -> None:
    whole = frame("gan", state="paused")
    stage.feed(whole)
    stage.feed({**whole, "checkpoints": [], "first": 3, "step": whole["checkpoints"][2]["step"], "version": 99})
    assert stage.page.evaluate("() => playground.trainStore.checkpoints.length") == 3


def test_rewind_is_offered_where_there_is_a_checkpoint_to_go_back_to(stage: TrainStage) -> None:
    whole = frame("gan", state="paused", rewindable=[])
    step = whole["checkpoints"][1]["step"]
    stage.feed({**whole, "rewindable": [0, step]})
    stage.page.evaluate("() => window.stage.look(1)")
    stage.settle()
    stage.page.get_by_role("button", name="Rewind").click()
    assert [s["data"] for s in stage.sent("rewind")] == [{"step": step}]


def test_a_double_click_starts_one_run(stage: TrainStage) -> None:
    stage.feed(frame("gpt"))
    stage.page.locator("[data-act=start]").dblclick()
    assert len(stage.sent("start")) == 1


@pytest.mark.parametrize(
    ("state", "held", "can"),
    [
        ("running", True, {"pause", "stop"}), ("paused", True, {"start", "resume", "step", "stop"}),
        ("paused", False, {"start", "resume", "step"}), ("finished", True, {"start"}),
    ],
)  # fmt: skip
def test_the_buttons_are_those_that_do_something(stage: TrainStage, state: str, held: bool, can: set[str]) -> None:
    stage.feed(frame("gpt", state=state, held=held))
    buttons = stage.page.locator(".tr-act[data-act]:visible:enabled")
    assert set(buttons.evaluate_all("all => all.map(b => b.dataset.act)")) == can


def test_charts_survive_a_view_that_is_built_anew(stage: TrainStage) -> None:
    stage.feed(frame("gan", state="running"))
    before = stage.page.locator(".tr-timeline .tr-line").first.get_attribute("d")
    stage.page.evaluate("() => window.remount()")
    stage.settle()
    assert stage.page.locator(".tr-timeline .tr-line").first.get_attribute("d") == before


def test_it_is_drawn_at_most_eight_times_a_second(browser: Any) -> None:
    page = browser.new_context().new_page()
    page.clock.install(time=0)
    page.goto("about:blank")
    TrainStage(page)
    page.evaluate("""() => {
      window.drawn = 0;
      const draw = stage.update.bind(stage);
      stage.update = () => { drawn += 1; draw(); };
    }""")
    whole = frame("gan", state="running")
    page.clock.pause_at(60_000)  # from here on time passes only when it is told to
    for i in range(40):  # two seconds
        page.evaluate("text => window.feed(text)", json.dumps({**whole, "checkpoints": [], "first": 0, "version": i}))
        page.clock.run_for(50)
    assert 8 <= page.evaluate("() => drawn") <= 17
    page.context.close()


def test_lines_of_one_chart_differ_without_their_colours(stage: TrainStage) -> None:
    stage.feed(frame("gpt"))
    chart = stage.page.locator(".tr-words .tr-keys .tr-line")
    dashes = chart.evaluate_all("all => all.map(e => getComputedStyle(e).strokeDasharray)")
    assert len(dashes) >= 2
    assert len(set(dashes)) == len(dashes)


def test_nothing_that_data_or_models_wrote_becomes_markup(stage: TrainStage) -> None:
    poisoned = {
        **frame("gpt", state="paused", step=1), "error": POISON, "notices": [POISON],
        "words": {"prompt": POISON, "words": [POISON], "steps": [1, 2], "p": [[0.1, 0.2]]},
        "gradients": {"step": 1, "layers": [POISON], "norms": [1.0]},
        "series": {"loss": [[1, 2.0]], POISON: [[1, 1.0], [2, 2.0]]},
        "saved": [{"id": "x", "title": POISON, "modality": "text", "revision": POISON}],
        "checkpoints": [{"step": 1, "scalars": {"loss": 1.0}, "panels": {
            POISON: {"kind": "text", "text": POISON}, "b": {"kind": "bars", "labels": [POISON], "values": [0.5]},
            "p": {"kind": "pictures", "png": ['"><img src=x onerror=window.hit=3>'], "captions": [POISON]},
            "s": {"kind": "strip", "panels": [{"kind": "text", "text": POISON}], "labels": [POISON]}}}],
    }  # fmt: skip
    stage.feed(poisoned)
    assert POISON in stage.page.locator(".tr-panel .tr-text").first.evaluate("e => e.textContent")
    one = {"id": "0:1", "context": POISON, "expected": POISON, "predicted": POISON, "loss": 2.3, "panel": None}
    stage.open("error").answer("wrong", [{**one, "p_expected": 0.1, "p_predicted": 0.9}])
    stage.open("save")
    stage.open("tokens").answer("merges", {"merges": [[POISON, "a", POISON, 3]], "cuts": [[0, [POISON]]], "text": "x"})
    stage.page.wait_for_timeout(100)
    assert stage.page.evaluate("() => window.hit") is None
    assert stage.page.locator("#host img[onerror]").count() == 0


@pytest.mark.parametrize("lesson", ["gpt", "vae"])
def test_the_chain_tells_the_recorded_numbers(stage: TrainStage, lesson: str) -> None:
    stage.feed(frame(lesson)).open("error").answer_all(lesson)
    first = train_recorded.answer(lesson, "wrong", {})[0]
    followed = train_recorded.answer(lesson, "follow", {"wrong_id": first["id"]})
    told = stage.text(".tr-follow")
    weight = followed["weight"]
    assert f"{weight['name']}[{', '.join(map(str, weight['index']))}]" in told
    shown = [float(n.replace("−", "-")) for n in stage.page.locator(".tr-num").all_inner_texts()]
    assert shown[0] == pytest.approx(weight["before"], rel=1e-5)
    assert shown[2] == pytest.approx(weight["after"], rel=1e-5)
    assert stage.page.locator(".tr-back .tr-bar").count() == sum(norm > 0 for _, norm in followed["layers"])
    assert followed["loss_after"] < followed["loss"]


def test_the_sentence_is_cut_as_the_merges_so_far_cut_it(stage: TrainStage) -> None:
    stage.feed(frame("gpt")).open("tokens").answer_all("gpt")
    recorded = train_recorded.answer("gpt", "merges", {"text": "The sky is blue, and the potato lies in the kitchen."})
    slider = stage.page.locator(".tr-range")
    for number, tokens in (recorded["cuts"][0], recorded["cuts"][3], recorded["cuts"][-1]):
        slider.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", str(number))
        shown = stage.page.locator(".tr-chips .tr-chip").evaluate_all("all => all.map(e => e.textContent)")
        assert shown == [token.replace(" ", "·") for token in tokens]


@pytest.mark.parametrize("lesson", ["gpt", "gan", "diffusion"])
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_every_stage_without_scrolling_sideways_and_with_contrast(
    phone: Any, lesson: str, dark: bool
) -> None:
    stage = phone(dark)
    stage.feed(frame(lesson))
    for name in STAGES:
        stage.open(name).answer_all(lesson)
        wide, room = stage.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= room, (name, wide)
        assert stage.page.evaluate(CONTRAST) == [], name
        low = stage.page.locator("button:visible, summary:visible").evaluate_all(
            "all => all.filter(e => e.getBoundingClientRect().height < 24).map(e => e.textContent)"
        )
        assert low == [], name
    assert stage.problems == []


def test_points_can_be_drawn_with_the_keyboard_and_sent(stage: TrainStage) -> None:
    stage.feed(frame("gan")).open("data").answer_all("gan")
    stage.page.locator(".tr-drawing").focus()
    for key in (" ", "ArrowRight", "ArrowRight", " "):
        stage.page.keyboard.press(key)
    stage.page.get_by_role("button", name="Train on these points").click()
    (own,) = stage.sent("own")
    points = own["data"]["points"]
    assert len(points) == 24
    assert sum(x for x, _ in points[12:]) / 12 > sum(x for x, _ in points[:12]) / 12


# ── what a visitor does by hand ──────────────────────────────────────────────


def own(lesson: str, **changes: Any) -> dict[str, Any]:
    """A frame of a visitor's own run that is finished."""
    return frame(lesson, **{"state": "finished", "error": None, "notices": [], **changes})


def ask(stage: TrainStage, text: str) -> None:
    stage.page.fill(".tr-probe input", text)
    stage.page.click(".tr-probe button")
    stage.settle()


def test_bert_shows_the_likeliest_words_of_every_gap(stage: TrainStage) -> None:
    stage.feed(own("bert"))
    ask(stage, "A [MASK] and a [MASK].")
    found = [{"words": ["cat", "dog"], "p": [0.5, 0.25]}, {"words": [POISON], "p": [0.125]}]
    stage.answer("fill", found)
    assert stage.page.locator(".tr-probe .tr-bar .pg-name").all_inner_texts()[:2] == ["cat", "dog"]
    assert stage.page.locator(".tr-probe .pg-figure").all_inner_texts() == ["50.0\u00a0%", "25.0\u00a0%", "12.5\u00a0%"]
    assert "[MASK] 2" in stage.text(".tr-probe")
    assert stage.page.evaluate("() => window.hit === undefined")


@pytest.mark.parametrize(("task", "says"), [("pronunciation", "word"), ("spans", "extra_id_0")])
def test_t5_shows_its_answer_and_says_what_it_can_be_asked(stage: TrainStage, task: str, says: str) -> None:
    stage.feed(own("t5", config={"task": task}))
    assert says in stage.text(".tr-probe label")
    ask(stage, "zebra")
    stage.answer("answer", {"input": "zebra", "answer": "zebra: Z IY B R AH"})
    assert stage.text(".tr-probe .tr-text") == "zebra: Z IY B R AH"


def test_a_run_that_is_held_can_be_begun_anew(stage: TrainStage) -> None:
    stage.feed(own("gpt", state="paused"))
    assert stage.page.locator("[data-act=resume]").is_visible()
    stage.page.click("[data-act=start]")
    assert len(stage.sent("start")) == 1


def test_a_step_is_a_whole_number_on_its_axis(stage: TrainStage) -> None:
    stage.feed(own("gpt", step=60, steps=60))
    assert stage.text(".tr-timeline .tr-xs span:last-child") == "60"


def test_the_title_of_one_lessons_model_is_not_that_of_the_next(stage: TrainStage) -> None:
    stage.feed(own("bert")).open("save")
    stage.page.fill(".tr-saving input", "My best BERT")
    stage.feed(own("t5", run="def")).open("save")
    assert stage.page.input_value(".tr-saving input") == "My T5"


def test_a_saved_model_says_where_it_is_and_is_removed_by_the_second_click(stage: TrainStage) -> None:
    saved = {"id": "gpt-1", "title": "My GPT", "modality": "text", "revision": "abc", "listed": True}
    stage.feed(own("gpt", saved=[saved])).open("save")
    stage.page.click(".tr-saving button[type=submit]")
    stage.settle().answer("save", saved)
    assert "choose it in the Text and Code tabs" in stage.text(".tr-saving [role=status]")
    button = stage.page.locator(".tr-saved .pg-quiet")
    button.click()
    assert stage.sent("forget") == []
    button.click()
    assert stage.sent("forget")[0]["data"]["id"] == "gpt-1"


def test_words_without_a_text_before_them_are_refused_beside_the_form(stage: TrainStage) -> None:
    stage.feed(own("gpt"))
    stage.page.locator(".tr-words input").first.fill(" ")
    stage.page.click(".tr-words form button")
    stage.settle()
    assert "Write a text" in stage.text(".tr-words [role=status]")
    assert stage.sent("words") == []


def test_a_comparison_shows_nothing_of_other_data(stage: TrainStage) -> None:
    one = {"family": "gan", "title": "GAN", "points": [[0, 0]], "distance": 0.5, "seconds": 1.0, "step": 1, "steps": 2,
           "parameters": 3, "history": [[1, 0.5]]}  # fmt: skip
    value = {"data": "moons", "seconds": 10, "points": [[0, 0]], "own_distance": 0.1, "families": [one], "done": True}
    stage.feed(frame("gpt"))
    stage.page.evaluate("() => { playground.trainLesson = 'families'; window.stage.soon(); }")
    stage.settle().answer("families", value)
    facts = ".tr-family:has(h4:text-is('GAN')) > p:last-child"
    assert "0.5" in stage.text(facts)
    stage.page.click(".tr-families .tr-main")
    number = stage.sent("compare")[0]["data"]["number"]
    message = {"what": "families", "number": number, "value": {**value, "data": "ring", "families": [], "done": False}}
    stage.page.evaluate("text => playground.train.answer(text)", json.dumps(message))
    stage.settle()
    assert stage.text(facts) == "not begun"
