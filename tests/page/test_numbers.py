"""Number boxes: what cannot be taken as it was typed becomes the nearest number that can, and that is said."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.page.visitor import opened, write

pytestmark = pytest.mark.browser
TEMPERATURE, LENGTH, SEED = (f"#text-{name} input[type=number]" for name in ("temperature", "max_new_tokens", "seed"))


@pytest.fixture
def visited(page: Page, app_url: str) -> Iterator[Page]:
    with opened(page, app_url):
        yield page


CORRECTED = [
    (TEMPERATURE, "7", "2", "7 became 2: from 0 to 2."),
    (TEMPERATURE, "-1", "0", "-1 became 0: from 0 to 2."),
    (LENGTH, "12.4", "12", "12.4 became 12: whole numbers from 1 to"),
    (SEED, "-5", "0", "-5 became 0: whole numbers from 0 to 4294967295."),
    (SEED, "1e12", "4294967295", "1e12 became 4294967295: whole numbers"),
]


def test_a_number_that_cannot_be_taken_is_brought_back_and_that_is_said(visited: Page) -> None:
    said = visited.locator(".page-corrected")
    for box, typed, taken, why in CORRECTED:
        visited.fill(box, typed)
        visited.keyboard.press("Tab")
        expect(visited.locator(box)).to_have_value(taken)
        expect(said).to_have_count(1)
        expect(said).to_contain_text(why)
        visited.locator(box).press("ArrowUp" if typed.startswith("-") else "ArrowDown")
        expect(said).to_have_count(0)
    visited.fill(TEMPERATURE, "9")
    visited.keyboard.press("Tab")
    expect(said).to_have_count(1)
    visited.click("#text-reset")  # puts other numbers in place: what was said is over
    expect(said).to_have_count(0)


def test_a_number_that_can_be_taken_stays_as_it_was_typed_and_an_emptied_box_gets_it_back(visited: Page) -> None:
    for box, typed in ((TEMPERATURE, "0.723"), (LENGTH, "12"), (SEED, "123456")):
        for value in (typed, ""):
            visited.fill(box, value)
            visited.keyboard.press("Tab")
            visited.wait_for_timeout(200)
            expect(visited.locator(box)).to_have_value(typed)
        expect(visited.locator(".page-corrected")).to_have_count(0)


def test_what_stands_in_a_corrected_box_is_what_the_run_takes(visited: Page) -> None:
    visited.fill(SEED, "3.6")
    visited.keyboard.press("Tab")
    expect(visited.locator(SEED)).to_have_value("4")
    write(visited, "The sky is", 5)
    assert visited.evaluate("window.frames_.find(f => f.started).started.settings.seed") == 4


def test_a_prompt_is_written_in_the_direction_of_its_letters(visited: Page) -> None:
    box = visited.locator("#text-prompt textarea")
    box.fill("السماء زرقاء")
    assert box.evaluate("box => getComputedStyle(box).direction") == "rtl"
    box.fill("The sky is")
    assert box.evaluate("box => getComputedStyle(box).direction") == "ltr"
