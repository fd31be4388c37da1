"""Pictures that the project draws itself: faces, and coloured shapes. A seed and a size make the whole set, so
there is nothing to download and nothing to license.

Every figure is a signed distance: negative inside, positive outside. Divided by a pixel's width and cut to
0 … 1 it is how much of each pixel the figure covers, which gives smooth edges at any size.
"""

from collections.abc import Callable

import numpy as np

SHAPES = ("circle", "square", "triangle", "cross", "ring", "stripe")
FACES = ("smile", "frown")
SKIN = np.array([[255, 224, 189], [224, 172, 125], [141, 85, 54], [80, 48, 34]]) / 255
HAIR = np.array([[30, 25, 25], [110, 65, 30], [235, 195, 90], [190, 60, 30], [200, 200, 205]]) / 255
PAINT = np.array([[214, 69, 65], [46, 134, 193], [39, 154, 96], [240, 178, 50], [125, 80, 170]]) / 255


class Canvas:
    """n pictures that are painted at once: `rgb` (n, size, size, 3) in 0 … 1; x right and y up, from -1 to 1."""

    def __init__(self, ground: np.ndarray, size: int):
        n = len(ground)
        axis = (np.arange(size) + 0.5) * 2 / size - 1
        self.size, self.x, self.y = size, axis[None, None, :], -axis[None, :, None]
        self.rgb = np.broadcast_to(ground[:, None, None, :], (n, size, size, 3)).copy()

    def paint(self, distance: np.ndarray, colour: np.ndarray) -> None:
        """Cover what lies at a negative signed distance (n, size, size) with each picture's colour (n, 3)."""
        cover = np.clip(0.5 - distance * self.size / 2, 0, 1)[..., None]
        self.rgb += cover * (colour[:, None, None, :] - self.rgb)


def _ellipse(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (np.sqrt((x / a) ** 2 + (y / b) ** 2) - 1) * np.minimum(a, b)


def faces(n: int, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`n` faces (n, size, size, 3) in 0 … 1, and whether each smiles (0) or frowns (1). What varies: tones of
    skin, hair and ground, width, tilt, length of hair, where the eyes look, how open they are, the mouth."""

    def number(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (n, 1, 1))

    def between(palette: np.ndarray) -> np.ndarray:  # a mixture of two neighbours of the palette
        at = rng.uniform(0, len(palette) - 1, (n, 1))
        low = np.minimum(at.astype(int), len(palette) - 2)[:, 0]
        return palette[low] + (at - low[:, None]) * (palette[low + 1] - palette[low])

    canvas = Canvas(0.55 + 0.45 * rng.random((n, 3)), size)
    skin, hair, white, dark = between(SKIN), between(HAIR), np.ones((n, 3)), np.full((n, 3), 0.08)
    tilt, width = number(-0.25, 0.25), number(0.5, 0.66)
    x = canvas.x * np.cos(tilt) + canvas.y * np.sin(tilt)
    y = canvas.y * np.cos(tilt) - canvas.x * np.sin(tilt) + 0.08
    length = number(0.3, 0.95)
    canvas.paint(np.maximum(_ellipse(x, y - 0.12, width + 0.14, np.full_like(width, 0.84)), -y - length), hair)
    canvas.paint(_ellipse(x, y + 0.06, width, np.full_like(width, 0.72)), skin)
    gaze_x, gaze_y, open_ = number(-0.05, 0.05), number(-0.04, 0.04), number(0.07, 0.15)
    for side in (-1, 1):
        ex, ey = x - side * 0.42 * width / 0.58, y - 0.1
        canvas.paint(_ellipse(ex, ey, np.full_like(open_, 0.15), open_), white)
        canvas.paint(np.sqrt((ex - gaze_x) ** 2 + (ey - gaze_y) ** 2) - 0.075, dark)
    smile, half = number(-1, 1), number(0.2, 0.3)
    bend = smile * 0.16 * ((x / half) ** 2 - 0.5)  # the mouth is a piece of a parabola
    mouth = np.maximum(np.abs(y + 0.36 - bend) - 0.055, np.abs(x) - half)
    canvas.paint(mouth, np.broadcast_to([0.62, 0.16, 0.18], (n, 3)))
    return canvas.rgb, (smile[:, 0, 0] < 0).astype(int)


def _figures() -> tuple[Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray], ...]:
    def square(x: np.ndarray, y: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.maximum(np.abs(x), np.abs(y)) - 0.85 * r

    def triangle(x: np.ndarray, y: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.maximum(np.abs(x) * 0.866 + y * 0.5, -y) - 0.55 * r

    def cross(x: np.ndarray, y: np.ndarray, r: np.ndarray) -> np.ndarray:
        x, y = np.abs(x), np.abs(y)
        return np.maximum(np.maximum(x, y) - r, np.minimum(x, y) - 0.32 * r)

    def stripe(x: np.ndarray, y: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.maximum(np.abs(x) - r, np.abs(y) - 0.3 * r)

    return (
        lambda x, y, r: np.hypot(x, y) - r,
        square,
        triangle,
        cross,
        lambda x, y, r: np.abs(np.hypot(x, y) - 0.75 * r) - 0.25 * r,
        stripe,
    )


def shapes(n: int, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`n` pictures of one shape each (n, size, size, 3) in 0 … 1, and its index in `SHAPES`. Colour, place, size
    and angle vary."""
    kind = rng.integers(len(SHAPES), size=n)
    canvas = Canvas(np.ones((n, 3)) - 0.12 * rng.random((n, 1)), size)
    colour = PAINT[rng.integers(len(PAINT), size=n)]
    radius, angle = rng.uniform(0.4, 0.65, (n, 1, 1)), rng.uniform(-0.4, 0.4, (n, 1, 1))
    u, v = canvas.x - rng.uniform(-0.25, 0.25, (n, 1, 1)), canvas.y - rng.uniform(-0.25, 0.25, (n, 1, 1))
    x, y = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    distance = np.empty(x.shape)
    for k, figure in enumerate(_figures()):
        distance[kind == k] = figure(x[kind == k], y[kind == k], radius[kind == k])
    canvas.paint(distance, colour)
    return canvas.rgb, kind
