"""Records the runs that the page shows before any model is loaded.

    python -m playground record            every modality, into assets/runs
    python -m playground record text
    python -m playground record train-gpt     a training (`train_record.py`)

A recording is a real run of a real model with the modality's own defaults, so that the page
opens with what a click on Run would write. The file holds the events as the API streams them.
"""

import dataclasses
import json
import lzma
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished, ImageStep, Looked, Reason, Started, TokenStep
from playground.json_text import rounded
from playground.modalities import offered
from playground.ui.recorded import RUNS
from playground.ui.train_record import record_training
from playground.ui.train_recorded import PREFIX

MOST_TOKENS = 48  # about 7 kB a token travel to a page
LARGE = 1_000_000  # bytes from which on a recording is packed


def record(names: Iterable[str], manager: Any, folder: Path = RUNS) -> list[Path]:
    """Run each modality with its defaults and write `folder/<name>.json` (or `.json.xz`); the paths.

    Raises:
        PlaygroundError: no such modality, or its run failed.
    """
    written = []
    modalities = offered()
    for name in names or modalities:
        if name.startswith(PREFIX):
            written.append(record_training(name, manager, folder))
            continue
        if name not in modalities:
            raise PlaygroundError(f"There is no modality called {name!r}; there are: {', '.join(modalities)}.")
        modality: Any = modalities[name]
        settings = fields.build(modality.Settings, fields.defaults(modality.Settings))
        if hasattr(settings, "max_new_tokens"):
            most = getattr(modality, "RECORDED_TOKENS", MOST_TOKENS)
            settings = dataclasses.replace(settings, max_new_tokens=min(settings.max_new_tokens, most))
        made, near = events(modality, settings, manager)
        recording = {"about": about(manager.spec(settings.model).title), "events": made} | (
            {"near": near} if near else {}
        )
        written.append(write(folder, name, json.dumps(recording, ensure_ascii=False, separators=(",", ":")) + "\n"))
    return written


def write(folder: Path, name: str, text: str) -> Path:
    """Write a recording, packed where it is large; the path."""
    folder.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8")
    plain, packed = folder / f"{name}.json", folder / f"{name}.json.xz"
    path, other = (plain, packed) if len(data) < LARGE else (packed, plain)
    path.write_bytes(data if path == plain else lzma.compress(data, preset=9))
    other.unlink(missing_ok=True)
    return path


def events(modality: Any, settings: Any, manager: Any) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """(the events of one run that a view draws, as JSON values with numbers to seven digits; what is near its first
    picture, where the modality makes pictures of states that are kept)."""
    found, near = [], None
    with closing(modality.generate(settings, manager)) as run:
        for event in run:
            if isinstance(event, Finished) and event.reason is Reason.ERROR:
                raise PlaygroundError(event.message or "The run failed.")
            if isinstance(event, (Started, TokenStep, ImageStep, Finished)):
                found.append(rounded(event.to_json()))
            if isinstance(event, Finished) and getattr(modality, "VIEW", "tokens") == "pictures":
                near = next(e.values for e in modality.near(event.state, 0, manager) if isinstance(e, Looked))
    return found, near


def about(model: str) -> str:
    """What a visitor is told about a recording."""
    return f"A recorded run of {model}: nothing is loaded yet, and everything here can be clicked. Run makes a new one."
