"""A modality whose every step waits for the test's leave, and a clock that the test turns."""

import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from playground.events import Event, Finished, Known, Progress, Reason, Started, Tail, TokenStep

PATIENCE_S = 20  # a test that waits longer has failed


@dataclass
class Clock:
    """Seconds that pass only when the test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class State:
    """What a fake run can go on from."""

    index: int
    bytes: int = 1000


def token(index: int, text: str | None = None) -> TokenStep:
    """One step with the least it can have."""
    return TokenStep(
        run_id="inner", seq=index + 1, index=index, position=index, lane=0, token_id=index, text=text or f" {index}",
        piece=text or f" {index}", probability=0.5, logprob=-1.0, random=0.5, uniform=0.5, rank=0, entropy_bits=1.0,
        candidates=(), known=Known((), ()), tail=Tail((), (), ()),
    )  # fmt: skip


@dataclass
class Tape:
    """A modality's generator that computes a step each time it is allowed one.

    `computed` counts steps, `closed` says whether the generator was closed, `reason` what it was sent.
    """

    name: str = "a"
    begin: int = 0
    leave: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    computed: int = 0
    closed: bool = False
    reason: Reason | None = None
    loading: bool = False  # it never gets past loading
    fault: BaseException | None = None

    def allow(self, steps: int) -> None:
        """Let it compute that many steps more."""
        self.leave.release(steps)

    def generate(self) -> Generator[Event, Reason | None, None]:
        try:
            while self.loading:
                self.leave.acquire(timeout=PATIENCE_S)
                yield Progress("loading", 1, 2, "bytes")
            reason = yield Started("inner", "fake", "fake", "prompt", (), {"seed": 1}, 10, 100)
            text = ""
            while reason is None:
                assert self.leave.acquire(timeout=PATIENCE_S), "the test gave no leave"
                if self.fault is not None:
                    raise self.fault
                step = token(self.begin + self.computed, f" {self.name}{self.begin + self.computed}")
                self.computed += 1
                text += step.text
                reason = yield step
            self.reason = reason
            yield Finished("inner", 99, reason, text, self.computed, state=State(self.begin + self.computed))
        finally:
            self.closed = True


def ended(run: Any) -> Any:
    """Wait for the end of a run; the run."""
    run.thread.join(PATIENCE_S)
    assert not run.thread.is_alive(), "the run goes on"
    return run


def reached(run: Any, steps: int) -> Any:
    """Wait until a run has so many steps; the run."""
    with run.changed:
        assert run.changed.wait_for(lambda: run.total >= steps, PATIENCE_S), f"{run.total} of {steps} steps came"
    return run
