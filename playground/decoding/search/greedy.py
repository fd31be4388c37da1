"""Greedy search: always the most likely token.

Fast, the same every time, and prone to loops; the most likely text is not made of the most likely tokens.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playground.decoding.search._choice import Choice, Ending

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 10


@dataclass(frozen=True)
class Search:
    """Always takes the most likely token."""

    samples = False
    several = False

    def scores(self, logits: "Tensor") -> "Tensor":
        """Filters work on the logits (B, V) themselves."""
        return logits

    def choose(self, scores: "Tensor", uniform: float, state: Any, ending: Ending) -> Choice:
        """The most likely token of the one row (1, V); the lowest id of several equal ones."""
        return Choice((0,), (int(scores[0].argmax()),))
