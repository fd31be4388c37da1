"""What a run has shown so far, small enough to be sent whole: curves, and the timeline of its checkpoints."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.json_text import dumps

MOST_POINTS = 400  # of one curve; a screen is hardly wider
MOST_ENTRIES = 80
MOST_BYTES = 6 << 20  # of a timeline's panels


class Series:
    """Values by step: at most `MOST_POINTS`, evenly thinned, the first and the newest always among them."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, Any]] = []
        self._stride, self._seen = 1, 0
        self._newest: tuple[int, Any] | None = None

    def add(self, step: int, value: Any) -> None:
        """One more value; steps only grow."""
        self._newest = (step, value)
        if self._seen % self._stride == 0:
            self._kept.append(self._newest)
            if len(self._kept) >= MOST_POINTS:
                self._kept, self._stride = self._kept[::2], self._stride * 2
        self._seen += 1

    def cut(self, step: int) -> None:
        """Forget what came after `step`."""
        self._kept = [point for point in self._kept if point[0] <= step]
        if self._newest is not None and self._newest[0] > step:
            self._newest = self._kept[-1] if self._kept else None
            self._seen = len(self._kept) * self._stride

    @property
    def points(self) -> list[tuple[int, Any]]:
        """(step, value), oldest first."""
        loose = self._newest is not None and (not self._kept or self._kept[-1] is not self._newest)
        return [*self._kept, self._newest] if loose and self._newest is not None else list(self._kept)


@dataclass(frozen=True)
class Entry:
    """One moment of the timeline, as JSON text; `version` says since when it stands where it stands."""

    step: int
    version: int
    text: str


class Timeline:
    """The looks of a run, in order; bounded in number and bytes: what has to go is every second one."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def add(self, step: int, scalars: Mapping[str, float], panels: Mapping[str, Any], version: int) -> None:
        """One more look."""
        shown = {name: panel_json(panel) for name, panel in panels.items()}
        self._entries.append(Entry(step, version, dumps({"step": step, "scalars": dict(scalars), "panels": shown})))
        while len(self._entries) > MOST_ENTRIES or (self.bytes > MOST_BYTES and len(self._entries) > 2):
            kept = [*self._entries[:-1:2], self._entries[-1]]
            self._entries = [dataclasses.replace(entry, version=version) for entry in kept]

    @property
    def bytes(self) -> int:
        """What the entries hold, about."""
        return sum(len(entry.text) for entry in self._entries)

    @property
    def steps(self) -> list[int]:
        """The step of each entry."""
        return [entry.step for entry in self._entries]

    def cut(self, step: int) -> None:
        """Forget what came after `step`."""
        self._entries = [entry for entry in self._entries if entry.step <= step]

    def renew(self, version: int) -> None:
        """Whoever asks next gets all of it."""
        self._entries = [dataclasses.replace(entry, version=version) for entry in self._entries]

    def since(self, version: int) -> tuple[int, list[str]]:
        """(index of the first, the entries as JSON) that are newer than `version`: whoever has what was sent up to
        then keeps so many of it and puts these behind."""
        first = next((i for i, entry in enumerate(self._entries) if entry.version > version), len(self._entries))
        return first, [entry.text for entry in self._entries[first:]]


def panel_json(panel: Any) -> dict[str, Any]:
    """A panel's fields and its kind; the panels of a strip likewise."""
    values = {field.name: getattr(panel, field.name) for field in dataclasses.fields(panel)}
    if "panels" in values:
        values["panels"] = [panel_json(one) for one in values["panels"]]
    return {"kind": type(panel).__name__.lower(), **values}
