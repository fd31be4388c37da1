"""Files in the Image tab: a picture to begin from, a painted mask, saved pictures that say what made them."""

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from playground.denoising import files
from tests.page.picture_tab import STEP, VIEW, drop, large, make, number, served, visited
from tests.page.visitor import opened

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


def begun_from(tab: Page, file: Path) -> Locator:
    """Choose a picture to begin from; the canvas it can be painted on."""
    tab.locator(f"{VIEW} .pc-begin summary").click()
    tab.locator(f"{VIEW} .pc-file").set_input_files(file)
    canvas = tab.locator(f"{VIEW} .pc-canvas")
    expect(canvas).to_be_visible()
    return canvas


def paint(tab: Page, canvas: Locator) -> None:
    """Paint a stroke, once a finished picture has all that belongs to it (what comes late moves what is below it)."""
    expect(tab.locator(f"{VIEW} .pc-neighbour")).to_have_count(3)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box() or {}
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 60, box["y"] + 60, steps=4)
    tab.mouse.up()


def test_a_saved_picture_says_what_made_it_and_is_made_again_by_its_seed(tab: Page) -> None:
    make(tab, "a green house")
    with tab.expect_download() as saved:
        tab.click(f"{VIEW} .pc-keep")
    data = Path(saved.value.path()).read_bytes()
    told = files.about(data)
    assert told is not None and (told["prompt"], told["seed"], told["model"]) == ("a green house", 12, "emoji")
    first = large(tab)
    make(tab, button="again-new")
    assert large(tab) != first
    tab.fill("#image-seed input", "12")
    tab.keyboard.press("Tab")
    make(tab, button="again")
    assert large(tab) == first


def test_begin_from_a_picture_and_change_a_painted_part_only(tab: Page, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 30, 30)).save(tmp_path / "red.png")
    canvas = begun_from(tab, tmp_path / "red.png")
    make(tab, "a red apple")
    taken = tab.locator(STEP).count()
    assert taken == 9, "0.6 of 16 steps"
    paint(tab, canvas)
    before = large(tab)
    make(tab)
    assert large(tab) != before
    tab.get_by_role("button", name="Remove the picture").click()
    make(tab)
    expect(tab.locator(STEP)).to_have_count(16)


@pytest.mark.parametrize(("name", "content", "why"), [
    ("page.png", b"<html>no picture</html>", "damaged, or no picture"),
    ("notes.txt", b"text", "no picture that can be read"),
])  # fmt: skip
def test_a_file_that_lies_about_its_type_is_refused_with_a_sentence(
    tab: Page, tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(content)
    tab.locator(f"{VIEW} .pc-begin summary").click()
    tab.locator(f"{VIEW} .pc-file").set_input_files(tmp_path / name)
    expect(tab.locator(f"{VIEW} .pc-begin .pg-small")).to_contain_text(why)
    make(tab, "a red apple")
    expect(tab.locator(STEP)).to_have_count(16)


def test_a_saved_picture_dropped_on_the_tab_brings_its_settings(tab: Page) -> None:
    number(tab, "guidance", 6.5)
    number(tab, "steps", 7)
    tab.fill("#image-seed input", "77")
    make(tab, "a red apple, grün <b>")
    first = large(tab)
    with tab.expect_download() as saved:
        tab.click(f"{VIEW} .pc-keep")
    data = Path(saved.value.path()).read_bytes()
    tab.click("#image-reset")
    number(tab, "guidance", 2)
    tab.fill("#image-prompt textarea", "something else")
    drop(tab, "#image-prompt", "saved.png", data)
    expect(tab.locator("#image-prompt textarea")).to_have_value("a red apple, grün <b>")
    expect(tab.locator("#image-guidance input[type=number]")).to_have_value("6.5")
    expect(tab.locator("#image-seed input")).to_have_value("77")
    said = tab.locator(f"{VIEW} .pc-told")  # above the picture, since what says it as well stands far below
    for place in (said, tab.locator(f"{VIEW} .pc-begin .pg-small")):
        expect(place).to_contain_text("saved.png says how it was made, by the model emoji")
    above, picture = (
        tab.locator(where).first.bounding_box() or {} for where in (f"{VIEW} .pc-told", f"{VIEW} .pc-stage")
    )
    assert above["y"] < picture["y"]
    make(tab)
    assert large(tab) == first
    expect(said).to_be_hidden()
    expect(tab.locator(f"{VIEW} .pc-begin .pg-small")).to_have_text("A run begins from noise.")


def test_a_picture_that_is_dropped_before_the_tab_was_opened_opens_it(page: Page, url: str) -> None:
    told = {"prompt": "a cat", "model": "emoji"}
    with opened(page, url):
        drop(page, "#text-prompt", "notes.txt", b"text", "text/plain")
        expect(page.locator("#text-prompt")).to_be_visible()
        drop(page, "#text-prompt", "saved.png", files.png(torch.zeros(16, 16, 3, dtype=torch.uint8), told))
        expect(page.locator("#image-prompt textarea")).to_have_value("a cat")
        expect(page.locator(f"{VIEW} .pc-told")).to_contain_text("saved.png says how it was made")


def test_a_saved_picture_dropped_on_another_tab_opens_this_one_and_other_files_stay_out(tab: Page) -> None:
    told = {"prompt": "a cat", "model": "emoji"}
    tab.get_by_role("tab", name="Text", exact=True).click()
    expect(tab.locator("#text-prompt")).to_be_visible()
    drop(tab, "#text-prompt", "notes.txt", b"text", "text/plain")
    expect(tab.locator("#text-prompt")).to_be_visible()
    drop(tab, "#text-prompt", "saved.png", files.png(torch.zeros(16, 16, 3, dtype=torch.uint8), told))
    expect(tab.locator("#image-prompt textarea")).to_have_value("a cat")
    expect(tab.locator("#image-prompt")).to_be_visible()


def test_a_picture_that_another_tab_saved_is_named_and_changes_nothing(tab: Page) -> None:
    told = {"prompt": "a cat", "model": "pixels", "modality": "pixels", "seed": 4}
    drop(tab, "#image-prompt", "cat.png", files.png(torch.zeros(16, 16, 3, dtype=torch.uint8), told))
    note = tab.locator(f"{VIEW} .pc-begin .pg-small")
    expect(note).to_have_text(re.compile("^cat.png says that the model pixels made it, in the tab Pixels"))
    expect(tab.locator("#image-prompt textarea")).to_have_value("a cat riding a skateboard")


def test_any_other_file_dropped_on_the_tab_is_begun_from_or_refused(tab: Page) -> None:
    note = tab.locator(f"{VIEW} .pc-begin .pg-small")
    drop(tab, "#image-prompt", "notes.txt", b"text", "text/plain")
    expect(note).to_contain_text("no picture that can be read")
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 30, 30)).save(file, "PNG")
    drop(tab, f"{VIEW} .pc-stage", "red.png", file.getvalue())
    expect(tab.locator(f"{VIEW} .pc-canvas")).to_be_visible()
    expect(tab.locator(f"{VIEW} .pc-from")).to_contain_text("Runs begin from this picture.")
    tab.locator(f"{VIEW} .pc-from button").click()
    expect(tab.locator(f"{VIEW} .pc-from")).to_be_hidden()
    expect(tab.locator(f"{VIEW} .pc-canvas")).to_be_hidden()
    drop(tab, f"{VIEW} .pc-stage", "red.png", file.getvalue())
    expect(tab.locator(f"{VIEW} .pc-canvas")).to_be_visible()
    expect(tab.get_by_role("button", name="Use the settings it was made with")).to_be_hidden()


