"""A small latent diffusion model, trained by the project on pictures of emoji; comes with it.

Its folder is one of diffusers' own: an `AutoencoderKL`, a transformer of the AuraFlow kind, a T5 encoder of two
layers over frozen word vectors, a scheduler (`tools/pictures` is the recipe, its card says what it reached).
"""

from playground.models._pictures import load
from playground.models._places import ASSETS, own

FOLDER = ASSETS / "models" / "emoji"
SPECS = own(
    "emoji",
    title="Emoji (small, trained here)",
    modalities=("image",),
    architecture="latent diffusion, AuraFlow transformer",
    note="Comes with the project and draws 64 × 64 pictures in the manner of emoji.",
    stored="float8_e4m3fn",
    kind="denoising",
    suits=(("steps", 16), ("guidance", 4.0)),
    hint="It knows the things that emoji show, their colours, and some of them together.",
)
__all__ = ["SPECS", "load"]
