"""Is a picture of few pixels a copy? The pictures that a model was trained on, beside what it writes.

A model's folder may hold `neighbours.png`: its training pictures on one sheet, in each size in which they were seen,
and `neighbours.json` with their names and how large they are. The distance of two pictures is the mean of the absolute
difference of their colours, 0 (the same) to 1 (white and black), over the places where either of them is not white;
one of them may be moved by a pixel and mirrored, as in the training.
"""

import json
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.models._safety import small_json

if TYPE_CHECKING:
    from numpy import ndarray

SHEET, NAMES = "neighbours.png", "neighbours.json"
MOST_PX = 4096  # a side of the sheet
COLOUR = re.compile("#[0-9a-f]{6}")


def picture_of(text: str) -> "ndarray | None":
    """The picture (H, W, 3) uint8 that a text of colours and line breaks is; None where its lines are not alike."""
    import numpy as np

    lines = [COLOUR.findall(line) for line in text.split("\n") if line]
    if not lines or any(len(line) != len(lines[0]) or not line for line in lines):
        return None
    return np.array([[list(bytes.fromhex(colour[1:])) for colour in line] for line in lines], "uint8")


def save(folder: Path, pictures: "ndarray", names: Sequence[str]) -> None:
    """Write both files for pictures (sizes, N, side, side, 3) uint8, named, of at most 256 colours."""
    import numpy as np
    from PIL import Image

    sizes, count, side = pictures.shape[:3]
    across = max(1, round((sizes * count) ** 0.5))
    cells = np.full((-(-sizes * count // across) * across, side, side, 3), 255, "uint8")
    cells[: sizes * count] = pictures.reshape(-1, side, side, 3)
    whole = cells.reshape(-1, across, side, side, 3).swapaxes(1, 2).reshape(-1, across * side, 3)
    colours, places = np.unique(whole.reshape(-1, 3), axis=0, return_inverse=True)
    sheet = Image.fromarray(places.reshape(whole.shape[:2]).astype("uint8"), "P")
    sheet.putpalette(colours.astype("uint8").tobytes())
    sheet.save(folder / SHEET, optimize=True)
    told = {"names": list(names), "side": side}
    (folder / NAMES).write_text(json.dumps(told, ensure_ascii=False, separators=(",", ":")), "utf-8")


class Neighbours:
    """The training pictures of one model: `pictures` (sizes, N, side, side, 3) uint8, and their `names`.

    Raises:
        OSError, ValueError, LookupError, TypeError, ArithmeticError: they cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        import numpy as np
        from PIL import Image

        told = small_json(folder / NAMES)
        self.names, side = [str(name) for name in told["names"]], int(told["side"])
        try:
            opened = Image.open(folder / SHEET, formats=("PNG",))
        except Image.DecompressionBombError as error:
            raise ValueError(str(error)) from error
        with opened as sheet:
            if max(sheet.size) > MOST_PX or not 0 < side <= min(sheet.size) or sheet.width % side:
                raise ValueError(f"a sheet of {sheet.size} for pictures of {side}")
            whole = np.asarray(sheet.convert("RGB"))
        cells = whole.reshape(-1, side, sheet.width // side, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
        sizes = len(cells) // max(1, len(self.names))
        if sizes < 1:
            raise ValueError(f"{len(self.names)} names for {len(cells)} pictures")
        self.pictures: Any = cells[: sizes * len(self.names)].reshape(sizes, len(self.names), side, side, 3)

    def nearest(self, picture: "ndarray", count: int = 3) -> list[tuple[str, float, "ndarray"]]:
        """(name, distance, picture (side, side, 3) uint8) of the nearest ones; none where the sizes differ, or all is
        white."""
        import numpy as np

        if picture.shape != self.pictures.shape[2:] or bool((picture == 255).all()):
            return []
        many, drawn = self.pictures.astype("int16"), (self.pictures < 255).any(-1)
        apart = np.full(many.shape[:2], np.inf)
        for dx, dy, flip in product((-1, 0, 1), (-1, 0, 1), (False, True)):
            given = moved(picture[:, ::-1] if flip else picture, dx, dy)
            places = np.maximum((drawn | (given < 255).any(-1)).sum((2, 3)), 1)
            apart = np.minimum(apart, np.abs(many - given.astype("int16")).sum((2, 3, 4)) / (765 * places))
        size, least = apart.argmin(0), apart.min(0)
        order = np.argsort(least, kind="stable")[:count]
        return [(self.names[i], float(least[i]), self.pictures[size[i], i]) for i in order.tolist()]


def moved(picture: "ndarray", dx: int, dy: int) -> "ndarray":
    """A picture moved by less than its size, white where it was."""
    import numpy as np

    found = np.full_like(picture, 255)
    height, width = picture.shape[:2]
    there = slice(max(0, dy), height + min(0, dy)), slice(max(0, dx), width + min(0, dx))
    here = slice(max(0, -dy), height + min(0, -dy)), slice(max(0, -dx), width + min(0, -dx))
    found[there] = picture[here]
    return found


def of(folder: Path | None) -> Neighbours | None:
    """Those in a model's folder, where it has any that can be read: a model works without them."""
    if folder is None or not (folder / SHEET).is_file():
        return None
    try:
        return Neighbours(folder)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError):
        return None
