"""The Image tab in a real browser, with a tiny random model in the place of the embedded one."""

import base64
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from playground.denoising import files
from playground.modalities import image
from playground.models import _classifier, _neighbours, _pictures
from tests.models import tiny_pictures
from tests.page.catalogues import served_with, tiny_spec
from tests.page.visitor import fill, opened

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
VIEW, STATE, STEP = "#image-view", "#image-view .pg-state", "#image-view .pc-step"
OVER = """before => { const view = document.querySelector('#image-view .pg-columns');
    return view.dataset.run !== before && view.dataset.state === 'finished'; }"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tiny_pictures.folder("pixart", tmp_path_factory.mktemp("pictures") / "tiny")
    latents = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    _neighbours.save(folder, latents, ["apple", "pear", "<img src=x onerror=alert(1)>", "cat", "dog"])
    with served_with(tiny_spec("emoji", folder, "image"), ready=image) as address:
        yield address


@pytest.fixture
def tab(page: Page, url: str) -> Iterator[Page]:
    with opened(page, url):
        page.get_by_role("tab", name="Image").click()
        yield page


def make(page: Page, prompt: str | None = None, button: str = "run") -> None:
    """Run, to the end."""
    if prompt is not None:
        page.fill("#image-prompt textarea", prompt)
    before = page.locator(f"{VIEW} .pg-columns").get_attribute("data-run")
    page.click(f"#image-{button}")
    page.wait_for_function(OVER, arg=before)


def words(page: Page) -> list[str]:
    """The words of the step that is looked into, once it has been; on a busy machine a step is not looked into by
    itself, since it costs too much there."""
    inside, ask = page.locator(f"{VIEW} .pc-inside"), page.get_by_role("button", name="Look inside this step")
    expect(inside.or_(ask).first).to_be_visible()
    page.wait_for_timeout(400)  # longer than the page waits before it looks by itself
    if ask.is_visible() and not inside.is_visible():
        ask.evaluate_all("all => all.filter(b => !b.disabled).forEach(b => b.click())")  # it may have gone by now
    expect(inside).to_be_visible()
    return [chip.inner_text() for chip in page.locator(f"{VIEW} .pc-word").all()]


def large(page: Page) -> bytes:
    """The pixels of the picture on the stage, as the browser has them."""
    source = page.locator(f"{VIEW} .pc-large").first.get_attribute("src") or ""
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB").tobytes()


def number(page: Page, name: str, value: float) -> None:
    page.fill(f"#image-{name} input[type=number]", str(value))
    page.keyboard.press("Tab")


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


def test_a_saved_picture_says_what_made_it_and_is_made_again_by_its_seed(tab: Page) -> None:
    make(tab, "a green house")
    with tab.expect_download() as saved:
        tab.click(f"{VIEW} .pc-keep")
    data = Path(saved.value.path()).read_bytes()
    told = files.about(data)
    assert told is not None and (told["prompt"], told["seed"], told["model"]) == ("a green house", 1, "emoji")
    first = large(tab)
    make(tab, button="again-new")
    assert large(tab) != first
    tab.fill("#image-seed input", "1")
    tab.keyboard.press("Tab")
    make(tab, button="again")
    assert large(tab) == first


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


def test_one_step_at_a_time_and_continue(tab: Page) -> None:
    number(tab, "steps", 5)
    for step in (1, 2):
        tab.click("#image-step")
        expect(tab.locator(f"{VIEW} .pg-where")).to_have_text(f"step {step} of {step}")
        expect(tab.locator(STATE)).to_have_text("Paused: Continue goes on.")
    tab.click("#image-continue")
    expect(tab.locator(STATE)).to_have_text("The picture is finished.")
    expect(tab.locator(STEP)).to_have_count(5)
    stepwise = large(tab)
    make(tab)
    assert large(tab) == stepwise


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
    expect(tab.locator(STATE)).to_have_text("Stopped by you: this is the guess so far.")
    expect(tab.locator(f"{VIEW} .pc-large").first).to_have_attribute("src", re.compile("^data:image/"))
    assert int((tab.locator(f"{VIEW} .pg-where").inner_text()).split()[1]) < 50


def test_begin_from_a_picture_and_change_a_painted_part_only(tab: Page, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 30, 30)).save(tmp_path / "red.png")
    tab.locator(f"{VIEW} .pc-begin summary").click()
    tab.locator(f"{VIEW} .pc-file").set_input_files(tmp_path / "red.png")
    canvas = tab.locator(f"{VIEW} .pc-canvas")
    expect(canvas).to_be_visible()
    make(tab, "a red apple")
    taken = tab.locator(STEP).count()
    assert taken == 9, "0.6 of 16 steps"
    expect(tab.locator(f"{VIEW} .pc-neighbour")).to_have_count(3)  # what comes late moves what is below it
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box() or {}
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 60, box["y"] + 60, steps=4)
    tab.mouse.up()
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


DROP = """([where, name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, {type}));
    const event = kind => new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true});
    const place = document.querySelector(where);
    place.dispatchEvent(event('dragover'));
    return !place.dispatchEvent(event('drop'));
}"""


def drop(page: Page, where: str, name: str, content: bytes, kind: str = "image/png") -> None:
    """Drop a file; the browser must not leave the page for it."""
    assert page.evaluate(DROP, [where, name, kind, base64.b64encode(content).decode()])


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
    expect(tab.locator(f"{VIEW} .pc-begin .pg-small")).to_contain_text("says how it was made, by the model emoji")
    make(tab)
    assert large(tab) == first


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
    expect(tab.get_by_role("button", name="Use the settings it was made with")).to_be_hidden()


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
