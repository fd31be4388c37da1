"""What the manager hands out: leases, places for kept states, and what it tells of itself."""

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from playground.errors import PlaygroundError
from playground.manager._turns import Gate

# Below, one step is too short to be shared out: two threads save less than a millisecond on an idle machine and
# cost a hundred where something else (the viewer's own browser) is busy.
SMALL_BYTES = 100_000_000


@dataclass(frozen=True)
class ModelInfo:
    """One line of the models panel. `state`: embedded, cached, not downloaded, loading, ready, in use or failed.
    `path` is the local folder, where there is one; `modality` the first of `modalities`; `progress` how far a load
    is, as the JSON form of its last event; `kept` that it was trained here and can be removed for good."""

    id: str
    title: str
    modality: str
    architecture: str
    parameters: int
    licence: str
    size_mb: float
    memory_mb: float
    state: str
    path: str | None
    note: str = ""
    error: str | None = None
    modalities: tuple[str, ...] = ()
    progress: dict[str, Any] | None = None
    kept: bool = False


@dataclass(frozen=True)
class Memory:
    """Bytes: `reserved` by loads under way, `resident` in loaded models, `kept` in states to go on from;
    together never more than `budget`."""

    budget_bytes: int
    reserved_bytes: int
    resident_bytes: int
    kept_bytes: int


class Lease:
    """The right to use a loaded model: it stays while the `with` block lasts.

    `model` is the adapter; `turn()` wraps each computing step.
    """

    def __init__(self, model: Any, gate: Gate, visit: str, give_back: Callable[[], None]) -> None:
        self._model = model
        self._gate, self._visit = gate, visit
        self._finalizer = weakref.finalize(self, give_back)  # a lease that is lost is given back, too

    @property
    def model(self) -> Any:
        """The adapter.

        Raises:
            PlaygroundError: the lease was given back.
        """
        if self._model is None:
            raise PlaygroundError("This model was given back to the manager: ask for it again.")
        return self._model

    def turn(self, kind: str = "generate") -> AbstractContextManager[None]:
        """Compute one step inside the `with` block of this; waits for this run's turn.

        `kind` is "generate" or "train".
        """
        small = int(getattr(self.model, "bytes", SMALL_BYTES)) < SMALL_BYTES
        return self._gate.turn(self._visit, kind, most=1 if small else None)

    def release(self) -> None:
        """Give the model back; idempotent."""
        self._model = None
        self._finalizer()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Reserved:
    """Bytes set aside for work of one's own (a training); `release` gives them back, and so does losing it."""

    def __init__(self, bytes: int, give_back: Callable[[], None]) -> None:
        self.bytes = bytes
        self._finalizer = weakref.finalize(self, give_back)

    def release(self) -> None:
        """Give them back; idempotent."""
        self._finalizer()


class Kept:
    """A state's place in the memory budget. `alive` turns False when the state had to go (or never fitted)."""

    def __init__(self, touch: Callable[[], None], forget: Callable[[], None]) -> None:
        self.alive = True
        self._touch, self._forget = touch, forget

    def touch(self) -> None:
        """It was used: others go first."""
        self._touch()

    def release(self) -> None:
        """The state is not needed any more; idempotent."""
        self.alive = False
        self._forget()
