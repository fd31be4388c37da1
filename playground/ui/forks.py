"""Settings and states for runs that go on from what is on the page: a step of a run, or its text with gaps."""

import dataclasses
import json
from types import ModuleType
from typing import Any

from playground.errors import PlaygroundError
from playground.run import Run
from playground.ui import recorded

MOST_MASKS = 2000


def again(name: str, modality: ModuleType, run: Run | None, settings: Any, place: dict[str, Any]) -> tuple[Any, Any]:
    """(settings, state or None) for going on from a step of a run that left no state: recorded, or let go.

    A text is read again up to there; what an encoder read, a text with gaps, or a conversation is taken up as it was.

    Raises:
        PlaygroundError: the run is not kept at all, or has no such step.
    """
    if run is None and place["run"] != recorded.PREFIX + name:
        raise PlaygroundError("That run is no longer kept: run it again, then go on from one of its tokens.")
    frame = json.loads((run.frame() if run else recorded.frame(name)) or "{}")
    steps = [e for e in frame.get("events", ()) if e["event"] == "token"]
    index, token_id, started = place["index"], place["token_id"], frame["started"]
    if index >= len(steps):
        raise PlaygroundError(f"There is no step {index}: the run has steps 0 to {len(steps) - 1}.")
    if (run is not None and run.messages) or started.get("source_tokens") or started.get("places") is not None:
        state = modality.rebuild(started, frame["events"], index).rewind(index, token_id)
        return dataclasses.replace(settings, model=started["model"]), state
    named = [c["text"] for c in steps[index]["candidates"] if c["token_id"] == token_id]
    text = started["prompt"] + "".join(step["text"] for step in steps[:index]) + "".join(named)
    return dataclasses.replace(settings, prompt=text), None


def end(modality: ModuleType, run: Run) -> Any:
    """The end of a run whose state has been let go, from its steps: its text is read again."""
    frame = json.loads(run.frame())
    if run.started() is None or frame["finished"] is None or not hasattr(modality, "rebuild"):
        raise PlaygroundError("What this run could go on from is no longer kept: run it again.")
    return modality.rebuild(frame["started"], frame["events"], run.tokens_total)


def masked(run: Run | None, settings: Any, masks: Any) -> Any:
    """Settings that read the text of a run again, by the model that read it, with the tokens `masks` hidden.

    Raises:
        PlaygroundError: that run is not kept, or fills no gaps; or `masks` is no list of numbers.
    """
    started = run.started() if run is not None else None
    if started is None or started.get("places") is None:
        raise PlaygroundError("That text is no longer kept: run it again, then hide its words.")
    whole = isinstance(masks, list) and len(masks) <= MOST_MASKS
    if not whole or not all(isinstance(m, int) and not isinstance(m, bool) and 0 <= m < 10**6 for m in masks):
        raise PlaygroundError(f"Masks are numbers of tokens, got {str(masks)[:60]!r}.")
    hidden = ", ".join(map(str, sorted(set(masks))))
    return dataclasses.replace(
        settings, mode="completion", prompt=started["prompt"], model=started["model"], masks=hidden
    )


def same_masks(before: Run | None, settings: Any) -> Any:
    """The settings with the gaps of the run before, where it was over the same text."""
    started = before.started() if before is not None else None
    if started is None or started.get("places") is None or started["prompt"] != settings.prompt:
        return settings
    return dataclasses.replace(settings, masks=started["settings"].get("masks", ""))
