"""The Train tab: a lesson, its settings on the left, and the way from its data to a model on the right."""

from typing import Any

import gradio as gr

from playground.json_text import dumps
from playground.lessons import catalogue
from playground.room import Room
from playground.trainings import Trainings
from playground.ui import train_recorded
from playground.ui.controls import Controls
from playground.ui.door import Door
from playground.ui.runner import CONCURRENCY
from playground.ui.train_answers import Answers
from playground.ui.train_desk import Desk, Visitors
from playground.ui.views.train_theatre import TrainAnswers, TrainTheatre
from playground.visits import Visits

SIGNED = "(...values) => playground.signed(values)"
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STREAM: dict[str, Any] = {
    "show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple", **CONCURRENCY,
}  # fmt: skip
ASKED: dict[str, Any] = {
    "show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple",
    "concurrency_id": "train-questions", "concurrency_limit": 24,
}  # fmt: skip
FIRST = "gpt"
PLACES = ("points", "folder")  # choices that a visitor's own data makes, not a control
SHOWN = {"gpt": 7, "bert": 7, "t5": 7, "vae": 9, "gan": 9, "diffusion": 9}  # knobs that need no unfolding, and "steps"


def build(room: Room, door: Door, visits: Visits, trainings: Trainings, visit: gr.Textbox, page: gr.Blocks) -> None:
    """Draw the tab and connect it."""
    titles = {catalogue.title(name): name for name in catalogue.NAMES}
    with gr.Row(elem_id="train-tab", elem_classes="page-tab"):
        with gr.Column(scale=0, min_width=300, elem_id="train-settings", elem_classes="page-settings"):
            controls, groups, presets = _settings()
        with gr.Column(scale=1, min_width=0, elem_classes="page-main"):
            with gr.Row(elem_classes="train-choice"):
                lesson = gr.Radio(
                    [*titles.items(), ("Four families", "families")], value=FIRST, show_label=False, label="Lesson",
                    container=False, elem_id="train-lesson",
                )  # fmt: skip
                gr.Button("Settings", size="sm", min_width=0, scale=0, elem_id="train-fold",
                          elem_classes="page-fold").click(None, js="() => { playground.fold('train'); }")  # fmt: skip
            theatre = TrainTheatre(train_recorded.frame(FIRST), elem_id="train-view")
            answers = TrainAnswers(elem_id="train-answers")
            keep = gr.DownloadButton("Download", elem_id="train-download")
    visitors = Visitors(room, door, visits, trainings, controls)
    desk, told = Desk(visitors), Answers(visitors)
    _wire_runs(desk, theatre, lesson, groups, visit, page)
    _wire_questions(told, theatre, answers, keep, lesson, visit)
    for name, made in controls.items():
        moved = f"(...values) => {{ playground.trainMoved('{name}', {made.names}, values); }}"
        gr.on([control.change for control in made.inputs], None, made.inputs, None, js=moved)
        for title, button in presets[name].items():
            values = train_recorded.load(name)["lesson"]["presets"][title]
            button.click(lambda m=made, v=values: m.show({**m.defaults, **v}), None, made.inputs, **QUIET)


def facts() -> str:
    """What the view says about each lesson, as an element of the page's head."""
    known = {name: train_recorded.load(name)["lesson"] for name in catalogue.NAMES}
    told = dumps({name: {k: d[k] for k in ("title", "sentence", "stages")} for name, d in known.items()})
    safe = told.replace("</", r"<\/")
    return f'<script type="application/json" id="train-facts">{safe}</script>'


def _settings() -> tuple[dict[str, Controls], list[gr.Column], dict[str, dict[str, gr.Button]]]:
    controls: dict[str, Controls] = {}
    presets: dict[str, dict[str, gr.Button]] = {}
    groups = []
    for name in catalogue.NAMES:
        described = train_recorded.load(name)["lesson"]
        controls[name] = made = Controls(f"train-{name}", train_recorded.settings_class(name))
        with gr.Column(visible=name == FIRST, elem_id=f"train-knobs-{name}") as group:
            groups.append(group)
            presets[name] = {}
            if described["presets"]:
                with gr.Row(elem_classes="page-presets train-presets"):
                    for title in described["presets"]:
                        presets[name][title] = gr.Button(title, size="sm", min_width=0)
            first = [*list(made.descriptions)[: SHOWN[name]], "steps"]
            for knob in dict.fromkeys(first):
                _make(made, knob)
            with gr.Accordion("More settings", open=False, elem_classes="page-group"):
                for knob in made.descriptions:
                    if knob not in first:
                        _make(made, knob)
            gr.Button("Explain", size="sm", min_width=0, elem_id=f"train-{name}-explain").click(
                None, js="() => { document.getElementById('train-settings').classList.toggle('page-explained'); }"
            )
    return controls, groups, presets


def _make(controls: Controls, knob: str) -> None:
    choices = [c for c in controls.descriptions[knob].choices if c not in PLACES]
    controls.make(knob, **({"choices": choices} if knob == "data" else {}))


def _wire_runs(
    desk: Desk, theatre: TrainTheatre, lesson: gr.Radio, groups: list[gr.Column], visit: gr.Textbox, page: gr.Blocks
) -> None:
    inputs = [control for made in desk.visitors.controls.values() for control in made.inputs]
    theatre.start(desk.start, [visit, lesson], theatre, js=SIGNED, **STREAM)
    theatre.step(desk.step, [visit, lesson], theatre, js=SIGNED, **STREAM)
    theatre.resume(desk.resume, visit, theatre, js=SIGNED, **STREAM)
    theatre.rewind(desk.rewind, visit, theatre, js=SIGNED, **STREAM)
    for listen, handler in (
        (theatre.pause, desk.pause), (theatre.stop, desk.stop), (theatre.words, desk.words),
        (theatre.resync, desk.resync), (theatre.forget, desk.forget),
    ):  # fmt: skip
        listen(handler, visit, theatre, js=SIGNED, **QUIET)
    lesson.input(None, lesson, None, js="(lesson) => { playground.trainChosen(lesson); }")
    lesson.input(desk.groups, lesson, groups, **QUIET)
    lesson.input(desk.show, [visit, lesson], theatre, js=SIGNED, **STREAM)
    page.load(desk.settings_of, visit, [lesson, *groups, *inputs], js=SIGNED, **QUIET).then(
        desk.opened, visit, theatre, js=SIGNED, **STREAM
    )


def _wire_questions(
    told: Answers,
    theatre: TrainTheatre,
    answers: TrainAnswers,
    keep: gr.DownloadButton,
    lesson: gr.Radio,
    visit: gr.Textbox,
) -> None:
    inputs = [control for made in told.visitors.controls.values() for control in made.inputs]
    theatre.ask(told.ask, [visit, lesson], answers, js=SIGNED, **ASKED)
    theatre.compare(told.compare, visit, answers, js=SIGNED, **STREAM)
    theatre.choose(told.choose, lesson, inputs, **QUIET)
    theatre.own(told.give, [visit, lesson], answers, js=SIGNED, **ASKED)
    theatre.download(told.download, visit, keep, js=SIGNED, **QUIET).then(
        None, None, None, js="() => { playground.trainDownload(); }"
    )
