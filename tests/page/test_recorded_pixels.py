"""The Pixels tab of a first visit: a recorded picture, which comes once the tab is seen."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground import fields
from playground.events import Finished, TokenStep
from playground.manager import ModelManager
from playground.modalities import pixels
from playground.ui import recorded
from tests.page.visitor import number, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]
VIEW = "#pixels-view"


@pytest.fixture
def seen(page: Page, app_url: str) -> Iterator[list[str]]:
    """The bodies of all requests of an opened page."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    with opened(page, app_url):
        yield asked


def test_the_recorded_picture_comes_with_its_tab_and_every_pixel_can_be_opened(page: Page, seen: list[str]) -> None:
    page.wait_for_timeout(300)
    assert not [body for body in seen if "recorded-pixels" in body], "the page is heavy enough without it"
    page.get_by_role("tab", name="Pixels").click()
    expect(page.locator(VIEW)).to_contain_text("A recorded run")
    expect(page.locator(f"{VIEW} .pg-pixel")).to_have_count(256)
    expect(page.locator(f"{VIEW} .pg-where")).not_to_have_text("step 274 of 274")  # where the colours are least certain
    expect(page.locator(f"{VIEW} .pg-legend")).to_be_hidden()
    page.locator(f"{VIEW} .pg-pixel").nth(70).click()
    expect(page.locator(f"{VIEW} .pg-where")).to_contain_text("of 274")
    expect(page.locator(f"{VIEW} .pc-neighbour")).to_have_count(3)
    expect(page.locator(f"{VIEW} .pc-neighbour").first).to_contain_text("sunflower")
    assert len([body for body in seen if '"from":0' in body and "recorded-pixels" in body]) == 1


def test_moved_sliders_mark_the_pixels_that_would_be_others_with_their_colours(page: Page, seen: list[str]) -> None:
    page.get_by_role("tab", name="Pixels").click()
    expect(page.locator(f"{VIEW} .pg-pixel")).to_have_count(256)
    expect(page.locator(f"{VIEW} .pg-dotted")).to_be_hidden()
    number(page, "temperature", 0.2, tab="pixels")
    expect(page.locator(f"{VIEW} .pg-dotted")).to_be_visible()
    other = page.locator(f"{VIEW} .pg-pixel .pg-other[data-colour]").first
    expect(other).to_be_visible()
    colour = other.get_attribute("data-colour") or ""
    shown = ", ".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    assert other.evaluate("one => getComputedStyle(one).backgroundColor") == f"rgb({shown})"
    assert (other.bounding_box() or {})["height"] == 10


def test_a_run_of_ones_own_stays_where_the_recorded_one_comes_late(page: Page, seen: list[str]) -> None:
    late: list[Any] = []
    page.route("**/*", lambda route: late.append(route) if '"recorded-pixels"' in (route.request.post_data or "")
               else route.continue_())  # fmt: skip
    page.get_by_role("tab", name="Pixels").click()
    page.fill("#pixels-max_new_tokens input[type=number]", "20")
    page.keyboard.press("Tab")
    page.click("#pixels-run")
    expect(page.locator(f"{VIEW} .pg-state")).to_have_text("Stopped at the length limit.")
    assert late, "the recorded run was asked for"
    for route in late:
        route.continue_()
    page.wait_for_timeout(1500)
    expect(page.locator(f"{VIEW} .pg-state")).to_have_text("Stopped at the length limit.")
    expect(page.locator(VIEW)).not_to_contain_text("A recorded run")


def test_the_recorded_picture_is_what_a_click_on_run_would_write() -> None:
    frame = json.loads(recorded.frame("pixels") or "{}")
    manager = ModelManager("own")
    try:
        settings = fields.build(pixels.Settings, fields.defaults(pixels.Settings))
        events = list(pixels.generate(settings, manager))
    finally:
        manager.close()
    own = [event.text for event in events if isinstance(event, TokenStep)]
    assert own == [step["text"] for step in frame["events"]] and len(own) == 274
    end = events[-1]
    assert isinstance(end, Finished) and end.text == frame["finished"]["text"]
