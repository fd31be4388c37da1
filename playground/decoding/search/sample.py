"""Sampling: a random number chooses, each token in proportion to its probability.

By inverse CDF: lay the tokens end to end, the most likely first, each as wide as it is likely; the
number in [0, 1) points at one. So one number per step decides, and the same number under another
temperature shows what luck did and what the distribution did.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playground.decoding.search._choice import Choice, Ending

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 20
FIRST = (64, 1024)  # the chosen token is nearly always among so many of the likeliest


@dataclass(frozen=True)
class Search:
    """Draws each token in proportion to its probability."""

    samples = True
    several = False

    def scores(self, logits: "Tensor") -> "Tensor":
        """Filters work on the logits (B, V) themselves."""
        return logits

    def choose(self, scores: "Tensor", uniform: float, state: Any, ending: Ending) -> Choice:
        """The token of the one row (1, V) that `uniform` in [0, 1) points at."""
        return Choice((0,), (draw(scores[0], uniform),))


def draw(scores: "Tensor", uniform: float) -> int:
    """Inverse CDF over softmax(scores) (V,) in descending order, ties by token id."""
    import numpy as np

    values = scores.numpy(force=True)
    top = float(values.max())
    total = np.exp((values - top).astype(np.float64)).sum()
    target = uniform * total
    for first in FIRST:
        head = scores.topk(min(first, len(values))).values.numpy(force=True)
        place = _place(head, top, target)
        if place is not None:
            break
    else:
        ordered = np.sort(values)[::-1]
        place = _place(ordered, top, target)
        head = ordered
    if place is None:  # rounding: the number lies past the sum; the last possible token has it
        place = int(np.count_nonzero(head > -np.inf)) - 1
    value = head[place]
    equal = np.flatnonzero(values == value)
    return int(equal[place - int(np.count_nonzero(values > value))])


def _place(ordered: Any, top: float, target: float) -> int | None:
    """The first place whose cumulative weight passes `target`; None past the end."""
    import numpy as np

    sums = np.exp((ordered - top).astype(np.float64)).cumsum()
    place = int(np.searchsorted(sums, target, side="right"))
    return place if place < len(sums) else None
