"""Models that were made here: a folder with a file `playground.json` that says what a catalogue entry needs to know.

On one's own computer they are kept in the user's data folder, where page and command line find them again.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playground.models._spec import Folder, Spec, memory_mb

ABOUT = "playground.json"
MODALITIES = {"gpt": ("text", "code"), "bert": ("text",), "t5": ("text",), "vae": ("latent",), "gan": ("latent",),
              "diffusion": ("image",)}  # fmt: skip
PICTURES = ("vae", "gan", "diffusion")
ARCHITECTURES = {"gpt": "GPT-2 decoder", "bert": "BERT encoder", "t5": "T5 encoder-decoder", "vae": "VAE",
                 "gan": "GAN", "diffusion": "diffusion in pixels, U-Net"}  # fmt: skip
KINDS = {"bert": "masked", "t5": "encoder-decoder", "vae": "latent", "gan": "latent", "diffusion": "denoising"}
HINTS = {
    "bert": "Write [MASK] where a word is missing, and it says what could stand there.",
    "diffusion": "It makes pictures of what it was trained on, and reads no words.",
    "t5": "Write what it was trained to read: <extra_id_0> where something is missing, or a word to be spoken.",
}


def user_data() -> Path:
    """The folder of this user where models that were trained here are kept."""
    if os.environ.get("PLAYGROUND_DATA"):
        return Path(os.environ["PLAYGROUND_DATA"])
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home()))
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "generative-playground"


def spec_of(folder: Path, about: Mapping[str, Any], owner: str = "") -> Spec | None:
    """The catalogue entry of a folder and what its `playground.json` says; None where no tab can run such a model
    (one that makes points of the plane)."""
    lesson, parameters = str(about["lesson"]), int(about["parameters"])
    if lesson not in MODALITIES or (lesson in PICTURES and not about.get("pictures")):
        return None
    return Spec(
        id=folder.name, title=str(about["title"]), modalities=MODALITIES[lesson], architecture=ARCHITECTURES[lesson],
        parameters=parameters, licence="licence: see its card", size_mb=round(int(about["bytes"]) / 1e6, 1),
        memory_mb=memory_mb(parameters), sources=(Folder(str(folder), str(about["revision"])),),
        context_window=int(about["context_window"]) if lesson == "gpt" else 0, note="Trained here, in a lesson.",
        prefix_eos=lesson == "gpt", stored="float32" if lesson in PICTURES else "float16", owner=owner,
        kind=KINDS.get(lesson, "causal"), hint=HINTS.get(lesson, ""),
    )  # fmt: skip


def kept(base: Path) -> list[Spec]:
    """What was saved below `base` for everybody; what is no such folder is passed over."""
    found = []
    for path in sorted(base.glob(f"*/{ABOUT}")):
        try:
            spec = spec_of(path.parent, json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found += [spec] if spec is not None and not path.parent.name.endswith(".new") else []
    return found
