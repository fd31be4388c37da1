"""The settings of every modality that denoises, and their limits."""

import dataclasses
from pathlib import Path
from typing import Any

from playground import fields
from playground.denoising import schedulers
from playground.errors import PlaygroundError
from playground.fields import Range
from playground.models import _sizes

MAX_CHARACTERS, MOST_STEPS = 20_000, 1000
STRIPS = ("off", "words", "noise", "both")
STRIP_PICTURES = 6  # of a film strip, where one picture was asked for
# a picture that goes on keeps what it was begun with
KEPT = ("model", "steps", "number", "width", "height", "picture", "strength", "mask", "strip")


def settings_class(prompt: str, model: str, steps: int = 8, guidance: float = 4.0, seed: int = 1) -> type:
    """A frozen dataclass `Settings` whose defaults are the given ones."""
    names = (schedulers.OWN, *schedulers.NAMES)
    parts: list[tuple[str, type, Any]] = [
        ("prompt", str, fields.text(prompt, label="Prompt", lines=2, help="what the picture is to show")),
        ("negative_prompt", str, fields.text("", label="Negative prompt", lines=1,
         help="what it is to keep away from; guidance leads away from these words")),
        ("model", str, fields.choice(model, (), label="Model", help="its name in the list of models")),
        ("steps", int, fields.slider(steps, 1, 50, 1, label="Steps", open_ended=True,
         help="how many times noise is taken away")),
        ("guidance", float, fields.slider(guidance, 0, 30, 0.1, label="Guidance",
         help="how much more the words pull than in training: up to 1 no more, and most models want 3 to 8")),
        ("scheduler", str, fields.choice(schedulers.OWN, names, label="Scheduler",
         help="how a prediction becomes the next, less noisy picture")),
        ("seed", int, fields.slider(seed, 0, 2**32 - 1, 1, label="Seed", group="seed",
         help="the same seed begins with the same noise")),
        ("number", int, fields.slider(1, 1, 8, 1, label="Pictures", group="size", help="each has a seed of its own")),
        ("strip", str, fields.choice("off", STRIPS, label="Film strip", group="strip",
         help="the pictures are ways from one to the other: other words, other noise, or both")),
        ("to_prompt", str, fields.text("", label="To the words", group="strip", lines=1,
         help="what the last picture of a film strip is to show")),
        ("to_seed", int, fields.slider(2, 0, 2**32 - 1, 1, label="To the seed", group="strip",
         help="whose noise the last picture of a film strip begins with")),
        ("width", int, fields.slider(0, 0, 1024, 8, label="Width", group="size", open_ended=True,
         help="pixels; 0: what the model was trained on")),
        ("height", int, fields.slider(0, 0, 1024, 8, label="Height", group="size", open_ended=True,
         help="pixels; 0: what the model was trained on")),
        ("picture", str, fields.text("", label="Picture", hidden=True,
         help="a picture to begin from, as a data URL (PNG, JPEG, WebP)")),
        ("strength", float, fields.slider(0.6, 0, 1, 0.05, label="Strength", group="picture",
         help="how much of the picture to begin from is replaced")),
        ("mask", str, fields.text("", label="Mask", hidden=True,
         help="where that picture may change: white places of a picture, as a data URL")),
        ("pause_after", int, fields.slider(0, 0, 1000, 1, label="Pause after", hidden=True,
         help="steps of this run, which can go on later; 0: all that there are")),
        ("time_limit_s", float, fields.slider(300.0, 1, 3600, 1, label="Time limit (s)", group="end",
         help="seconds of computing at most, waiting excluded")),
    ]  # fmt: skip
    return dataclasses.make_dataclass("Settings", parts, frozen=True)


def limits(settings: Any, model: Any) -> dict[str, Range]:
    """What depends on the model: sizes, from a quarter of its own to twice that; steps, which its scheduler limits."""
    side = _side(model)
    config = getattr(model, "scheduler_config", None)  # of a model that is not loaded nothing more is known
    most = MOST_STEPS if config is None else min(MOST_STEPS, schedulers.most_steps(settings.scheduler, config))
    return {"steps": Range(1, most), "width": side, "height": side}


def offered(folder: Path) -> tuple[tuple[str, ...], Range] | None:
    """(schedulers, the range of width and height) of the model in a folder, from its files alone; None where they do
    not say."""
    found = _sizes.described(folder)
    if found is None:
        return None
    return (schedulers.OWN, *schedulers.names(found.scheduler_config)), _side(found)


def _side(model: Any) -> Range:
    own, step = int(model.size), unit(model)
    return Range(max(own // 4, step), min(own * 2, int(getattr(model, "largest", own * 2))), step)


def unit(model: Any) -> int:
    """The pixels of which sizes are multiples."""
    return int(getattr(model, "unit", 2 * int(model.factor)))


def check(settings: Any) -> None:
    """Refuse text that no tokenizer can take.

    Raises:
        PlaygroundError: half characters, or far more than any model reads.
    """
    for name in ("prompt", "negative_prompt", "to_prompt", "model"):
        text = getattr(settings, name)
        if len(text) > MAX_CHARACTERS:
            raise PlaygroundError(f"{name} has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise PlaygroundError(
                f"{name} holds a half character at place {error.start}: write it as UTF-8."
            ) from error
    if settings.mask and not settings.picture:
        raise PlaygroundError("A mask says which part of a picture may change: give the picture, too.")


def one_step(settings: Any) -> Any:
    """The settings of a run that takes one step."""
    return dataclasses.replace(settings, pause_after=1)


def going_on(settings: Any, state: Any) -> Any:
    """The settings for going on from a state, whatever the page shows: by the model that began."""
    return dataclasses.replace(
        settings, model=state.model, **{n: getattr(state.settings, n) for n in ("picture", "mask")}
    )
