"""The trainings of visits: one for each lesson, one of them computing; bounded, and gone with the visit."""

import itertools
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground import fields
from playground.errors import PlaygroundError
from playground.people import Person
from playground.trainings import _questions, _saving
from playground.trainings._engine import Around
from playground.trainings._record import idle_frame
from playground.trainings._training import Training

if TYPE_CHECKING:
    from playground.trainings._all import Trainings

MOST_SAVED, MOST_SAVED_BYTES = 8, 300_000_000  # models of one visit, where they are not kept for good


class VisitTrainings:
    """What one visit trains. `current` is the lesson that its page shows; commands are for the run of that lesson."""

    def __init__(self, token: str, trainings: "Trainings") -> None:
        self.token, self.person = token, Person(token)
        self.current = "gpt"
        self.saved: list[_saving.Saved] = []
        self._runs: dict[str, Training] = {}
        self._own: dict[str, Any] = {}  # the visitor's own data, by kind
        self._trainings, self._manager = trainings, trainings.room.manager
        self._folder: Path = trainings.workshop.path / secrets.token_hex(8)
        self._versions, self._numbers = itertools.count(1), itertools.count(1)
        self._idle_version = 0
        self._newest: dict[str, int] = {}  # of questions with many answers: the one that counts
        self._lock = threading.RLock()

    # ── runs ─────────────────────────────────────────────────────────────────

    @property
    def training(self) -> Training | None:
        """The run that the page shows."""
        return self._runs.get(self.current)

    def _run(self) -> Training:
        training = self.training
        if training is None:
            raise PlaygroundError(f"Nothing of {self._trainings.lesson(self.current).title} was trained yet: begin.")
        return training

    def show(self, lesson: str) -> None:
        """Turn to a lesson; what another one computes goes on.

        Raises:
            PlaygroundError: there is none of that name.
        """
        self.current = self._trainings.lesson(lesson).name
        self._idle_version = next(self._versions)
        if self.training is not None:
            self.training.renew()

    def bring(self, own: Any) -> Any:
        """Data of the visitor's own (`lessons.data.Own`), kept for this visit: one of each kind. It is returned."""
        with self._lock:
            self._own[own.kind] = own  # the one before goes when no run refers to it any more
        return own

    def own(self, kind: str) -> Any:
        """What the visitor brought of a kind ("text", "pictures", "plane"); None: nothing."""
        return self._own.get(kind)

    def start(self, lesson: str, values: Mapping[str, Any] | None = None, own: Any = None) -> Training:
        """A new run of a lesson with a page's values, and with the visitor's own data, if it is given. The run of that
        lesson before it goes; one of another lesson that computes is held, with a checkpoint.

        Raises:
            PlaygroundError: a value out of its range, or one that is not a page's to set; a quota; too many trainings.
        """
        found = self._trainings.lesson(lesson)
        config = found.config(values or {}, own)
        self._trainings.room.check(self.person, None)
        self._trainings.make_room(self)
        with self._lock:
            training = Training(run_id := secrets.token_hex(6), found, config, self._around(run_id), own)
            before = self._runs.pop(lesson, None)
            if before is not None:
                before.close()
            for other in self._runs.values():
                if other.busy:
                    other.stop(f"Held, because {found.title} began to train.")
            training.show_saved([saved.to_json() for saved in self.saved])
            if found.watched is not None:
                training.watch_words(*found.watched)
            self._runs[lesson], self.current = training, lesson
            training.resume()
        return training

    def _around(self, run_id: str) -> Around:
        every = self._trainings
        return Around(
            every.room,
            lambda: self.person,
            self._folder / run_id,
            lambda: next(self._versions),
            every.clock,
            abandoned_s=every.abandoned_s,
        )

    def pause(self) -> None:
        """Hold the run after the step that is being made."""
        self._run().pause()

    def resume(self) -> None:
        """Go on; a run of another lesson that computes is held.

        Raises:
            PlaygroundError: it is at its end, or diverged; too many trainings.
        """
        self._go_on(Training.resume)

    def step(self) -> None:
        """Exactly one step.

        Raises:
            PlaygroundError: as `resume`.
        """
        self._go_on(Training.step)

    def _go_on(self, how: Callable[[Training], None]) -> None:
        training = self._run()
        self._trainings.room.check(self.person, None)
        if not training.busy:
            self._trainings.make_room(self)
        with self._lock:
            for other in self._runs.values():
                if other is not training and other.busy:
                    other.stop(f"Held, because {training.lesson.title} trains.")
            how(training)

    def stop(self) -> None:
        """End the run within one step; a checkpoint is left, from which it can go on."""
        self._run().stop()

    def rewind(self, step: int) -> None:
        """Back to a checkpoint, as `Training.rewind`."""
        self._run().rewind(step)

    def watch_words(self, prompt: str, words: tuple[str, ...]) -> None:
        """Follow the probabilities of words, as `Training.watch_words`."""
        self._run().watch_words(prompt, tuple(words))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the `with` block lasts, somebody looks at the run that is shown when it begins."""
        training = self.training
        if training is None:
            yield
            return
        with training.watched():
            yield

    def frame(self, since_version: int = 0) -> str:
        """The frame of the lesson that the page shows."""
        training = self.training
        if training is not None:
            return training.frame(since_version)
        lesson = self._trainings.lesson(self.current)
        saved = [one.to_json() for one in self.saved]
        return idle_frame(self.current, fields.defaults(lesson.module.Config), self._idle_version, saved)

    # ── questions ────────────────────────────────────────────────────────────

    def ask(self, what: str, *, lesson: str | None = None, values: Mapping[str, Any] | None = None, own: Any = None,
            number: int | None = None, **asked: Any) -> Iterator[str]:  # fmt: skip
        """The answers to a question, as JSON text; closing the iterator ends the work.

        `lesson`, `values` and `own` say of which configuration (by default that of the run, else the lesson's own);
        `number` comes back with each answer. A question with many answers ends when its like is asked again.
        """
        number = next(self._numbers) if number is None else number
        self._newest[what] = number
        found = _questions.answers(what, number, lambda: self._found(what, lesson or self.current, values, own, asked))
        with closing(found):  # type: ignore[type-var]
            for answer in found:
                yield answer
                if self._newest[what] != number:
                    return

    def _found(self, what: str, lesson: str, values: Any, own: Any, asked: dict[str, Any]) -> Any:
        training = self._runs.get(lesson)
        if what in _questions.LIVE or (what == "encode" and values is None and training is not None):
            if training is None:
                raise PlaygroundError("No step has been made yet: train at least one, then ask.")
            if what == "encode":
                timer = self._trainings.timer
                return training.call(lambda live: _questions.of_config(lesson, what, live, asked, timer))
            return training.call(_questions.of_live(lesson, what, asked))
        if values is None and training is not None:
            config = training.config
        else:
            config = self._trainings.lesson(lesson).config(values or {}, own)
        return _questions.of_config(lesson, what, config, asked, self._trainings.timer)

    # ── what stays ───────────────────────────────────────────────────────────

    def save(self, title: str = "") -> dict[str, Any]:
        """Save the model of the run as it is now (of one that diverged: the last good checkpoint); as in the frame.

        Raises:
            PlaygroundError: nothing was trained yet, there are as many as may be, or the disk is full.
        """
        training, kept_for_good = self._run(), self._manager.data_dir is not None
        size = sum(one.bytes for one in self.saved)
        if not kept_for_good and (len(self.saved) >= MOST_SAVED or size > MOST_SAVED_BYTES):
            raise PlaygroundError(
                f"{len(self.saved)} models ({size / 1e6:.0f} MB) are saved already, as many as one visit may have: "
                "download one and remove it."
            )
        base = self._manager.data_dir / "models" if kept_for_good else self._folder / "saved"
        owner = "" if kept_for_good else self.token
        lesson, data = training.lesson, training.lesson.data(training.config, training.own)

        def write(live: Any) -> _saving.Saved:
            facts = {"data": data, "step": live.step, "steps": int(live.config.steps), "figures": training.figures()}
            return _saving.save(lesson, live, title, facts, base, owner)

        saved = training.call(write)
        if saved.spec is not None:
            self._manager.adopt(saved.spec)
        with self._lock:
            self.saved.append(saved)
            self._tell()
        return saved.to_json()

    def forget(self, model_id: str) -> None:
        """Remove a saved model; nothing happens to one that is not there."""
        with self._lock:
            for saved in [one for one in self.saved if one.id == model_id]:
                self.saved.remove(saved)
                self._manager.disown(saved.id)
                shutil.rmtree(saved.folder, ignore_errors=True)
                (self._folder / "zip" / f"{saved.id}.zip").unlink(missing_ok=True)
            self._tell()

    def _tell(self) -> None:
        self._idle_version = next(self._versions)
        for training in self._runs.values():
            training.show_saved([one.to_json() for one in self.saved])

    def download(self, model_id: str | None = None) -> Path:
        """A zip file of a saved model (weights, configuration, tokenizer, card); without an id of the newest one.

        Raises:
            PlaygroundError: there is no such model.
        """
        found = [one for one in self.saved if model_id in (None, one.id)]
        if not found:
            raise PlaygroundError("No such model is saved: save the run first.")
        return _saving.pack(found[-1], self._folder / "zip")

    # ── the end ──────────────────────────────────────────────────────────────

    @property
    def busy(self) -> bool:
        """Whether one of its runs computes."""
        return any(training.busy for training in list(self._runs.values()))

    @property
    def bytes(self) -> int:
        """What its checkpoints and models take on the disk."""
        return sum(t.bytes for t in list(self._runs.values())) + sum(one.bytes for one in self.saved)

    def close(self) -> None:
        """End all runs and remove what they left; models that are kept for good stay."""
        with self._lock:
            for training in self._runs.values():
                training.stop()
            for training in self._runs.values():
                training.close()
            self._runs.clear()
            if self._manager.data_dir is None:
                for saved in self.saved:
                    self._manager.disown(saved.id)
            for own in self._own.values():
                own.close()
            self._own.clear()
            shutil.rmtree(self._folder, ignore_errors=True)
