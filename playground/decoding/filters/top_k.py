"""Top-k: only the k most likely tokens stay.

Source: Fan et al. 2018, section 5.1; `TopKLogitsWarper` of transformers (tokens equal to the k-th stay, too).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.fields import slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 50
PENALTY = False


@dataclass(frozen=True)
class Filter:
    """Keeps the k most likely tokens."""

    top_k: int = slider(
        40, 0, 200, 1, label="Top-k", group="sampling", open_ended=True,
        help="0 is off. 40: only the 40 most likely tokens can be chosen.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return self.top_k > 0

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        if not self.active:
            return logits.clone()
        smallest = logits.topk(min(self.top_k, logits.shape[-1])).values[..., -1:]
        return logits.masked_fill(logits < smallest, -float("inf"))
