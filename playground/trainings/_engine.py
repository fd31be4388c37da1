"""What computes in a training: the lesson's generator, its steps in the manager's turns, checkpoints on the way.

Everything here is called by the training's own thread, and only by it. What it finds goes into the record, under the
training's lock.
"""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.building import BUILDING
from playground.errors import PlaygroundError
from playground.events import TrainStep
from playground.people import Person
from playground.room import Room
from playground.run import ABANDONED_S
from playground.trainings._lesson import Lesson
from playground.trainings._pace import Pace
from playground.trainings._record import Record
from playground.trainings._states import States

UNUSED_S = 300.0  # a held run gives its memory back after so long without a click
NEVER = 1 << 40  # steps


@dataclass(frozen=True)
class Around:
    """What a training needs of the world. `person` says whose it is now, `version` gives the next number of a
    visit's frames, `claim` is told which run is about to compute and may refuse; `clock` counts seconds of waiting,
    `timer` those of computing; `lavish` as in `Pace`."""

    room: Room
    person: Callable[[], Person]
    folder: Path
    version: Callable[[], int]
    claim: Callable[[Any], None] = lambda training: None
    clock: Callable[[], float] = time.monotonic
    timer: Callable[[], float] = time.perf_counter
    abandoned_s: float = ABANDONED_S
    unused_s: float = UNUSED_S
    lavish: float = 1.0


