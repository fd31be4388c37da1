"""A lesson whose every step waits for the test's leave, and the trainings of a process around it."""

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from playground.errors import PlaygroundError
from playground.events import TrainStep
from playground.manager import ModelManager
from playground.panels import Text
from playground.people import Quotas
from playground.room import Room
from playground.trainings import Training, Trainings
from playground.trainings._lesson import Needs
from tests.manager.fakes import MB, FakeLoader
from tests.page.fake import PATIENCE_S, Clock

TOKEN, OTHER = "a" * 32, "b" * 32


@dataclass(frozen=True)
class Config:
    """`start` is where the number begins that the lesson changes step by step."""

    steps: int = 20
    seed: int = 3
    start: float = 1.0
    look_every: int = 5
    fails_at: int = 0


@dataclass
class Live:
    """The one number that is trained."""

    config: Config
    value: float
    step: int


class Norms:
    """Gradients of two layers, where they were asked for."""

    layers = ("first", "second")

    def __init__(self) -> None:
        self.caught = False

    def catch(self) -> None:
        self.caught = True

    def take(self) -> tuple[float, ...] | None:
        caught, self.caught = self.caught, False
        return (0.5, 1.5) if caught else None


@dataclass
class FakeLesson:
    """Lesson and its module in one. `leave` is taken for each step, `computed` counts steps, `opened` says from which
    checkpoints its generators began; `bytes` is what a run says it needs."""

    name: str = "fake"
    title: str = "Fake"
    advice: str = "train something smaller"
    bytes: int = 10 * MB
    leave: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    free: bool = False  # no leave is needed any more
    computed: int = 0
    opened: list[str] = field(default_factory=list)
    closed: int = 0
    fault: Exception | None = None  # what the step `fails_at` raises; by default the lesson's own error
    watched: tuple[str, tuple[str, ...]] | None = None

    # ── as a lesson ──────────────────────────────────────────────────────────

    @property
    def module(self) -> Any:
        return self

    def config(self, values: Any, own: Any = None) -> Config:
        return Config(**values)

    def defaults(self) -> dict[str, Any]:
        return asdict(Config())

    def needs(self, config: Config) -> Needs:
        return Needs(self.bytes, 1.0, 1)

    def look_every(self, config: Config) -> int:
        return config.look_every

    def norms(self, live: Live) -> Norms:
        return Norms()

    def check_words(self, prompt: str, words: tuple[str, ...]) -> None:
        if "bad" in words:
            raise PlaygroundError("bad is no word")

    def words(self, live: Live, prompt: str, words: tuple[str, ...]) -> dict[str, float]:
        return {word: live.value * (i + 1) for i, word in enumerate(words)}

    def data(self, config: Config, own: Any = None) -> str:
        return "numbers"

    # ── as a module ──────────────────────────────────────────────────────────

    def allow(self, steps: int) -> None:
        """Let it make so many steps more."""
        self.leave.release(steps)

    def open(self) -> None:
        """No leave is needed any more."""
        self.free = True
        self.leave.release(1000)

    def train(
        self, config: Config, rng: torch.Generator, start: Path | None = None
    ) -> Generator[TrainStep, int | None, None]:
        self.opened.append(start.name if start else "")
        live = self.restore(config, start) if start else Live(config, config.start, 0)
        every = config.look_every
        try:
            for step in range(live.step + 1, config.steps + 1):
                if not self.free:
                    assert self.leave.acquire(timeout=PATIENCE_S), "the test gave no leave"
                if step == config.fails_at:
                    raise self.fault or PlaygroundError(f"The loss is lost at step {step}.")
                self.computed += 1
                live.value, live.step = live.value * 1.1 + step, step
                looks = step % every == 0 or step == config.steps
                panels = {"sample": Text(f"{step}: {float(torch.rand(1, generator=rng)):.6f}")} if looks else {}
                every = (yield TrainStep(step, {"loss": live.value}, panels, live)) or every
        finally:
            self.closed += 1

    def save_checkpoint(self, folder: Path, live: Live) -> None:
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(json.dumps({"value": live.value, "step": live.step}))

    def restore(self, config: Config, folder: Path) -> Live:
        return Live(config, **json.loads((folder / "state.json").read_text()))

    def export(self, folder: Path, live: Live) -> None:
        from safetensors.torch import save_file

        save_file({"value": torch.tensor([live.value])}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(asdict(live.config)))


@dataclass
class World:
    """Everything around a training; `timer` stands still, so that nothing ever costs too much."""

    trainings: Trainings
    manager: ModelManager
    room: Room
    lessons: dict[str, FakeLesson]
    clock: Clock

    @property
    def fake(self) -> FakeLesson:
        return self.lessons["fake"]

    def start(self, steps: int = 20, token: str = TOKEN, lesson: str = "fake", **values: Any) -> Training:
        """A new run in a visit."""
        return self.trainings.of(token).start(lesson, {"steps": steps, **values})

    def frame(self, token: str = TOKEN, since: int = 0) -> dict[str, Any]:
        """What that visit's page would draw."""
        mine = self.trainings.of(token)
        if mine.current not in self.lessons:
            mine.show("fake")
        found: dict[str, Any] = json.loads(mine.frame(since))
        return found


@contextmanager
def world(
    audience: str = "class", budget_mb: int = 100, quotas: Quotas | None = None, data_dir: Path | None = None,
    **options: Any,
) -> Iterator[World]:  # fmt: skip
    """A process with two fake lessons, "fake" and "other", and room for so many MB."""
    clock = Clock()
    manager = ModelManager(audience, budget_mb * MB, loader=FakeLoader({"a": 30}), data_dir=data_dir)
    lessons = {name: FakeLesson(name, name.capitalize()) for name in ("fake", "other")}
    room = Room(manager, quotas)
    made = Trainings(room, lesson=lessons.__getitem__, clock=clock, timer=lambda: 0.0, **options)
    try:
        yield World(made, manager, room, lessons, clock)
    finally:
        for lesson in lessons.values():
            lesson.open()
        made.close()


def reached(training: Training, steps: int) -> None:
    """Wait until it has made so many steps."""
    with training.changed:
        assert training.changed.wait_for(lambda: training.record.step >= steps, PATIENCE_S), training.record.step


def became(training: Training, *states: str) -> None:
    """Wait until it is in one of these states."""
    with training.changed:
        assert training.changed.wait_for(lambda: training.state in states, PATIENCE_S), training.state


def gone(training: Training) -> None:
    """Wait until its thread has ended."""
    with training.changed:
        assert training.changed.wait_for(lambda: training._thread is None, PATIENCE_S), "its thread lives"
