"""The training pictures beside a model that writes pixels: which are nearest, and how near."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playground.modalities import pixels
from playground.models import _pixel_neighbours
from tests.models import tiny_pixels


@pytest.fixture
def pictures() -> np.ndarray:
    """Six pictures (2, 6, 8, 8, 3) of few colours on white, in two sizes."""
    chance = np.random.default_rng(5)
    colours = np.array([[255, 255, 255], [200, 30, 30], [30, 160, 60], [20, 20, 90]], "uint8")
    found = np.full((2, 6, 8, 8, 3), 255, "uint8")
    found[:, :, 2:6, 2:6] = colours[chance.integers(0, 4, (2, 6, 4, 4))]
    return found


NAMES = ["apple", "pear", "<b>", "cat", "dog", "tree"]


def test_the_nearest_is_found_moved_and_mirrored_and_its_distance_is_that_of_hand_arithmetic(
    tmp_path: Path, pictures: np.ndarray
) -> None:
    _pixel_neighbours.save(tmp_path, pictures, NAMES)
    known = _pixel_neighbours.of(tmp_path)
    assert known is not None and known.names == NAMES
    for size in (0, 1):
        for number, name in enumerate(NAMES):
            picture = pictures[size, number]
            for given in (picture, picture[:, ::-1], np.roll(picture, 1, 1), np.roll(picture[:, ::-1], -1, 0)):
                found = known.nearest(given)
                assert (found[0][0], found[0][1]) == (name, 0)
                assert (found[0][2] == picture).all()
    dark = pictures[0, 3].copy()
    dark[0, 0] = 0  # one pixel of 64 from white to black
    drawn = int((dark < 255).any(-1).sum())  # the places where either is not white
    assert known.nearest(dark)[0][1] == pytest.approx(1 / drawn)
    apart = [d for _, d, _ in known.nearest(dark, 6)]
    assert apart == sorted(apart) and len(apart) == 6
    assert known.nearest(np.zeros((9, 9, 3), "uint8")) == []
    assert known.nearest(np.full((8, 8, 3), 255, "uint8")) == [], "nothing is near to nothing"


def test_a_text_is_a_picture_where_all_its_lines_are_alike() -> None:
    found = _pixel_neighbours.picture_of("#ff0000#00ff00\n#0000ff#ffff00\n")
    assert found is not None and found.tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]]
    for text in ("", "\n\n", "a cat", "#ff0000#00ff00\n#0000ff", "#ff0000\nword"):
        assert _pixel_neighbours.picture_of(text) is None


def test_what_the_modality_says_of_a_written_picture(tmp_path: Path, pictures: np.ndarray) -> None:
    _pixel_neighbours.save(tmp_path, pictures, NAMES)
    text = "\n".join("".join("#{:02x}{:02x}{:02x}".format(*pixel) for pixel in row) for row in pictures[0, 2].tolist())
    found = pixels.near(text, tmp_path)
    assert [one["name"] for one in found["near"]][0] == "<b>" and len(found["near"]) == 3
    assert found["near"][0]["picture"].startswith("data:image/png;base64,")
    known = _pixel_neighbours.Neighbours(tmp_path)
    own = next(apart for name, apart, _ in known.nearest(pictures[0, 2], 6) if name != "<b>")
    assert found["typical"] == pytest.approx(own, abs=1e-4), "how far the nearest one is from the next"
    for place, words in ((tmp_path, "#ff0000"), (tmp_path / "nowhere", text), (None, text)):
        assert pixels.near(words, place)["near"] == []


@pytest.mark.parametrize("told", ["", "[]", '{"names": ["one"]}', '{"names": 3, "side": 8}', "[" * 100_000,
                                  *(f'{{"names": ["one"], "side": {side}}}' for side in (0, -8, 7, "Infinity", '"x"'))],
                         ids=range(10))  # fmt: skip
def test_a_model_whose_pictures_cannot_be_read_works_without_them(
    tmp_path: Path, pictures: np.ndarray, told: str
) -> None:
    _pixel_neighbours.save(tmp_path, pictures, NAMES)
    (tmp_path / _pixel_neighbours.NAMES).write_text(told)
    assert _pixel_neighbours.of(tmp_path) is None
    _pixel_neighbours.save(tmp_path, pictures, NAMES)
    (tmp_path / _pixel_neighbours.SHEET).write_bytes(b"no picture")
    assert _pixel_neighbours.of(tmp_path) is None
    Image.new("RGB", (5000, 8)).save(tmp_path / _pixel_neighbours.SHEET)
    assert _pixel_neighbours.of(tmp_path) is None
    bomb = Image.new("RGB", (8, 8))
    bomb.save(tmp_path / _pixel_neighbours.SHEET)
    data = bytearray((tmp_path / _pixel_neighbours.SHEET).read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2  # what it says of its size
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    (tmp_path / _pixel_neighbours.SHEET).write_bytes(bytes(data))
    assert _pixel_neighbours.of(tmp_path) is None


def test_the_embedded_model_knows_what_it_was_trained_on_in_its_own_colours() -> None:
    from playground.models._places import ASSETS

    folder = ASSETS / "models" / "pixels"
    known = _pixel_neighbours.of(folder)
    assert known is not None and len(known.names) > 1000 and "sunflower" in known.names
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    seen = {"#{:02x}{:02x}{:02x}".format(*colour) for colour in known.pictures.reshape(-1, 3)[::7].tolist()}
    assert seen <= set(vocabulary)
    assert known.pictures.shape[2] == tiny_pixels.pixels.SIDE
