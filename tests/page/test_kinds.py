"""A text with gaps and a word that is spoken, in a real browser, with the models that come with the page."""

from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect
from transformers import AutoModelForMaskedLM, AutoTokenizer

from playground.models._places import ASSETS
from tests.page.visitor import COLLECT, begin, choose_model, number, steps, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FOLDER = ASSETS / "models" / "gaps"


def chosen(page: Page, title: str, hint: str) -> None:
    """A model by its title, once its hint is shown."""
    choose_model(page, title)
    expect(page.locator("#text-model-note")).to_contain_text(hint)


def word(page: Page, text: str) -> Any:
    """The chip that shows a text."""
    return page.locator("#text-view .pg-text .pg-chip", has_text=text).first


def exact(masks: tuple[int, ...]) -> torch.Tensor:
    """Probabilities (V,) at the first of the hidden tokens of the sentence, by transformers."""
    model, tokenizer = (
        AutoModelForMaskedLM.from_pretrained(FOLDER, dtype=torch.float32),
        AutoTokenizer.from_pretrained(FOLDER),
    )
    read = tokenizer("The sky is blue and the grass is green.", return_tensors="pt").input_ids
    for place in masks:
        read[0, place] = tokenizer.mask_token_id
    with torch.no_grad():
        return model(input_ids=read).logits[0, masks[0]].softmax(-1)


def test_a_click_hides_a_word_and_shows_transformers_distribution_and_a_second_puts_it_back(held: Page) -> None:
    chosen(held, "Gaps", "a click on one of its words hides it")
    held.get_by_role("radio", name="greedy").check()
    write(held, "The sky is blue and the grass is green.")
    expect(held.locator("#text-view .pg-notices")).to_contain_text("Nothing is hidden: click a word")
    word(held, "blue").click()
    expect(held.locator("#text-view .pg-filled")).to_have_count(1)
    expect(held.locator("#text-view .pg-was")).to_contain_text("You hid “blue”")
    probs = exact((4,))
    (step,) = steps(held)
    assert step["place"] == 4
    for candidate in step["candidates"]:
        assert candidate["raw_probability"] == pytest.approx(float(probs[candidate["token_id"]]), abs=1e-4)
    shown = held.locator("#text-view .pg-row:not([hidden]) .pg-figure").first.inner_text()
    assert shown.startswith(f"{float(probs.max()) * 100:.3g}"[:3])

    word(held, "grass").click()
    expect(held.locator("#text-view .pg-filled")).to_have_count(2)
    expect(held.locator("#text-view .pg-was")).to_contain_text("You hid “grass”")
    both = steps(held)
    assert [s["place"] for s in both] == [4, 7]
    probs = exact((4, 7))
    for candidate in both[0]["candidates"]:
        assert candidate["raw_probability"] == pytest.approx(float(probs[candidate["token_id"]]), abs=1e-4)

    held.locator("#text-view .pg-filled").nth(1).click()  # it is open: this closes the gap
    expect(held.locator("#text-view .pg-filled")).to_have_count(1)
    expect(word(held, "grass")).to_be_visible()
    held.locator("#text-view .pg-filled").click()
    expect(held.locator("#text-view .pg-was")).to_contain_text("You hid “blue”")
    held.get_by_role("button", name="Put “blue” back").click()
    expect(held.locator("#text-view .pg-filled")).to_have_count(0)
    expect(word(held, "blue")).to_be_visible()


