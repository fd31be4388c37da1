"""The Pixels tab in a real browser, with a tiny random model in the place of the embedded one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from playground.denoising import files
from playground.modalities import pixels
from playground.models import _pixel_neighbours
from tests.models import tiny_pixels
from tests.page.catalogues import served_with, tiny_spec
from tests.page.visitor import opened

pytestmark = pytest.mark.browser
VIEW = "#pixels-view"
OVER = """count => /^Stopped|finished/.test(document.querySelector('#pixels-view .pg-state').textContent)
    && document.querySelectorAll('#pixels-view .pg-chip:not(.pg-given)').length >= count"""
PAINTED = """([at, colour]) =>
    document.querySelectorAll('#pixels-view .pg-pixel')[at]?.querySelector('bdi').dataset.colour === colour"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tiny_pixels.folder(tmp_path_factory.mktemp("pixels") / "tiny")
    seen = np.stack(tiny_pixels.pictures())[None] // 43 * 43
    _pixel_neighbours.save(folder, seen, ["one", "<img src=x onerror=alert(1)>", "three", "four"])
    with served_with(tiny_spec("pixels", folder, "pixels", context_window=274), ready=pixels) as address:
        yield address


@pytest.fixture
def tab(page: Page, url: str) -> Iterator[Page]:
    with opened(page, url):
        page.get_by_role("tab", name="Pixels").click()
        page.fill("#pixels-max_new_tokens input[type=number]", "40")
        page.fill("#pixels-seed input", "4")  # the random model does not end the picture at once
        page.keyboard.press("Tab")
        yield page


def test_pixels_are_coloured_squares_with_the_probabilities_of_colours(tab: Page) -> None:
    tab.fill("#pixels-prompt textarea", "a cat")
    tab.click("#pixels-run")
    tab.wait_for_function(OVER, arg=30)
    squares = tab.locator(f"{VIEW} .pg-pixel")
    expect(squares.first).to_be_visible()
    box = squares.first.bounding_box() or {}
    assert box["width"] == box["height"] == 18
    colour = squares.first.locator("bdi").get_attribute("data-colour") or ""
    painted = squares.first.locator("bdi").evaluate("one => getComputedStyle(one).backgroundColor")
    assert painted == f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"
    squares.first.click()
    expect(tab.locator(f"{VIEW} .pg-bars .pg-name[data-colour]").first).to_be_visible()
    assert f"colour {colour}" in (squares.first.get_attribute("aria-label") or "")
    pair = f"{VIEW} .pg-pixel + .pg-pixel"  # one that follows another
    before = tab.locator(pair).first.evaluate("one => one.previousElementSibling.querySelector('bdi').dataset.colour")
    tab.locator(pair).first.click()
    expect(tab.locator(f"{VIEW} .pg-after .pg-square").last).to_have_attribute("aria-label", before)


def test_one_goes_on_from_a_pixel_with_another_colour(tab: Page) -> None:
    tab.click("#pixels-run")
    tab.wait_for_function(OVER, arg=30)
    fifth = tab.locator(f"{VIEW} .pg-pixel").nth(4)
    fifth.click()
    expect(fifth).to_have_attribute("aria-pressed", "true")  # what stands beside it is of this pixel now
    bars = tab.locator(f"{VIEW} .pg-bars .pg-bar:visible")
    other = bars.filter(has=tab.locator(".pg-name[data-colour]")).nth(2)
    wanted = other.locator(".pg-name").get_attribute("data-colour")
    other.click()
    tab.get_by_role("button", name="Continue from here with").click()
    tab.wait_for_function(PAINTED, arg=[4, wanted])


def test_a_picture_is_saved_as_a_png_that_says_what_made_it(tab: Page, tmp_path: Path) -> None:
    tab.fill("#pixels-prompt textarea", "a cat")
    tab.click("#pixels-run")
    tab.wait_for_function(OVER, arg=30)
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Download picture (PNG)").locator("visible=true").click()
    saved.value.save_as(tmp_path / "cat.png")
    told = files.about((tmp_path / "cat.png").read_bytes()) or {}
    assert (told["prompt"], told["modality"], told["statement"]) == ("a cat", "pixels", files.STATEMENT)
    assert told["model"] and told["seed"] == 4
    shown = tab.locator(f"{VIEW} .pg-pixel bdi").first.get_attribute("data-colour") or ""
    picture = Image.open(tmp_path / "cat.png").convert("RGB")
    picture.load()  # the checksums of its parts hold
    assert picture.getpixel((0, 0)) == tuple(int(shown[i : i + 2], 16) for i in (1, 3, 5))
    assert max(picture.size) <= 280


