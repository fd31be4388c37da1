"""What a training step shows beside its numbers: panels, each a frozen picture of one thing, drawn by the page."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    """A panel that is read."""

    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A panel of named amounts."""

    labels: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A panel of lines over one axis: `ys[name][i]` belongs to `x[i]`; NaN leaves a gap."""

    x: tuple[float, ...]
    ys: dict[str, tuple[float, ...]]
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """A panel of clouds in the plane, by name; `bounds` is (x from, x to, y from, y to)."""

    clouds: dict[str, tuple[tuple[float, float], ...]]
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Field:
    """A panel of one number per place of the plane: `values[row][column]`, row 0 at the smallest y, inside
    `bounds` (x from, x to, y from, y to); `label` says what the number is."""

    values: tuple[tuple[float, ...], ...]
    bounds: tuple[float, float, float, float]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A panel of pictures of one size, each a PNG in base64; `captions` are as many, or none."""

    png: tuple[str, ...]
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """A panel of panels in an order (the steps of noising, of denoising), each with a label."""

    panels: tuple[Any, ...]
    labels: tuple[str, ...]
