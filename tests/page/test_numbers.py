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


@pytest.mark.parametrize(("box", "typed", "taken", "why"), [
    (TEMPERATURE, "7", "2", "7 became 2: from 0 to 2."),
    (TEMPERATURE, "-1", "0", "-1 became 0: from 0 to 2."),
    (LENGTH, "12.4", "12", "12.4 became 12: whole numbers from 1 to"),
    (SEED, "-5", "0", "-5 became 0: whole numbers from 0 to 4294967295."),
    (SEED, "1e12", "4294967295", "1e12 became 4294967295: whole numbers"),
])  # fmt: skip
def test_a_number_that_cannot_be_taken_is_brought_back_and_that_is_said(
    visited: Page, box: str, typed: str, taken: str, why: str
) -> None:
    visited.fill(box, typed)
    visited.keyboard.press("Tab")
    expect(visited.locator(box)).to_have_value(taken)
    said = visited.locator(".page-corrected")
    expect(said).to_have_count(1)
    expect(said).to_contain_text(why)
    visited.locator(box).press("ArrowUp" if typed.startswith("-") else "ArrowDown")
    expect(said).to_have_count(0)


@pytest.mark.parametrize(("box", "typed"), [(TEMPERATURE, "0.75"), (LENGTH, "12"), (SEED, "123456")])
def test_a_number_that_can_be_taken_stays_as_it_was_typed(visited: Page, box: str, typed: str) -> None:
    visited.fill(box, typed)
    visited.keyboard.press("Tab")
    visited.wait_for_timeout(300)
    expect(visited.locator(box)).to_have_value(typed)
    expect(visited.locator(".page-corrected")).to_have_count(0)


@pytest.mark.parametrize("box", [TEMPERATURE, LENGTH, SEED])
def test_an_emptied_box_gets_its_number_back(visited: Page, box: str) -> None:
    before = visited.locator(box).input_value()
    visited.fill(box, "")
    visited.keyboard.press("Tab")
    expect(visited.locator(box)).to_have_value(before)


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
