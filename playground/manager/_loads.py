"""Loads: from asked-for to ready, one in flight per key.

A load is a generator (fetch → wait for room → read the weights) that a worker thread drives
one step at a time; between two steps it can be stopped. It reserves its memory only when the
files are there, so that a long download holds nothing and a cancelled one evicts nothing.
"""

import errno
import logging
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Progress, Queued
from playground.manager._ledger import Holding, Ledger
from playground.manager._loader import Loader
from playground.manager._turns import FairQueue
from playground.models._spec import Spec

LONGEST_PAUSE_S = 60.0  # after repeated failures
log = logging.getLogger(__name__)

Step = Callable[[], bool]  # one step of a load; False: it is over
Starter = Callable[[Step, threading.Condition, Callable[[], bool]], None]


@dataclass(eq=False)
class Entry:
    """One load, and then the loaded model. `waiters` want it; `model` is set once, when it is ready."""

    spec: Spec
    visit: str
    event: Progress | Queued = field(default_factory=lambda: Progress("starting"))
    waiters: set[object] = field(default_factory=set)
    model: Any = None
    error: PlaygroundError | None = None
    stopping: bool = False
    waiting_for_room: bool = False


@dataclass(frozen=True)
class Failure:
    """A load that failed, and when it may be tried again."""

    error: PlaygroundError
    count: int
    retry_at: float


def start_thread(step: Step, wake: threading.Condition, pause: Callable[[], bool]) -> None:
    """Drive a load in a thread of its own; `pause()` says whether its next step has to wait for others."""

    def drive() -> None:
        while step():
            if pause():
                with wake:
                    wake.wait(0.05)
        with wake:
            wake.notify_all()

    threading.Thread(target=drive, name="load", daemon=True).start()


