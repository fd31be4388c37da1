"""The lessons by name: what they are called, what their stages mean, which knobs they have.

Nothing here loads a lesson (and torch with it) before one is asked for.
"""

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError
from playground.fields import build, defaults, describe
from playground.lessons import _stages
from playground.lessons._stages import Stage

if TYPE_CHECKING:
    from playground.lessons.data import Own

NAMES = ("gpt", "bert", "t5", "vae", "gan", "diffusion")
TEXT = ("gpt", "bert", "t5")  # their data are texts; the others' are points of the plane or pictures
STAGES = ("data", "tokens", "architecture", "learning", "error", "save")
SERVER = ("corpus", "points", "folder")  # fields that name places on the server: never taken from a page


@dataclass(frozen=True)
class Entry:
    """`title` for a heading, `sentence` for a list, `knobs` the fields that the page shows, important ones first."""

    title: str
    sentence: str
    knobs: tuple[str, ...]


_TEXT_KNOBS = ("n_layer", "n_head", "n_embd", "block_size", "batch_size", "learning_rate", "steps", "vocab_size",
               "optimizer", "warmup", "decay", "weight_decay", "clip", "held_out", "repeats", "eval_every",
               "seed")  # fmt: skip
_LESSONS = {
    "gpt": Entry("GPT", "Reads from left to right and says which token comes next.", _TEXT_KNOBS),
    "bert": Entry("BERT", "Reads the whole text at once and says what was hidden.", ("mask_rate", *_TEXT_KNOBS)),
    "t5": Entry("T5", "Reads one sequence with an encoder and writes another with a decoder.",
                ("task", *_TEXT_KNOBS, "span_rate", "span_length")),
    "vae": Entry("VAE", "Squeezes an example into a few numbers and draws new ones from them.",
                 ("data", "latent_dim", "beta", "width", "depth", "size", "batch_size", "learning_rate", "steps",
                  "sigma", "examples", "look_every", "seed")),
    "gan": Entry("GAN", "A generator tries to fool a discriminator, and both learn from it.",
                 ("data", "r1", "ema", "spectral_norm", "d_speed", "d_steps", "loss", "beta1", "latent_dim", "width",
                  "depth", "size", "batch_size", "learning_rate", "steps", "examples", "look_every", "seed")),
    "diffusion": Entry("Diffusion", "Takes noise away, a little at a time, until an example is left.",
                       ("data", "prediction", "sampler", "sampling_steps", "schedule", "timesteps", "width", "depth",
                        "size", "batch_size", "learning_rate", "steps", "ema", "decay", "clip", "examples",
                        "look_every", "seed")),
}  # fmt: skip


def known(name: str) -> str:
    """The name itself.

    Raises:
        PlaygroundError: there is no such lesson.
    """
    if name not in _LESSONS:
        raise PlaygroundError(f"There is no lesson called {name!r}; there are: {', '.join(NAMES)}.")
    return name


def lesson(name: str) -> Any:
    """The lesson's module (`playground.training.<name>`), loaded when first asked for."""
    return importlib.import_module(f"playground.training.{known(name)}")


def title(name: str) -> str:
    """What the lesson is called."""
    return _LESSONS[known(name)].title


def sentence(name: str) -> str:
    """What the lesson is about, in one sentence."""
    return _LESSONS[known(name)].sentence


def stages(name: str) -> dict[str, Stage]:
    """What each stage of the lesson means, in the order of `STAGES`."""
    return {stage: _stages.stage(known(name), stage) for stage in STAGES}


def config_class(name: str) -> type:
    """The lesson's `Config`."""
    found: type = lesson(name).Config
    return found


def knobs(name: str) -> tuple[str, ...]:
    """The fields of `Config` that the page shows, important ones first; none that names a place on the server."""
    return _LESSONS[known(name)].knobs


def presets(name: str) -> dict[str, dict[str, Any]]:
    """Named values to begin with."""
    return dict(getattr(lesson(name), "PRESETS", {}))


def config(name: str, values: Mapping[str, Any], own: "Own | None" = None) -> Any:
    """The lesson's configuration from a page's loose values, and the visitor's own data where there are any.

    This is the only way by which a page's values become a configuration: fields that name places on the server come
    from `own` (made by this process) or not at all.

    Raises:
        PlaygroundError: an unknown field, a value out of its range, or a field that no page may set.
    """
    for name_of_field in values:
        if name_of_field not in knobs(name):
            raise PlaygroundError(
                f"{name_of_field!r} cannot be set for {title(name)}; there are: {', '.join(knobs(name))}."
            )
    return build(config_class(name), {**values, **(own.config_values(name) if own else {})})


def described(name: str) -> dict[str, Any]:
    """Everything that a page needs to draw a lesson's controls, as plain JSON values."""
    made, fields_of = config_class(name), describe(config_class(name))
    shown = []
    for knob in knobs(name):
        d = fields_of[knob]
        shown.append({"name": knob, "kind": d.kind.value, "label": d.label, "help": d.help,
                      "default": defaults(made)[knob], "choices": list(d.choices),
                      "typed": d.typed, "range": asdict(d.range) if d.range else None})  # fmt: skip
    told = {stage: asdict(s) for stage, s in stages(name).items()}
    return {"name": name, "title": title(name), "sentence": sentence(name), "stages": told, "knobs": shown,
            "presets": presets(name)}  # fmt: skip
