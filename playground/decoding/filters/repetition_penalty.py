"""Repetition penalty: tokens that already stand in the context become less likely.

    logit'_i = logit_i / θ  where logit_i > 0,  logit_i · θ  where not;  for every i in the context

Source: Keskar et al. 2019 (CTRL), section 4.1; `RepetitionPenaltyLogitsProcessor` of transformers. It is
not neutral to adding a constant to all logits: look at the sign of the raw logits when you try it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.fields import slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 20
PENALTY = True


@dataclass(frozen=True)
class Filter:
    """Makes every token of the context less likely (above 1) or more likely (below 1)."""

    repetition_penalty: float = slider(
        1.0, 0.5, 2.0, 0.05, label="Repetition penalty", group="penalties",
        help="1 is off. Above 1, what was already written is less likely to come again.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return self.repetition_penalty != 1

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        import torch

        V = logits.shape[-1]
        seen = input_ids.clamp(max=V)  # (B, T); ids that the model cannot write share a column that is dropped
        padded = torch.nn.functional.pad(logits, (0, 1))
        at = padded.gather(-1, seen)
        at = torch.where(at < 0, at * self.repetition_penalty, at / self.repetition_penalty)
        return padded.scatter(-1, seen, at)[..., :V]
