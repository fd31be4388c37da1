"""Min-p: a token needs at least the share min_p of the favourite's probability.

    keep i  where  p_i ≥ min_p · max(p)

Source: Nguyen et al. 2024, section 3; `MinPLogitsWarper` of transformers.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.fields import slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 70
PENALTY = False


@dataclass(frozen=True)
class Filter:
    """Keeps tokens with at least this share of the favourite's probability."""

    min_p: float = slider(
        0.0, 0, 1, 0.01, label="Min-p", group="sampling",
        help="0 is off. 0.1: a token needs a tenth of the favourite's probability.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return self.min_p > 0

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        if not self.active:
            return logits.clone()
        from_top = logits - logits.amax(-1, keepdim=True)  # log of p_i / max(p)
        return logits.masked_fill(from_top < math.log(self.min_p), -float("inf"))
