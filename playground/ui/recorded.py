"""Recorded runs: real runs of real models, kept as files, so that no visit begins with an empty page.

`assets/runs/<modality>.json` (or `.json.xz`, where it is large) is what `python -m playground record` wrote: the events
of one run, as the API streams them. The page shows it before any model is loaded: it carries that of its first tab, the
others come once their tab is seen.
"""

import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

from playground.json_text import dumps
from playground.ui.frames import idle_frame

RUNS = Path(__file__).resolve().parents[2] / "assets" / "runs"
PREFIX = "recorded-"


@cache
def load(name: str) -> dict[str, Any] | None:
    """The recorded run of a modality as `{"about", "events": […]}`, or None."""
    path = where(name)
    if path is None:
        return None
    data = path.read_bytes()
    return dict(json.loads(lzma.decompress(data) if path.suffix == ".xz" else data))


def where(name: str) -> Path | None:
    """The file of a recorded run, if there is one."""
    return next((path for path in (RUNS / f"{name}.json", RUNS / f"{name}.json.xz") if path.is_file()), None)


def opening(name: str, first: bool) -> str:
    """The frame that a modality's view begins with: its recorded run, where it is that of the first tab."""
    if first:
        return frame(name) or idle_frame()
    return idle_frame(PREFIX + name if where(name) else None)


@cache
def frame(name: str) -> str | None:
    """The whole recorded run as one frame for the view."""
    recording = load(name)
    if recording is None:
        return None
    run_id = PREFIX + name
    events = [{**event, "run_id": run_id} for event in recording["events"]]
    steps = [event for event in events if event["event"] in ("token", "beam", "image")]
    for seq, step in enumerate(steps, start=1):
        step["seq"] = seq
    status = {"state": "finished", "progress": None, "queued": None, "notices": [recording["about"]], "error": None}
    return dumps({
        "run": run_id, "recorded": True, "started": one(events, "started"), "events": steps, "total": len(steps),
        "status": status, "finished": one(events, "finished"), "history": [], "near": recording.get("near"),
    })  # fmt: skip


def one(events: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The first event of that name."""
    return next(event for event in events if event["event"] == name)
