"""Is this a copy? The pictures that a lesson's model was trained on, pixel by pixel, beside what it makes.

A lesson's set depends on its configuration alone, so that it can be drawn again; pictures of somebody's own are not
kept with a model, and cannot. Distances are the root of the mean square of the difference of two pictures whose
numbers lie in 0 … 1.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError

if TYPE_CHECKING:
    from torch import Tensor

AT_ONCE = 1024  # pictures that are compared together
PROBED = 128  # training pictures whose nearest other one is looked for


class TrainingPictures:
    """Pictures (N, 3, H, W) uint8."""

    def __init__(self, pictures: "Tensor") -> None:
        self._pictures = pictures.contiguous()

    def nearest(self, picture: "Tensor") -> tuple[float, "Tensor"]:
        """(distance, the picture (H, W, 3) uint8) of the one nearest to `picture` (H, W, 3) uint8."""
        apart = self._distances(picture.permute(2, 0, 1)[None])[0]
        place = int(apart.argmin())
        return float(apart[place]), self._pictures[place].permute(1, 2, 0)

    @cached_property
    def typical(self) -> float:
        """Half of the training pictures are nearer than this to the nearest other one."""
        some = self._pictures[:: max(1, len(self._pictures) // PROBED)][:PROBED]
        return float(self._distances(some).topk(min(2, len(self._pictures)), largest=False).values[:, -1].median())

    def _distances(self, some: "Tensor") -> "Tensor":
        """(Q, N) of pictures (Q, 3, H, W) uint8 to all."""
        import torch

        wanted = some.flatten(1).double() / 255
        parts = []
        for part in self._pictures.flatten(1).split(AT_ONCE):
            known = part.double() / 255
            squares = wanted.square().sum(1)[:, None] + known.square().sum(1)[None] - 2 * wanted @ known.T
            parts.append(squares)
        return (torch.cat(parts, 1).clamp(min=0) / wanted.shape[1]).sqrt()


def of(config: Any) -> TrainingPictures | None:
    """Those that a lesson with this configuration trains on; None where they cannot be had."""
    from playground.training import _sets

    try:
        train = _sets.load(config).train
    except PlaygroundError:
        return None
    return TrainingPictures(((train + 1) * 127.5).round().clamp(0, 255).byte()) if train.ndim == 4 else None
