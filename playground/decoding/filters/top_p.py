"""Top-p (nucleus): the smallest set of most likely tokens that together hold probability p stays.

A token stays where the more likely ones together hold less than p; the favourite always stays.
Source: Holtzman et al. 2019, section 3.1; `TopPLogitsWarper` of transformers.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.decoding.filters._mass import ordered_until
from playground.fields import slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 60
PENALTY = False


@dataclass(frozen=True)
class Filter:
    """Keeps the most likely tokens until they hold the share p of all probability."""

    top_p: float = slider(
        0.95, 0, 1, 0.01, label="Top-p", group="sampling",
        help="1 is off. 0.9: the most likely tokens stay that together hold 90 %. 0 keeps one token.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return self.top_p < 1

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        import torch

        if not self.active:
            return logits.clone()
        out = torch.full_like(logits, -float("inf"))
        for row in range(len(logits)):
            ids, sums = ordered_until(-logits[row], logits[row].softmax(-1), self.top_p)
            keep = 1 + int((sums[:-1] < self.top_p).sum())  # stays where those before it hold less than p
            out[row, ids[:keep]] = logits[row, ids[:keep]]
        return out