def test_sliders_redraw_a_gap_another_word_can_be_filled_in_and_again_keeps_the_gaps(held: Page) -> None:
    chosen(held, "Gaps", "a click on one of its words hides it")
    number(held, "temperature", 1)
    write(held, "The sky is [MASK] and the grass is [MASK].")
    first, second = steps(held)
    held.locator("#text-view .pg-filled").first.click()
    before = held.locator("#text-view .pg-bars").inner_text()
    number(held, "temperature", 2)
    held.wait_for_function("(b) => document.querySelector('#text-view .pg-bars').innerText !== b", arg=before)
    number(held, "temperature", 1)
    other = next(c for c in first["candidates"] if c["token_id"] != first["token_id"])
    held.evaluate("window.frames_ = []")
    row = held.locator("#text-view .pg-row:not([hidden])", has_text=other["text"]).first
    row.locator(".pg-bar").click()
    row.locator(".pg-go").click()
    held.wait_for_function("window.frames_.some(f => f.finished && f.total > 1)")
    assert [s["place"] for s in steps(held)] == [first["place"], second["place"]]
    assert steps(held)[0]["token_id"] == other["token_id"]

    held.evaluate("window.frames_ = []")
    expect(held.locator("#text-again")).to_be_enabled()
    held.click("#text-again")
    held.wait_for_function("window.frames_.some(f => f.finished && f.total > 1)")
    assert [s["token_id"] for s in steps(held)] == [first["token_id"], second["token_id"]]


def test_gaps_are_placed_with_the_keyboard_alone_and_focus_stays_in_the_text(held: Page) -> None:
    chosen(held, "Gaps", "a click on one of its words hides it")
    write(held, "The sky is blue.")
    held.locator("#text-view .pg-text .pg-chip").first.focus()
    for _ in range(2):
        held.keyboard.press("ArrowRight")
    held.evaluate(COLLECT)
    held.keyboard.press("Enter")
    expect(held.locator("#text-view .pg-filled")).to_have_count(1)
    assert steps(held)[0]["place"] == 2
    assert held.evaluate("document.activeElement.classList.contains('pg-filled')")


def test_a_reloaded_page_shows_the_text_with_its_gaps(held: Page) -> None:
    chosen(held, "Gaps", "a click on one of its words hides it")
    write(held, "The sky is blue.")
    word(held, "blue").click()
    expect(held.locator("#text-view .pg-filled")).to_have_count(1)
    held.reload()
    expect(held.locator("#text-view .pg-filled")).to_have_count(1)
    expect(word(held, "sky")).to_be_visible()


def test_a_word_is_spoken_and_each_sound_shows_where_the_decoder_looked(held: Page) -> None:
    chosen(held, "Sounds", "Write one English word")
    held.get_by_role("radio", name="greedy").check()
    write(held, "phone")
    said = steps(held)
    assert [s["piece"] for s in said[:3]] == ["F", "OW", "N"]
    letters = held.locator("#text-view .pg-letter")
    expect(letters).to_have_count(6)  # five letters and the token that ends them
    held.locator("#text-view .pg-text .pg-chip", has_text="F").first.click()
    expect(held.locator("#text-view .pg-source")).to_contain_text("Before it wrote “F”, the decoder looked most at “")
    shares = torch.tensor(said[0]["looked"]).view(-1, 6)
    mean = shares.mean(0)
    best = int(mean.argmax())
    expect(letters.nth(best)).to_have_attribute("data-much", "true")
    held.locator("#text-view .pg-layer").select_option("1")
    bar = letters.nth(int(shares[1].argmax())).locator("i").element_handle()
    wanted = [bar, 100 * float(shares[1].max())]  # drawn with the next picture of the screen
    held.wait_for_function("([bar, height]) => Math.abs(parseFloat(bar.style.height) - height) < 0.1", arg=wanted)
    begin(held, "hello world")
    expect(held.locator("#text-view .pg-error")).to_contain_text("reads one English word")


def test_the_copied_text_of_a_gap_run_is_the_filled_sentence(held: Page) -> None:
    chosen(held, "Gaps", "a click on one of its words hides it")
    held.get_by_role("radio", name="greedy").check()
    write(held, "The sky is [MASK] today.")
    filled = held.evaluate("window.frames_.findLast(f => f.finished).finished.filled")
    with held.expect_download() as waiting:
        held.locator("#text-view").get_by_role("button", name="Download text").click()
    with open(waiting.value.path(), encoding="utf-8") as file:
        assert file.read() == filled
    assert filled.startswith("The sky is ")
