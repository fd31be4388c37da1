"""What all events share: why a run ends, and how a snapshot becomes JSON values."""

import dataclasses
from enum import Enum
from typing import Any


class Reason(str, Enum):
    """Why a run ended."""

    EOS = "eos"
    STOP_STRING = "stop_string"
    MAX_NEW_TOKENS = "max_new_tokens"
    CONTEXT_FULL = "context_full"
    FILLED = "filled"  # no gap is left
    TIME_LIMIT = "time_limit"
    PAUSED = "paused"  # after as many steps as were asked for
    USER = "user"
    STOPPED = "stopped"  # by the rules of a shared page, or its teacher; a Notice before it says why
    NEW_INPUT = "new_input"
    ERROR = "error"


class Event:
    """Base of all events: names itself and turns itself into JSON values."""

    def to_json(self) -> dict[str, Any]:
        """`{"event": …, field: value, …}`; fields marked private to the process are left out."""
        raise TypeError(f"{type(self).__name__} has no outside form")

    def to_stream(self) -> dict[str, Any]:
        """What command line and API stream: `to_json()`, without what only the page's own view needs."""
        return self.to_json()


def plain(value: Any) -> Any:
    """JSON values of dataclasses, enums, and containers of them."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value
