"""The Train tab of the served page: a visitor trains, leaves, comes back, brings data."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from playground.lessons import catalogue
from playground.ui import train_recorded, train_tab
from playground.ui.train_answers import Answers
from playground.ui.train_desk import Visitors
from playground.ui.train_record import first_questions
from tests.page.visitor import Served

SMALL = {"n_layer": 1, "n_head": 1, "n_embd": 16, "block_size": 16, "batch_size": 2}


def trainings(served: Served) -> Any:
    """The trainings of the served page, which ends them with their visits."""
    return served.visits.holds[-1].__self__


def train_page(page: Page) -> None:
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#train-view .tr-state")).to_be_visible()


def small(page: Page, steps: int) -> None:
    """A GPT that is small enough for a test."""
    for name, value in {**SMALL, "steps": steps}.items():
        page.fill(f"#train-gpt-{name} input[type=number]", str(value))
        page.keyboard.press("Tab")


def newest(page: Page) -> dict[str, Any]:
    """The frame that the page holds."""
    found: dict[str, Any] = page.evaluate("() => playground.trainStore.frame")
    return found


def test_a_first_visit_finds_a_recorded_run_that_scrubs_before_anything_is_started(held: Page) -> None:
    train_page(held)
    expect(held.locator("#train-view .tr-state")).to_have_text("a recorded run")
    last = held.locator("#train-view .tr-at").inner_text()
    held.locator("#train-view .tr-scrub input").focus()
    held.keyboard.press("Home")
    expect(held.locator("#train-view .tr-at")).not_to_have_text(last)
    held.click("#tr-tab-error")
    expect(held.locator("#train-view .tr-new")).not_to_have_text("")


def test_each_stage_says_in_plain_words_what_it_is(held: Page) -> None:
    told = train_recorded.load("vae")["lesson"]
    train_page(held)
    held.locator("#train-lesson label").filter(has_text="VAE").click()
    for stage in ("data", "learning", "save"):
        held.click(f"#tr-tab-{stage}")
        expect(held.locator("#train-view")).to_contain_text(told["stages"][stage]["sentence"])


def test_a_double_click_trains_one_model_which_a_reloaded_page_finds_again(held: Page, served: Served) -> None:
    train_page(held)
    small(held, 12)
    held.locator("#train-view [data-act=start]").dblclick()
    done = "() => { const f = playground.trainStore.frame || {}; return f.state === 'finished' && f.step === 12; }"
    held.wait_for_function(done)
    before = newest(held)
    token = held.evaluate("() => playground.visit()")
    mine = trainings(served).of(token)
    assert before["run"] == mine.training.id
    assert before["step"] == before["steps"] == 12
    assert [step for step, _ in before["series"]["loss"]] == list(range(1, 13))
    held.reload()
    train_page(held)
    held.wait_for_function("run => (playground.trainStore.frame || {}).run === run", arg=before["run"])
    assert newest(held)["series"]["loss"] == before["series"]["loss"]
    expect(held.locator("#train-gpt-n_embd input[type=number]")).to_have_value("16")
    assert held.locator("#train-view .tr-timeline .tr-line").first.get_attribute("d")


def test_pause_step_and_resume_move_the_run_as_they_say(held: Page) -> None:
    train_page(held)
    small(held, 100_000)
    held.click("#train-view [data-act=start]")
    held.wait_for_function("() => (playground.trainStore.frame || {}).step > 3")
    held.click("#train-view [data-act=pause]")
    held.wait_for_function("() => playground.trainStore.frame.state === 'paused'")
    at = newest(held)["step"]
    held.click("#train-view [data-act=step]")
    held.wait_for_function("at => playground.trainStore.frame.step > at && !playground.trainStore.going", arg=at)
    assert newest(held)["step"] == at + 1
    held.click("#train-view [data-act=resume]")
    held.wait_for_function("at => playground.trainStore.frame.step > at + 3", arg=at)
    held.click("#train-view [data-act=pause]")
    expect(held.locator("#train-view .tr-state")).to_have_text("paused")
    held.click("#train-view [data-act=stop]")
    expect(held.locator("#train-view .tr-state")).to_have_text("stopped, its checkpoint is kept")
    expect(held.locator("#train-view [data-act=stop]")).to_be_disabled()
    held.click("#train-view [data-act=resume]")
    held.wait_for_function("at => playground.trainStore.frame.step > at + 6", arg=at)
    held.click("#train-view [data-act=stop]")
    expect(held.locator("#train-view .tr-state")).to_have_text("stopped, its checkpoint is kept")


def test_a_text_of_ones_own_is_what_the_model_learns_from(held: Page, served: Served) -> None:
    train_page(held)
    held.click("#tr-tab-data")
    held.fill("#train-view textarea", "\n\n".join(f"The zebra number {i} sings at noon." for i in range(40)))
    held.get_by_role("button", name="Train on this text").click()
    expect(held.locator("#train-view .tr-in-use")).to_contain_text("In use")
    expect(held.locator("#train-view .tr-example").first).to_contain_text("zebra")
    small(held, 2)
    held.click("#train-view [data-act=start]")
    held.wait_for_function("() => playground.trainStore.mine && playground.trainStore.frame.state === 'finished'")
    config = trainings(served).of(held.evaluate("() => playground.visit()")).training.config
    train, held_out = catalogue.lesson("gpt").documents(config)
    assert {"zebra" in text for text in [*train, *held_out]} == {True}


def test_files_of_ones_own_are_read_in_the_browser_and_trained_on(held: Page, tmp_path: Path) -> None:
    train_page(held)
    held.click("#tr-tab-data")
    text, noise, picture, dot = (tmp_path / name for name in ("own.txt", "noise.txt", "big.png", "dot.png"))
    text.write_text("\n\n".join(f"The zebra number {i} sings at noon." for i in range(40)), "utf-8")
    noise.write_bytes(bytes(range(256)) * 9)
    Image.effect_noise((300, 200), 90).save(picture)  # more than goes as it is: the browser cuts it
    Image.new("RGB", (1, 1)).save(dot)

    def give(*files: Path) -> None:
        for _ in range(8):  # a click on a page that just draws itself anew is lost
            try:
                with held.expect_file_chooser(timeout=8_000) as chooser:
                    held.locator(".tr-own button").filter(has_text="Upload").click()
            except PlaywrightTimeoutError:
                continue
            chooser.value.set_files(files)
            return
        raise AssertionError("no window to choose a file opens")

    said = held.locator("#train-view .tr-own p[role=status]")
    give(text)
    expect(said).to_contain_text("In use: 40 passages")
    expect(held.locator("#train-view .tr-example").first).to_contain_text("zebra")
    give(noise)
    expect(said).to_contain_text("noise.txt is no text")
    held.locator("#train-lesson label").filter(has_text="GAN").click()
    expect(held.locator("#train-view .tr-own button").filter(has_text="Upload pictures")).to_be_visible()
    give(dot)
    expect(said).to_contain_text("1 × 1 pixels")
    give(picture)
    expect(said).to_contain_text("In use: 1 picture of your own")
    instead = "() => getComputedStyle(document.getElementById('train-gan-data'), '::after').content"
    held.wait_for_function(f"() => ({instead})().includes('instead')")
    held.get_by_role("button", name="Use the set again").click()
    held.wait_for_function(f"() => ({instead})() === 'none'")


def test_what_cannot_be_trained_is_refused_with_a_sentence_where_the_click_was(held: Page) -> None:
    train_page(held)
    small(held, 5)
    held.fill("#train-gpt-n_head input[type=number]", "3")
    held.keyboard.press("Tab")
    held.click("#train-view [data-act=start]")
    expect(held.locator("#train-view .tr-error").first).to_contain_text("3")


def test_a_learning_rate_of_a_billion_can_be_typed_and_ends_with_an_explanation(held: Page) -> None:
    train_page(held)
    small(held, 400)
    held.fill("#train-gpt-learning_rate input", "1000000000")
    held.keyboard.press("Tab")
    held.click("#train-view [data-act=start]")
    expect(held.locator("#train-view .tr-error").first).to_contain_text("training has diverged")
    expect(held.locator("#train-view .tr-error").first).to_contain_text("Lower the learning rate")


# ── without a browser ────────────────────────────────────────────────────────


@pytest.mark.parametrize("lesson", catalogue.NAMES)
def test_the_controls_are_those_of_the_lessons_own_configuration(lesson: str) -> None:
    told = train_recorded.load(lesson)["lesson"]
    now = json.loads(json.dumps(catalogue.described(lesson)))
    assert {k: told[k] for k in ("title", "knobs", "presets")} == {k: now[k] for k in ("title", "knobs", "presets")}
    from playground import fields

    config = catalogue.config_class(lesson)
    made = train_recorded.settings_class(lesson)
    assert {n: v for n, v in fields.defaults(config).items() if n in told_names(told)} == fields.defaults(made)


def told_names(described: dict[str, Any]) -> set[str]:
    return {knob["name"] for knob in described["knobs"]}


@pytest.mark.parametrize("lesson", catalogue.NAMES)
def test_the_questions_of_a_first_visit_need_no_computing(lesson: str, monkeypatch: pytest.MonkeyPatch) -> None:
    controls = {name: train_tab.Controls(name, train_recorded.settings_class(name)) for name in catalogue.NAMES}
    for name, made in controls.items():
        made.components = dict.fromkeys(train_recorded.settings_class(name).__dataclass_fields__)
    nobody = SimpleNamespace()
    desk = Answers(Visitors(nobody, nobody, nobody, nobody, controls))
    monkeypatch.setattr(desk.questions, "answer", lambda *_: pytest.fail("it was computed"))
    mine = SimpleNamespace(training=None, token="0" * 32)
    kind = train_recorded.answer(lesson, "sets", {})[0]["kind"]
    for what, asked in first_questions(lesson, kind):
        assert desk._answer(what, lesson, mine, asked), what
