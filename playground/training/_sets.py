"""The sets that the picture lessons train on: points of the plane or small pictures, by name.

ring, moons, spiral, checkerboard   distributions over the plane
points                              the reader's own, as lines of x,y
faces, shapes                       drawn by the project
emoji                               Fluent emoji (MIT)
folder                              the reader's own pictures
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from playground.errors import PlaygroundError
from playground.panels import Points
from playground.training import _drawing, _pictures, _plane

PLANE = (*_plane.NAMES, "points")
PICTURES = ("faces", "shapes", "emoji", "folder")
NAMES = PLANE + PICTURES
OURS = "drawn by the project, MIT"


class Wanted(Protocol):
    """What a lesson's configuration says about its data."""

    @property
    def data(self) -> str: ...
    @property
    def points(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def examples(self) -> int: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True)
class Data:
    """A set, split once and for all into what is trained on and what is only looked at.

    `train` (N, 2) around 0, or (N, 3, H, W) in -1 … 1; `held_out` likewise; `labels` a name for each training
    example or none; `classes` (N,) indices into `class_names`, for colouring; `notes` what to tell the reader.
    """

    name: str
    train: Tensor
    held_out: Tensor
    licence: str
    labels: tuple[str, ...] = ()
    classes: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def plane(self) -> bool:
        """Points of the plane, not pictures."""
        return self.train.dim() == 2

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example: (2,) or (3, H, W)."""
        return tuple(self.train.shape[1:])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """A square of the plane that holds all points and some space around them."""
        r = max(2.5, round(1.15 * float(self.train.abs().max()), 2))
        return (-r, r, -r, r)

    def batch(self, n: int, rng: torch.Generator) -> Tensor:
        """`n` training examples, drawn with replacement."""
        return self.train[torch.randint(len(self.train), (n,), generator=rng)]


def shape(config: Wanted) -> tuple[int, ...]:
    """The shape of one example, before anything is drawn: (2,) or (3, size, size)."""
    return (2,) if config.data in PLANE else (3, config.size, config.size)


def load(config: Wanted) -> Data:
    """The set that a configuration names. It depends on the configuration's data fields only, not on its seed.

    Raises:
        PlaygroundError: no such set, or points or pictures of one's own that cannot be used.
    """
    name, n, rng = config.data, config.examples, np.random.default_rng([1, config.examples])
    if name in _plane.NAMES:
        return _split(name, _plane.draw(name, n, rng), OURS)
    if name == "points":
        return _split(name, _plane.read_points(config.points), "yours")
    if name in ("faces", "shapes"):
        maker = _drawing.faces if name == "faces" else _drawing.shapes
        kinds: tuple[str, ...] = _drawing.FACES if name == "faces" else _drawing.SHAPES
        pictures, classes = np.empty((n, config.size, config.size, 3), np.float32), np.empty(n, int)
        for i in range(0, n, 256):
            pictures[i : i + 256], classes[i : i + 256] = maker(min(256, n - i), config.size, rng)
        return _split(name, pictures, OURS, classes=classes, class_names=kinds)
    if name == "emoji":
        pictures, labels, classes, kinds = _pictures.emoji(config.size)
        return _split(name, pictures, "Microsoft Fluent Emoji, MIT", labels, classes, kinds)
    if name == "folder":
        pictures, labels, refused = _pictures.folder(config.folder, config.size)
        return _split(name, pictures, "yours", labels, notes=refused)
    raise PlaygroundError(f"There is no set called {name!r}; there are: {', '.join(NAMES)}.")


def _split(
    name: str,
    values: np.ndarray,
    licence: str,
    labels: tuple[str, ...] = (),
    classes: np.ndarray | None = None,
    class_names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Data:
    """A tenth is held out, the same tenth always; of fewer than ten examples none is, and the same serve as both."""
    n = len(values)
    order = np.random.default_rng(0).permutation(n)
    train, held = (order[n // 10 :], order[: n // 10]) if n >= 10 else (order, order)
    if n < 10:
        notes += (f"With {n} example{'s' * (n > 1)} nothing is held out: the model can only learn by heart.",)
    array = values if values.ndim == 2 else np.moveaxis(values, -1, 1) * 2 - 1  # (N, 2) or (N, 3, H, W)
    tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))
    labels = tuple(labels[i] for i in train) if labels else ()
    classes = classes[train] if classes is not None else np.zeros(0, int)
    return Data(name, tensor[train], tensor[held], licence, labels, classes, class_names, notes)


def points_panel(bounds: tuple[float, float, float, float], **clouds: Any) -> Points:
    """A panel of clouds (n, 2), rounded to what a screen can show."""
    return Points({name: _pairs(cloud) for name, cloud in clouds.items()}, bounds)


def _pairs(cloud: Iterable[Any]) -> tuple[tuple[float, float], ...]:
    array = np.nan_to_num(np.asarray(cloud, np.float64), nan=0.0, posinf=1e6, neginf=-1e6)
    return tuple((x, y) for x, y in array.round(3).tolist())
