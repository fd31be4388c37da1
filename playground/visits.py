"""Visits and their runs: what a visitor made stays theirs, for a while, within bounds.

A visit is a random token that the browser tab keeps in its session storage. It owns the
runs of that tab; a page that was reloaded finds them again by the token. Memory is bounded
in three ways: visits, runs of a visit, bytes of steps; what goes first is the oldest that
nobody uses. The states that runs can go on from count in the manager's budget (`keep`).
"""

import math
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Reason
from playground.people import Person
from playground.run import ABANDONED_S, DEFECT, Events, Keep, Message, Run

TOKEN = re.compile(r"[0-9a-f]{32}")
NUMBERED = re.compile(r"([0-9a-f]{32})\.(\d{1,15})")
STOPPING_S = 5.0
FRAMES_PER_S = 40  # more than a view can show, so that 30 tokens a second do not wait for each other
STEPS_PER_FRAME = 40
PLACE_EVERY_S = 0.25


def numbered(token: Any) -> tuple[Any, int]:
    """A visit's token and the number of the click that sent it; 0 where it has none.

    A page numbers its clicks, because requests overtake each other: a Stop ends what was begun by an
    earlier click, even if that arrives after it, and nothing that was begun by a later one.
    """
    found = NUMBERED.fullmatch(token) if isinstance(token, str) else None
    return (found[1], int(found[2])) if found else (token, 0)