class Loads:
    """The table of loads and loaded models. Every method but `step` is called with `changed` held."""

    def __init__(
        self,
        loader: Loader,
        ledger: Ledger,
        changed: threading.Condition,
        clock: Callable[[], float],
        queue_s: float,
        start: Starter,
    ) -> None:
        self._loader, self._ledger, self._changed, self._clock = loader, ledger, changed, clock
        self._queue_s, self._start = queue_s, start
        self.entries: dict[str, Entry] = {}
        self.failures: dict[str, Failure] = {}
        self._room: FairQueue[Entry] = FairQueue()

    def join(self, spec: Spec, visit: str, waiter: object) -> Entry | None:
        """The load of `spec`, begun if nobody has; None while an earlier, stopped one still ends.

        Raises:
            PlaygroundError: it failed a moment ago.
        """
        entry = self.entries.get(spec.id)
        if entry is None:
            self._refuse_if_failed(spec)
            entry = self.entries[spec.id] = Entry(spec, visit)
            entry.waiters.add(waiter)
            job = self._job(entry)
            self._start(lambda: self.step(entry, job), self._changed, lambda: entry.waiting_for_room)
        elif entry.stopping:
            return None
        entry.waiters.add(waiter)
        self._protect(entry)
        return entry

    def leave(self, entry: Entry, waiter: object) -> None:
        """Want it no longer: the last one to leave a load stops it. Idempotent."""
        entry.waiters.discard(waiter)
        self._protect(entry)
        if not entry.waiters and entry.model is None:
            entry.stopping = True

    def _protect(self, entry: Entry) -> None:
        """A loaded model that somebody waits for is in use."""
        holding = self._ledger.get(entry.spec.id)
        if holding is not None:
            holding.users = len(entry.waiters)

    def drop(self, key: str) -> Any:
        """Forget a loaded model; returns it, so that the caller lets it go outside the lock."""
        self._ledger.remove(key)
        entry = self.entries.pop(key)
        model, entry.model = entry.model, None
        return model

    def _refuse_if_failed(self, spec: Spec) -> None:
        failure = self.failures.get(spec.id)
        if failure is not None and self._clock() < failure.retry_at:
            seconds = max(1, round(failure.retry_at - self._clock()))
            raise PlaygroundError(f"{failure.error} (It may be tried again in {seconds} s.)")

    def _refuse_if_too_big(self, spec: Spec, need: int) -> None:
        if need > self._ledger.budget:
            raise PlaygroundError(
                f"{spec.title} needs about {gb(need)}; all models together may take "
                f"{gb(self._ledger.budget)} here: choose a smaller one."
            )

    def step(self, entry: Entry, job: Generator[Progress | Queued, None, Any]) -> bool:
        """One step of a load; False when it is over."""
        message: str | None = None
        try:
            if entry.stopping:
                job.close()
            else:
                event = next(job)
                with self._changed:
                    entry.event = event
                return True
        except StopIteration:
            return False
        except Exception as error:  # noqa: BLE001 its text goes to those who wait, never its frames: they hold tensors
            message = _explain(error, entry.spec)
        self._end(entry, message)
        return False

    def _end(self, entry: Entry, message: str | None = None) -> None:
        """A load is over without a model: everything is as it was before."""
        error = PlaygroundError(message) if message is not None else None
        with self._changed:
            self._room.leave(entry)
            self._ledger.cancel(entry.spec.id)
            del self.entries[entry.spec.id]
            entry.error = error
            if error is not None:
                before = self.failures.get(entry.spec.id)
                count = before.count + 1 if before else 1
                pause = min(LONGEST_PAUSE_S, 2.0 ** (count - 1))
                self.failures[entry.spec.id] = Failure(error, count, self._clock() + pause)
            self._changed.notify_all()
        self._loader.release()

    def _job(self, entry: Entry) -> Generator[Progress | Queued, None, None]:
        yield Progress("importing the libraries")
        known = self._loader.bytes_needed(entry.spec, None)
        self._refuse_if_too_big(entry.spec, known)
        folder: Path = yield from self._loader.fetch(entry.spec, lambda size: self._refuse_if_too_big(entry.spec, size))
        need = self._loader.bytes_needed(entry.spec, folder)
        if not known:
            yield Progress(f"it needs about {gb(need)} of memory")
        yield from self._reserve(entry, need)
        model = yield from self._loader.load(entry.spec, folder)
        with self._changed:
            if entry.stopping:  # the last one left during the last step; step() ends it
                return (yield entry.event)
            actual = max(need, int(getattr(model, "bytes", 0)))
            if self._ledger.settle(entry.spec.id, actual, lambda: None) is None:
                raise PlaygroundError(
                    f"{entry.spec.title} takes {gb(actual)}, more than the expected {gb(need)}; "
                    f"{gb(self._ledger.free)} are free: unload a model."
                )
            entry.model = model
            self.failures.pop(entry.spec.id, None)
            self._protect(entry)
            self._changed.notify_all()

    def _reserve(self, entry: Entry, need: int) -> Generator[Queued, None, None]:
        """Wait in turn for room, then take it; what had to go for it is dropped.

        Raises:
            PlaygroundError: it can never fit, or what is in use has not been given back in time.
        """
        self._refuse_if_too_big(entry.spec, need)
        deadline = self._clock() + self._queue_s
        with self._changed:
            self._room.join(entry.visit, entry)
            entry.waiting_for_room = True
        try:
            while True:
                with self._changed:
                    dropped = self._take(entry, need)
                    place = self._room.place(entry)
                if dropped is not None:
                    dropped.clear()
                    return self._loader.release()
                if self._clock() >= deadline:
                    raise PlaygroundError(
                        f"{entry.spec.title} needs about {gb(need)}, {gb(self._ledger.most())} are free "
                        "and the rest is in use: unload a model or choose a smaller one."
                    )
                yield Queued(place)
        finally:
            with self._changed:
                entry.waiting_for_room = False
                self._room.leave(entry)

    def _take(self, entry: Entry, need: int) -> list[Any] | None:
        """The models and kept states that had to go for `entry`'s room, or None where it is not its turn or
        there is not enough."""
        if self._room.first() is not entry:
            return None
        victims = self._ledger.reserve(entry.spec.id, need)
        if victims is None:
            return None
        self._room.serve()
        return self.let_go(victims)

    def let_go(self, victims: list[Holding]) -> list[Any]:
        """What had to go for somebody's room: the models among it, for the caller to drop outside the lock."""
        dropped = []
        for victim in victims:
            victim.drop()
            if victim.kind == "model":
                dropped.append(self.drop(str(victim.name)))
        return dropped


def _explain(error: Exception, spec: Spec) -> str:
    """What a person is told of a load that failed."""
    if isinstance(error, PlaygroundError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate" in str(error):
        return f"The memory ran out while {spec.title} was loading: unload a model or choose a smaller one."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        room = f"free {spec.size_mb:.0f} MB" if spec.size_mb else "make room"
        return f"The disk is full: {room} and load {spec.title} again."
    log.error("loading %s failed", spec.id, exc_info=error)
    return f"{spec.title} could not be loaded; the program's log says why. Choose another model."


def gb(count: int) -> str:
    """1234567890 → "1.2 GB"; below one GB in MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
