"""What the buttons of a tab do whose steps are pictures: forks at a step, and looks into one."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gradio as gr

from playground import fields
from playground.errors import PlaygroundError
from playground.json_text import dumps
from playground.run import Run
from playground.ui import recorded, trigger
from playground.ui.answering import answered
from playground.ui.runner import Runner
from playground.visits import Prepared, Visit, pieces

MOST_BEFORE = 5  # runs that a page that was loaded anew shows beside its current one
BROUGHT = ("picture", "mask")  # no file carries them
GONE = "That run is no longer kept: run it again, then go on from one of its steps."


class PictureRunner(Runner):
    """Handlers for pictures."""

    def look(self, request: gr.Request, event: gr.EventData, token: str) -> Iterator[Any]:
        """What happens inside step `index` of a run for its picture number `picture`: computed once more."""
        visit, asked = self._visit(request, token), trigger.data(event)
        place = {key: asked.get(key) for key in ("run", "index", "picture")}
        for found in answered(lambda: self._looked(visit, **place), "a step of a picture"):
            yield gr.skip() if found is None else dumps({**place, **found})

    def near(self, request: gr.Request, event: gr.EventData, token: str) -> Iterator[Any]:
        """The training pictures nearest to the finished picture number `picture` of a run. Nobody asked for them by a
        click: where they cannot be said, nothing is said, and no model is loaded for them."""
        visit, asked = self._visit(request, token), trigger.data(event)
        place = {key: asked.get(key) for key in ("run", "picture")}
        for found in answered(lambda: self._near(visit, **place), "what is near a picture"):
            yield dumps({**place, **found}) if found and "values" in found else gr.skip()

    def before(self, event: gr.EventData, token: str) -> str:
        """Frames of the visit's other runs that came to pictures, the oldest first, without their steps."""
        asked = trigger.data(event)
        runs = [run for run in list(self.visits.visit(token).runs.values()) if run.name == self.name]
        parts = pieces(runs)
        whole = [run for run in runs if run.id not in parts and run.has_pictures and run.id != asked.get("run")]
        frames = [run.frame(run.total) for run in whole]
        return f'{{"before":[{",".join(frames[-MOST_BEFORE:])}],"at":{dumps(asked.get("at"))}}}'  # no two are alike

    def reuse(self, event: gr.EventData, token: str) -> list[Any]:
        """Show the settings that a saved picture carries; a value that is none here leaves its control as it is."""
        sent = trigger.data(event).get("settings")
        told: dict[str, Any] = sent if isinstance(sent, dict) else {}
        wanted: dict[str, Any] = {}
        known = {model.id for model in self.manager.models(self.visits.visit(token).token)}
        for name in self.controls.names:
            if name in BROUGHT or name not in told or (name == "model" and str(told[name]) not in known):
                continue
            with suppress(PlaygroundError):
                wanted[name] = getattr(fields.build(self.modality.Settings, {name: told[name]}), name)
        return self.controls.show(wanted)

    def _near(self, visit: Visit, run: Any, picture: Any) -> Any:
        done = visit.runs.get(str(run))
        if done is None or done.state is None:
            raise PlaygroundError(GONE)
        kept, which = done.state, number(picture, "picture")
        if not any(m.id == kept.model and m.state in ("ready", "in use") for m in self.manager.models(visit.token)):
            raise PlaygroundError(f"{kept.model} is no longer loaded.")

        def generate() -> Any:
            return self.modality.near(kept, which, self.manager, visit=visit.token)

        return self.room.drive(visit.person, self.name, kept.model, generate)

    def _looked(self, visit: Visit, run: Any, index: Any, picture: Any) -> Any:
        _, kept = self._kept_at(visit, run, number(index, "step"))
        model, which = kept.model, number(picture, "picture")

        def generate() -> Any:
            return self.modality.look(kept, index, which, self.manager, visit=visit.token)

        return self.room.drive(visit.person, self.name, model, generate)

    def _kept_at(self, visit: Visit, run_id: Any, index: int) -> tuple[Run | None, Any]:
        """The run that took step `index` (a run inherits its first ones from that it goes on from), and its state."""
        run = visit.runs.get(str(run_id))
        while run is not None and run.parent_id and index < run.at and run.parent_id in visit.runs:
            run = visit.runs[run.parent_id]
        if run is not None and run.state is not None and not (run.parent_id and index < run.at):
            run.touch()
            return run, run.state
        return run, self._rebuilt(run, run_id, index)

    def _rebuilt(self, run: Run | None, run_id: Any, index: int) -> Any:
        """A state for a run that left none (it was recorded, or let go): its steps are taken again."""
        if run is None and run_id != recorded.PREFIX + self.name:
            raise PlaygroundError(GONE)
        frame = json.loads((run.frame() if run else recorded.frame(self.name)) or "{}")
        if not frame.get("started"):
            raise PlaygroundError(GONE)
        if index > len(frame["events"]):
            raise PlaygroundError(f"There is no step {index}: the run has steps 0 to {len(frame['events']) - 1}.")
        given = (run.given or run.request[1]) if run else None
        return self.modality.rebuild(frame["started"], self.modality.Settings, index, given)

    # ── inside ───────────────────────────────────────────────────────────────

    def one_step_of(self, settings: Any) -> Any:
        """The settings of a run that takes one denoising step."""
        return self.modality.one_step(settings)

    def _continue(self, visit: Visit, before: Run | None, settings: Any) -> Prepared:
        prepared = super()._continue(visit, before, settings)
        if prepared.parent is None:
            return prepared
        begun = prepared.parent.given or prepared.parent.request[1]
        given = dataclasses.replace(settings, **{name: getattr(begun, name) for name in BROUGHT})
        return dataclasses.replace(prepared, given=given)

    def _end_of(self, run: Run) -> Any:
        return self._rebuilt(run, run.id, run.total)

    def _forked(self, visit: Visit, before: Run | None, settings: Any, place: dict[str, Any]) -> Prepared:
        index = number(place["index"], "step")
        run, state = self._kept_at(visit, place["run"], index)
        state = state.rewind(index)
        settings = self.modality.going_on(settings, state)
        prepared = Prepared(self._generator(settings, state, visit), given=settings)
        return dataclasses.replace(prepared, parent=run, at=state.index) if run else prepared


def number(value: Any, what: str) -> int:
    """A number from the page.

    Raises:
        PlaygroundError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PlaygroundError(f"The number of a {what} is needed, got {str(value)[:40]!r}.")
    return value
