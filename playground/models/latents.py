"""Small models with a latent space, trained by the project's own lessons on faces that it draws; they come with it.

`tools/train_latents.sh` is the recipe; each folder's card says what it reached.
"""

import json

from playground.models._lessons import load
from playground.models._places import ASSETS
from playground.models._spec import Embedded, Spec, memory_mb

ORDER = 45
FOLDERS = {"faces-vae": "Faces (VAE, trained here)", "faces-gan": "Faces (GAN, trained here)"}


def _spec(name: str, title: str) -> Spec:
    about = json.loads((ASSETS / "models" / name / "about.json").read_text(encoding="utf-8"))
    parameters = int(about["parameters"])
    return Spec(
        id=name, title=title, modalities=("latent",), architecture="VAE" if name.endswith("vae") else "GAN",
        parameters=parameters, licence="MIT", size_mb=round(int(about["bytes"]) / 1e6, 1),
        memory_mb=memory_mb(parameters), sources=(Embedded(f"models/{name}"),), kind="latent",
        note="Comes with the project and draws small faces.",
    )  # fmt: skip


SPECS = tuple(_spec(n, title) for n, title in FOLDERS.items() if (ASSETS / "models" / n / "about.json").is_file())
__all__ = ["SPECS", "load"]
