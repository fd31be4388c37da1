"""code: the code model that comes with the project, once its weights lie in assets/models/code.

A small decoder-only Transformer (GPT-2's layout) that the project trained itself on the standard library, with the
lesson `playground/training/gpt.py`. Data, recipe and how often its functions parse are in
assets/models/code/README.md.
"""

import json

from playground.models._causal import load
from playground.models._places import ASSETS
from playground.models._spec import Embedded, Spec, memory_mb

ORDER = 3
FOLDER = ASSETS / "models" / "code"


def _spec() -> Spec:
    """The entry of the catalogue; its sizes are those that its configuration names."""
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    width, depth = int(config["n_embd"]), int(config["n_layer"])
    embeddings = (int(config["vocab_size"]) + int(config["n_positions"])) * width
    parameters = embeddings + depth * (12 * width**2 + 13 * width) + 2 * width  # of GPT-2, output tied to input
    return Spec(
        id="code",
        title="Code (small, trained here)",
        modalities=("code",),
        architecture="GPT-2 decoder",
        parameters=parameters,
        licence="MIT",
        size_mb=round(parameters * 2 / 1e6, 1),
        memory_mb=memory_mb(parameters),
        sources=(Embedded("models/code"),),
        context_window=int(config["n_positions"]),
        note="Comes with the project and writes functions in the manner of the standard library.",
        prefix_eos=True,
    )


SPECS = (_spec(),) if (FOLDER / "config.json").is_file() else ()
__all__ = ["SPECS", "load"]
