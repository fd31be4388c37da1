"""Temperature: how much the differences between logits count.

    logit'_i = logit_i / T

T below 1 sharpens the distribution, above 1 flattens it, 0 is greedy search. Source: Ackley et al. 1985;
Hinton et al. 2015, section 2.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.fields import slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 40
PENALTY = False
OVERFLOWS = 1e-3  # below, a quotient of float32 may


@dataclass(frozen=True)
class Filter:
    """Below 1 the favourites win more often, above 1 the outsiders do; 0 always takes the favourite."""

    temperature: float = slider(
        0.8, 0, 2, 0.05, label="Temperature", group="sampling", open_ended=True,
        help="1 leaves the model's own distribution; 0 always takes the most likely token.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return self.temperature != 1

    @property
    def greedy(self) -> bool:
        """Whether nothing is left to chance."""
        return self.temperature == 0

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        import torch

        if self.greedy:
            favourite = torch.full_like(logits, -float("inf"))
            return favourite.scatter(-1, logits.argmax(-1, keepdim=True), 0.0)
        if self.temperature < OVERFLOWS:
            logits = logits - logits.amax(-1, keepdim=True)  # softmax does not see it
        return logits / self.temperature
