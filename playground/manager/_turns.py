"""Whose turn it is.

`FairQueue`: first come first served within a visitor, round-robin across visitors.
`Gate`: computing on one device, one step at a time; who leaves goes behind those who wait.
"""

import os
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
REMEMBERED = 1000  # visitors whose last turn is known
RECENT_S = 0.5  # work that paused for less than this still counts as running


class FairQueue(Generic[T]):
    """Who waits, in turn: next is the first in line of the visitor whose last turn is longest ago. Not thread-safe."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()  # those who wait, visitors in order of arrival
        self._turns: OrderedDict[str, int] = OrderedDict()  # when each visitor was last served, oldest first
        self._turn = 0

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def __contains__(self, item: T) -> bool:
        return any(item in line for line in self._lines.values())

    def join(self, visit: str, item: T) -> None:
        self._lines.setdefault(visit, deque()).append(item)

    def first(self) -> T | None:
        """The next one, who stays in the queue."""
        return self._lines[self._next(self._lines)][0] if self._lines else None

    def _next(self, visits: Iterable[str]) -> str:
        return min(visits, key=lambda visit: self._turns.get(visit, 0))  # of equals the one who came first

    def serve(self) -> T:
        """Take the next one out."""
        visit = self._next(self._lines)
        item = self._lines[visit].popleft()
        if not self._lines[visit]:
            del self._lines[visit]
        self._turn += 1
        self._turns[visit] = self._turn
        self._turns.move_to_end(visit)
        if len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)
        return item

    def leave(self, item: T) -> None:
        """Give up waiting; nothing happens to one that does not wait."""
        for visit, line in list(self._lines.items()):
            if item in line:
                line.remove(item)
                if not line:
                    del self._lines[visit]

    def place(self, item: T) -> int:
        """How many turns away (1 is next), if nobody else came; 0 for one that does not wait."""
        rounds = sorted(self._lines, key=lambda visit: self._turns.get(visit, 0))
        lines = [list(self._lines[visit]) for visit in rounds]
        turns = [line[depth] for depth in range(max(map(len, lines), default=0)) for line in lines if depth < len(line)]
        return turns.index(item) + 1 if item in turns else 0


class _Lane:
    """One kind of work at the gate: who computes and who waits."""

    def __init__(self) -> None:
        self.busy = False
        self.waiting: FairQueue[threading.Event] = FairQueue()
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

    @contextmanager
    def turn(self, visit: str = "", kind: str = "generate", most: int | None = None) -> Iterator[None]:
        """Compute one step inside, with at most `most` threads; waits until it is this one's turn."""
        lane = self._lanes[kind]
        self._enter(lane, visit)
        try:
            threads = self.threads(kind)
            self._set_threads(threads if most is None else min(most, threads))
            yield
        finally:
            self._leave(lane)

    def threads(self, kind: str) -> int:
        """The threads a step of this kind gets now."""
        now = self._clock()
        others = any(lane.active(now) for name, lane in self._lanes.items() if name != kind)
        return max(1, self.cores // 2) if others else self.cores

    def _enter(self, lane: _Lane, visit: str) -> None:
        with self._lock:
            mine = threading.Event()
            lane.waiting.join(visit, mine)
            if not lane.busy:
                lane.busy = True
                lane.waiting.serve()
                return
        mine.wait()

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
