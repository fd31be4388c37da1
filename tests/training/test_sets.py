"""The sets of the picture lessons: distributions, drawn pictures, emoji, and what people give."""

import io
import json
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from playground.errors import PlaygroundError
from playground.training import _drawing, _pictures, _plane, _sets
from tests.conftest import ROOT
from tests.training.lessons import small


def load(**changes: object) -> _sets.Data:
    return _sets.load(small("vae", **changes))


# ── the plane ────────────────────────────────────────────────────────────────


def test_the_energy_distance_of_two_small_samples_is_that_worked_out_by_hand():
    """X = {0, 2}, Y = {1}: E|X-Y| = 1, E|X-X'| = (0 + 2 + 2 + 0) / 4 = 1, E|Y-Y'| = 0, so 2·1 - 1 - 0 = 1."""
    assert _plane.energy_distance(np.array([[0.0], [2.0]]), np.array([[1.0]])) == pytest.approx(1)
    a = np.array([[0.0, 0.0], [3.0, 4.0]])  # 5 apart
    assert _plane.energy_distance(a, a) == pytest.approx(0)
    assert _plane.energy_distance(a, a[:1]) == pytest.approx(2 * 2.5 - 2.5)


@pytest.mark.parametrize("name", _plane.NAMES)
def test_every_distribution_has_mean_0_a_deviation_near_1_and_the_same_points_again(name: str):
    points = _plane.draw(name, 40_000, np.random.default_rng(0))
    assert np.abs(points.mean(0)).max() < 0.12
    assert 0.85 < points.std(0).min() <= points.std(0).max() < 1.15
    assert np.array_equal(points, _plane.draw(name, 40_000, np.random.default_rng(0)))


def test_the_checkerboard_has_points_on_its_black_squares_only_and_on_all_of_them():
    points = _plane.draw("checkerboard", 5000, np.random.default_rng(0)) / 0.85 + 2
    squares = {(int(x), int(y)) for x, y in points}
    assert squares == {(x, y) for x in range(4) for y in range(4) if (x + y) % 2 == 0}


def test_the_ring_itself_covers_its_eight_gaussians_and_seven_of_them_cover_seven():
    centres = _plane.ring_centres()
    assert np.linalg.norm(centres, axis=1) == pytest.approx(np.full(8, 1.4))
    assert _plane.covered(_plane.draw("ring", 2000, np.random.default_rng(0))) == 8
    assert _plane.covered(np.repeat(centres[:7], 10, 0)) == 7
    assert _plane.covered(np.full((100, 2), 9.0)) == 0


def test_a_gaussian_with_less_than_a_quarter_of_its_share_is_not_covered():
    """Of 3200 points a fair share is 400, a quarter of it 100."""
    centres, far = _plane.ring_centres(), np.full((3200, 2), 9.0)
    for count, wanted in ((100, 1), (99, 0)):
        points = far.copy()
        points[:count] = centres[0]
        assert _plane.covered(points) == wanted
    points[:3200] = centres[0] + [0.301, 0]  # just beyond three standard deviations
    assert _plane.covered(points) == 0


@pytest.mark.parametrize("text", ["1,2\n3,4\n5,0", "1 2\n3;4\n 5 , 0\n", "1e0,2.\n+3,4\n5,-0.0\n\n"])
def test_points_are_read_centred_and_scaled_alike_on_both_axes(text: str):
    points = _plane.read_points(text)
    given = np.array([[1, 2], [3, 4], [5, 0]])
    expected = (given - given.mean(0)) / given.std(0).max()
    np.testing.assert_allclose(points, expected)


def test_points_are_read_from_a_file_with_headings(tmp_path: Path):
    (tmp_path / "p.csv").write_text("x,y\n1,2\n3,4\n5,0\n")
    assert _plane.read_points(str(tmp_path / "p.csv")).shape == (3, 2)
    data = load(data="points", points=str(tmp_path / "p.csv"))
    assert data.plane
    assert len(data.train) == len(data.held_out) == 3
    assert "learn by heart" in data.notes[0]


BAD_POINTS = {
    "": "no points",
    "  \n ": "no points",
    "nowhere.csv": "neither lines of x,y nor a file",
    "1,2\n3,four": r"Line 2 of the points is '3,four'",
    "1,2": "in one place",
    "1,2\n1,2\n1,2": "in one place",
    "1,2\n3,nan": "Line 2",
    "1e300,2\n3,4": "beyond 1e12",
    "1e999,2\n3,4": "beyond 1e12",
    "\u202e1,2": "neither lines",
    "x" * 3000: "neither lines",
    "1,2\n" * 20_001: "20001 points; at most 20000",
}


@pytest.mark.parametrize("text", BAD_POINTS, ids=range(len(BAD_POINTS)))
def test_points_that_are_none_are_refused_with_a_sentence(text: str):
    with pytest.raises(PlaygroundError, match=BAD_POINTS[text]):
        _plane.read_points(text)