class Watcher:
    """One look at a run: asks for frames, gets at most 40 a second and the last one always.

    Each frame has the steps that came after number `sent` and were not in the frame before;
    the first one, where `sent` is None, has them all.
    """

    def __init__(self, run: Run, sent: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.run, self.done = run, False
        self._sent, self._clock = sent, clock
        self._knows_start = False  # whether a frame told what the model saw
        self._version = -1
        self._at = self._asked_at = -math.inf

    def __enter__(self) -> "Watcher":
        self.run.come()
        return self

    def __exit__(self, *_: object) -> None:
        self.run.go()

    @property
    def pause_s(self) -> float:
        """How long the last frame is still too fresh for another one."""
        return max(0.0, self._at + 1 / FRAMES_PER_S - self._clock())

    def frame(self) -> str | None:
        """The next frame, or None where nothing is new or the last one is too fresh."""
        run, now = self.run, self._clock()
        if now - self._asked_at >= PLACE_EVERY_S:
            self._asked_at = now
            run.look_at_queue()
        ended, version, total = run.ended, run.version, run.total
        if not ended and not run.thread.is_alive() and run.thread.ident is not None and not run.ended:
            run.fail(DEFECT)  # the thread was killed
            ended = True
        if version == self._version and not ended:
            return None
        if not ended and now - self._at < 1 / FRAMES_PER_S:
            return None
        everything = self._sent is None
        known = self._knows_start
        self._knows_start = known or run.has_started
        frame = run.frame(self._sent or 0, None if everything or ended else STEPS_PER_FRAME, brief=known and not ended)
        self._sent, self._version, self._at, self.done = total, version, now, ended
        return frame


@dataclass(frozen=True)
class Bounds:
    """How much is kept."""

    visits: int = 300
    runs: int = 8  # of one visit
    step_bytes: int = 96 << 20  # of all visits


@dataclass(frozen=True)
class Prepared:
    """What `Visit.start` needs of the run to be: its generator's maker and the messages it answers."""

    generate: Callable[[], Events]
    messages: Sequence[Message] = ()
    parent: Run | None = None
    at: int = 0  # how many of the parent's tokens it goes on from
    given: Any = None  # the settings that it really begins with, where the request's are others
    abandoned_s: float = ABANDONED_S  # how long it goes on while no page looks
    place: Callable[[], int] = lambda: 0  # where its next step stands in the queue, once it waits for long
    hurry: Callable[[], None] = lambda: None  # lets its next step go first, so that it can end


class Visit:
    """The runs of one browser tab, by id; one of them per modality is the current one."""

    def __init__(self, visits: "Visits", token: str) -> None:
        self.token = token
        self.person = Person(token)
        self.runs: OrderedDict[str, Run] = OrderedDict()
        self.current: dict[str, Run] = {}
        self.seen_at = visits.clock()
        self._visits = visits
        self._lock = threading.RLock()
        self._seats: OrderedDict[Any, Watcher] = OrderedDict()
        self._clicks: dict[str, int] = {}  # of the current runs
        self._stops: dict[str, int] = {}  # the last Stop of each modality

    def start(self, name: str, request: Any, prepare: Callable[[Run | None], Prepared], click: int = 0) -> Run:
        """A new current run of modality `name`; one that still writes ends with the reason `new_input`.

        `prepare(before)` is called once nothing of that modality runs. An equal request while
        its run goes on (a double click) starts nothing and returns that run. A `click` before the last
        Stop's starts a run that ends at once.
        """
        with self._lock:
            before = self.current.get(name)
            if before is not None and not before.ended:
                if before.request == request:
                    self._clicks[name] = max(click, self._clicks.get(name, 0))
                    return before
                before.stop(Reason.NEW_INPUT)
                before.thread.join(STOPPING_S)
                if before.thread.is_alive():
                    raise PlaygroundError(
                        "What ran before is in the middle of a long step and stops after it: try again in a moment."
                    )
            plan = prepare(before)
            run = Run(
                secrets.token_hex(6),
                name,
                request,
                plan.generate,
                messages=plan.messages,
                parent=plan.parent,
                at=plan.at,
                abandoned_s=plan.abandoned_s,
                place=plan.place,
                hurry=plan.hurry,
                clock=self._visits.clock,
                keep=self._visits.keep,
            )
            run.given = plan.given
            self._clicks[name] = click
            self.runs[run.id] = self.current[name] = run
            if 0 < click < self._stops.get(name, 0):
                run.stop()
            run.start()  # before another click can want to stop it
        self._visits.trim(self)
        return run

    def stop(self, name: str, reason: Reason = Reason.USER, click: int = 0) -> None:
        """End the current run of modality `name`, if it goes on and was not begun after this `click`."""
        self._stops[name] = max(click, self._stops.get(name, 0))
        run = self.current.get(name)
        if run is not None and not run.ended and not 0 < click < self._clicks.get(name, 0):
            run.stop(reason)

    def forget(self, name: str, click: int = 0) -> None:
        """Stop the current run and begin anew: the next message is the first one, and whoever drew that run gets up,
        so that its last frame does not come after the empty one."""
        self.stop(name, click=click)
        with self._lock:
            run = self.current.pop(name, None)
            for seat in [seat for seat, watcher in self._seats.items() if watcher.run is run]:
                del self._seats[seat]

    def clear_failures(self, prefix: str) -> None:
        """Forget the runs of names with this prefix that ended with an error: it was read, and a new click came."""
        with self._lock:
            for name, run in list(self.current.items()):
                if name.startswith(prefix) and run.ended and run.status()["error"]:
                    self.current.pop(name)

    def sit(self, seat: Any, watcher: Watcher) -> None:
        """From now on `watcher` draws at `seat` (one view of one page); who sat there before gets up."""
        with self._lock:
            self._seats[seat] = watcher
            self._seats.move_to_end(seat)
            while len(self._seats) > 16:
                self._seats.popitem(last=False)

    def sits(self, seat: Any, watcher: Watcher) -> bool:
        """Whether `watcher` still draws at `seat`."""
        return self._seats.get(seat) is watcher

    @property
    def busy(self) -> bool:
        """Whether any of its runs goes on."""
        return any(not run.ended for run in list(self.runs.values()))


def pieces(runs: Sequence[Run]) -> set[str]:
    """The ids of those that ended on the way and of which all steps stand in another one, which took the next steps."""
    on_the_way = {run.id: run.total for run in runs if run.ended and not run.is_whole}
    return {r.parent_id for r in runs if r.parent_id in on_the_way and r.at >= on_the_way[r.parent_id]}


class Visits:
    """All visits of the process."""

    def __init__(
        self, bounds: Bounds | None = None, clock: Callable[[], float] = time.monotonic, keep: Keep | None = None
    ) -> None:
        self.bounds, self.clock, self.keep = bounds or Bounds(), clock, keep
        self.holds: list[Callable[[str], bool]] = []  # whether something else of a visit goes on
        self.on_leave: list[Callable[[str], None]] = []  # a visit is over: what else belongs to it goes; quick
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.RLock()

    def visit(self, token: str | None) -> Visit:
        """The visit of that token; a new one, with a token of its own, where the token is none we could have given."""
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            token = secrets.token_hex(16)
        with self._lock:
            if token not in self._visits:
                self._drop_visits(room=1)
                self._visits[token] = Visit(self, token)
            self._visits.move_to_end(token)
            visit = self._visits[token]
            visit.seen_at = self.clock()
            return visit

    def _drop_visits(self, room: int) -> None:
        idle = [t for t, v in self._visits.items() if not v.busy and not any(holds(t) for holds in self.holds)]
        for token in idle[: max(0, len(self._visits) + room - self.bounds.visits)]:
            for run in self._visits.pop(token).runs.values():
                run.release()
            for leave in self.on_leave:
                leave(token)

    def trim(self, visit: Visit) -> None:
        """Let the oldest runs and states go until the bounds hold again: first those that are pieces of another one."""
        with self._lock:
            current, runs = set(map(id, visit.current.values())), list(visit.runs.values())
            surplus, parts = len(runs) - self.bounds.runs, pieces(runs)
            idle = sorted((r for r in runs if r.ended and id(r) not in current), key=lambda r: r.id not in parts)
            for run in idle[: max(0, surplus)]:
                visit.runs.pop(run.id).release()
            self._drop_runs()

    def _drop_runs(self) -> None:
        held = self.step_bytes
        for visit in list(self._visits.values()):
            for run in list(visit.runs.values()):
                if held <= self.bounds.step_bytes:
                    return
                if run.ended:
                    held -= run.bytes
                    visit.runs.pop(run.id).release()
                    visit.current = {k: v for k, v in visit.current.items() if v is not run}

    @property
    def step_bytes(self) -> int:
        """What the recorded steps hold, in bytes."""
        return sum(run.bytes for v in list(self._visits.values()) for run in list(v.runs.values()))

    def close(self) -> None:
        """Stop every run."""
        for visit in list(self._visits.values()):
            for run in list(visit.runs.values()):
                run.stop()
