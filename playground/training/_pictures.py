"""Small pictures for the lessons: the embedded emoji, a folder of one's own, and PNGs for the panels."""

import base64
import io
import json
import os
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from playground.errors import PlaygroundError
from playground.panels import Pictures

EMOJI = Path(__file__).parents[2] / "assets" / "data" / "emoji"
EMOJI_SIDE, EMOJI_COLUMNS, EMOJI_COUNT = 32, 40, 1376
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # decoders that are kept away from vector files and old formats
MAX_FILES, MAX_BYTES, MAX_PIXELS, MIN_SIDE = 5000, 30_000_000, 30_000_000, 8
BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, IndexError, KeyError, TypeError, OverflowError)


def emoji(size: int) -> tuple[np.ndarray, tuple[str, ...], np.ndarray, tuple[str, ...]]:
    """The embedded emoji: pictures (n, size, size, 3) in 0 … 1, their labels, the group of each, the groups' names."""
    facts = json.loads((EMOJI / "emoji.json").read_text("utf-8"))
    with Image.open(EMOJI / "emoji.webp") as sheet:
        whole = sheet.convert("RGB")
    out = np.empty((len(facts), size, size, 3), np.float32)
    for i in range(len(facts)):
        left, top = i % EMOJI_COLUMNS * EMOJI_SIDE, i // EMOJI_COLUMNS * EMOJI_SIDE
        tile = whole.crop((left, top, left + EMOJI_SIDE, top + EMOJI_SIDE))
        out[i] = np.asarray(tile.resize((size, size), Image.Resampling.LANCZOS), np.float32) / 255
    names = tuple(dict.fromkeys(fact["group"] for fact in facts))
    groups = np.array([names.index(fact["group"]) for fact in facts])
    return out, tuple(fact["label"] for fact in facts), groups, names


def folder(name: str, size: int) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """The pictures of a folder: (n, size, size, 3) in 0 … 1, their file names, and a sentence for each file that
    could not be used.

    Each is cut to its middle square. Transparent parts become white, of an animation the first picture counts.

    Raises:
        PlaygroundError: no folder, or not one picture in it that can be used.
    """
    path = Path(name)
    if not name.strip() or not path.is_dir():
        raise PlaygroundError(f"{name[:60]!r} is no folder: give one that holds PNG, JPEG, WebP, GIF or BMP pictures.")
    with os.scandir(path) as entries:
        files = sorted(e.path for e in entries if e.is_file(follow_symlinks=False) and not e.name.startswith("."))
    pictures, names, refused = [], [], []
    for file in map(Path, files[:MAX_FILES]):
        try:
            pictures.append(read(file, size))
            names.append(file.name)
        except PlaygroundError as problem:
            refused.append(str(problem))
    if len(files) > MAX_FILES:
        refused.append(f"The folder holds {len(files)} files; only the first {MAX_FILES} were read.")
    if not pictures:
        why = f" {refused[0]}" if refused else " It is empty."
        raise PlaygroundError(f"There is no picture in {path.name!r} that can be used.{why}")
    return np.stack(pictures), tuple(names), tuple(refused)


def read(path: Path, size: int) -> np.ndarray:
    """One picture file as (size, size, 3) in 0 … 1; only its head is read before its size is known to be harmless.

    Raises:
        PlaygroundError: not a picture, broken, too large or too small.
    """
    name = path.name[:60]
    if path.stat().st_size > MAX_BYTES:
        raise PlaygroundError(f"{name} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL warns of what is refused below, with figures
            with Image.open(path, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise PlaygroundError(f"{name} has {width} × {height} pixels; at most {MAX_PIXELS:,} are decoded.")
                if min(width, height) < MIN_SIDE:
                    raise PlaygroundError(f"{name} has {width} × {height} pixels; a side needs at least {MIN_SIDE}.")
                rgb = _rgb(picture)
    except UnidentifiedImageError:
        raise PlaygroundError(f"{name} is no PNG, JPEG, WebP, GIF or BMP picture.") from None
    except Image.DecompressionBombError:
        raise PlaygroundError(f"{name} has too many pixels; at most {MAX_PIXELS:,} are decoded.") from None
    except BROKEN:
        raise PlaygroundError(f"{name} is broken or cut off: save it again as PNG or JPEG.") from None
    small = ImageOps.fit(rgb, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(small, np.float32) / 255


def _rgb(picture: Any) -> Any:
    picture.draft("RGB", (512, 512))  # a JPEG can be decoded at an eighth of its size; others ignore this
    picture.load()
    turned = ImageOps.exif_transpose(picture)
    if turned.mode.startswith("I") or turned.mode == "F":  # 16 bits or more a pixel
        values = np.asarray(turned, np.float64)
        top = 65535 if turned.mode.startswith("I") else 1
        return Image.fromarray(np.clip(values * 255 / top, 0, 255).astype(np.uint8)).convert("RGB")
    if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        turned = turned.convert("RGBA")
        ground = Image.new("RGBA", turned.size, "white")
        ground.alpha_composite(turned)
        return ground.convert("RGB")
    return turned.convert("RGB")


# ── for the panels ───────────────────────────────────────────────────────────


def png(picture: np.ndarray) -> str:
    """A picture (3, H, W) in -1 … 1 as a PNG in base64."""
    picture = np.nan_to_num(picture, nan=0.0)  # grey where a model that diverges says nothing
    values = np.clip((np.moveaxis(picture, 0, -1) + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()


def panel(pictures: np.ndarray, captions: tuple[str, ...] = ()) -> Pictures:
    """Pictures (n, 3, H, W) in -1 … 1 as a panel."""
    return Pictures(tuple(png(p) for p in pictures), captions)


def nearest(samples: np.ndarray, training: np.ndarray) -> np.ndarray:
    """For each sample (n, …) the index of the training example (N, …) at the smallest Euclidean distance: (n,)."""
    a, b = samples.reshape(len(samples), -1), training.reshape(len(training), -1)
    return (np.square(b).sum(1)[None] - 2 * a @ b.T).argmin(1)
