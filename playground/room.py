"""The room: every run under way, whoever began it and wherever (page or API), and the rules they share.

`drive` wraps a modality's generator: it counts against the quotas, can be ended from outside, and tells
the room's view what goes on. It never keeps anything of what is written.
"""

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from playground.errors import PlaygroundError
from playground.events import (
    BeamStep,
    Event,
    Finished,
    ImageStep,
    Notice,
    Progress,
    Queued,
    Reason,
    Started,
    TokenStep,
    TrainStep,
)
from playground.people import Person, Quotas

NUMBERED = 1000  # visits whose number is remembered
STOPPED = "The teacher stopped this run. Your settings and the text so far are kept."
Events = Generator[Event, Reason | None, None]


@dataclass(eq=False)
class Job:
    """One run under way. `number` is its visit's: the first one of the day is visit 1."""

    id: int
    number: int
    person: Person
    modality: str
    model: str
    began_at: float
    state: str = "starting"
    place: int = 0
    steps: int = 0
    several: bool = False  # beams: the winner's tokens come again at the end
    stopping: bool = False

    def see(self, event: Event) -> int:
        """Follow one event; the number of tokens that it cost."""
        if isinstance(event, Queued):
            self.state, self.place = "waiting", event.place
        elif isinstance(event, Progress):
            self.state, self.place = event.stage, 0
        elif isinstance(event, Started):
            self.state, self.place = "running", 0
        elif isinstance(event, (TokenStep, BeamStep, ImageStep, TrainStep)):
            self.state, self.place = "running", 0
            if isinstance(event, TokenStep) and self.several:
                return 0
            self.steps += 1
            self.several = isinstance(event, BeamStep)
            return len(event.beams) if isinstance(event, BeamStep) else int(isinstance(event, TokenStep))
        return 0


class Room:
    """All jobs of the process."""

    def __init__(self, manager: Any, quotas: Quotas | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.manager, self.quotas, self._clock = manager, quotas or Quotas(), clock
        self._jobs: dict[int, Job] = {}
        self._ids = itertools.count(1)
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._last_number = 0
        self._lock = threading.Lock()
        if hasattr(manager, "govern"):
            manager.govern(self.quotas.may_run, self.quotas.spent)

    def check(self, person: Person, model: str | None) -> None:
        """Refuse what cannot begin, before anything else is stopped for it.

        Raises:
            PlaygroundError: a quota is reached, there is no such model, or it is the teacher's to load.
        """
        self.quotas.check(person)
        if model is None or not person.is_guest:
            return
        visit = person.visit
        spec = self.manager.spec(model, visit)
        if self.manager.audience == "class" and not self.manager.at_hand(model, visit):
            ready = [info.title for info in self.manager.models(visit) if self.manager.at_hand(info.id, visit)]
            raise PlaygroundError(
                f"{spec.title} is not loaded: ask your teacher to load it, or choose {' or '.join(ready[:3])}."
            )

    def drive(self, person: Person, modality: str, model: str | None, generate: Callable[[], Events]) -> Events:
        """The events of `generate()`, until it ends or has to.

        Raises:
            PlaygroundError: as `check`, or there are as many runs as one may have.
        """
        self.check(person, model)
        job = self._enter(person, modality, model or "")
        try:
            with closing(generate()) as events:
                reason: Reason | None = None
                ending = False
                while True:
                    try:
                        event = events.send(reason)
                    except StopIteration:
                        return
                    self.quotas.wrote(person, job.see(event))
                    if ending and not isinstance(event, Finished):  # it was not computing yet: nothing to keep
                        event = Finished("", 0, reason or Reason.STOPPED, "", 0)
                    reason = yield event
                    if isinstance(event, Finished):
                        return
                    why = None if reason else self._why_end(job)
                    if why:
                        reason, ending = (yield Notice(why)) or Reason.STOPPED, True
        finally:
            self._leave(job)

    def _why_end(self, job: Job) -> str | None:
        return STOPPED if job.stopping else self.quotas.reached(job.person)

    def _enter(self, person: Person, modality: str, model: str) -> Job:
        self.quotas.enter(person)
        with self._lock:
            number = self._numbers.get(person.visit)
            if number is None:
                self._last_number = number = self._last_number + 1
                self._numbers[person.visit] = number
                if len(self._numbers) > NUMBERED:
                    self._numbers.popitem(last=False)
            self._numbers.move_to_end(person.visit)
            job = Job(next(self._ids), number, person, modality, model, self._clock())
            self._jobs[job.id] = job
        return job

    def _leave(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop(job.id, None)
        self.quotas.leave(job.person)

    def visits(self) -> list[str]:
        """The visit of every run under way."""
        with self._lock:
            return [job.person.visit for job in self._jobs.values()]

    def place(self, visit: str) -> int:
        """The place of a visit's step that has waited at the gate for long enough to say so; else 0."""
        return int(self.manager.waiting(visit)) if hasattr(self.manager, "waiting") else 0

    def hurry(self, visit: str) -> None:
        """Let the waiting step of a visit go first: it was stopped, and ends after it."""
        if hasattr(self.manager, "hurry"):
            self.manager.hurry(visit)

    # ── the teacher's view ───────────────────────────────────────────────────

    def jobs(self) -> list[dict[str, Any]]:
        """Who runs what, as JSON values; nothing of what is written."""
        with self._lock:
            found, now = list(self._jobs.values()), self._clock()
        rows = []
        for job in found:
            place = job.place or self.place(job.person.visit)
            rows.append({
                "id": job.id, "visit": job.number, "modality": job.modality, "model": job.model,
                "state": "waiting" if place else job.state, "place": place, "steps": job.steps,
                "seconds": round(now - job.began_at), "stopping": job.stopping,
            })  # fmt: skip
        return rows

    def stop(self, job_id: int | None = None) -> int:
        """End one run, or all, within one step; how many there were."""
        with self._lock:
            found = [job for job in self._jobs.values() if job_id is None or job.id == job_id]
        for job in found:
            job.stopping = True
            self.hurry(job.person.visit)
        return len(found)
