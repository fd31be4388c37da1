"""Small models with a latent space, trained by the project's own lessons on faces that it draws; they come with it.

`tools/train_latents.sh` is the recipe; each folder's card says what it reached.
"""

from playground.models._lessons import load
from playground.models._places import own

ORDER = 45
NOTE = "Comes with the project and draws small faces."
SPECS = tuple(
    spec
    for kind in ("VAE", "GAN")
    for spec in own(f"faces-{kind.lower()}", title=f"Faces ({kind}, trained here)", modalities=("latent",),
                    architecture=kind, kind="latent", note=NOTE)
)  # fmt: skip
__all__ = ["SPECS", "load"]
