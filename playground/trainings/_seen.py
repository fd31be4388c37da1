"""What others see of a training."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playground.trainings._engine import Around, Engine
from playground.trainings._record import Record


class Seen:
    """The part of `Training` that is looked at: frames, figures, state."""

    changed: threading.Condition
    listeners: set[Callable[[], None]]
    _around: Around
    _record: Record
    _engine: Engine
    _thread: threading.Thread | None
    _watchers: int
    _seen_at: float

    # ── being looked at ──────────────────────────────────────────────────────

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the `with` block lasts, somebody looks."""
        with self.changed:
            self._watchers += 1
        try:
            yield
        finally:
            with self.changed:
                self._watchers -= 1
                self._seen_at = self._around.clock()

    def frame(self, since: int = 0) -> str:
        """The frame as JSON text; whoever asks for it looks."""
        place = self._around.room.place(self._around.person().visit) if self._record.state == "running" else 0
        with self.changed:
            self._seen_at = self._around.clock()
            if place != self._record.place:
                self._record.place = place
                self._news()
            resumable = not self._moving() and not self._engine.broken and self._record.step < self._record.steps
            return self._record.frame(since, resumable, held=self._thread is not None)

    def show_saved(self, saved: list[dict[str, Any]]) -> None:
        """The models of its visit, for the frame."""
        with self.changed:
            self._record.saved = saved
            self._news()

    def renew(self) -> None:
        """Whoever asks next gets all of it."""
        with self.changed:
            self._news()
            self._record.timeline.renew(self._record.version)

    def figures(self) -> dict[str, float]:
        """The newest value of every curve that says how well it does."""
        with self.changed:
            points = {name: series.points for name, series in self._record.series.items()}
        return {name: found[-1][1] for name, found in points.items() if found and not name.endswith("_per_s")}

    @property
    def record(self) -> Record:
        """What it has shown; hold `changed` while reading it."""
        return self._record

    @property
    def threads(self) -> int | None:
        """How many of the computer's cores a step takes at most; None: all."""
        return self._engine.needs.threads

    @property
    def bytes(self) -> int:
        """What its checkpoints take on the disk."""
        return self._engine.states.bytes

    @property
    def version(self) -> int:
        """Grows with every change of the frame."""
        return self._record.version

    @property
    def state(self) -> str:
        """As in the frame."""
        return self._record.state

    @property
    def busy(self) -> bool:
        """Whether it computes, or is about to."""
        return self._thread is not None and self._moving()

    def _moving(self) -> bool:
        return self._record.state in ("preparing", "running")

    def _say(self, state: str, error: str | None = None) -> None:
        self._record.state, self._record.error = state, error
        self._news()

    def _news(self) -> None:
        self._record.version = self._around.version()
        self.changed.notify_all()
        for wake in list(self.listeners):
            wake()