def test_a_picture_of_more_steps_than_the_slider_has_is_made_again(tab: Page) -> None:
    told = {"prompt": "a cat", "model": "emoji", "steps": 60, "scheduler": "Euler"}
    drop(tab, "#image-prompt", "long.png", files.png(torch.zeros(16, 16, 3, dtype=torch.uint8), told))
    expect(tab.locator("#image-steps input[type=number]")).to_have_value("60")
    make(tab)
    expect(tab.locator(f"{VIEW} .pg-after")).to_have_text("Newest step: 60 of 60")


def test_picture_and_paint_come_back_after_a_reload_and_branches_name_them(tab: Page, tmp_path: Path) -> None:
    Image.effect_noise((400, 400), 80).convert("RGB").save(tmp_path / "noise.png")
    canvas = begun_from(tab, tmp_path / "noise.png")
    make(tab, "a red apple")
    paint(tab, canvas)
    make(tab)
    expect(tab.locator(f"{VIEW} .pc-run").last).to_contain_text("a mask")
    painted = large(tab)
    sent = "() => playground.brought('image', ['picture', 'mask'], ['', '', '']).slice(1)"
    before = tab.evaluate(sent)
    assert all(len(one) > 100 for one in before)
    tab.reload()
    tab.get_by_role("tab", name="Image").click()
    expect(canvas).to_be_visible()
    tab.wait_for_function(f"() => ({sent})()[1] !== ''")
    assert tab.evaluate(sent) == before
    make(tab)
    assert large(tab) == painted
    expect(tab.locator(f"{VIEW} .pc-run").last).to_contain_text("the same settings")


