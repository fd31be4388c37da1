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
from playground.run import Run, dumps
from playground.ui import trigger
from playground.visits import Prepared, Visit, Visits

ON_LOAD = """
const sends = ['fetch', 'drop', 'halt'];
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


class ModelsView(gr.HTML):
    """The list of models. Listeners: `fetch`, `drop` and `halt`, each with event data `{id}`."""

    def __init__(self, value: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("html_template", '<div class="page-models"></div>')
        kwargs.setdefault("js_on_load", ON_LOAD)
        kwargs.setdefault("apply_default_css", False)
        super().__init__(value, **kwargs)


class Panel:
    """What the panel's buttons do."""

    def __init__(self, manager: Any, visits: Visits) -> None:
        self.manager, self.visits = manager, visits
        self.may_change = manager.audience == "own"

    def snapshot(self, token: str, error: str | None = None, answer: bool = False) -> str:
        """Everything the view draws, as JSON; whoever asks is watching the loads under way.

        `answer`: to a click, so that an earlier error goes.
        """
        loads = {}
        for model_id, run in self._loads(self.visits.visit(token)).items():
            run.come()
            run.go()
            loads[model_id] = run.status()
        errors = [status["error"] for status in loads.values() if status["error"]]
        return dumps({
            "models": [dataclasses.asdict(m) for m in self.manager.models()],
            "memory": dataclasses.asdict(self.manager.memory()), "loads": loads,
            "error": error or (errors[-1] if errors else None), "may_change": self.may_change, "answer": answer,
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

    def load(self, event: gr.EventData, token: str) -> str:
        """Begin to load a model."""
        return self.begin(token, str(trigger.data(event).get("id", "")))

    def begin(self, token: str, model_id: str) -> str:
        """Begin to load the model with this id (a Hub id or a folder on one's own computer)."""
        model_id = model_id.strip()
        try:
            self._permit()
            if not model_id:
                raise PlaygroundError(
                    "Name a model: an id of the Hugging Face Hub like HuggingFaceTB/SmolLM2-135M, or a folder."
                )
            spec = self.manager.spec(model_id)
            visit = self.visits.visit(token)
            visit.clear_failures(LOAD)
            visit.start(
                LOAD + spec.id,
                spec.id,
                lambda before: Prepared(lambda: self._loading(spec.id, visit), abandoned_s=LOAD_ABANDONED_S),
            )
        except PlaygroundError as error:
            return self.snapshot(token, str(error), answer=True)
        return self.snapshot(token, answer=True)

    def _loading(self, model_id: str, visit: Visit) -> Generator[Event, Reason | None, None]:
        yield from self.manager.load(model_id)
        yield Finished(visit.token, 0, Reason.EOS, "", 0)

    def unload(self, event: gr.EventData, token: str) -> str:
        """Drop a model that nobody uses."""
        try:
            self._permit()
            self.manager.unload(str(trigger.data(event).get("id", "")))
        except PlaygroundError as error:
            return self.snapshot(token, str(error), answer=True)
        return self.snapshot(token, answer=True)

    def halt(self, event: gr.EventData, token: str) -> str:
        """Stop a load that this visit began, by hand or by a run."""
        run = self._loads(self.visits.visit(token)).get(str(trigger.data(event).get("id", "")))
        if run is not None:
            run.stop()
            if run.thread is not threading.current_thread():
                run.thread.join(1.0)
        return self.snapshot(token, answer=True)

    def _permit(self) -> None:
        if not self.may_change:
            raise PlaygroundError("On a shared page a model is loaded by the first run that needs it, not by hand.")


def build(manager: Any, visits: Visits, visit: gr.Textbox, page: gr.Blocks, tabs: dict[str, gr.Tab]) -> None:
    """Draw the panel inside the open tab "models" of `tabs` and connect it."""
    panel = Panel(manager, visits)
    gr.Markdown(
        "A model is loaded by the first run that needs it and stays until memory is short.",
        elem_classes="page-note",
    )
    view = ModelsView(elem_id="models-view")
    view.fetch(panel.load, visit, view, js=SIGNED, **QUIET)
    view.drop(panel.unload, visit, view, js=SIGNED, **QUIET)
    view.halt(panel.halt, visit, view, js=SIGNED, **QUIET)
    if panel.may_change:
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
