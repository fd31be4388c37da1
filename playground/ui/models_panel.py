"""The models: what there is, what is loaded, what it costs; loading and unloading.

The list is a view like the others: a static template, drawn from a JSON snapshot by
`models_panel.js`, text only through textContent. Loading is a run of the visit (it reports
progress, can be stopped, and stops when nobody looks); a timer asks for news while the tab
is open.
"""

import dataclasses
import threading
from collections.abc import Generator
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.events import Event, Finished, Reason
from playground.json_text import dumps
from playground.room import Room
from playground.run import Run
from playground.ui import trigger
from playground.ui.door import Door
from playground.ui.views.data_view import DataView
from playground.visits import Prepared, Visit, Visits

ON_LOAD = """
const sends = ['fetch', 'drop', 'halt', 'remove'];
const begin = () => window.playground && window.playground.models
  ? window.playground.models(element, props, (name, data) => sends.includes(name) && trigger(name, data), watch)
  : setTimeout(begin, 20);
begin();
"""
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
SIGNED = "(...values) => playground.signed(values)"
EVERY_S = 1.0
LOAD = "load "
LOAD_ABANDONED_S = 3600.0  # a download goes on while its page looks elsewhere
NOTES = {
    "own": "A model is loaded by the first run that needs it and stays until memory is short.",
    "class": "Loading and unloading is the teacher's. A model that is loaded serves everybody.",
}
REFUSALS = {
    "class": "Loading and unloading models is the teacher's: ask for the one that you need.",
    "public": "On a public page a model is loaded by the first run that needs it, not by hand.",
}


class ModelsView(DataView):
    """The list of models. Listeners: `fetch`, `drop`, `halt` and `remove`, each with event data `{id}`."""

    TEMPLATE = '<div class="page-models"></div>'
    ON_LOAD = ON_LOAD


