"""Pictures as files: small ones for a page, PNGs that say what made them, and reading that back."""

import base64
import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor

KEY = "generated"  # of the PNG's text that holds what made it
STATEMENT = "This picture was made by a generative model."
SMALL_PX = 32  # up to this size PNG is as small as JPEG, and sharp
LOOKED_PX = 128  # the same for a picture that is asked for once: enlarged, JPEG's blocks would be seen
QUALITY = 78
MOST_BYTES, MOST_PX = 20 << 20, 4096
ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)  # of EXIF: turned by a quarter


def small(pictures: "Tensor", sharp_px: int = SMALL_PX) -> tuple[str, ...]:
    """Data URLs of pictures (B, H, W, 3) uint8: JPEG beyond `sharp_px` pixels a side, PNG up to there."""
    from PIL import Image

    urls = []
    for picture in pictures.numpy():
        kind = "png" if max(picture.shape[:2]) <= sharp_px else "jpeg"
        file = io.BytesIO()
        Image.fromarray(picture).save(file, kind.upper(), **({"quality": QUALITY} if kind == "jpeg" else {}))
        urls.append(url(file.getvalue(), f"image/{kind}"))
    return tuple(urls)


def enlarged(picture: "ndarray", least: int = 96) -> str:
    """A data URL of a picture (H, W, 3) uint8 of few pixels, each of them a square."""
    from PIL import Image

    times = max(1, -(-least // max(picture.shape[:2])))
    file = io.BytesIO()
    Image.fromarray(picture.repeat(times, 0).repeat(times, 1)).save(file, "PNG")
    return url(file.getvalue(), "image/png")


def url(data: bytes, kind: str) -> str:
    """A data URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def content(data_url: str) -> bytes:
    """The bytes of a data URL.

    Raises:
        PlaygroundError: it is none.
    """
    try:
        return base64.b64decode(data_url.partition(",")[2])
    except ValueError as error:
        raise PlaygroundError("This is no picture that can be read: a data URL with base64 is needed.") from error


def png(picture: "Tensor", about: Mapping[str, Any]) -> bytes:
    """A PNG file of one picture (H, W, 3) uint8 that carries `about` (JSON values) and who made it."""
    from PIL import Image, PngImagePlugin

    said = PngImagePlugin.PngInfo()
    said.add_itxt(KEY, json.dumps({**about, "statement": STATEMENT}, ensure_ascii=False))
    said.add_itxt("Comment", STATEMENT)
    file = io.BytesIO()
    Image.fromarray(picture.numpy()).save(file, "PNG", pnginfo=said)
    return file.getvalue()


def about(data: bytes) -> dict[str, Any] | None:
    """What a PNG says of how it was made; None where it says nothing.

    Raises:
        PlaygroundError: no picture, or one that is too large.
    """
    with opened(data) as picture:
        text = getattr(picture, "text", {}).get(KEY)
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def opened(data: bytes) -> Any:
    """A picture that a person brought, opened but not yet decoded.

    Raises:
        PlaygroundError: no picture, or one that is too large.
    """
    from PIL import Image

    if len(data) > MOST_BYTES:
        raise PlaygroundError(
            f"This file has {len(data) / 1e6:.0f} MB; pictures of up to {MOST_BYTES >> 20} are taken."
        )
    try:
        picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF", "BMP"))
    except Image.DecompressionBombError as error:
        raise PlaygroundError(f"This picture has too many pixels: up to {MOST_PX} a side are taken.") from error
    except Exception as error:  # noqa: BLE001 the library raises whatever its parsers raise
        raise PlaygroundError("This is no picture that can be read: choose a PNG, JPEG, WebP, GIF or BMP.") from error
    if max(picture.size) > MOST_PX:
        raise PlaygroundError(
            f"This picture has {picture.width} × {picture.height} pixels; up to {MOST_PX} a side are taken."
        )
    return picture


def shown_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a picture that a person brought, as it is shown: cameras note how it is to be turned.

    Raises:
        PlaygroundError: no picture, or one that is too large.
    """
    with opened(data) as picture:
        width, height = picture.size
        return (height, width) if picture.getexif().get(ORIENTATION) in LYING else (width, height)


def brought(data: bytes, width: int, height: int, ground: str = "white") -> "Tensor":
    """A picture that a person brought, (height, width, 3) uint8: cut to the shape and laid on a colour.

    Raises:
        PlaygroundError: no picture, too large, or broken in the middle.
    """
    import numpy as np
    import torch
    from PIL import Image, ImageOps

    with opened(data) as picture:
        try:
            turned = ImageOps.exif_transpose(picture)
            if turned.mode.startswith(("I", "F")):  # 16 bits of grey, which Pillow would cut off at 255
                turned = Image.fromarray((np.asarray(turned) / 257).clip(0, 255).astype("uint8"))
            turned = turned.convert("RGBA")
        except Exception as error:  # noqa: BLE001 as above
            raise PlaygroundError("This picture is damaged: save it again, or choose another one.") from error
    fitted = ImageOps.fit(turned, (width, height), Image.Resampling.LANCZOS)
    whole = Image.new("RGBA", fitted.size, ground)
    whole.alpha_composite(fitted)
    return torch.from_numpy(np.asarray(whole.convert("RGB")).copy())