class Engine:
    """The computing of one run. `at` is the step where it stands; `live` what the lesson has in memory there, if
    anything; `broken`: it diverged, and can be rewound, not resumed."""

    def __init__(
        self, lesson: Lesson, config: Any, around: Around, record: Record, lock: threading.Condition,
        news: Callable[[], None],
    ) -> None:  # fmt: skip
        self.lesson, self.config = lesson, config
        self.needs = lesson.needs(config)
        self.states = States(around.folder, lesson.module)
        self.live: Any = None
        self.at = 0
        self.broken = False
        self._around, self._manager = around, around.room.manager
        self._record, self._lock, self._news = record, lock, news
        self._pace = Pace(int(config.steps), lesson.look_every(config), around.lavish)
        self._reserved: Any = None
        self._steps: Any = None  # the lesson's generator
        self._begun = False  # whether it has made a step
        self._rng: Any = None
        self._norms: Any = None  # catches gradients by layer
        self._unsure: int | None = None  # a checkpoint whose next step has not been seen yet

    @property
    def is_open(self) -> bool:
        """Whether the generator stands at `at`."""
        return self._steps is not None

    # ── steps ────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """A generator that stands at `at`; memory is set aside, and nothing computed before its first step.

        Raises:
            PlaygroundError: there is not enough memory, with both figures.
        """
        import torch

        if self.is_open:
            return
        self._reserve()
        self.live = None
        self._rng = torch.Generator().manual_seed(int(self.config.seed))
        start = self.states.at(self.at) if self.at else None
        self._steps, self._begun = self.lesson.module.train(self.config, self._rng, start), False

    def _reserve(self) -> None:
        if self._reserved is None:
            self._reserved = self._manager.reserve(self.needs.bytes, self.lesson.title, self.lesson.advice)

    def advance(self) -> TrainStep | None:
        """One step and whatever else is due, in one turn; None at the end.

        Raises:
            PlaygroundError: the lesson's, where it diverges.
        """
        looks = self._pace.look_next(self.at)
        with self._manager.turn(self._around.person().visit, most=self.needs.threads):
            catches = self._norms is not None and self._pace.allows("gradients")
            catches = catches and (not looks or self._record.gradients is None)
            if catches:
                self._norms.catch()
            first = not self._begun
            began = self._around.timer()
            try:
                step = self._next(1 if looks else NEVER)
            except Exception:
                self._lost()
                raise
            if step is not None:
                self._took(step, self._around.timer() - began, catches, first)
        return step

    def _next(self, every: int) -> TrainStep | None:
        """The lesson's next step; the numbers that it draws to be looked at are the same at every step."""
        if self._begun:
            self._rng.manual_seed(int(self.config.seed))
        building = nullcontext() if self._begun else BUILDING
        try:
            with building:
                step: TrainStep = self._steps.send(every if self._begun else None)
        except StopIteration:
            return None
        self._begun = True
        return step

    def _took(self, step: TrainStep, seconds: float, caught: bool, first: bool) -> None:
        self.live, self.at = step.live, step.step
        if caught:
            self._caught(step.step, self._pace.step_s if step.panels else seconds)
        if self._norms is None:
            self._norms = self.lesson.norms(step.live)
        if step.panels:
            self._pace.looked(step.step, None if first else seconds)
        elif not first:
            self._pace.plain(seconds)
        with self._lock:
            if self._unsure is not None and self._unsure < step.step:
                self._unsure = None
            self._record.take(step, seconds, self._around.version())
            self._record.step_s = self._pace.step_s or seconds
            self._record.state = "running"
            self._news()
        self._extras(step)

    def _caught(self, at: int, seconds: float) -> None:
        """The step's gradient norms by layer. They are taken to cost a tenth of a step at least, and a step at most."""
        norms = self._norms.take()
        if norms is not None:
            with self._lock:
                self._record.gradients = {"step": at, "layers": self._norms.layers, "norms": norms}
        plain = self._pace.step_s or seconds
        self._pace.pay("gradients", min(max(seconds - plain, 0.1 * plain), plain))

    def _extras(self, step: TrainStep) -> None:
        """What is shown besides the lesson's own panels, each as often as its share of the time allows."""
        due: list[tuple[str, Callable[[], None]]] = []
        if self._record.words is not None:
            due.append(("words", lambda: self.probe(step.live)))
        if step.panels:
            due.append(("state", self.keep))
        for kind, work in due:
            if self._pace.allows(kind):
                began = self._around.timer()
                work()
                self._pace.pay(kind, self._around.timer() - began)

    def _lost(self) -> None:
        """The step went wrong. What the newest checkpoint holds was never seen to work, unless a step followed it."""
        with self._lock:
            self._drop()
            self.broken = True
            if self._unsure is not None:
                self.states.forget(self._unsure)
                self._unsure = None
            self.at = self.states.steps[-1]
            self._record.rewindable = self.states.steps

    # ── between two steps ────────────────────────────────────────────────────

    def probe(self, live: Any) -> None:
        """The watched words' probabilities, as they are now."""
        words = self._record.words
        if words is None:
            return
        try:
            found = self.lesson.words(live, words.prompt, words.words)
        except PlaygroundError as error:
            with self._lock:
                self._record.words = None
                self._record.say(str(error))
            return
        with self._lock:
            words.series.add(self.at, tuple(found[word] for word in words.words))
            self._news()

    def keep(self) -> None:
        """A checkpoint of where it stands, if there is none yet; where none can be written, the record says why."""
        if self.live is None or self.at in self.states.steps:
            return
        try:
            self.states.save(self.live, self.at)
        except PlaygroundError as error:
            with self._lock:
                self._record.say(str(error))
            return
        with self._lock:
            self._unsure = self.at if self.at < self._record.steps else None
            self._record.rewindable = self.states.steps
            self._news()

    def rewind(self, step: int) -> None:
        """Stand at a checkpoint; what came after it is forgotten.

        Raises:
            PlaygroundError: there is none of that step.
        """
        if step not in self.states.steps:
            there = ", ".join(f"{s:,}" for s in self.states.steps)
            raise PlaygroundError(f"There is no checkpoint of step {step!r:.20}; there are: {there}.")
        with self._lock:
            self._drop()
            self.at, self._unsure, self.broken = step, None, False
            self.states.cut(step)
            self._pace.rewound(step)
            self._record.cut(step)
            self._record.rewindable = self.states.steps

    def with_live(self, work: Callable[[Any], Any]) -> Any:
        """`work(live)` in a turn; what was let go comes back from the checkpoint.

        Raises:
            PlaygroundError: no step has been made yet, or what `work` raises.
        """
        with self._manager.turn(self._around.person().visit, most=self.needs.threads):
            if self.live is None:
                if not self.at:
                    raise PlaygroundError(
                        "Of this run there is no good checkpoint: begin anew with other settings."
                        if self.broken
                        else "No step has been made yet: train at least one, then ask."
                    )
                self._reserve()
                with BUILDING:
                    self.live = self.lesson.restore(self.config, self.states.at(self.at))
            return work(self.live)

    def _drop(self) -> None:
        if self._steps is not None:
            self._steps.close()
        self._steps = self.live = self._rng = self._norms = None

    def release(self) -> None:
        """Give everything in memory back. What could not be written to a checkpoint is lost, and the record says so."""
        with self._lock:
            self._drop()
            if self._reserved is not None:
                self._reserved.release()
                self._reserved = None
            if self.at not in self.states.steps:
                self.at = self.states.steps[-1]
                self._record.cut(self.at)
                self._record.say(f"The run stands at step {self.at:,}: no later checkpoint could be written.")
