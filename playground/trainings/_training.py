"""One training: a lesson's generator in a thread of its own, which can be held, rewound, asked and let go.

The thread exists only while there is something in memory. A run that is held and looked at keeps its model, so
that questions are answered at once; when nobody looks for a while, a checkpoint is written and everything else goes.
Whatever comes next (resume, a question, a rewind) begins a new thread from the checkpoint.
"""

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import closing
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Event, Finished, Notice, Progress, Reason, TrainStep
from playground.room import STOPPED
from playground.trainings._engine import Around, Engine
from playground.trainings._lesson import Lesson
from playground.trainings._record import Record, Words
from playground.trainings._seen import Seen

LOOK_S = 0.2  # how often a waiting thread looks whether it is still wanted
PATIENCE_S = 120.0  # for the answer to a command
DEFECT = "The program made a mistake of its own (its log says which). The last checkpoint is kept."
TEACHER = "The teacher stopped this training; a checkpoint of it is kept."
log = logging.getLogger(__name__)


class Training(Seen):
    """One run of a lesson. Methods may be called from any thread; `own` is data of the visitor's that it uses."""

    def __init__(self, run_id: str, lesson: Lesson, config: Any, around: Around, own: Any = None) -> None:
        self.id, self.lesson, self.config, self.own = run_id, lesson, config, own
        self.changed = threading.Condition()
        self.listeners: set[Callable[[], None]] = set()  # called, briefly, whenever there is something new
        self._around = around
        self._record = Record(run_id, lesson.name, config)
        self._engine = Engine(lesson, config, around, self._record, self.changed, self._news)
        self._commands: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wanted: float = 0  # steps that are still to be made; infinity: all
        self._leaving: str | None = None  # a sentence (or "") once it has to let everything go
        self._closed = False
        self._thread: threading.Thread | None = None
        self._watchers = 0
        self._seen_at = self._used_at = around.clock()

    # ── commands ─────────────────────────────────────────────────────────────

    def resume(self) -> None:
        """Go on to the end.

        Raises:
            PlaygroundError: it is at its end, or diverged; a quota; as many trainings compute as may.
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
            self._check_open()
            record = self._record
            if record.step >= record.steps:
                raise PlaygroundError(f"All {record.steps:,} steps are done: rewind, or begin a run with more of them.")
            if self._engine.broken:
                raise PlaygroundError("This run has diverged: rewind it, or begin anew with other settings.")
        self._around.claim(self)
        with self.changed:
            self._use()
            self._wanted, self._leaving = steps, None
            if not self._moving():
                self._say("running" if self._engine.is_open else "preparing")

    def pause(self) -> None:
        """Hold after the step that is being made; what it has in memory stays, so that it can be asked."""
        with self.changed:
            self._wanted = 0
            self._used_at = self._around.clock()
            self.changed.notify_all()
        self._hurry()

    def stop(self, sentence: str = "") -> None:
        """End after the step that is being made: a checkpoint is left, everything else is given back."""
        with self.changed:
            self._wanted, self._leaving = 0, sentence
            self.changed.notify_all()
        self._hurry()

    def _hurry(self) -> None:
        if self.busy:
            self._around.room.hurry(self._around.person().visit)

    def rewind(self, step: int) -> None:
        """Back to a checkpoint: what came after it is forgotten, and training goes on from there (at once, if it
        was running) exactly as it would have, with the same number of threads.

        Raises:
            PlaygroundError: there is no checkpoint of that step.
        """

        def rewind() -> None:
            self._engine.rewind(step)
            with self.changed:
                self._say("preparing" if self._moving() and self._wanted else "paused")

        self._do(rewind)

    def call(self, work: Callable[[Any], Any]) -> Any:
        """`work(live)` between two steps, in the training's own turn; what it returns.

        Raises:
            PlaygroundError: no step has been made yet, or what `work` raises.
        """
        return self._do(lambda: self._engine.with_live(work))

    def watch_words(self, prompt: str, words: tuple[str, ...]) -> None:
        """From now on the probabilities of these words after the prompt are followed; no words: of none.

        Raises:
            PlaygroundError: this lesson has none, or a text that it cannot take.
        """
        self.lesson.check_words(prompt, words)
        with self.changed:
            self._record.words = Words(prompt, words) if words else None
            self._news()
            known = bool(self._record.step and words)
        if known:
            self.call(self._engine.probe)

    def _do(self, work: Callable[[], Any]) -> Any:
        done: Future[Any] = Future()
        with self.changed:
            self._use()
            self._commands.append((work, done))
        try:
            return done.result(PATIENCE_S)
        except FutureTimeoutError:
            raise PlaygroundError("The training is in the middle of a long step: try again in a moment.") from None

    def _check_open(self) -> None:
        if self._closed:
            raise PlaygroundError("This run is over: begin a new one.")

    def _use(self) -> None:
        """A click came: there is a thread that hears it."""
        self._check_open()
        self._used_at = self._seen_at = self._around.clock()
        if self._thread is None:
            self._leaving = None
            self._thread = threading.Thread(target=self._work, name=f"training-{self.id}", daemon=True)
            self._thread.start()
        self.changed.notify_all()

    def close(self) -> None:
        """End it and remove all that it left; returns when its thread has ended, or after a while."""
        with self.changed:
            self._closed, self._wanted, self._leaving = True, 0, ""
            thread = self._thread
            self.changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE_S)
        self._engine.states.close()
        self.own = None  # its folder goes when nobody refers to it any more

    # ── the thread ───────────────────────────────────────────────────────────

    def _work(self) -> None:
        try:
            while self._wait():
                if not self._obey():
                    self._segment()
        except PlaygroundError as error:
            self._end(str(error))
        except Exception as error:
            if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
                log.exception("training %s of %s", self.id, self.lesson.name)
                self._end(DEFECT)
            else:
                self._end(f"The memory ran out at step {self._record.step:,}: {self.lesson.advice}.")

    def _wait(self) -> bool:
        """Until there is something to do; False when everything was given back."""
        with self.changed:
            while not self._commands and (self._leaving is not None or not self._wanted):
                unused = self._around.clock() - self._used_at >= self._around.unused_s
                if self._leaving is not None or unused or self._abandoned():
                    self._end(None)
                    return False
                if self._moving():  # it was held before it had begun
                    self._say("paused")
                self.changed.wait(LOOK_S)
            return True

    def _abandoned(self) -> bool:
        return not self._watchers and self._around.clock() - self._seen_at >= self._around.abandoned_s

    def _end(self, error: str | None) -> None:
        """Give everything back. The thread says that it ends in the same breath, so that no command is lost."""
        with self.changed:
            self._engine.release()
            lost, asked = list(self._commands), self._leaving
            self._commands.clear()
            self._wanted, self._leaving, self._thread = 0, None, None
            for _, done in lost:
                done.set_exception(PlaygroundError(error or "The run has just ended: try again."))
            if asked:
                self._record.say(asked)
            if error is not None:
                self._say("error", error)
            elif self._moving():
                self._say("paused")
            else:
                self._news()

    def _obey(self) -> bool:
        """One command, if there is one."""
        with self.changed:
            if not self._commands:
                return False
            work, done = self._commands.popleft()
        try:
            done.set_result(work())
        except PlaygroundError as error:
            done.set_exception(error)
        except MemoryError:
            done.set_exception(PlaygroundError("The memory ran out while this was computed: ask for less."))
        except Exception:
            log.exception("training %s of %s was asked", self.id, self.lesson.name)
            done.set_exception(PlaygroundError(DEFECT))
        return True

    def _segment(self) -> None:
        """From here until it is held, stopped, left alone, or done: one job of the room."""
        reason = None
        person = self._around.person()
        with closing(self._around.room.drive(person, f"train {self.lesson.name}", None, self._events)) as job:
            while True:
                event = job.send(reason)
                if isinstance(event, Finished):
                    break
                if isinstance(event, Notice):
                    with self.changed:
                        self._record.say(TEACHER if event.text == STOPPED else event.text)
                if isinstance(event, TrainStep):
                    self._wanted -= 1
                reason = self._why_hold(event)
                while reason is None and self._obey():
                    reason = self._why_hold(event)
        self._engine.keep()
        with self.changed:
            self._wanted = 0
            self._say("finished" if self._record.step >= self._record.steps else "paused")

    def _why_hold(self, event: Event) -> Reason | None:
        with self.changed:
            if self._abandoned() and self._leaving is None:
                seconds = f"{self._around.abandoned_s:g} s"
                self._leaving = f"Held, because no page looked at it for {seconds}; a checkpoint was left."
            held = self._leaving is not None or self._wanted <= 0
            return Reason.USER if held and not isinstance(event, Notice) else None

    def _events(self) -> Generator[Event, Reason | None, None]:
        yield Progress("preparing")
        reason: Reason | None = None
        while reason is None:
            self._engine.open()  # at the beginning, and after a rewind
            step = self._engine.advance()
            reason = (yield step) if step is not None else Reason.EOS
        yield Finished(self.id, 0, reason, "", 0)
