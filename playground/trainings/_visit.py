"""The trainings of visits: one for each lesson, one of them computing; bounded, and gone with the visit."""

import itertools
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from playground import fields
from playground.people import Person
from playground.room import Room
from playground.trainings._lesson import Lesson
from playground.trainings._record import idle_frame
from playground.trainings._states import Workshop
from playground.trainings._training import ABANDONED_S, Around, Training

MOST_VISITS = 60


class VisitTrainings:
    """What one visit trains. `current` is the lesson that its page shows."""

    def __init__(self, token: str, trainings: "Trainings") -> None:
        self.token, self.person = token, Person(token)
        self.current = "gpt"
        self._runs: dict[str, Training] = {}
        self._trainings = trainings
        self._versions = itertools.count(1)
        self._lock = threading.RLock()

    @property
    def training(self) -> Training | None:
        """The run that the page shows."""
        return self._runs.get(self.current)

    def show(self, lesson: str) -> None:
        """Turn to a lesson; what another one computes goes on.

        Raises:
            PlaygroundError: there is none of that name.
        """
        self.current = self._trainings.lesson(lesson).name
        if self.training is not None:
            self.training.renew()

    def start(self, lesson: str, values: Mapping[str, Any] | None = None, own: Any = None) -> Training:
        """A new run of a lesson with a page's values, and with the visitor's own data, if there is any. The run of
        that lesson before it is let go; one of another lesson that computes is held, with a checkpoint.

        Raises:
            PlaygroundError: a value out of its range, or one that is not a page's to set.
        """
        found = self._trainings.lesson(lesson)
        config = found.config(values or {}, own)
        with self._lock:
            before = self._runs.pop(lesson, None)
            if before is not None:
                before.close()
            for other in self._runs.values():
                if other.busy:
                    other.stop(f"Held, because {found.title} began to train.")
            run_id = secrets.token_hex(6)
            around = Around(
                self._trainings.room,
                lambda: self.person,
                self._trainings.workshop.path / self.token / run_id,
                lambda: next(self._versions),
                self._trainings.clock,
                abandoned_s=self._trainings.abandoned_s,
            )
            training = Training(run_id, found, config, around, own)
            if found.watched is not None:
                training.watch_words(*found.watched)
            self._runs[lesson], self.current = training, lesson
            training.resume()
        return training

    def frame(self, since_version: int = 0) -> str:
        """The frame of the lesson that the page shows."""
        training = self.training
        if training is not None:
            return training.frame(since_version)
        lesson = self._trainings.lesson(self.current)
        return idle_frame(self.current, fields.defaults(lesson.module.Config), 0)

    def close(self) -> None:
        """End all of them and remove what they left."""
        with self._lock:
            for training in self._runs.values():
                training.stop()
            for training in self._runs.values():
                training.close()
            self._runs.clear()


class Trainings:
    """All trainings of the process."""

    def __init__(
        self,
        room: Room,
        *,
        lesson: Callable[[str], Lesson] = Lesson,
        clock: Callable[[], float] = time.monotonic,
        abandoned_s: float = ABANDONED_S,
    ) -> None:
        self.room, self.lesson, self.clock, self.abandoned_s = room, lesson, clock, abandoned_s
        self.workshop = Workshop()
        self._visits: OrderedDict[str, VisitTrainings] = OrderedDict()
        self._lock = threading.RLock()

    def of(self, token: str, person: Person | None = None) -> VisitTrainings:
        """The trainings of the visit with this token."""
        with self._lock:
            mine = self._visits.setdefault(token, VisitTrainings(token, self))
            self._visits.move_to_end(token)
        if person is not None:
            mine.person = person
        return mine

    def close(self) -> None:
        """End everything."""
        with self._lock:
            for mine in self._visits.values():
                mine.close()
            self._visits.clear()
        self.workshop.close()
