"""Snapshots of a training."""

from dataclasses import dataclass, field
from typing import Any

from playground.events._base import Event, plain


@dataclass(frozen=True, slots=True)
class TrainStep(Event):
    """One update of the weights. `panels` are named pictures of it (`Text`, `Bars`, `Curve`, `Points`,
    `Field`, `Pictures`, `Strip`); `live` holds model, optimizer and batch for as long as the next step
    has not begun."""

    step: int
    scalars: dict[str, float]
    panels: dict[str, Any] = field(default_factory=dict)
    live: Any = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        panels = {"panels": plain(self.panels)} if self.panels else {}
        return {"event": "train", "step": self.step, **self.scalars, **panels}
