"""Whose turn it is.

`FairQueue`: first come first served within a visitor, round-robin across visitors.
`Gate`: computing on one device, one step at a time; who leaves goes behind those who wait.
"""

import os
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
REMEMBERED = 1000  # visitors whose last turn is known
RECENT_S = 0.5  # work that paused for less than this still counts as running
HURRY_S = 0.5  # for how long a step that is not there yet may be hurried
SAID_S = 1.0  # a step that waits longer than this is told its place


@dataclass(eq=False)
class _Line(Generic[T]):
    """What one visitor waits for; its first is due in round `round`, those of one round in the order of `number`."""

    round: int
    number: int
    items: deque[T]

    @property
    def due(self) -> tuple[int, int]:
        return self.round, self.number


class FairQueue(Generic[T]):
    """Who waits, in turn: first come first served within a visitor, round-robin across visitors. Not thread-safe.

    Start-time fair queueing (Goyal, Vin and Cheng 1996, section 2) with steps of equal size, counted in
    rounds: a visitor is due in the round after their last one, or in the current one if that is later.
    Whoever is not known yet comes behind this round; in the original they come first, and a stream of
    newcomers keeps everybody else waiting for ever. So between joining and being served at most two
    turns of each other visitor pass: twice the round-robin share.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line[T]] = {}
        self._next_round: OrderedDict[str, int] = OrderedDict()  # of each visitor; least recently served first
        self._round = 0
        self._number = 0

    def __len__(self) -> int:
        return sum(len(line.items) for line in self._lines.values())

    def __contains__(self, item: T) -> bool:
        return any(item in line.items for line in self._lines.values())

    def join(self, visit: str, item: T) -> None:
        if visit in self._lines:
            self._lines[visit].items.append(item)
            return
        known = self._next_round.get(visit)
        due = self._round + 1 if known is None else max(self._round, known)
        self._lines[visit] = _Line(due, self._count(), deque([item]))

    def _count(self) -> int:
        self._number += 1
        return self._number

    def _first(self, may: Callable[[str], bool] | None) -> str | None:
        visits = [visit for visit in self._lines if may is None or may(visit)]
        return min(visits, key=lambda visit: self._lines[visit].due) if visits else None

    def first(self, may: Callable[[str], bool] | None = None) -> T | None:
        """The next one, who stays in the queue; with `may`, the next one of a visitor of whom that is true."""
        visit = self._first(may)
        return None if visit is None else self._lines[visit].items[0]

    def serve(self, may: Callable[[str], bool] | None = None) -> T:
        """Take the next one out."""
        visit = self._first(may)
        if visit is None:
            raise IndexError("nobody waits")
        line = self._lines[visit]
        item = line.items.popleft()
        self._round = max(self._round, line.round)  # a line that `may` has held back owes nothing and is owed nothing
        self._next_round[visit] = self._round + 1
        self._next_round.move_to_end(visit)
        if len(self._next_round) > REMEMBERED:
            self._next_round.popitem(last=False)
        if line.items:
            line.round, line.number = self._round + 1, self._count()
        else:
            del self._lines[visit]
        return item

    def head(self, visit: str) -> T | None:
        """The first in a visitor's line."""
        line = self._lines.get(visit)
        return line.items[0] if line else None

    def hurry(self, visit: str) -> None:
        """Put a visitor's line before all others, once; nothing happens where nobody waits in it."""
        line = self._lines.get(visit)
        if line:
            line.round = line.number = -1

    def leave(self, item: T) -> None:
        """Give up waiting; nothing happens to one that does not wait."""
        for visit, line in list(self._lines.items()):
            if item in line.items:
                line.items.remove(item)
                if not line.items:
                    del self._lines[visit]

    def place(self, item: T, may: Callable[[str], bool] | None = None) -> int:
        """How many turns away (1 is next), if nobody else came; 0 for one that does not wait.

        Visitors of whom `may` is not true are counted behind all others.
        """
        lines = sorted(self._lines.items(), key=lambda pair: (may is not None and not may(pair[0]), pair[1].due))
        turns = sorted(
            (behind, max(line.round, self._round if depth else 0) + depth, depth > 0, rank, waiting is item)
            for rank, (visit, line) in enumerate(lines)
            for behind in [may is not None and not may(visit)]
            for depth, waiting in enumerate(line.items)
        )
        return next((place for place, turn in enumerate(turns, 1) if turn[-1]), 0)


