"""The Image tab of a first visit: a recorded run, in which everything can be opened before a model is loaded."""

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from playground import fields
from playground.denoising import files
from playground.events import Finished
from playground.manager import ModelManager
from playground.modalities import image
from playground.ui import recorded
from tests.page.picture_tab import make
from tests.page.visitor import opened

pytestmark = [pytest.mark.browser, pytest.mark.slow]
VIEW, STEP = "#image-view", "#image-view .pc-step"

WITHIN = """([box, thing]) => {
    const outside = document.querySelector(box).getBoundingClientRect();
    const inside = document.querySelector(thing).getBoundingClientRect();
    return inside.left >= outside.left && inside.right <= outside.right;
}"""


@pytest.fixture
def tab(page: Page, app_url: str) -> Iterator[Page]:
    with opened(page, app_url):
        page.get_by_role("tab", name="Image").click()
        yield page


def test_the_first_visit_shows_a_recorded_picture_whose_steps_can_be_opened(tab: Page) -> None:
    expect(tab.locator(f"{VIEW} .pc-large").first).to_be_visible()
    expect(tab.locator(VIEW)).to_contain_text("A recorded run")
    expect(tab.locator(STEP)).to_have_count(16)
    tab.locator(STEP).nth(4).click()
    expect(tab.locator(f"{VIEW} .pg-after")).to_have_text("Step 5 of 16")
    expect(tab.locator("#image-stop")).to_be_disabled()
    expect(tab.locator("#image-run")).to_be_enabled()


def test_the_recorded_picture_says_what_it_is_near_to(tab: Page) -> None:
    expect(tab.locator(f"{VIEW} .pc-neighbour")).to_have_count(3)
    expect(tab.locator(f"{VIEW} .pc-nearest")).to_contain_text("for a picture it was trained on")


def test_on_a_phone_the_strip_stands_at_the_step_that_is_chosen(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    with opened(page, app_url):
        page.get_by_role("tab", name="Image").click()
        chosen = page.locator(f"{STEP}[aria-pressed=true]")
        expect(chosen).to_contain_text("16")
        page.wait_for_function(WITHIN, arg=[f"{VIEW} .pc-strip", f"{STEP}[aria-pressed=true]"])


def test_on_a_phone_the_inside_of_a_step_stands_before_earlier_runs(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    with opened(page, app_url):
        page.get_by_role("tab", name="Image").click()
        # the recorded run is there first: else it would be taken for the end of one's own
        expect(page.locator(f"{VIEW} .pg-columns")).to_have_attribute("data-run", "recorded-image")
        for _ in range(2):
            make(page)
        expect(page.locator(f"{VIEW} .pc-run").first).to_be_visible()
        inside, besides = (page.locator(f"{VIEW} {one}").bounding_box() or {} for one in (".pc-why", ".pc-besides"))
        assert inside["y"] + inside["height"] <= besides["y"]


def test_a_recorded_step_is_looked_into_and_gone_on_from(tab: Page) -> None:
    tab.locator(STEP).nth(6).click()
    ask = tab.get_by_role("button", name="Look inside this step")
    inside = tab.locator(f"{VIEW} .pc-inside")
    expect(ask.or_(inside).first).to_be_visible()
    if ask.is_visible():
        ask.evaluate_all("all => all.filter(b => !b.disabled).forEach(b => b.click())")
    expect(inside).to_be_visible()
    words = [chip.inner_text() for chip in tab.locator(f"{VIEW} .pc-word").all()]
    assert "cat" in words and "skateboard" in words
    tab.fill("#image-prompt textarea", "a dog riding a skateboard")
    tab.get_by_role("button", name="Go on from here").click()
    expect(tab.locator(f"{VIEW} .pg-state")).to_have_text("The picture is finished.")
    expect(tab.locator(f"{VIEW} .pc-run")).to_have_count(2)
    expect(tab.locator(f"{VIEW} .pc-run").last).to_contain_text("a dog riding a skateboard")


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_the_recording_is_what_the_model_makes_now() -> None:
    """Whoever exports another model has to record again."""
    frame = json.loads(recorded.frame("image") or "{}")
    assert frame["total"] == len(frame["events"]) == frame["started"]["settings"]["steps"]
    manager = ModelManager("own")
    settings = fields.build(image.Settings, fields.defaults(image.Settings))
    end = next(event for event in image.generate(settings, manager) if isinstance(event, Finished))
    manager.close()
    then, now = (
        np.array(Image.open(io.BytesIO(files.content(url))).convert("RGB")).astype(int)
        for url in (frame["finished"]["pictures"][0], end.pictures[0])
    )
    assert np.abs(then - now).mean() < 4
