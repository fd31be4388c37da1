"""The Latent space tab: a VAE or a GAN, whose codes can be moved, mixed, walked through and asked about."""

import dataclasses
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import fields
from playground.json_text import dumps
from playground.modalities import _latents
from playground.room import Room
from playground.ui import trigger
from playground.ui.answering import answered
from playground.ui.choices import Choices
from playground.ui.controls import Controls
from playground.ui.door import Door
from playground.ui.runner import CONCURRENCY
from playground.ui.views.latent_theatre import LatentAnswers, LatentTheatre
from playground.visits import Visits

NAME, TITLE = "latent", "Latent space"
INTRO = "Every picture is a point in a space of a few numbers. Move through it, and see what the numbers mean."
SIGNED = "(...values) => playground.signed(values)"
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STREAM: dict[str, Any] = {
    "show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple", **CONCURRENCY,
}  # fmt: skip


def settings_class(model: str) -> type:
    """The one setting of the tab."""
    chosen = fields.choice(model, (), label="Model", help="its name in the list of models")
    return dataclasses.make_dataclass("Settings", [("model", str, chosen)], frozen=True)


class LatentDesk:
    """The handler of the tab."""

    def __init__(self, room: Room, door: Door, visits: Visits) -> None:
        self.room, self.door, self.visits = room, door, visits

    def ask(self, request: gr.Request, event: gr.EventData, token: str) -> Iterator[Any]:
        """The answer to one question, with the number that it was asked under."""
        visit, asked = self.visits.visit(token), trigger.data(event)
        visit.person = self.door.person(request, visit.token)
        model, given = str(asked.get("model"))[:2000], asked.get("given")

        def generate() -> Any:
            values = given if isinstance(given, dict) else {}
            return _latents.ask(model, str(asked.get("what")), values, self.room.manager, visit=visit.token)

        def events() -> Any:
            return self.room.drive(visit.person, NAME, model, generate)

        for found in answered(events, f"the latent space of {model}"):
            yield gr.skip() if found is None else dumps({"id": asked.get("id"), **found})


def build(model: str, room: Room, door: Door, visits: Visits, visit: gr.Textbox, page: gr.Blocks) -> None:
    """Draw the tab and connect it."""
    controls = Controls(NAME, settings_class(model))
    choices = Choices(NAME, SimpleNamespace(), controls, room.manager)  # type: ignore[arg-type]
    with gr.Row(elem_id=f"{NAME}-tab", elem_classes="page-tab"):
        with gr.Column(scale=0, min_width=300, elem_id=f"{NAME}-settings", elem_classes="page-settings"):
            chosen = controls.make("model", choices=choices.models(), info=None, allow_custom_value=choices.any_model)
            note = gr.Markdown(choices.about(model), elem_id=f"{NAME}-model-note", elem_classes="page-note")
            gr.Markdown(
                "Train one of your own in the Train tab (VAE or GAN, on pictures), save it, and it is in this list.",
                elem_classes="page-note",
            )
        with gr.Column(scale=1, min_width=0, elem_classes="page-main"):
            gr.Markdown(INTRO, elem_classes="page-note")
            theatre = LatentTheatre(model, elem_id=f"{NAME}-view")
            answers = LatentAnswers(elem_id=f"{NAME}-answers")
    desk = LatentDesk(room, door, visits)
    theatre.ask(desk.ask, visit, answers, js=SIGNED, **STREAM)
    chosen.focus(choices.refresh, visit, chosen, js=SIGNED, **QUIET)
    gr.on([chosen.change, page.load], choices.on_model, [visit, chosen], note, js=SIGNED, **QUIET)
    chosen.change(None, chosen, theatre, js="(model) => model")
    listed = page.load(choices.refresh, visit, chosen, js=SIGNED, **QUIET)
    before = gr.Textbox(visible=False)  # the browser fills it in: the model that was chosen before a reload

    def again(token: str, model: str) -> Any:
        return gr.update(value=model) if model in [id for _, id in choices.models(token)] else gr.skip()

    told = "() => [playground.visit(), playground.latent.chosen()]"
    listed.then(again, [visit, before], chosen, js=told, **QUIET)