def test_files_of_points_that_are_empty_binary_or_huge_are_refused(tmp_path: Path):
    for content, why in ((b"", "empty"), (bytes(range(256)), "Line 1"), (b"1,2\n" * 600_000, "at most 2,000,000")):
        (tmp_path / "p").write_bytes(content)
        with pytest.raises(PlaygroundError, match=why):
            _plane.read_points(str(tmp_path / "p"))


# ── drawn pictures, and emoji ────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["faces", "shapes"])
@pytest.mark.parametrize("size", [8, 17, 32])
def test_drawn_pictures_differ_stay_in_range_and_come_again(name: str, size: int):
    data, again = load(data=name, size=size), load(data=name, size=size, seed=9)
    assert data.shape == (3, size, size)
    assert len(data.train) + len(data.held_out) == 64
    assert data.train.min() >= -1
    assert data.train.max() <= 1
    assert torch.equal(data.train, again.train)
    assert len({p.numpy().tobytes() for p in data.train}) == len(data.train)
    assert set(data.classes) <= set(range(len(data.class_names)))


def test_a_circle_covers_the_area_of_a_circle():
    canvas = _drawing.Canvas(np.zeros((1, 3)), 64)
    canvas.paint(np.hypot(canvas.x, canvas.y) - 0.6, np.ones((1, 3)))
    assert canvas.rgb.mean() * 4 == pytest.approx(math.pi * 0.36, rel=0.005)


def test_y_points_up():
    canvas = _drawing.Canvas(np.zeros((1, 3)), 8)
    canvas.paint(np.broadcast_to(0.5 - canvas.y, (1, 8, 8)) * 1.0, np.ones((1, 3)))
    assert canvas.rgb[0, 0].mean() == 1
    assert canvas.rgb[0, -1].mean() == 0


def test_what_is_held_out_is_not_trained_on():
    data = load(data="shapes", examples=128)
    train = {p.numpy().tobytes() for p in data.train}
    assert not train & {p.numpy().tobytes() for p in data.held_out}


def test_the_emoji_are_labelled_small_and_theirs_are_the_pictures():
    data = load(data="emoji", size=32)
    assert len(data.train) + len(data.held_out) == 1376
    assert len(data.labels) == len(data.train) == len(data.classes)
    apple = data.train[data.labels.index("red apple")]  # (3, 32, 32): red in the middle, white at the corner
    middle = apple[:, 14:24, 12:20].mean((1, 2))
    assert middle[0] > 0.2 > middle[1]
    assert apple[:, 0, 0].min() > 0.9


def test_the_emojis_licence_and_source_stand_beside_them_and_the_sheet_is_small():
    folder = ROOT / "assets" / "data" / "emoji"
    licence, readme = (folder / "LICENSE").read_text(), (folder / "README.md").read_text()
    assert "Permission is hereby granted, free of charge" in licence
    assert "Microsoft Corporation" in licence
    assert "Miles Johnson" in licence
    for package in ("@lobehub/fluent-emoji-3d", "emojibase-data"):
        assert package in readme
        assert package in (ROOT / "tools" / "build_emoji.py").read_text()
    assert sum(p.stat().st_size for p in folder.iterdir()) < 2_000_000
    facts = json.loads((folder / "emoji.json").read_text())
    assert len(facts) == 1376
    assert not [f for f in facts if "skin tone" in f["label"] or f["group"] in ("flags", "symbols")]


# ── a folder of one's own ────────────────────────────────────────────────────


