"""One training: a lesson's generator in a thread of its own, which can be held, rewound, asked and let go.

The thread exists only while there is something in memory. A run that is held and looked at keeps its model, so
that questions are answered at once; when nobody looks for 10 s, a checkpoint is written and everything else goes.
Whatever comes next (resume, a question, a rewind) begins a new thread from the checkpoint.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Event, Finished, Notice, Progress, Reason, TrainStep
from playground.people import Person
from playground.room import Room
from playground.trainings._lesson import Lesson
from playground.trainings._pace import Pace
from playground.trainings._record import Record, Words
from playground.trainings._states import States

ABANDONED_S = 10.0
UNUSED_S = 300.0  # a held run gives its memory back after so long without a click
LOOK_S = 0.2  # how often a waiting thread looks whether it is still wanted
PATIENCE_S = 120.0  # for the answer to a command
NEVER = 1 << 40
DEFECT = "The program made a mistake of its own (its log says which). The last checkpoint is kept."
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Around:
    """What a training needs of the world. `person` says whose it is now, `version` gives the next number of a
    visit's frames; `clock` counts seconds of waiting, `timer` those of computing."""

    room: Room
    person: Callable[[], Person]
    folder: Path
    version: Callable[[], int]
    clock: Callable[[], float] = time.monotonic
    timer: Callable[[], float] = time.perf_counter
    abandoned_s: float = ABANDONED_S
    unused_s: float = UNUSED_S


