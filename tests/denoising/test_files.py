"""Pictures that people bring: kinds and sizes of every sort come out as plain colours, or are refused in a sentence."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from playground.denoising import files
from playground.errors import PlaygroundError
from tests.denoising.driven import Lending, data_url, make


def saved(picture: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def plain(mode: str, colour: Any, size: tuple[int, int] = (40, 20)) -> Image.Image:
    return Image.new(mode, size, colour)


GREY16 = Image.fromarray(np.full((20, 40), 200 * 257, dtype=np.uint16))
KINDS = {
    "CMYK": (saved(plain("CMYK", (0, 255, 255, 0)), "JPEG", quality=100), (254, 0, 0)),
    "half transparent, on white": (saved(plain("RGBA", (0, 0, 0, 128))), (127, 127, 127)),
    "wholly transparent": (saved(plain("RGBA", (9, 9, 9, 0))), (255, 255, 255)),
    "a palette": (saved(plain("RGB", (10, 200, 30)).quantize(4), "GIF"), (10, 200, 30)),
    "animated: its first": (saved(plain("RGB", (10, 200, 30)), "GIF", save_all=True,
                                  append_images=[plain("RGB", (200, 0, 0))] * 3), (10, 200, 30)),
    "one pixel": (saved(plain("RGB", (1, 2, 3), (1, 1))), (1, 2, 3)),
    "grey": (saved(plain("L", 77)), (77, 77, 77)),
    "grey of 16 bits": (saved(GREY16), (200, 200, 200)),
    "one bit": (saved(plain("1", 1)), (255, 255, 255)),
    "very wide": (saved(plain("RGB", (5, 6, 7), (4096, 1))), (5, 6, 7)),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_is_read(kind: str) -> None:
    data, colour = KINDS[kind]
    found = files.brought(data, 24, 16)
    assert found.shape == (16, 24, 3)
    assert np.abs(found.numpy().astype(int) - colour).max() <= 4


def test_a_turned_photograph_is_turned_back() -> None:
    picture = plain("RGB", (255, 0, 0), (20, 20))
    picture.paste((0, 0, 255), (0, 10, 20, 20))  # blue below
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    found = files.brought(saved(picture, "JPEG", quality=100, exif=exif), 8, 8)
    assert found[0, 4, 2] > 200 and found[-1, 4, 0] > 200


@pytest.mark.parametrize(("data", "said"), [
    (b"", "no picture that can be read"),
    (b"\x89PNG\r\n\x1a\n" + bytes(64), "no picture that can be read"),
    (b"x" * ((20 << 20) + 1), "up to 20 are taken"),
    (saved(plain("L", 0, (4097, 1))), "up to 4096 a side are taken"),
    (saved(Image.effect_noise((64, 64), 90))[:900], "damaged"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_in_a_sentence(data: bytes, said: str) -> None:
    with pytest.raises(PlaygroundError, match=said):
        files.brought(data, 16, 16)


def test_a_mask_of_other_proportions_than_the_picture_is_refused(manager: Lending) -> None:
    picture, mask = data_url(plain("RGB", (9, 9, 9), (32, 32))), data_url(plain("L", 255, (64, 32)))
    with pytest.raises(PlaygroundError, match="other proportions"):
        make(manager, picture=picture, mask=mask, strength=0.6)
    assert manager.lent == 0
    assert make(manager, picture=picture, mask=data_url(plain("L", 255, (64, 64))))[-1].pictures


def test_a_file_says_no_path_of_the_computer_that_made_it(manager: Lending) -> None:
    end = make(manager, model="/home/somebody/models/tiny")[-1]
    told = files.about(files.content(end.pictures[0]))
    assert told is not None
    assert told["model"] == "tiny"


def test_a_picture_of_billions_of_pixels_is_refused_for_its_size() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(PlaygroundError, match="too many pixels: up to 4096 a side"):
        files.opened(bomb)


@pytest.mark.parametrize(("side", "kind"), [(16, "png"), (64, "png"), (200, "jpeg")])
def test_a_picture_that_is_looked_at_once_travels_without_loss_where_it_is_small(side: int, kind: str) -> None:
    pictures = (torch.rand(1, side, side, 3, generator=torch.Generator().manual_seed(1)) * 255).byte()
    (looked,), (preview,) = files.small(pictures, files.LOOKED_PX), files.small(pictures)
    assert looked.startswith(f"data:image/{kind};base64,")
    if kind == "png":
        assert Image.open(io.BytesIO(files.content(looked))).tobytes() == pictures.numpy().tobytes()
    if side > files.SMALL_PX:
        assert preview.startswith("data:image/jpeg;base64,")
        assert len(preview) <= len(looked)
