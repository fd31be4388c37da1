"""What every run says besides its steps."""

from dataclasses import dataclass, field, replace
from typing import Any

from playground.events._base import Event, Reason, plain


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Something long goes on: `done` of `total` (0: unknown) `unit`s of `stage`."""

    stage: str
    done: float = 0
    total: float = 0
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"event": "progress", **plain(self)}


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """Waiting for a turn; `place` 1 is next."""

    place: int

    def to_json(self) -> dict[str, Any]:
        return {"event": "queued", **plain(self)}


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something a person should know (a value was clamped, the prompt was cut): said, not fatal."""

    text: str

    def to_json(self) -> dict[str, Any]:
        return {"event": "notice", **plain(self)}


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The end of a run. `text` is without the prompt; `tokens` a count; `first_token_s` None where
    no token came; `state` is what the run can go on from (never leaves the process). `filled` is the whole text with
    its gaps filled in, for a model that does so. `pictures` are the finished ones, as PNG files with what made them
    inside (data URLs); `unsafe` how likely a classifier takes each for not safe for work; `blocked` are the
    numbers of those that it blocks: they are blurred, and `message` says so."""

    run_id: str
    seq: int
    reason: Reason
    text: str
    tokens: int
    first_token_s: float | None = None
    tokens_per_s: float = 0.0
    prompt_tokens: int = 0
    context_window: int = 0
    stop_string: str | None = None
    message: str | None = None
    filled: str | None = None
    pictures: tuple[str, ...] = ()
    unsafe: tuple[float, ...] = ()
    blocked: tuple[int, ...] = ()
    state: Any = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        values = plain(replace(self, state=None))
        empty = ("state",) if self.pictures else ("state", "pictures", "unsafe", "blocked")
        return {"event": "finished", **{name: value for name, value in values.items() if name not in empty}}
