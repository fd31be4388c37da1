"""Typical sampling: tokens whose surprise is near the distribution's entropy stay.

    order by | -log p_i - H(p) |, keep until they hold the share typical_p

The most likely token can be removed: it may be *too* expected. Source: Meister et al. 2022, section 4;
`TypicalLogitsWarper` of transformers (tokens equal to the last one stay, too).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.decoding.filters._mass import ordered_until
from playground.fields import slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 80
PENALTY = False


@dataclass(frozen=True)
class Filter:
    """Keeps the tokens that are about as surprising as the model expects the next one to be."""

    typical_p: float = slider(
        1.0, 0, 1, 0.01, label="Typical", group="sampling",
        help="1 is off. 0.9: the most typical tokens stay that together hold 90 %. 0 keeps one.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return self.typical_p < 1

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        import torch

        if not self.active:
            return logits.clone()
        out = torch.full_like(logits, -float("inf"))
        for row in range(len(logits)):
            logprobs = logits[row].log_softmax(-1)
            entropy = -(logprobs * logprobs.exp()).nansum()  # 0 · log 0 counts as 0
            distance = (-logprobs - entropy).abs()  # inf where removed: comes last
            ids, sums = ordered_until(distance, logits[row].softmax(-1), self.typical_p)
            last = int((sums < self.typical_p).sum().clamp(max=len(ids) - 1))
            keep = (distance <= distance[ids[last]]) & logits[row].isfinite()
            out[row, keep] = logits[row, keep]
        return out
