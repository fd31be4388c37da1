"""The Image tab in a real browser, with a tiny random model in the place of the embedded one."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from playground.denoising import files, schedulers
from playground.modalities import image
from playground.models import _classifier, _pictures
from tests.models import tiny_pictures
from tests.page.catalogues import served_with, tiny_spec
from tests.page.picture_tab import OVER, STATE, STEP, VIEW, drop, large, make, number, served, visited, words
from tests.page.visitor import fill, opened

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("pictures")) as address:
        yield address


@pytest.fixture
def tab(page: Page, url: str) -> Iterator[Page]:
    with visited(page, url):
        yield page


def test_a_picture_comes_out_of_noise_and_every_step_can_be_opened(tab: Page) -> None:
    expect(tab.locator(f"{VIEW} .pg-empty")).to_be_visible()
    make(tab, "a red apple")
    expect(tab.locator(STATE)).to_have_text("The picture is finished.")
    expect(tab.locator(STEP)).to_have_count(16)
    expect(tab.locator("#image-continue")).to_be_disabled()
    finished = large(tab)
    tab.locator(STEP).nth(4).click()
    assert words(tab) == ["a", "red", "apple"]
    expect(tab.locator(f"{VIEW} .pg-after")).to_have_text("Step 5 of 16")
    assert large(tab) != finished
    pressed = tab.locator(f"{VIEW} .pc-word[aria-pressed=true]")
    expect(pressed).to_have_count(1)
    tab.locator(f"{VIEW} .pc-word").first.click()
    expect(pressed).to_have_text("a")
    tab.keyboard.press("Escape")
    tab.locator(STEP).nth(4).press("ArrowRight")
    expect(tab.locator(f"{VIEW} .pg-where")).to_have_text("step 6 of 16")


def test_the_nearest_training_pictures_stand_beside_a_finished_one(tab: Page) -> None:
    make(tab, "a red apple")
    expect(tab.locator(f"{VIEW} .pc-neighbour")).to_have_count(3)
    expect(tab.locator(f"{VIEW} [aria-label='Nearest training pictures'] .pg-small")).to_contain_text("usually")
    tab.locator(STEP).nth(2).click()
    expect(tab.locator(f"{VIEW} .pc-neighbour").first).to_be_hidden()


def test_a_fork_follows_the_new_words_and_inherited_steps_keep_theirs(tab: Page) -> None:
    make(tab, "a red apple")
    tab.locator(STEP).nth(8).click()
    tab.fill("#image-prompt textarea", "the green house")
    tab.keyboard.press("Tab")
    tab.get_by_role("button", name="Go on from here").click()
    expect(tab.locator(f"{VIEW} .pc-run")).to_have_count(2)
    expect(tab.locator(f"{VIEW} .pc-run").last).to_contain_text("from step 9: the green house")
    expect(tab.locator(STEP)).to_have_count(16)
    tab.locator(STEP).nth(3).click()
    assert words(tab) == ["a", "red", "apple"]
    tab.locator(STEP).nth(12).click()
    expect(tab.locator(f"{VIEW} .pc-word").first).to_have_text("the")
    assert words(tab) == ["the", "green", "house"]
    tab.locator(f"{VIEW} .pc-run").first.click()
    expect(tab.locator(f"{VIEW} .pc-run").first).to_have_attribute("aria-pressed", "true")


def test_an_inherited_step_is_gone_on_from_with_the_settings_it_was_taken_with(tab: Page) -> None:
    make(tab, "a red apple")
    first = large(tab)
    for step, guidance in ((8, 9), (3, 4)):
        tab.locator(STEP).nth(step).click()
        number(tab, "guidance", guidance)
        before = tab.locator(f"{VIEW} .pg-columns").get_attribute("data-run")
        tab.get_by_role("button", name="Go on from here").click()
        tab.wait_for_function(OVER, arg=before)
        expect(tab.locator(STEP)).to_have_count(16)
        expect(tab.locator(f"{VIEW} .pc-run").last).to_contain_text(f"from step {step + 1}")
        assert (large(tab) == first) is (guidance == 4)


def take(page: Page, count: int) -> None:
    """The first steps of another picture, one by one."""
    for step in range(1, count + 1):
        page.click("#image-step")
        expect(page.locator(f"{VIEW} .pg-where")).to_have_text(f"step {step} of {step}")
        expect(page.locator(STATE)).to_have_text("Paused: Continue goes on.")


def finish(page: Page) -> None:
    """The steps that are left."""
    page.click("#image-continue")
    expect(page.locator(STATE)).to_have_text("The picture is finished.")


def test_one_step_at_a_time_and_continue(tab: Page) -> None:
    number(tab, "steps", 5)
    take(tab, 2)
    finish(tab)
    expect(tab.locator(STEP)).to_have_count(5)
    stepwise = large(tab)
    make(tab)
    assert large(tab) == stepwise


def test_a_step_behind_a_finished_picture_is_the_first_of_another_and_its_pieces_are_one_branch(tab: Page) -> None:
    number(tab, "steps", 3)
    make(tab, "a red apple")
    take(tab, 2)
    finish(tab)
    runs = tab.locator(f"{VIEW} .pc-run")
    expect(runs).to_have_count(2)
    expect(runs.last).to_contain_text("the same settings")
    number(tab, "steps", 9)
    take(tab, 8)  # more pieces than runs are shown
    expect(runs).to_have_count(3)
    tab.reload()
    tab.get_by_role("tab", name="Image").click()
    expect(runs).to_have_count(3)


def test_a_picture_that_was_paused_and_went_on_is_one_branch(tab: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = _pictures.LatentDiffusion.predict
    monkeypatch.setattr(_pictures.LatentDiffusion, "predict", lambda *a: time.sleep(0.05) or predict(*a))
    make(tab, "a red apple")
    number(tab, "steps", 40)
    tab.click("#image-run")
    tab.wait_for_function("() => /^step [5-9] of/.test(document.querySelector('#image-view .pg-where').textContent)")
    tab.click("#image-pause")
    expect(tab.locator(STATE)).to_have_text("Stopped by you: this is the guess so far. Continue goes on.")
    finish(tab)
    expect(tab.locator(f"{VIEW} .pc-run")).to_have_count(2)
    expect(tab.locator(f"{VIEW} .pc-run").last).to_contain_text("steps 40")


def test_a_scheduler_that_is_chosen_while_the_page_asks_about_the_model_stays(
    tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered, asked = image.offered, []
    monkeypatch.setattr(image, "offered", lambda folder: asked.append(folder) or time.sleep(0.7) or offered(folder))
    make(tab, "a red apple")
    tab.get_by_role("radio", name="Heun", exact=True).check()
    before = len(asked)
    tab.wait_for_timeout(2_000)
    assert asked and len(asked) == before, "the answer came after the choice"
    expect(tab.get_by_role("radio", name="Heun", exact=True)).to_be_checked()


def test_the_map_of_a_tall_picture_lies_upon_it_and_what_is_saved_is_said(tab: Page) -> None:
    tab.get_by_role("button", name="Size and number").click()
    fill(tab, "#image-width input[type=number]", "8")
    tab.keyboard.press("Tab")
    make(tab, "a red apple")
    expect(tab.locator(f"{VIEW} .pc-keep")).to_have_text("Save PNG")
    tab.locator(STEP).nth(4).click()
    words(tab)
    expect(tab.locator(f"{VIEW} .pc-keep")).to_have_text("Save the finished picture")
    boxes = tab.locator(f"{VIEW} .pc-one").evaluate("""one => [".pc-frame", "img", "canvas"].map((name) => {
        const { x, y, width, height } = one.querySelector(name).getBoundingClientRect();
        return [x, y, width, height].map(Math.round);
    })""")
    frame, picture, heat = boxes
    assert picture == heat == frame and frame[2] == frame[3]
    fits = tab.locator(f"{VIEW} .pc-one").evaluate(
        "one => [...one.querySelectorAll('img, canvas')].map((e) => getComputedStyle(e).objectFit)"
    )
    assert fits == ["contain", "contain"]


def test_a_size_from_beyond_the_model_is_brought_back_and_said(tab: Page) -> None:
    """Dropped from a file, where no hand could have set it."""
    told = {"prompt": "a cat", "model": "another", "width": 96, "height": 96, "scheduler": "Euler"}
    drop(tab, "#image-prompt", "cat.png", files.png(torch.zeros(16, 16, 3, dtype=torch.uint8), told))
    expect(tab.locator("#image-prompt textarea")).to_have_value("a cat")
    make(tab)
    expect(tab.locator(STATE)).to_have_text("The picture is finished.")


def test_only_what_the_model_allows_is_offered(tab: Page) -> None:
    offered = lambda: [one.get_attribute("value") for one in tab.locator("#image-scheduler input").all()]
    assert offered() == ["the model's own", *schedulers.DIFFUSION]
    tab.get_by_role("radio", name="DDIM", exact=True).check()
    tab.get_by_role("button", name="Size and number").click()
    sides = tab.locator("#image-width input[type=number]")
    expect(sides).to_have_attribute("max", "32")
    fill(tab, "#image-width input[type=number]", "32")
    tab.keyboard.press("Tab")
    chosen = tab.locator("#image-model input")
    chosen.click()
    tab.get_by_role("option", name="Flow").click()
    expect(tab.locator("#image-scheduler input")).to_have_count(1 + len(schedulers.FLOW))
    assert offered() == ["the model's own", *schedulers.FLOW]
    expect(tab.get_by_role("radio", name="the model's own")).to_be_checked()
    expect(sides).to_have_attribute("max", "16")
    expect(sides).to_have_value("16")
    for name in schedulers.FLOW:
        tab.get_by_role("radio", name=name, exact=True).check()
        make(tab, "a red apple")
        expect(tab.locator(f"{VIEW} .pg-notices p")).to_have_count(int(name == "Heun"))  # whose steps are of two parts


def test_a_reloaded_page_finds_its_picture_and_looks_into_it(tab: Page) -> None:
    make(tab, "a red apple")
    finished = large(tab)
    tab.reload()
    tab.get_by_role("tab", name="Image").click()
    expect(tab.locator(STEP)).to_have_count(16)
    assert large(tab) == finished
    tab.locator(STEP).nth(2).click()
    assert words(tab) == ["a", "red", "apple"]


def test_a_reloaded_page_finds_its_branches_and_opens_their_steps(tab: Page) -> None:
    make(tab, "a red apple")
    first = large(tab)
    tab.locator(STEP).nth(8).click()
    before = tab.locator(f"{VIEW} .pg-columns").get_attribute("data-run")
    tab.fill("#image-prompt textarea", "the green house")
    tab.get_by_role("button", name="Go on from here").click()
    tab.wait_for_function(OVER, arg=before)
    tab.reload()
    tab.get_by_role("tab", name="Image").click()
    runs = tab.locator(f"{VIEW} .pc-run")
    expect(runs).to_have_count(2)
    expect(runs.last).to_contain_text("from step 9: the green house")
    expect(runs.last).to_have_attribute("aria-pressed", "true")
    runs.first.click()
    expect(runs.first).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(STEP)).to_have_count(16)
    assert large(tab) == first
    tab.locator(STEP).nth(2).click()
    assert words(tab) == ["a", "red", "apple"]


def test_a_page_that_is_reloaded_in_mid_run_follows_it_to_its_end_and_stop_ends_the_next(
    tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = _pictures.LatentDiffusion.predict

    def slow(*given: Any) -> Any:
        time.sleep(0.06)
        return predict(*given)

    monkeypatch.setattr(_pictures.LatentDiffusion, "predict", slow)
    number(tab, "steps", 50)
    tab.click("#image-run")
    tab.wait_for_function("() => document.querySelectorAll('#image-view .pc-step').length > 3")
    run = tab.locator(f"{VIEW} .pg-columns").get_attribute("data-run")
    tab.reload()
    expect(tab.locator(STATE)).to_have_text("The picture is finished.", timeout=90_000)
    assert tab.locator(f"{VIEW} .pg-columns").get_attribute("data-run") == run
    expect(tab.locator(f"{VIEW} .pg-where")).to_have_text("step 50 of 50")
    tab.click("#image-run")
    tab.wait_for_function(
        "run => document.querySelector('#image-view .pg-columns').dataset.run !== run"
        " && document.querySelectorAll('#image-view .pc-step').length > 3",
        arg=run,
    )
    tab.click("#image-stop")
    expect(tab.locator(STATE)).to_have_text("Stopped by you: this is the guess so far. Continue goes on.")
    expect(tab.locator(f"{VIEW} .pc-large").first).to_have_attribute("src", re.compile("^data:image/"))
    assert int((tab.locator(f"{VIEW} .pg-where").inner_text()).split()[1]) < 50


def test_several_pictures_are_looked_at_one_by_one(tab: Page) -> None:
    tab.get_by_role("button", name="Size and number").click()
    fill(tab, "#image-number input[type=number]", "3")
    tab.keyboard.press("Tab")
    make(tab, "a red apple")
    expect(tab.locator(f"{VIEW} .pc-large")).to_have_count(3)
    tab.locator(STEP).nth(5).click()
    assert words(tab) == ["a", "red", "apple"]
    tab.locator(f"{VIEW} .pc-choose").nth(2).click()
    expect(tab.locator(f"{VIEW} .pc-choose").nth(2)).to_have_attribute("aria-pressed", "true")
    assert words(tab) == ["a", "red", "apple"]


def test_an_earlier_picture_says_what_made_it_and_gives_its_settings(tab: Page) -> None:
    make(tab, "a red apple")
    number(tab, "guidance", 9)
    make(tab, "a green frog")
    told = tab.locator(f"{VIEW} .pc-told")
    tab.locator(f"{VIEW} .pc-run").first.click()
    expect(told).to_contain_text("An earlier picture: “a red apple”, seed 12, guidance 4.")
    expect(tab.locator("#image-prompt textarea")).to_have_value("a green frog")
    tab.locator(f"{VIEW} .pc-run").last.click()
    expect(told).to_be_hidden()
    tab.locator(f"{VIEW} .pc-run").first.click()
    told.get_by_role("button").click()
    expect(tab.locator("#image-prompt textarea")).to_have_value("a red apple")
    expect(tab.locator("#image-guidance input[type=number]")).to_have_value("4")


def test_an_example_puts_back_what_another_one_changed(tab: Page) -> None:
    tab.get_by_role("button", name="Size and number").click()
    tab.get_by_role("button", name="a red apple", exact=True).click()
    expect(tab.locator("#image-number input[type=number]")).to_have_value("4")
    tab.get_by_role("button", name="a green cat", exact=True).click()
    expect(tab.locator("#image-number input[type=number]")).to_have_value("1")


def test_pictures_that_are_not_square_keep_within_their_frame(tab: Page) -> None:
    tab.get_by_role("button", name="Size and number").click()
    fill(tab, "#image-width input[type=number]", "8")
    fill(tab, "#image-height input[type=number]", "32")
    tab.keyboard.press("Tab")
    make(tab, "a tall house")
    sizes = tab.locator(f"{VIEW} .pc-large, {VIEW} .pc-small").evaluate_all("all => all.map((one) => one.clientHeight)")
    assert max(sizes) == 256 and min(sizes) == 44


def test_pictures_follow_the_typing_where_that_is_wanted(tab: Page) -> None:
    run = tab.locator(f"{VIEW} .pg-columns")
    box = tab.locator("#image-prompt textarea")
    tab.get_by_label("Draw while I type").check()
    tab.wait_for_function(OVER, arg=None)
    first = run.get_attribute("data-run")
    box.fill("")
    box.press_sequentially("a green house", delay=30)
    tab.wait_for_function(OVER, arg=first)
    expect(tab.locator(f"{VIEW} .pc-large")).to_have_attribute("alt", "picture: a green house")
    for _ in range(6):
        tab.keyboard.press("Backspace")
    expect(tab.locator(f"{VIEW} .pc-large")).to_have_attribute("alt", "picture: a green")
    box.press_sequentially(" house", delay=30)
    expect(tab.locator(f"{VIEW} .pc-large")).to_have_attribute("alt", "picture: a green house")
    expect(tab.locator(f"{VIEW} .pc-run")).to_have_count(2)  # that of "a green", which is a part of it, is gone
    typed = run.get_attribute("data-run")
    number(tab, "guidance", 7)
    tab.wait_for_function(OVER, arg=typed)
    tab.get_by_label("Draw while I type").uncheck()
    last = run.get_attribute("data-run")
    box.press_sequentially(" and a tree", delay=30)
    tab.click("#image-run")
    tab.wait_for_function(OVER, arg=last)
    expect(tab.locator(f"{VIEW} .pc-large")).to_have_attribute("alt", "picture: a green house and a tree")


def test_a_film_strip_leads_from_one_picture_to_another(tab: Page) -> None:
    tab.get_by_role("button", name="Film strip").click()
    tab.get_by_role("radio", name="both").check()
    fill(tab, "#image-to_prompt input, #image-to_prompt textarea", "the green house")
    make(tab, "a red apple")
    expect(tab.locator(f"{VIEW} .pc-large")).to_have_count(6)
    shares = [tile.inner_text() for tile in tab.locator(f"{VIEW} .pc-tile .pg-small").all()]
    assert [share.replace("\u202f", " ").replace("\xa0", " ") for share in shares][::5] == ["0 %", "100 %"]
    tab.locator(STEP).nth(5).click()
    tab.locator(f"{VIEW} .pc-choose").nth(3).click()
    assert set(words(tab)) == {"a", "red", "apple", "the", "green", "house"}


def test_what_the_classifier_blocks_is_said_and_its_score_is_shown(tab: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tab, "a red apple")
    expect(tab.locator(f"{VIEW} .pg-figures")).to_contain_text("unsafe")
    shown = large(tab)
    monkeypatch.setattr(_classifier, "scores", lambda pictures: (0.97,))
    make(tab)
    expect(tab.locator(f"{VIEW} .pg-notices")).to_contain_text("not safe for work")
    expect(tab.locator(f"{VIEW} .pg-figures")).to_contain_text("97.0")
    expect(tab.locator(f"{VIEW} .pc-strip")).to_have_attribute("data-blocked", "true")
    assert large(tab) != shown


def test_without_its_own_model_the_tab_begins_with_one_that_is_on_this_computer(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "READY", False)
    spec = tiny_spec("other", tiny_pictures.folder("pixart", tmp_path / "tiny"), "image")
    with served_with(spec) as address, opened(page, address):
        page.get_by_role("tab", name="Image").click()
        expect(page.locator("#image-model input")).to_have_value(re.compile("Other"))
        make(page, "a red apple")
        expect(page.locator(STATE)).to_have_text("The picture is finished.")


def test_a_script_as_prompt_is_text(tab: Page) -> None:
    make(tab, "<img src=x onerror=alert(1)> apple")
    tab.locator(STEP).nth(2).click()
    assert "apple" in words(tab)


def test_a_model_that_writes_text_makes_no_pictures(url: str) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(url, verbose=False, analytics_enabled=False)
    with pytest.raises(AppError, match="makes no pictures"):
        client.submit("a cat", model="tales", api_name="/image").result(60)
    events: list[Any] = list(client.submit("a red apple", steps=3, seed=2, api_name="/image"))
    assert [e["step"] for e in events if e["event"] == "image"] == [1, 2, 3]
    assert events[-1]["pictures"][0].startswith("data:image/png;base64,")
    client.close()