@pytest.mark.parametrize("broken", [True, False], ids=["with line breaks", "square, without them"])
def test_a_saved_picture_has_the_lines_that_are_shown(tab: Page, tmp_path: Path, broken: bool) -> None:
    colours = ["#ff0000", "#00ff00", "#0000ff", "#ffff00"]
    tokens = [token for line in (colours[:2], colours[2:]) for token in (*line, *["\n"] * broken)]
    with tab.expect_download() as saved:
        tab.evaluate(
            """tokens => {
            const takeaway = new playground.Takeaway(), settings = { seed: 1 };
            const made = { modality: "pixels", model: "/home/me/tiny" }, prompt_tokens = [{ text: "" }];
            const started = { prompt_tokens, settings, context_window: 5, ...made };
            takeaway.update({ run: { id: "x" }, started, steps: tokens.map((text) => ({ text })), history: [] });
            takeaway.picture.click();
        }""",
            tokens,
        )
    saved.value.save_as(tmp_path / "x.png")
    picture = Image.open(tmp_path / "x.png").convert("RGB")
    assert picture.size == (256, 256)
    seen = [picture.getpixel((x, y)) for y in (0, 255) for x in (0, 255)]
    assert seen == [tuple(bytes.fromhex(colour[1:])) for colour in colours]
    assert (files.about((tmp_path / "x.png").read_bytes()) or {})["model"] == "tiny"


def test_texts_have_no_picture_to_save(tab: Page) -> None:
    tab.get_by_role("tab", name="Text", exact=True).click()
    expect(tab.locator("#text-view").get_by_role("button", name="Download text")).to_be_visible()
    expect(tab.locator("#text-view").get_by_role("button", name="Download picture (PNG)")).to_be_hidden()


def test_the_nearest_training_pictures_stand_below_a_finished_picture(tab: Page) -> None:
    """The random model ends no picture of sixteen lines; what a run wrote is put in its place."""
    line = "".join(f"#{16 * i:02x}0000" for i in range(16))
    near, asked = pixels.near, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels, "near", lambda text, folder: asked.append(text) or near("\n".join([line] * 16), folder))
        tab.fill("#pixels-prompt textarea", "a cat")
        tab.fill("#pixels-max_new_tokens input[type=number]", "274")
        tab.keyboard.press("Tab")
        tab.click("#pixels-run")
        expect(tab.locator(f"{VIEW} .pg-state")).to_have_text("The picture is finished.")
        expect(tab.locator(f"{VIEW} .pc-neighbour")).to_have_count(3)
    expect(tab.locator("#pixels-continue")).to_be_disabled()  # nothing stands behind the end of a picture
    assert len(asked) == 1 and asked[0].count("#") > 9
    captions = tab.locator(f"{VIEW} .pc-neighbour figcaption").all_inner_texts()
    assert "one" in captions[0] and any("<img src=x" in caption for caption in captions)
    expect(tab.locator(f"{VIEW} .pc-nearest")).to_contain_text("away from that one")
    expect(tab.locator("#text-view .pc-nearest")).to_be_hidden()


def test_beams_are_rows_of_colours(tab: Page) -> None:
    """Beams of known colours, as a run sends them."""
    colours = [["#ff0000", "#00ff00"], ["#ff0000", "#0000ff"]]
    drawn = tab.evaluate(
        """colours => {
        const beams = new playground.Beams({ follow() {} });
        document.body.append(beams.element);
        const beam = (texts, row, parent) => ({ tokens: texts.map((_, i) => 10 * i + (i ? row : 0)), text: texts.at(-1),
            so_far: texts.join(""), score: -1, finished: false, parent });
        const events = [1, 2].map((n) => ({ step: n - 1, beams: colours.map((x, i) => beam(x.slice(0, n), i, 0)) }));
        const steps = [{ index: 0, token_id: 0 }, { index: 1, token_id: 10 }];
        beams.update({ run: { beams: events }, place: { prompt: false, at: 1 }, steps, hypothesis: null });
        const text = (one) => [...one.querySelectorAll(".pg-square")].map((square) => square.dataset.colour);
        const found = { rows: [...beams.element.querySelectorAll(".pg-beam-text")].map(text),
            words: beams.element.querySelector(".pg-beam-text").textContent,
            tree: [...beams.element.querySelectorAll(".pg-node rect")].map((rect) => rect.style.fill) };
        beams.update({ run: { beams: [{ step: 0, beams: [beam(["color: #ff0000"], 0, 0)] }] },
            place: { prompt: false, at: 0 }, steps, hypothesis: null });
        return { ...found, code: beams.element.querySelector(".pg-beam-text").textContent };
    }""",
        colours,
    )
    assert drawn["rows"] == colours and drawn["words"] == ""
    red, green, blue = "rgb(255, 0, 0)", "rgb(0, 255, 0)", "rgb(0, 0, 255)"
    assert drawn["tree"] == [red, red, green, blue]
    assert drawn["code"] == "color:·#ff0000", "a colour in a text is text"