class Panel:
    """What the panel's buttons do."""

    def __init__(self, room: Room, door: Door, visits: Visits) -> None:
        self.room, self.manager, self.door, self.visits = room, room.manager, door, visits

    def snapshot(self, request: gr.Request, token: str, error: str | None = None, answer: bool = False) -> str:
        """Everything the view draws, as JSON; whoever asks is watching the loads under way.

        `answer`: to a click, so that an earlier error goes.
        """
        loads = {}
        for model_id, run in self._loads(self.visits.visit(token)).items():
            run.come()
            run.go()
            loads[model_id] = run.status()
        infos = [dataclasses.asdict(model) for model in self.manager.models(self.visits.visit(token).token)]
        if self.manager.audience != "own":  # where files lie on a shared computer is nobody's business
            infos = [{**info, "path": None} for info in infos]
        errors = [status["error"] for status in loads.values() if status["error"]]
        return dumps({
            "models": infos, "memory": dataclasses.asdict(self.manager.memory()), "loads": loads,
            "error": error or (errors[-1] if errors else None),
            "may_change": self.door.may_change(request), "answer": answer,
        })  # fmt: skip

    def _loads(self, visit: Visit) -> dict[str, Run]:
        """Loads of this visit by model: those begun here, and its runs that wait for a model."""
        runs: dict[str, Run] = {}
        for name, run in list(visit.current.items()):
            if name.startswith(LOAD):
                runs[name.removeprefix(LOAD)] = run
            elif not run.ended and not run.has_started:
                runs.setdefault(getattr(run.request[1], "model", ""), run)
        return runs

    def load(self, request: gr.Request, event: gr.EventData, token: str) -> str:
        """Begin to load a model."""
        return self.begin(request, token, str(trigger.data(event).get("id", "")))

    def begin(self, request: gr.Request, token: str, model_id: str) -> str:
        """Begin to load the model with this id (a Hub id or a folder on one's own computer)."""
        model_id = model_id.strip()
        try:
            self._permit(request)
            if not model_id:
                raise PlaygroundError(
                    "Name a model: an id of the Hugging Face Hub like HuggingFaceTB/SmolLM2-135M, or a folder."
                )
            visit = self.visits.visit(token)
            spec = self.manager.spec(model_id, visit.token)
            visit.person = self.door.person(request, visit.token)
            visit.clear_failures(LOAD)
            visit.start(
                LOAD + spec.id,
                spec.id,
                lambda before: Prepared(lambda: self._loading(spec.id, visit), abandoned_s=LOAD_ABANDONED_S),
            )
        except PlaygroundError as error:
            return self.snapshot(request, token, str(error), answer=True)
        return self.snapshot(request, token, answer=True)

    def _loading(self, model_id: str, visit: Visit) -> Generator[Event, Reason | None, None]:
        def load() -> Generator[Event, Reason | None, None]:
            yield from self.manager.load(model_id, visit.token)
            yield Finished("load", 0, Reason.EOS, "", 0)

        return self.room.drive(visit.person, "load", model_id, load)

    def unload(self, request: gr.Request, event: gr.EventData, token: str) -> str:
        """Drop a model that nobody uses."""
        try:
            self._permit(request)
            self.manager.unload(str(trigger.data(event).get("id", "")), self.visits.visit(token).token)
        except PlaygroundError as error:
            return self.snapshot(request, token, str(error), answer=True)
        return self.snapshot(request, token, answer=True)

    def remove(self, request: gr.Request, event: gr.EventData, token: str) -> str:
        """Delete a model that was trained here and kept."""
        try:
            self._permit(request)
            self.manager.remove(str(trigger.data(event).get("id", "")))
        except PlaygroundError as error:
            return self.snapshot(request, token, str(error), answer=True)
        return self.snapshot(request, token, answer=True)

    def halt(self, request: gr.Request, event: gr.EventData, token: str) -> str:
        """Stop a load that this visit began, by hand or by a run."""
        run = self._loads(self.visits.visit(token)).get(str(trigger.data(event).get("id", "")))
        if run is not None:
            run.stop()
            if run.thread is not threading.current_thread():
                run.thread.join(1.0)
        return self.snapshot(request, token, answer=True)

    def _permit(self, request: gr.Request) -> None:
        if not self.door.may_change(request):
            raise PlaygroundError(REFUSALS[self.manager.audience])


def build(
    room: Room, door: Door, visits: Visits, visit: gr.Textbox, page: gr.Blocks, tabs: dict[str, gr.Tab]
) -> gr.Timer:
    """Draw the panel inside the open tab "models" of `tabs` and connect it; the timer runs while that tab is open."""
    panel, shared = Panel(room, door, visits), room.manager.audience
    gr.Markdown(NOTES.get(shared, NOTES["own"]), elem_classes="page-note")
    view = ModelsView(elem_id="models-view")
    view.fetch(panel.load, visit, view, js=SIGNED, **QUIET)
    view.drop(panel.unload, visit, view, js=SIGNED, **QUIET)
    view.halt(panel.halt, visit, view, js=SIGNED, **QUIET)
    view.remove(panel.remove, visit, view, js=SIGNED, **QUIET)
    if shared == "own":
        with gr.Row(elem_classes="page-add"):
            name = gr.Textbox(
                label="Another model",
                elem_id="models-add",
                lines=1,
                max_lines=1,
                scale=1,
                info="An id of the Hugging Face Hub or a folder of this computer. No code from it is run.",
            )
            add = gr.Button("Load", elem_id="models-add-load", scale=0, min_width=92)
        gr.on([add.click, name.submit], panel.begin, [visit, name], view, js=SIGNED, **QUIET)
    timer = gr.Timer(EVERY_S, active=False)
    timer.tick(panel.snapshot, visit, view, js=SIGNED, **QUIET)
    tabs["models"].select(panel.snapshot, visit, view, js=SIGNED, **QUIET)
    page.load(panel.snapshot, visit, view, js=SIGNED, **QUIET)
    for key, one in tabs.items():
        one.select(lambda on=key == "models": gr.Timer(active=on), None, timer, **QUIET)
    return timer
