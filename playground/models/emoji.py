"""A small latent diffusion model, trained by the project on pictures of emoji; comes with it.

Its folder is one of diffusers' own: an `AutoencoderKL`, a transformer of the AuraFlow kind, a T5 encoder of two
layers over frozen word vectors, a scheduler (`tools/pictures` is the recipe, its card says what it reached).
"""

import json

from playground.models._pictures import load
from playground.models._places import ASSETS
from playground.models._spec import Embedded, Spec, memory_mb

FOLDER = ASSETS / "models" / "emoji"


def _spec() -> Spec:
    """The entry of the catalogue; its sizes are those that its card was made with."""
    about = json.loads((FOLDER / "about.json").read_text(encoding="utf-8"))
    parameters = int(about["parameters"])
    return Spec(
        id="emoji",
        title="Emoji (small, trained here)",
        modalities=("image",),
        architecture="latent diffusion, AuraFlow transformer",
        parameters=parameters,
        licence="MIT",
        size_mb=round(float(about["bytes"]) / 1e6, 1),
        memory_mb=memory_mb(parameters),
        sources=(Embedded("models/emoji"),),
        note="Comes with the project and draws 64 × 64 pictures in the manner of emoji.",
        stored="float16",
        kind="denoising",
        suits=(("steps", 16), ("guidance", 4.0)),
        hint="It knows the things that emoji show, their colours, and some of them together.",
    )


SPECS = (_spec(),) if (FOLDER / "about.json").is_file() else ()
__all__ = ["SPECS", "load"]
