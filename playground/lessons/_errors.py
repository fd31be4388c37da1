"""What every lesson's errors have in common."""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from playground.errors import PlaygroundError


@dataclass(frozen=True)
class Wrong:
    """One bad prediction: `id` to follow it by, `context` in which it was made, what was `expected` and what was
    `predicted`, their probabilities (None where the model gives none), and its `loss`; `panel` shows it, where it is
    a picture or a point."""

    id: str
    context: str
    expected: str
    predicted: str
    p_expected: float | None
    p_predicted: float | None
    loss: float
    panel: Any = None


class Judge(Protocol):
    """How one lesson's errors are found and measured."""

    def wrong(self, live: Any, most: int) -> list[Wrong]:
        """The worst predictions of `live`, worst first."""

    def measure(self, live: Any, nets: dict[str, nn.Module], wrong_id: str) -> tuple[Tensor, float | None]:
        """The loss of one prediction by `nets` (copies of the live ones), with its gradient, and p(expected)."""

    def moved(self, wrong_id: str) -> int | None:
        """Which of several optimizers this error is for; None for all."""


def numbers(wrong_id: str, count: int) -> list[int]:
    """The whole numbers of an id like "12:7".

    Raises:
        PlaygroundError: the text is none.
    """
    parts = str(wrong_id).split(":")
    if len(parts) != count or not all(p.isdecimal() and len(p) < 10 for p in parts):
        raise gone(wrong_id)
    return [int(p) for p in parts]


def gone(wrong_id: str) -> PlaygroundError:
    """There is no such error."""
    return PlaygroundError(f"There is no prediction {str(wrong_id)[:30]!r} to follow: choose one from the list.")
