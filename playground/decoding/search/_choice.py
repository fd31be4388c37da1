"""What a search answers after each step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Hypothesis:
    """One sequence a search follows: `parents[i]` is the row of step i that its token i came from;
    `score` its summed log-probability (nats), divided by length**length_penalty once finished."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    score: float
    finished: bool = False


@dataclass(frozen=True)
class Choice:
    """Row i of the next step is row `parents[i]` of this one, continued with `token_ids[i]`.

    A search with several rows also gives its running `hypotheses` (in the order of the rows), the
    `finished` ones (best first), and `winner` once it has ended.
    """

    parents: tuple[int, ...]
    token_ids: tuple[int, ...]
    state: Any = None
    hypotheses: tuple[Hypothesis, ...] = ()
    finished: tuple[Hypothesis, ...] = ()
    winner: Hypothesis | None = None


@dataclass(frozen=True)
class Ending:
    """What a search must know of the end: `last` is True in the step after which no other may come,
    `max_length` the number of new tokens a run can reach, `stops(tokens)` whether they hold a stop string."""

    max_length: int
    eos_token_ids: tuple[int, ...] = ()
    last: bool = False
    stops: Callable[[tuple[int, ...]], bool] | None = None

    def over(self, tokens: tuple[int, ...]) -> bool:
        """Whether a sequence ends with its newest token."""
        return self.last or tokens[-1] in self.eos_token_ids or (self.stops is not None and self.stops(tokens))