def test_settings_of_an_earlier_picture_bring_back_what_it_began_from(tab: Page, tmp_path: Path) -> None:
    Image.effect_noise((400, 400), 80).convert("RGB").save(tmp_path / "noise.png")
    canvas = begun_from(tab, tmp_path / "noise.png")
    sent = "() => playground.brought('image', ['picture', 'mask'], ['', '', '']).slice(1)"
    make(tab, "a red apple")
    paint(tab, canvas)
    make(tab)
    painted, before = large(tab), tab.evaluate(sent)
    tab.get_by_role("button", name="Remove the picture").click()
    make(tab)
    plain, runs = large(tab), tab.locator(f"{VIEW} .pc-run")
    runs.nth(1).click()
    tab.get_by_role("button", name="Use its settings").click()
    tab.wait_for_function(f"() => ({sent})()[1] !== ''")
    assert tab.evaluate(sent) == before
    make(tab)
    assert large(tab) == painted
    runs.nth(2).click()
    tab.get_by_role("button", name="Use its settings").click()
    expect(canvas).to_be_hidden()
    make(tab)
    assert large(tab) == plain
    expect(tab.locator(f"{VIEW} .pc-told")).to_be_hidden()
    tab.reload()
    tab.get_by_role("tab", name="Image").click()
    Image.new("RGB", (400, 400), (200, 30, 30)).save(tmp_path / "red.png")
    begun_from(tab, tmp_path / "red.png")
    make(tab)
    red = tab.evaluate(sent)
    runs.nth(1).click()  # its steps are fetched again: they are not of what was sent last
    tab.get_by_role("button", name="Use its settings").click()
    expect(tab.locator(f"{VIEW} .pc-told")).to_contain_text("no longer kept")
    assert tab.evaluate(sent) == red
    tab.get_by_role("tab", name="Text", exact=True).click()
    tab.get_by_role("tab", name="Image").click()
    tab.wait_for_function(f"() => ({sent})()[0] !== ''")
    assert tab.evaluate(sent) == red


def test_settings_of_a_strange_file_are_checked_one_by_one(tab: Page) -> None:
    told = {"prompt": 5, "guidance": 10**400, "steps": 12, "model": ["/etc/passwd"], "scheduler": "Euler", "seed": "x",
            "picture": "data:image/png;base64,AAAA", "strange": [1]}  # fmt: skip
    tab.fill("#image-prompt textarea", "a green house")
    drop(tab, "#image-prompt", "strange.png", files.png(torch.zeros(16, 16, 3, dtype=torch.uint8), told))
    expect(tab.locator("#image-steps input[type=number]")).to_have_value("12")
    expect(tab.get_by_role("radio", name="Euler", exact=True)).to_be_checked()
    expect(tab.locator("#image-prompt textarea")).to_have_value("a green house")
    expect(tab.locator("#image-guidance input[type=number]")).to_have_value("4")
    make(tab)
    expect(tab.locator(STEP)).to_have_count(12)


def test_a_stroke_of_the_brush_leaves_no_gaps_and_what_is_left_out_is_veiled(tab: Page, tmp_path: Path) -> None:
    Image.new("RGB", (400, 200), (200, 30, 30)).save(tmp_path / "wide.png")
    tab.locator(f"{VIEW} .pc-begin summary").click()
    tab.locator(f"{VIEW} .pc-file").set_input_files(tmp_path / "wide.png")
    expect(tab.locator(f"{VIEW} .pc-begin .pg-small").first).to_contain_text("The veiled margins are left out")
    canvas = tab.locator(f"{VIEW} .pc-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box() or {}
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] * 0.3, middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.7, middle)  # at once, as a quick hand does
    tab.mouse.up()
    row = canvas.evaluate("""canvas => {
        const pixel = (x) => [...canvas.getContext("2d").getImageData(x * canvas.width, canvas.height / 2, 1, 1).data];
        return [0.05, 0.3, 0.4, 0.5, 0.6, 0.7, 0.95].map(pixel);
    }""")
    left, *painted, right = [tuple(pixel[:3]) for pixel in row]
    assert len(set(painted)) == 1 and painted[0][2] > 100 > painted[0][0] - 40
    assert left == right != painted[0]
    mask = tab.evaluate("playground.brought('image', ['picture', 'mask'], ['token', '', ''])[2]")
    drawn = Image.open(io.BytesIO(base64.b64decode(mask.partition(",")[2]))).convert("L")
    across = [drawn.getpixel((int(x * drawn.width), drawn.height // 2)) for x in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert across == [0, 255, 255, 255, 0]
    tab.get_by_role("button", name="Remove the paint").click()
    canvas.click(position={"x": box["width"] / 2, "y": box["height"] / 2})  # one tap is a dot
    mask = tab.evaluate("playground.brought('image', ['picture', 'mask'], ['token', '', ''])[2]")
    drawn = Image.open(io.BytesIO(base64.b64decode(mask.partition(",")[2]))).convert("L")
    assert [drawn.getpixel((int(x * drawn.width), drawn.height // 2)) for x in (0.3, 0.5, 0.7)] == [0, 255, 0]


def test_a_picture_of_which_nothing_is_replaced_is_given_back_and_that_is_said(tab: Page, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "red.png")
    tab.locator(f"{VIEW} .pc-begin summary").click()
    tab.locator(f"{VIEW} .pc-file").set_input_files(tmp_path / "red.png")
    expect(tab.locator(f"{VIEW} .pc-canvas")).to_be_visible()
    number(tab, "strength", 0)
    make(tab, "a red apple")
    expect(tab.locator(f"{VIEW} .pg-notices")).to_contain_text("replaces nothing")
    expect(tab.locator(STEP)).to_have_count(0)
