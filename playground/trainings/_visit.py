"""The trainings of visits: one for each lesson, one of them computing; bounded, and gone with the visit."""

import itertools
import secrets
import shutil
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError
from playground.events import Event, Finished, Notice, Progress, Reason, TrainStep
from playground.people import Person
from playground.room import STOPPED
from playground.trainings import _saving
from playground.trainings._engine import Around
from playground.trainings._record import idle_frame
from playground.trainings._training import TEACHER, Training

if TYPE_CHECKING:
    from playground.trainings._all import Trainings

FAMILIES_BYTES = 150_000_000
MOST_SAVED, MOST_SAVED_BYTES = 8, 300_000_000  # models of one visit, where they are not kept for good


class VisitTrainings:
    """What one visit trains. `current` is the lesson that its page shows, `training` the run of that lesson."""

    def __init__(self, token: str, trainings: "Trainings") -> None:
        self.token, self.person = token, Person(token)
        self.current = "gpt"
        self.saved: list[_saving.Saved] = []
        self._runs: dict[str, Training] = {}
        self._trainings, self._manager = trainings, trainings.room.manager
        self._folder: Path = trainings.workshop.path / secrets.token_hex(8)
        self._versions = itertools.count(1)
        self._idle_version = 0
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
        self._prune()
        if self.training is not None:
            self.training.renew()

    def start(self, lesson: str, values: Mapping[str, Any] | None = None, own: Any = None) -> Training:
        """A new run of a lesson with a page's values, and with the visitor's own data, if it is given. The run of that
        lesson before it goes; one of another lesson that computes is held, with a checkpoint.

        Raises:
            PlaygroundError: a value out of its range, or one that is not a page's to set; a quota; too many trainings.
        """
        found = self._trainings.lesson(lesson)
        config = found.config(values or {}, own)
        run_id = secrets.token_hex(6)
        with self._lock:
            training = Training(run_id, found, config, self._around(run_id), own)
            self._claim(training)
            before = self._runs.pop(lesson, None)
            if before is not None:
                before.close()
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
            self._claim,
            every.clock,
            every.timer,
            abandoned_s=every.abandoned_s,
            lavish=every.lavish,
        )

    def _claim(self, training: Training | None) -> None:
        """A run (None: the four families) is about to compute: what else this visit trains is held, and there must be
        room for one more.

        Raises:
            PlaygroundError: a quota is used up, or as many trainings compute as may.
        """
        self._trainings.room.check(self.person, None)
        if training is None or not training.busy:
            self._trainings.make_room(self)
        for other in list(self._runs.values()):
            if other is not training and other.busy:
                name = training.lesson.title if training is not None else "the comparison of families"
                other.stop(f"Held, because {name} began to train.")

    def frame(self, since_version: int = 0) -> str:
        """The frame of the lesson that the page shows."""
        training = self.training
        if training is not None:
            return training.frame(since_version)
        lesson = self._trainings.lesson(self.current)
        saved = [one.to_json() for one in self.saved]
        return idle_frame(self.current, lesson.defaults(), self._idle_version, saved)

    def families(self, data: str, seconds: float, seed: int = 0) -> Iterator[dict[str, Any]]:
        """Four families on one distribution, with `seconds` each, as `lessons.families.run`; whatever else this visit
        trains is held. Nothing is computed unless the next item is asked for.

        Raises:
            PlaygroundError: no such distribution, a quota, too little memory, or as many trainings as may be.
        """
        from playground.lessons import families

        def events() -> Generator[Event, Reason | None, None]:
            turns = families.run(data, seconds, seed)
            reserved = self._manager.reserve(FAMILIES_BYTES, "The comparison", "unload a model")
            try:
                yield Progress("preparing")
                for number in itertools.count(1):
                    with self._manager.turn(self.token, most=1):
                        found = next(turns, None)
                    if found is None or (yield TrainStep(number, {}, {"family": found})) is not None:
                        break
                yield Finished("families", 0, Reason.EOS, "", 0)
            finally:
                reserved.release()

        self._claim(None)
        with closing(self._trainings.room.drive(self.person, "four families", None, events)) as job:
            for event in job:
                if isinstance(event, Notice):
                    raise PlaygroundError(TEACHER if event.text == STOPPED else event.text)
                if isinstance(event, TrainStep):
                    yield event.panels["family"]

    # ── what stays ───────────────────────────────────────────────────────────

    def save(self, title: str = "") -> dict[str, Any]:
        """Save the model of the run as it is now (of one that diverged: the last good checkpoint); as in the frame.

        Raises:
            PlaygroundError: nothing was trained yet, there are as many as may be, or the disk is full.
        """
        training, kept_for_good = self._run(), self._manager.data_dir is not None
        self._prune()
        size = sum(one.bytes for one in self.saved)
        if not kept_for_good and (len(self.saved) >= MOST_SAVED or size > MOST_SAVED_BYTES):
            raise PlaygroundError(
                f"{len(self.saved)} models ({size / 1e6:.0f} MB) are saved already, as many as one visit may have: "
                "download one and remove it."
            )
        base = self._manager.data_dir / "models" if kept_for_good else self._folder / "saved"
        owner = "" if kept_for_good else self.token
        lesson, data = training.lesson, training.lesson.data(training.config, training.own)
        taken = {one.title for one in (*self.saved, *self._manager.models(self.token))}
        title = _saving.named(title, lesson, taken)

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

    def _prune(self) -> None:
        """Forget what was removed elsewhere: in the list of models, or by hand."""
        with self._lock:
            gone = [one for one in self.saved if not one.folder.is_dir()]
            self.saved = [one for one in self.saved if one not in gone]
            if gone:
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
        self._prune()
        found = [one for one in self.saved if model_id in (None, one.id)]
        if not found:
            raise PlaygroundError("No such model is saved: save the run first, or once more where it was removed.")
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
            shutil.rmtree(self._folder, ignore_errors=True)
