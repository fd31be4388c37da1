"""One tab per modality: settings on the left, the prompt and the view on the right, and what the buttons do."""

import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import gradio as gr

from playground.modalities import at_hand
from playground.room import Room
from playground.ui import recorded
from playground.ui.choices import Choices
from playground.ui.controls import BOUNDED, Controls
from playground.ui.door import Door
from playground.ui.picture_runner import PictureRunner
from playground.ui.runner import CONCURRENCY, Runner, new_seed
from playground.ui.token_runner import TokenRunner
from playground.ui.views.picture_theatre import PictureAnswers, PictureTheatre
from playground.ui.views.theatre import TokenTheatre
from playground.visits import Visits

SIGNED = "(...values) => playground.signed(values)"
CLICKED = "(...values) => playground.signedClick(values)"
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STREAM: dict[str, Any] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "multiple",
    **CONCURRENCY,
}
BUTTONS = {"pause": "Pause", "continue": "Continue", "step": "Step", "again": "Again", "again-new": "New seed"}


@dataclass
class Parts:
    """The components that the wiring needs."""

    controls: Controls
    theatre: TokenTheatre | PictureTheatre
    buttons: dict[str, gr.Button]
    examples: list[gr.Button]
    presets: dict[str, gr.Button]
    notes: dict[str, gr.Markdown]
    code: gr.Code
    answers: PictureAnswers | None = None
    nears: PictureAnswers | None = None
    befores: PictureAnswers | None = None


def build(
    name: str, modality: ModuleType, room: Room, door: Door, visits: Visits, visit: gr.Textbox, page: gr.Blocks,
    first: bool = True,
) -> Parts:  # fmt: skip
    """Draw the tab of one modality and connect it; `first`: it is the one that an opened page shows."""
    controls = Controls(name, modality.Settings)
    if not getattr(modality, "READY", True):  # its own model is not in this copy: begin with one that is at hand
        controls.defaults["model"] = at_hand(room.manager).get(name, controls.defaults["model"])
    choices = Choices(name, modality, controls, room.manager)
    with gr.Row(elem_id=f"{name}-tab", elem_classes="page-tab"):
        with gr.Column(scale=0, min_width=300, elem_id=f"{name}-settings", elem_classes="page-settings"):
            presets, notes = _settings(name, modality, controls, choices)
        with gr.Column(scale=1, min_width=0, elem_classes="page-main"):
            pictures = getattr(modality, "VIEW", "tokens") == "pictures"
            buttons, examples = _prompt(name, modality, controls, typed=pictures)
            view = PictureTheatre if pictures else TokenTheatre
            theatre = view(recorded.opening(name, first), tab=name, elem_id=f"{name}-view")
            # three, since of two values that come at the same moment a component shows the second alone
            answers = PictureAnswers(tab=name, elem_id=f"{name}-answers") if pictures else None
            nears = PictureAnswers(tab=name, elem_id=f"{name}-nears") if hasattr(modality, "near") else None
            befores = PictureAnswers(tab=name, elem_id=f"{name}-befores") if pictures else None
            language = getattr(modality, "LANGUAGE", None)
            code = gr.Code(
                language=language,
                label="Output",
                interactive=False,
                visible=bool(language),
                elem_id=f"{name}-code",
                buttons=[],
            )
    parts = Parts(controls, theatre, buttons, examples, presets, notes, code, answers, nears, befores)
    runner = (PictureRunner if pictures else TokenRunner)(name, modality, controls, room, door, visits)
    _wire_runs(parts, runner, choices, visit, page)
    _wire_settings(name, modality, parts, choices, visit, page)
    return parts


def _settings(
    name: str, modality: ModuleType, controls: Controls, choices: Choices
) -> tuple[dict[str, gr.Button], dict[str, gr.Markdown]]:
    notes: dict[str, gr.Markdown] = {}
    has = controls.descriptions
    if "model" in has:
        controls.make("model", choices=choices.models(), info=None, allow_custom_value=choices.any_model)
        notes["model"] = gr.Markdown(
            choices.about(controls.defaults["model"]), elem_id=f"{name}-model-note", elem_classes="page-note"
        )
    if "mode" in has:
        controls.make("mode", info=None, visible=getattr(modality, "CHATS", True) is not False)
        notes["mode"] = gr.Markdown(visible=False, elem_classes="page-note")
    presets: dict[str, gr.Button] = {}
    with gr.Row(elem_classes="page-presets"):
        for title in getattr(modality, "PRESETS", {}):
            presets[title] = gr.Button(title, size="sm", min_width=0, elem_id=f"{name}-preset-{title.lower()}")
    if "search" in has:
        controls.make("search", info=None)
        notes["search"] = gr.Markdown(
            choices.why_inactive(controls.defaults["search"]), elem_id=f"{name}-search-note", elem_classes="page-note"
        )
    if "max_new_tokens" in has:
        controls.make("max_new_tokens")
    controls.make_rest(later=("prompt",), asleep=choices.asleep(controls.defaults))
    for given in ("picture", "mask"):  # the view has them; it puts them in where a handler is called
        if given in has:
            controls.components[given] = gr.Textbox("", visible=False, elem_id=f"{name}-{given}")
    for search, group in choices.groups().items():
        group.visible = search == controls.defaults.get("search")
    if "system" in controls.components:
        controls.components["system"].visible = controls.defaults["mode"] == "chat"
    with gr.Row(elem_classes="page-presets"):
        presets["reset"] = gr.Button("Reset settings", size="sm", min_width=0, elem_id=f"{name}-reset")
        gr.Button("Explain", size="sm", min_width=0, elem_id=f"{name}-explain").click(
            None, js=f"() => {{ document.getElementById('{name}-settings').classList.toggle('page-explained'); }}"
        )
    return presets, notes


