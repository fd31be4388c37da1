"""What a visitor of the Image tab does in these tests, and the page served with a tiny random picture model."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from playwright.sync_api import Page, expect

from playground.modalities import image
from playground.models import _neighbours
from tests.models import tiny_pictures
from tests.page.catalogues import served_with, tiny_spec
from tests.page.visitor import opened

VIEW, STATE, STEP = "#image-view", "#image-view .pg-state", "#image-view .pc-step"
OVER = """before => { const view = document.querySelector('#image-view .pg-columns');
    return view.dataset.run !== before && view.dataset.state === 'finished'; }"""
DROP = """([where, name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], name, {type}));
    const event = kind => new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true});
    const place = document.querySelector(where);
    place.dispatchEvent(event('dragover'));
    return !place.dispatchEvent(event('drop'));
}"""


@contextmanager
def served(place: Path) -> Iterator[str]:
    """The address of a page whose picture model is a tiny one, with the five pictures that it was trained on; "flow" is
    another one, of flow matching, which has places for 16 × 16 pixels and no more."""
    folder = tiny_pictures.folder("pixart", place / "tiny")
    latents = torch.randn(5, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    _neighbours.save(folder, latents, ["apple", "pear", "<img src=x onerror=alert(1)>", "cat", "dog"])
    flow = tiny_pictures.auraflow()
    few = {**flow.transformer.config, "pos_embed_max_size": 16}
    flow.transformer = type(flow.transformer).from_config(few).eval()
    flow.save_pretrained(str(place / "flow"), safe_serialization=True)
    models = tiny_spec("emoji", folder, "image"), tiny_spec("flow", place / "flow", "image")
    with served_with(*models, ready=image) as address:
        yield address


@contextmanager
def visited(page: Page, url: str) -> Iterator[Page]:
    """The page with its Image tab open."""
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


def drop(page: Page, where: str, name: str, content: bytes, kind: str = "image/png") -> None:
    """Drop a file; the browser must not leave the page for it."""
    assert page.evaluate(DROP, [where, name, kind, base64.b64encode(content).decode()])
