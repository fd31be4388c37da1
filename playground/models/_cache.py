"""Keys and values of the tokens read so far.

A thin owner of transformers' `DynamicCache` that can be kept without the model, forked
for nothing (the layers' tensors are shared: growing a layer makes new tensors, it never
writes into old ones), and cut.
"""

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class KeyValues:
    """The cache of B rows of `length` tokens. `layers` is the DynamicCache that a model takes."""

    def __init__(self, layers: Any) -> None:
        self.layers = layers

    @classmethod
    def empty(cls, config: Any) -> "KeyValues":
        """A cache for a model of this configuration (which it does not keep)."""
        from transformers import DynamicCache

        return cls(DynamicCache(config=config))

    @property
    def length(self) -> int:
        return int(self.layers.get_seq_length())

    @property
    def rows(self) -> int:
        """B; 0 while nothing was read."""
        return next((int(t.shape[0]) for t in self._tensors() if t.dim() == 4), 0)

    @property
    def bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in self._tensors())

    def _tensors(self) -> "list[Tensor]":
        import torch

        values = [v for layer in self.layers.layers for v in vars(layer).values()]
        flat = [x for v in values for x in (v if isinstance(v, (list, tuple)) else (v,))]
        return [x for x in flat if isinstance(x, torch.Tensor)]

    def fork(self) -> "KeyValues":
        """A second cache that shares every tensor with this one until either grows."""
        layers = copy.copy(self.layers)
        layers.layers = [_fork_layer(layer) for layer in self.layers.layers]
        return KeyValues(layers)

    def select(self, rows: "Tensor") -> None:
        """Make row i a continuation of old row `rows[i]`; the number of rows may change."""
        if self.rows == len(rows) and rows.tolist() == list(range(len(rows))):
            return
        self.layers.reorder_cache(rows.to(self._tensors()[0].device))

    def crop(self, length: int) -> bool:
        """Keep the first `length` tokens; False (and nothing done) where a layer cannot go back."""
        surplus = self.length - length
        if surplus <= 0:
            return surplus == 0
        for layer in self.layers.layers:
            window = getattr(layer, "sliding_window", None)
            if not getattr(layer, "is_croppable", False) or (window and layer.get_seq_length() >= window):
                return False
        self.layers.crop(-surplus)
        return True


def _fork_layer(layer: Any) -> Any:
    """A copy whose containers are its own, whose tensors are shared; tensors written in place are copied."""
    new = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, list):
            setattr(new, name, list(value))
        elif isinstance(value, dict):
            setattr(new, name, dict(value))
    return new
