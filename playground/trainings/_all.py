"""All trainings of the process, by visit; bounded in number, in computing and on the disk."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from playground.errors import PlaygroundError
from playground.people import Person
from playground.room import Room
from playground.run import ABANDONED_S
from playground.trainings._lesson import Lesson
from playground.trainings._states import Workshop
from playground.trainings._visit import VisitTrainings
from playground.visits import Visits

MOST_VISITS, MOST_BYTES = 60, 4_000_000_000
AT_ONCE = 16  # that compute in turn


class Trainings:
    """What all visits train. With `visits`, a visit that ends takes its trainings with it."""

    def __init__(
        self,
        room: Room,
        visits: Visits | None = None,
        *,
        lesson: Callable[[str], Any] = Lesson,
        clock: Callable[[], float] = time.monotonic,
        timer: Callable[[], float] = time.perf_counter,
        abandoned_s: float = ABANDONED_S,
        at_once: int = AT_ONCE,
        lavish: float = 1.0,
    ) -> None:
        self.room, self.lesson, self.clock, self.timer = room, lesson, clock, timer
        self.abandoned_s, self._at_once, self.lavish = abandoned_s, at_once, lavish
        self.workshop = Workshop()
        self._visits: OrderedDict[str, VisitTrainings] = OrderedDict()
        self._lock = threading.RLock()
        if visits is not None:
            visits.holds.append(self.busy)
            visits.on_leave.append(self.leave)

    def of(self, token: str, person: Person | None = None) -> VisitTrainings:
        """The trainings of the visit with this token; `person` is who asks now."""
        with self._lock:
            if token not in self._visits:
                self._visits[token] = VisitTrainings(token, self)
            mine = self._visits[token]
            self._visits.move_to_end(token)
        if person is not None:
            mine.person = person
        return mine

    def busy(self, token: str) -> bool:
        """Whether a training of that visit computes."""
        mine = self._visits.get(token)
        return mine is not None and mine.busy

    def make_room(self, mine: VisitTrainings) -> None:
        """Before a visit begins to train: the trainings of visits that were longest away go, where there are too many.

        Raises:
            PlaygroundError: as many compute as may at once.
        """
        with self._lock:
            others = [one for one in self._visits.values() if one is not mine]
            going = sum(one.busy for one in others)
            if going >= self._at_once:
                raise PlaygroundError(
                    f"{going} trainings go on at once, as many as this computer takes: try again when one has ended."
                )
            size = sum(one.bytes for one in self._visits.values())
            for other in [one for one in others if not one.busy]:
                if len(self._visits) <= MOST_VISITS and size <= MOST_BYTES:
                    break
                size -= other.bytes
                self.leave(other.token)

    def leave(self, token: str) -> None:
        """A visit is over: its trainings end, in the background."""
        with self._lock:
            mine = self._visits.pop(token, None)
        if mine is not None:
            threading.Thread(target=mine.close, name="training ends", daemon=True).start()

    def close(self) -> None:
        """End everything."""
        with self._lock:
            everybody = list(self._visits.values())
            self._visits.clear()
        for mine in everybody:
            mine.close()
        self.workshop.close()