def _prompt(
    name: str, modality: ModuleType, controls: Controls, typed: bool
) -> tuple[dict[str, gr.Button], list[gr.Button]]:
    """Prompt, examples and buttons; `typed` offers runs that follow the typing."""
    buttons: dict[str, gr.Button] = {}
    gr.Markdown(inspect.cleandoc(modality.__doc__ or "").split("\n\n")[0], elem_classes="page-intro")
    with gr.Row(elem_classes="page-prompt"):
        controls.make("prompt", info=None, lines=2, max_lines=8, scale=1)
        with gr.Column(scale=0, min_width=92, elem_classes="page-go"):
            buttons["run"] = gr.Button("Run", variant="primary", min_width=92, elem_id=f"{name}-run")
            buttons["stop"] = gr.Button("Stop", size="sm", min_width=92, elem_id=f"{name}-stop")
    with gr.Row(elem_classes="page-examples"):
        examples = [
            gr.Button(_short(example["prompt"]), size="sm", min_width=0, scale=0, elem_id=f"{name}-example-{i}")
            for i, example in enumerate(getattr(modality, "EXAMPLES", ()))
        ]
    with gr.Row(elem_classes="page-toolbar"):
        gr.Button("Settings", size="sm", min_width=0, scale=0, elem_id=f"{name}-fold", elem_classes="page-fold").click(
            None, js=f"() => {{ playground.fold('{name}'); }}"
        )
        for key, label in BUTTONS.items():
            buttons[key] = gr.Button(
                label, size="sm", min_width=0, scale=0, elem_id=f"{name}-{key}", elem_classes=f"page-{key}"
            )
        if typed:
            live = gr.Checkbox(
                False, label="Draw while I type", container=False, min_width=0, scale=0, elem_id=f"{name}-live"
            )
            live.input(None, live, None, js=f"(live) => {{ playground.typed('{name}', live, true); }}")
        buttons["new"] = gr.Button(
            "New conversation", size="sm", min_width=0, scale=0, elem_id=f"{name}-new", visible=False
        )
    return buttons, examples


def _short(prompt: str) -> str:
    line = prompt.strip().split("\n")[0]
    return line if len(line) <= 24 else line[:22].rstrip() + "…"


def _wire_runs(parts: Parts, runner: Runner, choices: Choices, visit: gr.Textbox, page: gr.Blocks) -> None:
    tab, theatre, buttons = runner.name, parts.theatre, parts.buttons
    everything = [visit, *parts.controls.inputs]
    clicked = CLICKED
    if parts.answers is not None:
        clicked = f"(...values) => playground.signedClick(playground.brought('{tab}', {parts.controls.names}, values))"
    for key, handler in (
        ("run", runner.run),
        ("again", runner.again),
        ("continue", runner.go_on),
        ("step", runner.one_step),
    ):
        began = buttons[key].click(handler, everything, theatre, js=clicked, **STREAM)
        if key == "run" and "model" in parts.controls.components:
            model = parts.controls.components["model"]
            shown = [model, parts.notes["model"], *_bounded(parts.controls)]
            _brought_back(began.then(choices.after_run, [visit, model], shown, js=SIGNED, **QUIET), parts.controls)
    if "seed" in parts.controls.components:
        seed = parts.controls.components["seed"]
        buttons["again-new"].click(new_seed, None, seed, **QUIET).then(
            runner.again, everything, theatre, js=clicked, **STREAM
        )
    theatre.fork(runner.fork, everything, theatre, js=clicked, **STREAM)
    theatre.resync(runner.resync, visit, theatre, js=SIGNED, **{**QUIET, "trigger_mode": "multiple"})
    if isinstance(runner, TokenRunner):
        theatre.mask(runner.mask, everything, theatre, js=clicked, **STREAM)
        theatre.name(runner.name_others, everything, theatre, js=SIGNED, **STREAM)
        if parts.nears is not None:
            theatre.near(runner.near, visit, parts.nears, js=SIGNED, **{**QUIET, "trigger_mode": "multiple"})
    if isinstance(runner, PictureRunner):
        theatre.look(runner.look, visit, parts.answers, js=SIGNED, **STREAM)
        theatre.near(runner.near, visit, parts.nears, js=SIGNED, **STREAM)
        theatre.before(runner.before, visit, parts.befores, js=SIGNED, **QUIET)
        _brought_back(theatre.reuse(runner.reuse, visit, parts.controls.inputs, js=SIGNED, **QUIET), parts.controls)
    for key in ("stop", "pause"):
        buttons[key].click(runner.stop, visit, None, js=CLICKED, **QUIET)
    buttons["new"].click(runner.forget, visit, theatre, js=CLICKED, **QUIET)
    theatre.change(None, theatre, None, js=f"(frame) => {{ playground.frame('{tab}', frame); }}")
    if parts.code.visible:
        theatre.change(None, theatre, parts.code, js=f"(frame) => playground.written('{tab}', frame)")
    page.load(None, theatre, parts.code, js=f"(frame) => playground.opened('{tab}', frame)")
    begun = page.load
    if "model" in parts.controls.components:  # first the visit's own models, so that one of them can be shown as chosen
        begun = page.load(choices.refresh, visit, parts.controls.components["model"], js=SIGNED, **QUIET).then
    shown = begun(runner.settings_of, visit, parts.controls.inputs, js=SIGNED, **QUIET)
    _brought_back(shown, parts.controls)
    shown.then(runner.resume, visit, theatre, js=SIGNED, **STREAM)