class _Wait(threading.Event):
    """One step that waits; set when it is its turn."""

    def __init__(self, since: float) -> None:
        super().__init__()
        self.since = since


class _Lane:
    """One kind of work at the gate: who computes and who waits."""

    def __init__(self) -> None:
        self.busy = False
        self.waiting: FairQueue[_Wait] = FairQueue()
        self.left_at = float("-inf")

    def active(self, now: float) -> bool:
        return self.busy or len(self.waiting) > 0 or now - self.left_at < RECENT_S


class Gate:
    """All computing on a device passes here, fair per step.

    Each kind of work ("generate", "train") has one step at a time. While one kind runs alone it has
    all `cores`; while both run each has half of them (two busy pools on the same cores are ten times
    slower than two that share them).
    """

    KINDS = ("generate", "train")

    def __init__(self, cores: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.cores = cores
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes = {kind: _Lane() for kind in self.KINDS}
        self._thread = threading.local()
        self._hurried: dict[str, float] = {}  # visits whose next step goes first, and when that was said
        self.spent: Callable[[str, float], None] = lambda visit, seconds: None  # hears how long each step took

    @contextmanager
    def turn(self, visit: str = "", kind: str = "generate", most: int | None = None) -> Iterator[None]:
        """Compute one step inside, with at most `most` threads; waits until it is this one's turn."""
        lane = self._lanes[kind]
        self._enter(lane, visit)
        begun = self._clock()
        try:
            threads = self.threads(kind)
            self._set_threads(threads if most is None else min(most, threads))
            yield
        finally:
            self._leave(lane)
            self.spent(visit, self._clock() - begun)

    def threads(self, kind: str) -> int:
        """The threads a step of this kind gets now."""
        now = self._clock()
        others = any(lane.active(now) for name, lane in self._lanes.items() if name != kind)
        return max(1, self.cores // 2) if others else self.cores

    def _enter(self, lane: _Lane, visit: str) -> None:
        with self._lock:
            mine = _Wait(self._clock())
            lane.waiting.join(visit, mine)
            if self._clock() - self._hurried.pop(visit, float("-inf")) < HURRY_S:
                lane.waiting.hurry(visit)
            if not lane.busy:
                lane.busy = True
                lane.waiting.serve()
                return
        mine.wait()

    def hurry(self, visit: str) -> None:
        """Let a visit's step go first, once: the one that waits, or the one it was just about to ask for."""
        with self._lock:
            now = self._clock()
            self._hurried = {name: at for name, at in self._hurried.items() if now - at < HURRY_S}
            waiting = [lane.waiting for lane in self._lanes.values() if lane.waiting.head(visit) is not None]
            for queue in waiting:
                queue.hurry(visit)
            if not waiting:
                self._hurried[visit] = now

    def waiting(self, visit: str) -> int:
        """How many turns away (1 is next) the first step of a visit is; 0 where none has waited for `SAID_S`."""
        with self._lock:
            for lane in self._lanes.values():
                first = lane.waiting.head(visit)
                if first is not None and self._clock() - first.since >= SAID_S:
                    return lane.waiting.place(first)
        return 0

    def _leave(self, lane: _Lane) -> None:
        with self._lock:
            lane.left_at = self._clock()
            if len(lane.waiting):
                lane.waiting.serve().set()  # the gate stays busy: it is handed over
            else:
                lane.busy = False

    def _set_threads(self, count: int) -> None:
        """Set them for the calling thread (torch counts so); nothing is done where torch is not loaded or agrees."""
        torch = sys.modules.get("torch")
        if torch is None or getattr(self._thread, "count", None) == count:
            return
        if hasattr(torch, "set_num_threads"):
            torch.set_num_threads(count)
            self._thread.count = count


def available_cores() -> int:
    """Cores this process may use: what the environment says, else the container's quota, else the affinity."""
    for said in ("OMP_NUM_THREADS", "CPU_CORES"):  # the one every numerical library follows; the one Spaces set
        if os.environ.get(said, "").isdigit():
            return max(1, int(os.environ[said]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores
