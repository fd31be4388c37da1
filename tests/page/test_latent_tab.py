"""The Latent space tab in a real browser, with a VAE and a GAN that were trained for some steps."""

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from playground.denoising import files
from tests.models.test_lesson_models import exported
from tests.page.catalogues import served_with, tiny_spec
from tests.page.picture_tab import drop
from tests.page.visitor import choose_from_menu, opened

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
VIEW = "#latent-view"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("latents")
    specs = [
        tiny_spec(f"my-{lesson}", exported(lesson, place / lesson)[0], "latent", title=f"MY-{lesson.upper()}",
                  kind="latent")
        for lesson in ("vae", "gan")
    ]  # fmt: skip
    with served_with(*specs) as address:
        yield address


@pytest.fixture
def tab(page: Page, url: str) -> Iterator[Page]:
    with opened(page, url):
        page.get_by_role("tab", name="Latent space").click()
        expect(page.locator(f"{VIEW} .lt-body")).to_be_visible(timeout=60_000)
        yield page


def source(page: Page, where: str) -> str:
    found = page.locator(f"{VIEW} {where}").first
    expect(found).to_have_attribute("src", re.compile("^data:image/png"))
    return found.get_attribute("src") or ""


def pixels(url: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB"))


def changed(page: Page, where: str, before: str) -> str:
    page.wait_for_function(
        "([where, before]) => document.querySelector(where).getAttribute('src') !== before",
        arg=[f"{VIEW} {where}", before],
    )
    return source(page, where)


def choose(page: Page, title: str) -> None:
    box = page.locator("#latent-model input")
    box.click()
    page.get_by_role("option", name=title).click()


def test_a_number_of_the_code_moves_the_picture_and_all_that_hangs_on_it(tab: Page) -> None:
    sliders = tab.locator(f"{VIEW} .lt-sliders input")
    expect(sliders).to_have_count(6)
    picture, film = source(tab, ".lt-large"), source(tab, ".lt-film")
    sliders.first.fill("2.5")
    picture = changed(tab, ".lt-large", picture)
    changed(tab, ".lt-film", film)
    row = tab.get_by_role("group", name="One number from end to end").locator("img")
    expect(row).to_have_count(7)
    tab.wait_for_function(
        "([a, b]) => document.querySelector(a).src === document.querySelectorAll(b)[6].src",
        arg=[f"{VIEW} .lt-large", f"{VIEW} [aria-label='One number from end to end'] img"],
    )
    assert pixels(picture).shape == (16, 16, 3)


def test_the_ends_of_a_walk_and_of_a_mixture_are_the_codes_themselves(tab: Page) -> None:
    picture = source(tab, ".lt-large")
    walk = tab.get_by_role("group", name="A walk").locator("img")
    expect(walk).to_have_count(9)
    mix = tab.get_by_role("group", name="Two codes and their mixture").locator("img")
    expect(mix).to_have_count(3)
    assert walk.first.get_attribute("src") == picture == mix.first.get_attribute("src")
    assert walk.last.get_attribute("src") == mix.last.get_attribute("src") != picture
    share = tab.locator(f"{VIEW} [aria-label='numbers from the other code']")
    share.fill("6")
    tab.wait_for_function(
        "(where) => { const all = document.querySelectorAll(where); return all[1].src === all[2].src; }",
        arg=f"{VIEW} [aria-label='Two codes and their mixture'] img",
    )
    share.fill("0")
    tab.wait_for_function(
        "(where) => { const all = document.querySelectorAll(where); return all[1].src === all[0].src; }",
        arg=f"{VIEW} [aria-label='Two codes and their mixture'] img",
    )
    walk.last.click()
    assert changed(tab, ".lt-large", picture) == mix.last.get_attribute("src")


def test_truncation_to_nothing_makes_all_draws_alike(tab: Page) -> None:
    draws = tab.get_by_role("group", name="Draws").locator("img")
    expect(draws).to_have_count(12)
    assert len({draw.get_attribute("src") for draw in draws.all()}) == 12
    tab.locator(f"{VIEW} [aria-label='truncation']").fill("0")
    tab.wait_for_function(
        "(where) => new Set([...document.querySelectorAll(where)].map((one) => one.src)).size === 1",
        arg=f"{VIEW} [aria-label='Draws'] img",
    )


def test_a_picture_has_a_code_and_one_can_go_there(tab: Page, tmp_path: Path) -> None:
    before = source(tab, ".lt-large")
    Image.new("RGB", (40, 40), (200, 40, 40)).save(tmp_path / "red.png")
    tab.locator(f"{VIEW} .pc-file").set_input_files(tmp_path / "red.png")
    given = tab.get_by_role("group", name="The picture as the model has it").locator("img")
    expect(given).to_have_count(2)
    assert np.abs(pixels(given.first.get_attribute("src") or "").astype(int) - (200, 40, 40)).max() < 4
    expect(tab.locator(f"{VIEW} .lt-bar")).to_have_count(6)
    back = given.last.get_attribute("src")
    tab.get_by_role("button", name="Go to its code").click()
    assert changed(tab, ".lt-large", before) == back
    tab.get_by_role("button", name="Draw from its distribution").click()
    changed(tab, ".lt-large", back or "")


def test_a_picture_of_ones_own_can_be_the_other_end_of_the_walk(tab: Page, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), (30, 40, 200)).save(tmp_path / "blue.png")
    tab.locator(f"{VIEW} .pc-file").set_input_files(tmp_path / "blue.png")
    given = tab.get_by_role("group", name="The picture as the model has it").locator("img")
    expect(given).to_have_count(2)
    back = given.last.get_attribute("src") or ""
    tab.get_by_role("button", name="Make it the other end").click()
    expect(tab.get_by_role("group", name="A walk").locator("img").last).to_have_attribute("src", back)
    expect(tab.get_by_role("group", name="Two codes and their mixture").locator("img").last).to_have_attribute(
        "src", back
    )


def test_the_nearest_training_picture_stands_beside_the_one_that_is_shown(tab: Page) -> None:
    near = tab.locator(f"{VIEW} .lt-near")
    expect(near).to_contain_text("it was trained on", timeout=30_000)
    expect(near.locator("img")).to_have_attribute("src", re.compile("^data:image/png"))
    tab.get_by_role("button", name="Draw another code").click()
    expect(near).to_be_hidden()
    expect(near).to_be_visible(timeout=30_000)


@pytest.mark.parametrize(("name", "content", "why"), [
    ("page.png", b"<html>no picture</html>", "damaged, or no picture"),
    ("notes.txt", b"text", "no picture that can be read"),
])  # fmt: skip
def test_a_file_that_is_no_picture_is_refused_with_a_sentence(
    tab: Page, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(content)
    tab.locator(f"{VIEW} .pc-file").set_input_files(tmp_path / name)
    expect(tab.locator(f"{VIEW} [aria-label='A picture of your own']")).to_contain_text(why)


def test_on_a_phone_a_model_can_be_chosen_and_nothing_jumps_while_a_number_is_moved(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    with opened(page, url):
        choose_from_menu(page, "Latent space")
        expect(page.locator("#latent-model input")).to_be_visible()
        near, slider = page.locator(f"{VIEW} .lt-near"), page.locator(f"{VIEW} .lt-slider input").first
        expect(near).to_be_visible(timeout=60_000)
        before = slider.evaluate("one => one.getBoundingClientRect().top")
        slider.evaluate("one => { one.value = 2.5; one.dispatchEvent(new Event('input', { bubbles: true })); }")
        assert slider.evaluate("one => one.getBoundingClientRect().top") == before
        expect(near).to_be_hidden()
        expect(near).to_be_visible()
        assert slider.evaluate("one => one.getBoundingClientRect().top") == pytest.approx(before, abs=24)


def test_files_that_are_dropped_on_the_latent_space_are_looked_at_there(tab: Page) -> None:
    big = tab.locator(f"{VIEW} .lt-large")
    expect(big).to_have_attribute("src", re.compile("^data:"))
    first = big.get_attribute("src")
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Download picture (PNG)").first.click()
    data = Path(saved.value.path()).read_bytes()
    tab.get_by_role("button", name="Draw another code").click()
    expect(big).not_to_have_attribute("src", first or "")
    said = tab.get_by_role("region", name="A picture of your own").locator('[role="status"]')
    drop(tab, f"{VIEW} .lt-large", "saved.png", data)
    expect(said).to_have_text("saved.png was made here: its code is in place.")
    expect(big).to_have_attribute("src", first or "")
    file = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(file, "PNG")
    drop(tab, f"{VIEW} .lt-large", "red.png", file.getvalue())
    expect(said).to_contain_text("On the left what the model saw")
    expect(tab.locator("#latent-view")).to_be_visible()


def test_a_gan_judges_what_it_made_and_what_one_brings(tab: Page) -> None:
    before = source(tab, ".lt-large")
    choose(tab, "MY-GAN")
    expect(tab.locator(f"{VIEW} .lt-verdict")).to_contain_text("The discriminator gives", timeout=60_000)
    changed(tab, ".lt-large", before)
    expect(tab.get_by_role("button", name="Go to its code")).to_be_hidden()
    expect(tab.get_by_role("group", name="Draws")).to_contain_text("real: ")
    tab.get_by_role("button", name="Take noise").click()
    own = tab.locator(f"{VIEW} [aria-label='A picture of your own']")
    expect(own).to_contain_text("The discriminator gives")
    tab.get_by_role("button", name="Take the picture above").click()
    verdict = tab.locator(f"{VIEW} .lt-verdict").inner_text()
    expect(own).to_contain_text(verdict)


def test_a_model_without_a_latent_space_is_refused_with_a_sentence(tab: Page) -> None:
    box = tab.locator("#latent-model input")
    box.fill("tales")
    box.press("Enter")
    expect(tab.locator(f"{VIEW} .pg-error")).to_contain_text("no latent space", timeout=60_000)
    choose(tab, "MY-VAE")
    expect(tab.locator(f"{VIEW} .pg-error")).to_be_hidden(timeout=60_000)


def test_a_tab_that_is_opened_again_stands_where_one_was(tab: Page) -> None:
    first = source(tab, ".lt-large")
    tab.locator(f"{VIEW} .lt-sliders input").first.fill("-2.5")
    moved = changed(tab, ".lt-large", first)
    tab.get_by_role("tab", name="Text").click()
    tab.get_by_role("tab", name="Latent space").click()
    tab.wait_for_function(
        "([where, moved]) => (document.querySelector(where) || {}).src === moved", arg=[f"{VIEW} .lt-large", moved]
    )
    expect(tab.locator(f"{VIEW} .lt-sliders input").first).to_have_value("-2.5")


def test_after_a_reload_the_model_and_the_code_are_those_of_before(tab: Page) -> None:
    before = source(tab, ".lt-large")
    choose(tab, "MY-GAN")
    expect(tab.locator(f"{VIEW} .lt-verdict")).to_contain_text("The discriminator gives", timeout=60_000)
    first = changed(tab, ".lt-large", before)
    tab.locator(f"{VIEW} .lt-sliders input").first.fill("-2.5")
    moved = changed(tab, ".lt-large", first)
    tab.reload()
    expect(tab.locator("#latent-model input")).to_have_value(re.compile("^MY-GAN"))
    tab.wait_for_function(
        "([where, moved]) => (document.querySelector(where) || {}).src === moved", arg=[f"{VIEW} .lt-large", moved]
    )
    expect(tab.locator(f"{VIEW} .lt-sliders input").first).to_have_value("-2.5")
    expect(tab.locator(f"{VIEW} .lt-verdict")).to_contain_text("The discriminator gives")


@pytest.mark.parametrize("kept", ["{", '{"chosen": 3, "kept": [["my-vae", {"code": ["x"], "other": [0]}]]}'])
def test_what_was_kept_and_makes_no_sense_is_forgotten(page: Page, url: str, kept: str) -> None:
    page.add_init_script(f"sessionStorage.setItem('playground-latent', {json.dumps(kept)})")
    with opened(page, url):
        page.get_by_role("tab", name="Latent space").click()
        expect(page.locator(f"{VIEW} .lt-large")).to_have_attribute("src", re.compile("^data:"), timeout=60_000)
        expect(page.locator("#latent-model input")).to_have_value(re.compile("^MY-VAE"))


def test_a_dragged_slider_ends_at_the_picture_of_its_last_place(tab: Page) -> None:
    slider = tab.locator(f"{VIEW} .lt-sliders input").first
    first = source(tab, ".lt-large")
    slider.fill("-3")
    target = changed(tab, ".lt-large", first)
    for value in range(-2, 4):
        slider.fill(str(value))
    for value in range(3, -4, -1):
        slider.fill(str(value))
    tab.wait_for_function(
        "([where, target]) => document.querySelector(where).src === target", arg=[f"{VIEW} .lt-large", target]
    )


def test_nothing_is_asked_before_the_tab_is_seen(page: Page, url: str) -> None:
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if "queue/join" in request.url else None)
    with opened(page, url):
        page.wait_for_timeout(1500)
        assert not any('"what":"about"' in data for data in asked)
        page.get_by_role("tab", name="Latent space").click()
        expect(page.locator(f"{VIEW} .lt-body")).to_be_visible(timeout=60_000)
        assert any('"what":"about"' in data for data in asked)


def test_the_picture_of_a_code_is_saved_with_its_code(tab: Page, tmp_path: Path) -> None:
    shown = source(tab, ".lt-large")
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Download picture (PNG)").locator("visible=true").click()
    saved.value.save_as(tmp_path / "made.png")
    data = (tmp_path / "made.png").read_bytes()
    told = files.about(data) or {}
    assert told["statement"] == files.STATEMENT and told["modality"] == "latent"
    assert len(told["code"]) > 1 and all(isinstance(number, float | int) for number in told["code"])
    assert np.array_equal(np.array(Image.open(io.BytesIO(data)).convert("RGB")), pixels(shown))
