"""What one run has shown, and the frame that a page draws from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from playground.events import TrainStep
from playground.json_text import dumps
from playground.trainings._series import Series, Timeline

PRIVATE = ("corpus", "folder", "points")  # where a visitor's data lies is the server's business
MOST_NOTICES = 8


class Words:
    """The probabilities of chosen words after one prompt, step by step."""

    def __init__(self, prompt: str, words: Sequence[str]) -> None:
        self.prompt, self.words = prompt, tuple(words)
        self.series = Series()

    def to_json(self) -> dict[str, Any]:
        """`p[i]` are the probabilities of word i at `steps`."""
        points = self.series.points
        return {
            "prompt": self.prompt,
            "words": self.words,
            "steps": [step for step, _ in points],
            "p": [[values[i] for _, values in points] for i in range(len(self.words))],
        }


class Record:
    """Everything that a frame says of one run. Not thread-safe: its owner locks."""

    def __init__(self, run_id: str, lesson: str, config: Any) -> None:
        self.run_id, self.lesson, self.config = run_id, lesson, config
        self.state = "preparing"
        self.place = 0
        self.step, self.steps = 0, int(config.steps)
        self.elapsed_s, self.step_s = 0.0, 0.0
        self.notices: list[str] = []
        self.error: str | None = None
        self.version = 0
        self.series: dict[str, Series] = {}
        self.timeline = Timeline()
        self.gradients: dict[str, Any] | None = None
        self.words: Words | None = None
        self.saved: list[dict[str, Any]] = []
        self.rewindable: list[int] = [0]

    def take(self, step: TrainStep, seconds: float, version: int) -> None:
        """One step was made; it took so long. `version` is the next one of the frame."""
        self.step = step.step
        self.elapsed_s += seconds
        for name, value in step.scalars.items():
            self.series.setdefault(name, Series()).add(step.step, value)
        if step.panels:
            self.timeline.add(step.step, step.scalars, step.panels, version)

    def say(self, sentence: str) -> None:
        """A sentence that a person should read; the oldest go."""
        if sentence not in self.notices:
            self.notices = [*self.notices, sentence][-MOST_NOTICES:]

    def cut(self, step: int) -> None:
        """Forget what came after `step`."""
        self.step = step
        self.timeline.cut(step)
        for series in self.series.values():
            series.cut(step)
        if self.words is not None:
            self.words.series.cut(step)
        if self.gradients is not None and self.gradients["step"] > step:
            self.gradients = None

    def frame(self, since: int, resumable: bool, held: bool) -> str:
        """The frame as JSON text; of the timeline what is newer than version `since`. `held`: it is in memory."""
        first, entries = self.timeline.since(since)
        going = self.state in ("running", "queued")
        place = self.place if going else 0
        config = {name: value for name, value in asdict(self.config).items() if name not in PRIVATE}
        head = dumps({
            "run": self.run_id, "lesson": self.lesson, "state": "queued" if place else self.state, "place": place,
            "notices": self.notices, "error": self.error, "config": config, "step": self.step, "steps": self.steps,
            "elapsed_s": round(self.elapsed_s, 2),
            "left_s": round((self.steps - self.step) * self.step_s, 1) if self.step_s else None,
            "version": self.version, "resumable": resumable, "held": held, "rewindable": self.rewindable,
            "saved": self.saved,
            "series": {name: series.points for name, series in self.series.items()},
            "gradients": self.gradients, "words": self.words and self.words.to_json(), "first": first,
        })  # fmt: skip
        return f'{head[:-1]},"checkpoints":[{",".join(entries)}]}}'


def idle_frame(lesson: str, config: Mapping[str, Any], version: int, saved: Sequence[Mapping[str, Any]] = ()) -> str:
    """The frame of a lesson of which nothing runs."""
    return dumps({
        "run": None, "lesson": lesson, "state": "idle", "place": 0, "notices": [], "error": None,
        "config": {name: value for name, value in config.items() if name not in PRIVATE}, "step": 0,
        "steps": config.get("steps", 0), "elapsed_s": 0, "left_s": None, "version": version, "resumable": False,
        "held": False,
        "rewindable": [], "saved": list(saved), "series": {}, "gradients": None, "words": None, "first": 0,
        "checkpoints": [],
    })  # fmt: skip
