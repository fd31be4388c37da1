"""Pictures as texts of colours: the tokenizer of `tools/pixels`, and such a model through the page's adapter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playground import fields
from playground.events import Finished, Started, TokenStep
from playground.manager import ModelManager
from playground.modalities import pixels as modality
from tests.models import tiny_pixels
from tools import pixels


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    return pixels.palette(tiny_pixels.pictures())


@pytest.fixture(scope="module")
def tokenizer(colours: np.ndarray) -> Any:
    return pixels.tokenizer(tiny_pixels.NAMES, colours)


def test_a_palette_has_white_and_shows_its_pictures_well(colours: np.ndarray) -> None:
    assert colours.shape[1] == 3 and 50 < len(colours) <= pixels.COLOURS
    assert (colours == 255).all(1).any()
    for picture in tiny_pixels.pictures():
        back = colours[pixels.nearest(picture, colours)]
        assert np.abs(back.astype(int) - picture).mean() < 20


def test_a_picture_is_a_text_of_lines_and_comes_back(tokenizer: Any, colours: np.ndarray) -> None:
    picture = tiny_pixels.pictures()[1]
    places = pixels.nearest(picture, colours)
    rows = ["".join("#{:02x}{:02x}{:02x}".format(*colours[n]) for n in row) for row in places]
    text = "cat\n" + "\n".join(rows) + "\n"
    ids = tokenizer(text)["input_ids"]
    assert len(ids) == pixels.LENGTH - 1
    assert tokenizer.decode(ids) == text
    back = [n - 3 for n in ids[2:] if 3 <= n < 3 + len(colours)]
    assert back == places.flatten().tolist()


@pytest.mark.parametrize(("prompt", "name"), [("cat", "cat"), ("a Cat", "cat"), ("The red heart ", "red heart"),
                                              ("a dragon", pixels.ANY), ("Cat\n", "cat")])  # fmt: skip
def test_a_prompt_is_one_name(tokenizer: Any, prompt: str, name: str) -> None:
    ids = tokenizer(prompt)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids[:1]) == [name]
    assert len(ids) == 1 + prompt.count("\n")


def test_small_pictures_stay_in_their_frame_on_white() -> None:
    rgba = np.zeros((64, 64, 4), "uint8")
    rgba[16:48, 16:48] = (200, 0, 0, 255)
    middle = pixels.small(rgba, 16, 0, 0, False)
    assert (middle[0] == 255).all() and (middle[8, 8] == (200, 0, 0)).all()
    assert (pixels.small(rgba, 16, 4, 0, False)[8, 12] == (200, 0, 0)).all()
    half = np.zeros((64, 64, 4), "uint8")
    half[:, :32] = (0, 0, 200, 255)
    assert np.array_equal(pixels.small(half, 16, 0, 0, True), pixels.small(half, 16, 0, 0, False)[:, ::-1])
    assert pixels.small(half, 17, 1, -1, False).shape == (16, 16, 3)


def test_pixels_are_written_as_words_are_with_probabilities_filters_and_forks(tmp_path: Path) -> None:
    folder = tiny_pixels.folder(tmp_path / "tiny")
    manager = ModelManager("own")

    def written(**values: Any) -> list[Any]:
        settings = fields.build(
            modality.Settings, {"model": str(folder), "prompt": "a cat", "max_new_tokens": 12, **values}
        )
        return list(modality.generate(settings, manager))

    events = written(search="greedy")
    steps = [event for event in events if isinstance(event, TokenStep)]
    assert isinstance(events[-1], Finished) and len(steps) == 12
    started = next(event for event in events if isinstance(event, Started))
    assert [token.text for token in started.prompt_tokens] == ["cat"]
    texts = {candidate.text for candidate in steps[0].candidates}
    assert any(text.startswith("#") and len(text) == 7 for text in texts)
    assert written(search="sample", seed=4)[-1].text != written(search="sample", seed=5)[-1].text
    assert written(search="sample", temperature=0.0)[-1].text == events[-1].text
    manager.close()