class Training:
    """One run of a lesson. Methods may be called from any thread; `own` is data of the visitor's, closed at the end."""

    def __init__(self, run_id: str, lesson: Lesson, config: Any, around: Around, own: Any = None) -> None:
        self.id, self.lesson, self.config, self.own = run_id, lesson, config, own
        self.needs = lesson.needs(config)
        self.changed = threading.Condition()
        self.listeners: set[Callable[[], None]] = set()  # called, briefly, whenever there is something new
        self._around, self._manager = around, around.room.manager
        self._record = Record(run_id, lesson.name, config)
        self._states = States(around.folder, lesson.module)
        self._pace = Pace(int(config.steps), lesson.look_every(config))
        self._commands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wanted: float = 0  # steps that are still to be made; infinity: all
        self._leaving: str | None = None  # a sentence (or "") once it has to let everything go
        self._closed = False
        self._thread: threading.Thread | None = None
        self._reserved: Any = None
        self._steps: Any = None  # the lesson's generator
        self._live: Any = None
        self._at = 0  # where the generator stands, or would begin
        self._unsure: int | None = None  # a checkpoint whose next step has not been seen yet
        self._broken = False  # it diverged: it can be rewound, not resumed
        self._rng: Any = None
        self._norms: Any = None  # catches gradients by layer
        self._watchers = 0
        self._seen_at = self._used_at = around.clock()

    # ── commands ─────────────────────────────────────────────────────────────

    def resume(self) -> None:
        """Go on to the end.

        Raises:
            PlaygroundError: it is at its end, or diverged.
        """
        self._want(math.inf)

    def step(self) -> None:
        """Make exactly one step, then hold.

        Raises:
            PlaygroundError: as `resume`.
        """
        self._want(1)

    def _want(self, steps: float) -> None:
        with self.changed:
            if self._record.step >= self._record.steps:
                raise PlaygroundError(
                    f"All {self._record.steps:,} steps are done: rewind, or begin a run with more of them."
                )
            if self._broken:
                raise PlaygroundError("This run has diverged: rewind it, or begin anew with other settings.")
            self._wanted = steps
            self._used()
            if not self._moving():
                self._say("preparing" if self._steps is None else "running", error=None)

    def pause(self) -> None:
        """Hold after the step that is being made; what it has in memory stays, so that it can be asked."""
        with self.changed:
            self._wanted = 0
            if self._moving() and self._thread is None:
                self._say("paused")
            self.changed.notify_all()

    def stop(self, sentence: str = "") -> None:
        """End after the step that is being made: a checkpoint is left, everything else is given back."""
        with self.changed:
            self._wanted, self._leaving = 0, sentence
            self.changed.notify_all()

    def rewind(self, step: int) -> None:
        """Back to a checkpoint: what came after it is forgotten, and training goes on from there (at once, if it
        was running) exactly as it would have, with the same number of threads.

        Raises:
            PlaygroundError: there is no checkpoint of that step.
        """
        self._do(lambda: self._rewind(step))

    def call(self, work: Callable[[Any], Any]) -> Any:
        """`work(live)` between two steps, in the training's own turn; what it returns.

        Raises:
            PlaygroundError: no step has been made yet, or what `work` raises.
        """
        return self._do(lambda: self._with_live(work))

    def watch_words(self, prompt: str, words: tuple[str, ...]) -> None:
        """From now on the probabilities of these words after the prompt are followed.

        Raises:
            PlaygroundError: this lesson has none, or a text that it cannot take.
        """
        self.lesson.check_words(prompt, words)
        with self.changed:
            self._record.words = Words(prompt, words) if words else None
            self._used()
            self._news()
            known = self._record.step > 0 and words
        if known:
            self.call(self._probe)

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
            return self._record.frame(since, self._resumable())

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
    def bytes(self) -> int:
        """What its checkpoints take on the disk."""
        return self._states.bytes

    @property
    def version(self) -> int:
        """Grows with every change of the frame."""
        return self._record.version

    @property
    def state(self) -> str:
        """As in the frame."""
        return self._record.state

    @property
    def record(self) -> Record:
        """What it has shown; hold `changed` while reading it."""
        return self._record

    @property
    def busy(self) -> bool:
        """Whether it computes, or is about to."""
        return self._thread is not None and self._moving()

    def _moving(self) -> bool:
        return self._record.state in ("preparing", "running")

    def _resumable(self) -> bool:
        return not self._moving() and not self._broken and self._record.step < self._record.steps

    def _used(self) -> None:
        """A click came: there is a thread that hears it."""
        self._used_at = self._seen_at = self._around.clock()
        if self._closed:
            raise PlaygroundError("This run is over: begin a new one.")
        if self._thread is None:
            self._leaving = None
            self._thread = threading.Thread(target=self._work, name=f"training-{self.id}", daemon=True)
            self._thread.start()
        self.changed.notify_all()

    def _do(self, work: Callable[[], Any]) -> Any:
        done: Future[Any] = Future()
        with self.changed:
            self._commands.append((work, done))
            self._used()
        try:
            return done.result(PATIENCE_S)
        except TimeoutError:
            raise PlaygroundError("The training is in the middle of a long step: try again in a moment.") from None

    def _say(self, state: str, **values: Any) -> None:
        self._record.state = state
        for name, value in values.items():
            setattr(self._record, name, value)
        self._news()

    def _news(self) -> None:
        self._record.version = self._around.version()
        self.changed.notify_all()
        for wake in list(self.listeners):
            wake()

    # ── the thread ───────────────────────────────────────────────────────────

    def _work(self) -> None:
        try:
            while self._wait():
                if not self._obey():
                    self._segment()
        except PlaygroundError as error:
            self._end(str(error))
        except Exception:
            log.exception("training %s of %s", self.id, self.lesson.name)
            self._end(DEFECT)

    def _wait(self) -> bool:
        """Until there is something to do; False when everything was given back."""
        with self.changed:
            while not self._commands and (self._leaving is not None or not self._wanted):
                sentence = self._leaving
                if sentence is None and self._unwanted():
                    sentence = ""
                if sentence is not None:
                    self._end(None, sentence)
                    return False
                self.changed.wait(LOOK_S)
            return True

    def _unwanted(self) -> bool:
        now = self._around.clock()
        return self._abandoned() or now - self._used_at >= self._around.unused_s

    def _abandoned(self) -> bool:
        return not self._watchers and self._around.clock() - self._seen_at >= self._around.abandoned_s

    def _end(self, error: str | None, sentence: str = "") -> None:
        """Give everything back; a thread that ends says so in the same breath, so that no command is lost."""
        with self.changed:
            if self._steps is not None:
                self._steps.close()
            self._steps = self._live = self._rng = self._norms = None
            if self._at not in self._states.steps:  # it could not be written
                self._back_to(self._states.steps[-1])
            if self._reserved is not None:
                self._reserved.release()
                self._reserved = None
            self._wanted, self._leaving, self._thread = 0, None, None
            lost = list(self._commands)
            self._commands.clear()
            self._refuse(lost, error or "The run has just ended: try again.")
            if lost and not self._moving():
                error = None  # whoever asked was told; the run itself is as it was
            if sentence:
                self._record.say(sentence)
            if error is not None:
                self._say("error", error=error)
            elif self._moving():
                self._say("paused")
            else:
                self._news()

    def _back_to(self, step: int) -> None:
        """What was not kept is lost."""
        self._at = step
        if not self._broken:
            self._record.cut(step)
            self._record.say(f"The run stands at step {step:,} again, because no later checkpoint could be written.")

    def _refuse(self, commands: list[tuple[Any, Future[Any]]], sentence: str) -> None:
        for _, done in commands:
            if not done.done():
                done.set_exception(PlaygroundError(sentence))

    def _obey(self) -> bool:
        """One command, if there is one."""
        with self.changed:
            if not self._commands:
                return False
            work, done = self._commands[0]
        try:
            result = work()
        except PlaygroundError as error:
            done.set_exception(error)
        except Exception as error:
            log.exception("training %s of %s was asked", self.id, self.lesson.name)
            done.set_exception(PlaygroundError(DEFECT) if not isinstance(error, MemoryError) else PlaygroundError(
                "The memory ran out while this was computed: ask for less, or train a smaller model."))  # fmt: skip
        else:
            done.set_result(result)
        with self.changed:
            self._commands.popleft()
        return True

    # ── steps ────────────────────────────────────────────────────────────────

    def _segment(self) -> None:
        """From here until it is held, stopped, left alone, or done: one job of the room."""
        room, person, reason = self._around.room, self._around.person(), None
        job = room.drive(person, f"train {self.lesson.name}", None, self._events)
        with closing(job):
            while True:
                event = job.send(reason)
                if isinstance(event, Notice):
                    with self.changed:
                        self._record.say(event.text)
                elif isinstance(event, Finished):
                    break
                reason = self._why_hold(event)
                while reason is None and self._obey():
                    reason = self._why_hold(event)
        self._keep_state()
        with self.changed:
            self._wanted = 0
            self._say("finished" if self._record.step >= self._record.steps else "paused")

    def _why_hold(self, event: Event) -> Reason | None:
        with self.changed:
            if self._abandoned():
                self._leaving = self._leaving or (
                    f"Held, because no page looked at it for {self._around.abandoned_s:.0f} s; a checkpoint was left."
                )
            if isinstance(event, TrainStep):
                self._wanted -= 1
            held = self._leaving is not None or self._wanted <= 0
            return Reason.USER if held and not isinstance(event, Notice) else None

    def _events(self) -> Generator[Event, Reason | None, None]:
        yield Progress("preparing")
        self._open()
        reason = None
        while reason is None:
            step = self._advance()
            reason = (yield step) if step is not None else Reason.EOS
            if self._steps is None:  # it was rewound between two steps
                self._open()
        yield Finished(self.id, 0, reason, "", 0)

    def _open(self) -> None:
        """A generator that stands at `_at`; nothing is computed before its first step."""
        import torch

        if self._reserved is None:
            self._reserved = self._manager.reserve(self.needs.bytes, self.lesson.title, self.lesson.advice)
        if self._steps is None:
            self._live = None
            self._rng = torch.Generator()
            start = self._states.at(self._at) if self._at else None
            self._rng.manual_seed(int(self.config.seed))
            self._steps = self.lesson.module.train(self.config, self._rng, start)
            self._begun = False

    def _advance(self) -> TrainStep | None:
        """One step and whatever else is due, in one turn; None at the end."""
        visit, timer = self._around.person().visit, self._around.timer
        looks = self._pace.look_next(self._at)
        with self._manager.turn(visit, most=self.needs.threads):
            with self.changed:
                if self._leaving is None and self._record.state == "preparing" and self._begun:
                    self._say("running")
            catches = self._norms is not None and self._pace.allows("gradients")
            catches = catches and (not looks or self._record.gradients is None)
            if catches:
                self._norms.catch()
            began = timer()
            try:
                step: TrainStep | None = self._next(1 if looks else NEVER)
            except Exception:
                self._lost()
                raise
            took = timer() - began
            if step is None:
                return None
            if catches:
                self._caught(step, self._pace.step_s if looks else took)
            if self._norms is None:
                self._norms = self.lesson.norms(step.live)
            self._live, self._at = step.live, step.step
            (self._pace.looked(step.step, took) if step.panels else self._pace.plain(took))
            with self.changed:
                if self._unsure is not None and self._unsure < step.step:
                    self._unsure = None
                self._record.take(step, took, self._around.version())
                self._record.state = "running"
                self._news()
            self._extras(step)
        return step

    def _caught(self, step: TrainStep, took: float) -> None:
        """The step's gradient norms by layer; a tenth of a step at least is what they are taken to cost."""
        norms = self._norms.take()
        with self.changed:
            if norms is not None:
                self._record.gradients = {"step": step.step, "layers": self._norms.layers, "norms": norms}
        self._pace.pay("gradients", max(took - self._pace.step_s, 0.1 * self._pace.step_s))

    def _next(self, every: int) -> TrainStep | None:
        """The lesson's next step; the numbers that it draws to be looked at are the same at every step."""
        try:
            if self._begun:
                self._rng.manual_seed(int(self.config.seed))
            step: TrainStep = self._steps.send(every if self._begun else None)
            self._begun = True
        except StopIteration:
            return None
        return step

    def _lost(self) -> None:
        """The step went wrong: what the last checkpoint holds was never seen to work, unless a step came after it."""
        with self.changed:
            self._steps = self._live = self._norms = None
            self._broken = True
            if self._unsure is not None:
                self._states.forget(self._unsure)
                self._unsure = None
            self._at = self._states.steps[-1]
            self._record.rewindable = self._states.steps

    def _extras(self, step: TrainStep) -> None:
        """What is shown besides the lesson's own panels, each as often as its share of the time allows."""
        due: list[tuple[str, Callable[[], None]]] = []
        if self._record.words is not None:
            due.append(("words", lambda: self._probe(step.live)))
        if step.panels:
            due.append(("state", self._keep_state))
        for kind, work in due:
            if self._pace.allows(kind):
                began = self._around.timer()
                work()
                self._pace.pay(kind, self._around.timer() - began)

    def _probe(self, live: Any) -> None:
        words = self._record.words
        if words is None:
            return
        try:
            found = self.lesson.words(live, words.prompt, words.words)
        except PlaygroundError as error:
            with self.changed:
                self._record.words = None
                self._record.say(str(error))
            return
        with self.changed:
            words.series.add(self._at, tuple(found[word] for word in words.words))
            self._news()

    def _keep_state(self) -> None:
        """A checkpoint of where it stands, if there is none yet."""
        if self._live is None or not self._at or self._at in self._states.steps:
            return
        try:
            self._states.save(self._live, self._at)
        except PlaygroundError as error:
            with self.changed:
                self._record.say(str(error))
            return
        with self.changed:
            self._unsure = self._at if self._at < self._record.steps else None
            self._record.rewindable = self._states.steps
            self._news()

    # ── between two steps ────────────────────────────────────────────────────

    def _rewind(self, step: int) -> None:
        if step not in self._states.steps:
            there = ", ".join(f"{s:,}" for s in self._states.steps)
            raise PlaygroundError(f"There is no checkpoint of step {step!r}; there are: {there}.")
        if self._steps is not None:
            self._steps.close()
        with self.changed:
            self._steps = self._live = self._norms = None
            self._at, self._unsure, self._broken = step, None, False
            self._states.cut(step)
            self._pace.rewound(step)
            self._record.cut(step)
            self._record.rewindable = self._states.steps
            self._say("preparing" if self._moving() and self._wanted else "paused", error=None)

    def _with_live(self, work: Callable[[Any], Any]) -> Any:
        with self._manager.turn(self._around.person().visit, most=self.needs.threads):
            if self._live is None:
                if not self._at:
                    raise PlaygroundError(
                        "Of this run there is no good checkpoint: begin anew with other settings."
                        if self._broken
                        else "No step has been made yet: train at least one, then ask."
                    )
                if self._reserved is None:
                    self._reserved = self._manager.reserve(self.needs.bytes, self.lesson.title, self.lesson.advice)
                self._live = self.lesson.restore(self.config, self._states.at(self._at))
            return work(self._live)

    def close(self) -> None:
        """End it and remove all that it left; returns when its thread has ended, or after a while."""
        with self.changed:
            self._closed, self._wanted, self._leaving = True, 0, ""
            thread = self._thread
            self.changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE_S)
        self._states.close()
        self.own = None  # its folder goes when nobody refers to it any more
