"""The computing side of a run: the stepper, its turns, the time they take, and how to get to a place."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from playground.decoding.kept import Kept
from playground.decoding.plan import Plan, Stepper
from playground.errors import PlaygroundError
from playground.events import Event, Progress, Reason

if TYPE_CHECKING:
    from torch import Tensor

    Arrival = Generator[Event, Reason | None, tuple[Tensor | None, Reason | None]]

Turn = Callable[[], AbstractContextManager[object]]
Pending = tuple[tuple[int, ...], tuple[int, ...]]  # tokens to feed, and the rows they go on from


class Computing:
    """Runs a stepper in turns; waiting, for a turn or for the consumer, is not counted as time."""

    def __init__(self, stepper: Stepper, plan: Plan, turn: Turn, clock: Callable[[], float]):
        self.stepper = stepper
        self.positions = 0  # in the cache, per row
        self.first_token_s: float | None = None
        self._plan, self._turn, self._clock = plan, turn, clock
        self._begun, self._waited = clock(), 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning, waiting excluded."""
        return self._clock() - self._begun - self._waited

    def show(self, event: Event) -> Generator[Event, Reason | None, Reason | None]:
        """Give an event to the consumer; what it answers."""
        if self.first_token_s is None and not isinstance(event, Progress):
            self.first_token_s = self.elapsed_s
        begun = self._clock()
        reason = yield event
        self._waited += self._clock() - begun
        return reason

    def step(self, token_ids: tuple[int, ...], parents: tuple[int, ...]) -> "Tensor":
        """One more token per row: logits (B, V)."""
        import torch

        rows = None if parents == (0,) else torch.tensor(parents)
        return self._timed(lambda: self.stepper.step(torch.tensor(token_ids), rows))

    def arrive(self, start: Kept, pending: Pending | None) -> "Arrival":
        """The logits that follow `start`, from its cache where that can be, bit for bit as they were.

        Computes the place again where there is no cache (Progress events meanwhile).
        """
        T, n = len(start.input_ids), start.index
        if start.cache is not None:
            self.stepper = self.stepper.fork()
            self.positions = start.cached
            if start.beams is not None and pending is not None:
                return self.step(*pending), None
            if n == 0 and start.first_logits is not None and self._crop(T):
                return start.first_logits, None
            if n > 0 and self._crop(T + n - 1):
                return self.step(start.tokens[-1:], (0,)), None
            if not self._crop(0):
                raise PlaygroundError(
                    f"This model cannot go back to step {n}: its memory of the text no longer reaches there. "
                    "Start a new run."
                )
            return (yield from self._again(start))
        logits = self._prefill((*start.input_ids, *start.tokens))
        return logits, None

    def looked(self, row: int = 0) -> tuple[float, ...]:
        """Where row `row` looked in a source for the logits that were computed last: L rows of S numbers, one after
        the other, each with a sum of 1; empty for a model without a source."""
        looked = getattr(self.stepper, "looked", None)
        if looked is None or not len(looked):
            return ()
        return tuple(round(float(x), 4) for x in looked[row].flatten().tolist())

    def _again(self, start: Kept) -> "Arrival":
        """The whole text once more, token by token as it was written."""
        logits = self._prefill(start.input_ids)
        for done, token_id in enumerate(start.tokens):
            reason = yield from self.show(Progress("computing the text again", done, start.index, "tokens"))
            if reason is not None:
                return None, reason
            logits = self.step((token_id,), (0,))
        return logits, None

    def _crop(self, length: int) -> bool:
        if self.positions != length:
            if not self.stepper.crop(length):
                return False
            self.positions = length
        return True

    def _prefill(self, input_ids: tuple[int, ...]) -> "Tensor":
        import torch

        return self._timed(lambda: self.stepper.prefill(torch.tensor([input_ids]))[0], len(input_ids))

    def _timed(self, compute: "Callable[[], Tensor]", positions: int = 1) -> "Tensor":
        begun = self._clock()
        with self._turn():
            self._waited += self._clock() - begun
            logits = compute()
        self.positions += positions
        return logits
