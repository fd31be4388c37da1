"""The steps that a run has shown, kept as JSON text in UTF-8 so that their memory is known to the byte (as Python's
own text one sign beyond Latin-1, such as a quotation mark, makes every sign of a step take two bytes)."""

from typing import Any

from playground.events import BeamStep, ImageStep, TokenStep
from playground.json_text import dumps

# settings without a say in which token is how likely
NOT_SHAPING = ("prompt", "masks", "system", "history", "stop_strings", "max_new_tokens", "time_limit_s")
NOT_SHAPING_PICTURES = ("pause_after", "time_limit_s")  # their prompt may change at every step


class Steps:
    """Steps in order, those inherited from another run first; `before` says under which settings these were written."""

    def __init__(self, parent: "Steps | None" = None, count: int = 0, settings: dict[str, Any] | None = None) -> None:
        self._steps: list[bytes] = [parent._steps[i] for i in parent._tokens[:count]] if parent else []
        self._texts: list[str] = parent._texts[:count] if parent else []
        self._tokens: list[int] = list(range(len(self._steps)))  # which of the steps are tokens, or denoised
        self.before: list[dict[str, Any]] = parent._lineage(count, settings or {}) if parent else []
        self.bytes = sum(map(len, self._steps))
        self._pictures: bool = parent is not None and parent._pictures

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, event: TokenStep | BeamStep | ImageStep) -> None:
        """One more."""
        self._pictures = isinstance(event, ImageStep)
        values = event.to_json()
        del values["run_id"], values["seq"]
        step = dumps(values).encode()
        self._steps.append(step)
        self.bytes += len(step)
        if not isinstance(event, BeamStep):
            self._tokens.append(len(self._steps) - 1)
            self._texts.append(event.text if isinstance(event, TokenStep) else "")

    @property
    def tokens(self) -> int:
        """How many of them are tokens of the text (with beams, the winner's); or steps of a picture."""
        return len(self._tokens)

    @property
    def text(self) -> str:
        """What the tokens wrote."""
        return "".join(self._texts)

    def events(self, run_id: str, first: int) -> str:
        """The steps from number `first` on as the inside of a JSON list, numbered from 1 as events of one run."""
        head = f'{{"run_id":{dumps(run_id)},"seq":'
        return ",".join(f"{head}{i + 1},{self._steps[i][1:].decode()}" for i in range(first, len(self._steps)))

    def _lineage(self, count: int, settings: dict[str, Any]) -> list[dict[str, Any]]:
        """Under which settings the first `count` tokens were written: `{"until": index, "settings"}` in order."""
        without = NOT_SHAPING_PICTURES if self._pictures else NOT_SHAPING
        own = {k: v for k, v in settings.items() if k not in without}
        parts = [part for part in self.before if part["until"] < count]
        if parts and parts[-1]["settings"] == own:
            parts.pop()
        return [*parts, {"until": count, "settings": own}]


def weight(request: Any) -> int:
    """The letters in a request: its own, and those of the settings in it (a picture may be among them)."""
    parts = request if isinstance(request, tuple) else (request,)
    values = (value for part in parts for value in (part, *getattr(part, "__dict__", {}).values()))
    return sum(len(value) for value in values if isinstance(value, str))