def png(width: int, height: int, colour_type: int = 2, bits: int = 8, rows: bytes = b"") -> bytes:
    """A PNG whose head says what it likes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def saved(picture: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


RED = Image.new("RGB", (40, 30), (255, 0, 0))
HARMLESS = {
    "plain.png": (saved(RED), (255, 0, 0)),
    "cmyk.jpg": (saved(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    "clear.png": (saved(Image.new("RGBA", (40, 40), (0, 0, 0, 0))), (255, 255, 255)),
    "half.webp": (saved(Image.new("RGBA", (40, 40), (0, 0, 255, 128)), "WEBP", lossless=True), (127, 127, 255)),
    "grey.png": (saved(Image.new("LA", (40, 40), (0, 128))), (127, 127, 127)),
    "sixteen.png": (saved(Image.new("I;16", (40, 40), 32768)), (127, 127, 127)),
    "palette.gif": (saved(RED.convert("P"), "GIF"), (255, 0, 0)),
    "moving.gif": (saved(RED, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 30))] * 5), (255, 0, 0)),
    "moving.webp": (saved(RED, "WEBP", save_all=True, lossless=True,
                          append_images=[Image.new("RGB", (40, 30))] * 5), (255, 0, 0)),
    "one.bmp": (saved(Image.new("1", (40, 40), 1), "BMP"), (255, 255, 255)),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_unusual_pictures_are_read_as_what_one_sees(name: str, tmp_path: Path):
    content, colour = HARMLESS[name]
    (tmp_path / name).write_bytes(content)
    picture = _pictures.read(tmp_path / name, 16)
    assert picture.shape == (16, 16, 3)
    np.testing.assert_allclose(picture.mean((0, 1)) * 255, colour, atol=3)


def test_a_turned_photograph_is_turned_back_and_cut_to_its_middle(tmp_path: Path):
    picture = Image.new("RGB", (60, 20), (255, 255, 255))
    picture.paste((255, 0, 0), (20, 0, 40, 20))  # the middle square
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright
    (tmp_path / "a.jpg").write_bytes(saved(picture, "JPEG", exif=exif, quality=95))
    assert _pictures.read(tmp_path / "a.jpg", 8).mean((0, 1)) == pytest.approx((1, 0, 0), abs=0.12)


BOMB = png(30_000, 30_000)
HOSTILE = {
    "bomb.png": (BOMB, "pixels; at most 30,000,000 are decoded"),
    "large.png": (png(8000, 8000), "8000 × 8000 pixels; at most"),
    "dot.png": (saved(Image.new("RGB", (1, 1))), "1 × 1 pixels; a side needs at least 8"),
    "line.png": (saved(Image.new("RGB", (500, 2))), "500 × 2 pixels; a side"),
    "cut.png": (saved(Image.effect_noise((64, 64), 90))[:900], "broken or cut off"),
    "cut.jpg": (saved(Image.effect_noise((64, 64), 90), "JPEG")[:700], "broken or cut off"),
    "short.png": (png(64, 64, rows=b"\0" * 10), "broken or cut off"),
    "empty.png": (b"", "is no PNG"),
    "page.png": (b"<html><script>alert(1)</script></html>", "is no PNG"),
    "vector.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no PNG"),
    "script.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "is no PNG"),
    "old.png": (saved(RED, "TIFF"), "is no PNG"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures_are_refused_with_one_sentence_that_names_them(name: str, tmp_path: Path):
    content, why = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PlaygroundError, match=why) as caught:
        _pictures.read(tmp_path / name, 16)
    assert name in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_bomb_is_refused_before_its_pixels_take_memory(tmp_path: Path):
    import tracemalloc

    (tmp_path / "bomb.png").write_bytes(BOMB)
    tracemalloc.start()
    with pytest.raises(PlaygroundError):
        _pictures.read(tmp_path / "bomb.png", 16)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path):
    with open(tmp_path / "huge.png", "wb") as file:
        file.truncate(30_000_001)
    with pytest.raises(PlaygroundError, match=r"30,000,001 bytes; at most 30,000,000"):
        _pictures.read(tmp_path / "huge.png", 16)


def test_a_folder_is_trained_on_without_what_cannot_be_used_and_says_so(tmp_path: Path):
    for name, (content, _) in {**HARMLESS, **HOSTILE}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".hidden.png").write_bytes(HARMLESS["plain.png"][0])
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    data = load(data="folder", folder=str(tmp_path), size=16)
    assert len(data.train) + len(data.held_out) == len(HARMLESS)
    assert set(data.labels) <= set(HARMLESS)
    assert len(data.notes) == len(HOSTILE)
    from tests.training.lessons import run

    step = run("vae", small("vae", data="folder", folder=str(tmp_path), steps=1))[0][0]
    assert "bomb.png" in step.panels["notes"].text


def test_one_picture_is_enough_to_learn_by_heart_and_says_so(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(HARMLESS["plain.png"][0])
    data = load(data="folder", folder=str(tmp_path))
    assert len(data.train) == len(data.held_out) == 1
    assert "nothing is held out" in data.notes[0]


def test_folders_that_are_none_empty_or_hold_nothing_usable_are_refused(tmp_path: Path):
    for name, why in (("", "no folder"), ("nowhere", "no folder"), (str(tmp_path), "It is empty")):
        with pytest.raises(PlaygroundError, match=why):
            load(data="folder", folder=name)
    (tmp_path / "dot.png").write_bytes(HOSTILE["dot.png"][0])
    with pytest.raises(PlaygroundError, match=r"can be used\. dot.png has 1 × 1 pixels"):
        load(data="folder", folder=str(tmp_path))


def test_a_set_that_is_none_is_named_with_those_that_are():
    with pytest.raises(PlaygroundError, match="no set called 'cats'; there are: ring, moons"):
        load(data="cats")


# ── for the panels ───────────────────────────────────────────────────────────


def test_a_png_of_a_picture_holds_that_picture():
    import base64

    picture = torch.linspace(-1, 1, 3 * 4 * 5).view(3, 4, 5).numpy()
    read = np.asarray(Image.open(io.BytesIO(base64.b64decode(_pictures.png(picture)))))
    np.testing.assert_allclose(read, (np.moveaxis(picture, 0, -1) + 1) * 127.5, atol=0.51)


def test_the_nearest_training_picture_is_the_one_at_the_smallest_distance():
    training = torch.randn(50, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    samples = training[[7, 31]] + 0.01
    assert _pictures.nearest(samples.numpy(), training.numpy()).tolist() == [7, 31]


def test_bounds_hold_every_point_even_far_ones():
    data = load(data="points", points="0,0\n" * 200 + "1,0\n")
    x0, x1, y0, y1 = data.bounds
    assert x0 < data.train[:, 0].min()
    assert data.train.max() < x1
    assert (x0, x1) == (y0, y1)
