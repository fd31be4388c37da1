"""A world without files: models with declared bytes, loads that go one step at a time, a clock that is set."""

from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.manager import ModelManager
from playground.models._spec import Embedded, Spec

MB = 10**6


class FakeModel:
    """What a load gives back."""

    def __init__(self, spec: Spec, count: int) -> None:
        self.spec, self.bytes = spec, count


class FakeLoader:
    """Models "a", "b", … of declared MB; each load takes `steps` steps in each of its two stages."""

    def __init__(self, sizes: dict[str, int], steps: int = 2) -> None:
        self.sizes, self.steps = sizes, steps
        self.running: Counter[str] = Counter()  # loads between their first and their last step
        self.most_running: Counter[str] = Counter()
        self.fails: dict[str, str] = {}  # model → stage in which its next load fails
        self.error: type[Exception] = PlaygroundError
        self.loaded: list[str] = []
        self.released = 0
        self.actual: dict[str, int] = {}  # bytes that a model turns out to take

    def specs(self) -> dict[str, Spec]:
        return {
            name: Spec(name, name.upper(), ("text",), "fake", 1, "none", 1, mb, (Embedded("nowhere"),))
            for name, mb in self.sizes.items()
        }

    def where(self, spec: Spec) -> tuple[str, Path | None]:
        return "embedded", None

    def bytes_needed(self, spec: Spec, folder: Path | None) -> int:
        return self.sizes[spec.id] * MB

    def fetch(self, spec: Spec, refuse: Callable[[int], None]) -> Generator[Progress, None, Path]:
        self.running[spec.id] += 1
        self.most_running[spec.id] = max(self.most_running[spec.id], self.running[spec.id])
        try:
            yield from self._stage(spec, "fetching")
        finally:
            self.running[spec.id] -= 1
        return Path(spec.id)

    def load(self, spec: Spec, folder: Path) -> Generator[Progress, None, Any]:
        self.running[spec.id] += 1
        self.most_running[spec.id] = max(self.most_running[spec.id], self.running[spec.id])
        try:
            yield from self._stage(spec, "loading")
        finally:
            self.running[spec.id] -= 1
        self.loaded.append(spec.id)
        return FakeModel(spec, self.actual.get(spec.id, 0))

    def _stage(self, spec: Spec, stage: str) -> Generator[Progress, None, None]:
        for step in range(self.steps):
            yield Progress(stage, step, self.steps)
        if self.fails.get(spec.id) == stage:
            del self.fails[spec.id]
            raise self.error(f"{spec.title} broke while {stage}")

    def warm(self) -> None:
        """Nothing is imported."""

    def release(self) -> None:
        self.released += 1


class Stepped:
    """A manager whose loads advance only when told to, under a clock that is set."""

    def __init__(self, sizes: dict[str, int], budget_mb: int, **options: Any) -> None:
        self.now = 0.0
        self.jobs: list[Callable[[], bool]] = []
        self.loader = FakeLoader(sizes)
        self.manager = ModelManager(
            "class", budget_mb * MB, loader=self.loader, clock=lambda: self.now,
            start=lambda step, wake, pause: self.jobs.append(step), **options)  # fmt: skip

    def step(self, index: int = 0) -> None:
        """One step of one of the loads under way."""
        if self.jobs and not self.jobs[index % len(self.jobs)]():
            del self.jobs[index % len(self.jobs)]

    def finish(self, limit: int = 200) -> None:
        """Let all loads go on until they are over or only wait."""
        for _ in range(limit):
            if not self.jobs:
                return
            for index in reversed(range(len(self.jobs))):
                self.step(index)

    def get(self, model_id: str, visit: str = "") -> Any:
        """A lease, with everything that is needed done for it."""
        wish = self.manager.acquire(model_id, visit)
        for _ in range(1000):
            try:
                next(wish)
            except StopIteration as done:
                return done.value
            self.step()
        raise AssertionError("no lease after 1000 steps")
