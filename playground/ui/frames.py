"""Frames that no run made: an empty view, and a sentence about a click."""

import json
import secrets
from typing import Any

from playground.json_text import dumps
from playground.run import Run


def notice_frame(text: str, run: Run | None = None) -> str:
    """A frame that only says what is wrong; what the view shows stays."""
    if run is not None:
        frame = json.loads(run.frame(run.total))
        frame["status"] = {**frame["status"], "state": "error", "error": text}
        return dumps(frame)
    return _frame(None, "error", text)


def idle_frame(offer: str | None = None) -> str:
    """A frame of an empty view; `offer` is the run that it asks for once it is seen."""
    return _frame("empty-" + secrets.token_hex(4), "idle", None, **({"offer": offer} if offer else {}))


def _frame(run_id: str | None, state: str, error: str | None, **more: str) -> str:
    status: dict[str, Any] = {"state": state, "progress": None, "queued": None, "notices": [], "error": error}
    blank: dict[str, Any] = {"run": run_id, "started": None, "events": [], "total": 0, "finished": None, "history": []}
    return dumps({**blank, "status": status, **more})
