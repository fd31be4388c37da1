"""Rows 2, 24, 25 and 30 for pictures: no memory, numbers that are none, the filter, and uploads that are no pictures.

Each is asked of the page over its API, with the embedded picture model and the same seeded run before and after.
"""

import base64
import copy
import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from gradio_client.exceptions import AppError
from PIL import Image

from playground.denoising import files
from playground.models import _classifier
from tests.faults.control import Page, served

ASKED: dict[str, Any] = {"prompt": "a red apple", "model": "emoji", "steps": 3, "guidance": 3.0, "seed": 7, "number": 2}


@pytest.fixture(scope="module")
def studio() -> Iterator[Page]:
    """A page with room for the picture model."""
    with pytest.MonkeyPatch.context() as patch, served(patch, 400) as page:
        yield page


def painted(page: Page, **more: Any) -> dict[str, Any]:
    """The end of a seeded run, with what was said on the way and a digest of each picture."""
    job = page.client.submit(**{**ASKED, **more}, api_name="/image")
    events = list(job)
    said = [event["text"] for event in events if event["event"] == "notice"]
    try:
        job.result()
    except AppError as error:
        return {"reason": "error", "message": str(error), "said": said, "pictures": []}
    end = events[-1]
    assert end["event"] == "finished"
    shown = [files.opened(files.content(url)).convert("RGB").tobytes() for url in end["pictures"]]
    return {"reason": end["reason"], "message": end["message"], "said": said,
            "pictures": [hashlib.sha256(pixels).hexdigest() for pixels in shown]}  # fmt: skip


def model(page: Page) -> Any:
    """The loaded picture model."""
    return page.manager._loads.entries["emoji"].model


def full() -> Any:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")


def test_row_2_without_memory_for_a_batch_its_pictures_are_made_one_by_one_and_without_any_it_says_what_to_do(
    studio: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = painted(studio)
    predict = model(studio).predict
    with monkeypatch.context() as patch:
        patch.setattr(model(studio), "predict", lambda x, *more: full() if len(x) > 1 else predict(x, *more))
        smaller = painted(studio)
        patch.setattr(model(studio), "predict", lambda *_: full())
        none = painted(studio)
    assert smaller["reason"] == "eos" and len(smaller["pictures"]) == 2
    assert any("one after another" in text for text in smaller["said"])
    assert none["reason"] == "error" and "make fewer at once" in none["message"]
    assert painted(studio) == before


def test_row_24_a_picture_of_numbers_that_are_none_is_computed_once_more_in_float32_or_said(
    studio: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = painted(studio)
    whole = model(studio)
    predict, tried = whole.predict, list[torch.dtype]()

    def overflowing(*given: Any) -> Any:
        tried.append(whole.dtype)
        return predict(*given) * (1 if whole.dtype == torch.float32 else float("nan"))

    with monkeypatch.context() as patch:
        patch.setattr(whole, "predict", overflowing)
        patch.setattr(whole, "denoiser", copy.deepcopy(whole.denoiser).bfloat16())
        patch.setattr(whole, "dtype", torch.bfloat16)  # as on a card: what it computes is not a number there
        again = painted(studio)
        patch.setattr(whole, "predict", lambda *given: predict(*given) * float("nan"))
        none = painted(studio)
    assert tried[:2] == [torch.bfloat16, torch.float32] and again["reason"] == "eos"
    assert "Step 1 gave numbers that are none (NaN): it is taken again in float32." in again["said"]
    assert none["reason"] == "error" and "Step 1 gave numbers that are none" in none["message"]
    assert painted(studio) == before


def test_row_25_what_the_filter_blocks_is_a_finished_run_that_says_so(
    studio: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = painted(studio)
    with monkeypatch.context() as patch:
        patch.setattr(_classifier, "scores", lambda pictures: (0.97, 0.1)[: len(pictures)])
        filtered = painted(studio)
    assert filtered["reason"] == "eos"
    assert "picture 1 (97%)" in filtered["message"] and "classifier" in filtered["message"]
    assert filtered["pictures"][0] != before["pictures"][0] and filtered["pictures"][1] == before["pictures"][1]
    assert painted(studio) == before


def bomb() -> bytes:
    file = io.BytesIO()
    Image.new("1", (30_000, 10)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(("upload", "said"), [
    (bomb(), "30000 × 10 pixels"), (b"<svg onload=alert(1)>", "no picture that can be read"),
    (b"<html><script>alert(1)</script>", "no picture that can be read"), (b"RIFF\x24\0\0\0WAVE", "no picture that can"),
], ids=["bomb", "svg", "html", "sound"])  # fmt: skip
def test_row_30_an_upload_that_is_no_picture_is_refused_in_a_sentence(studio: Page, upload: bytes, said: str) -> None:
    before = painted(studio)
    refused = painted(studio, picture="data:image/png;base64," + base64.b64encode(upload).decode())
    assert refused["reason"] == "error" and re.search(said, refused["message"])
    assert "Traceback" not in refused["message"] and len(refused["message"]) < 400
    assert painted(studio) == before