def _bounded(controls: Controls) -> list[Any]:
    """The controls that depend on the picture model."""
    return [controls.components[n] for n in ("scheduler", "width", "height") if n in controls.components]


def _brought_back(after: Any, controls: Controls) -> None:
    """Once an event is over, bring what stands beyond the model's limits back to them."""
    names = [n for n in (*BOUNDED, "scheduler") if n in controls.components]
    after.then(None, None, None, js=f"() => {{ playground.bounded('{controls.tab}', {names}); }}")


def _wire_model(controls: Controls, notes: dict[str, gr.Markdown], choices: Choices, visit: Any, page: Any) -> None:
    """What follows from the choice of a model, and the list that it is chosen from: a visit has models of its own."""
    made = controls.components
    bounded = _bounded(controls)
    chosen = [visit, made["model"], *([made["mode"]] if "mode" in made else [])]
    changed = [notes["model"], *bounded]
    if "max_new_tokens" in made:
        changed += [*([notes["mode"], made["mode"]] if "mode" in made else []), made["max_new_tokens"]]
    answer = choices.on_picture_model if bounded else choices.on_model
    _brought_back(gr.on([made["model"].change, page.load], answer, chosen, changed, js=SIGNED, **QUIET), controls)
    made["model"].input(choices.suited, chosen[:2], controls.inputs, js=SIGNED, **QUIET)
    timer = gr.Timer(1.0)
    timer.tick(choices.until_warm, chosen[:2], [notes["model"], timer], js=SIGNED, **QUIET)
    made["model"].focus(choices.refresh, visit, made["model"], js=SIGNED, **QUIET)


def _wire_settings(
    name: str, modality: ModuleType, parts: Parts, choices: Choices, visit: gr.Textbox, page: gr.Blocks
) -> None:
    controls, made = parts.controls, parts.controls.components
    moved = f"(...values) => {{ playground.moved('{name}', {controls.names}, values); }}"
    gr.on([control.change for control in controls.inputs], None, controls.inputs, None, js=moved)
    for title, preset in getattr(modality, "PRESETS", {}).items():
        parts.presets[title].click(lambda p=preset: controls.show(p), None, controls.inputs, **QUIET)
    keep = ("prompt", "model", "mode", "system")
    calm = {k: v for k, v in controls.defaults.items() if k not in keep}
    parts.presets["reset"].click(lambda: controls.show(calm), None, controls.inputs, **QUIET)
    examples = getattr(modality, "EXAMPLES", ())
    # what one example changed, the next one puts back
    plain = {name: controls.defaults[name] for example in examples for name in example if name != "model"}
    for button, example in zip(parts.examples, ({**plain, **one} for one in examples), strict=True):
        model = [visit, made["model"]] if "model" in made else [visit]
        button.click(
            lambda *now, e=example: controls.show(choices.example(e, *now)), model, controls.inputs, js=SIGNED, **QUIET
        )  # fmt: skip
    if "search" in made:
        made["search"].change(
            choices.on_search,
            made["search"],
            [parts.notes["search"], *choices.groups().values(), *choices.governed()],
            **QUIET,
        )
    if "model" in made:
        _wire_model(controls, parts.notes, choices, visit, page)
    if "mode" in made:
        made["mode"].change(
            choices.on_mode,
            made["mode"],
            [
                made["prompt"],
                parts.buttons["new"],
                parts.buttons["run"],
                *([made["system"]] if "system" in made else []),
            ],
            **QUIET,
        )
