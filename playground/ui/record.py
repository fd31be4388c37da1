"""Records the runs that the page shows before any model is loaded.

    python -m playground record            every modality, into assets/runs
    python -m playground record text
    python -m playground record train-gpt     a training (`train_record.py`)

A recording is a real run of a real model with the modality's own defaults, so that the page
opens with what a click on Run would write. The file holds the events as the API streams them.
"""

import dataclasses
import json
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished, ImageStep, Reason, Started, TokenStep
from playground.json_text import rounded
from playground.modalities import offered
from playground.ui.recorded import RUNS
from playground.ui.train_record import record_training
from playground.ui.train_recorded import PREFIX

MOST_TOKENS = 48  # the page carries the recording: about 7 kB a token


def record(names: Iterable[str], manager: Any, folder: Path = RUNS) -> list[Path]:
    """Run each modality with its defaults and write `folder/<name>.json`; the paths.

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
            settings = dataclasses.replace(settings, max_new_tokens=min(settings.max_new_tokens, MOST_TOKENS))
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        recording = {"about": about(manager.spec(settings.model).title), "events": events(modality, settings, manager)}
        path.write_text(json.dumps(recording, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        written.append(path)
    return written


def events(modality: Any, settings: Any, manager: Any) -> list[dict[str, Any]]:
    """The events of one run that a view draws, as JSON values with numbers to seven digits."""
    found = []
    with closing(modality.generate(settings, manager)) as run:
        for event in run:
            if isinstance(event, Finished) and event.reason is Reason.ERROR:
                raise PlaygroundError(event.message or "The run failed.")
            if isinstance(event, (Started, TokenStep, ImageStep, Finished)):
                found.append(rounded(event.to_json()))
    return found


def about(model: str) -> str:
    """What a visitor is told about a recording."""
    return (
        f"A recorded run of {model}: nothing is loaded yet, and everything here can be clicked. Run writes a new one."
    )
