"""code: the code model that comes with the project, once its weights lie in assets/models/code.

A small decoder-only Transformer (GPT-2's layout) that the project trained itself on the standard library, with the
lesson `playground/training/gpt.py`. Data, recipe and how often its functions parse are in
assets/models/code/README.md.
"""

from playground.models._causal import load
from playground.models._places import own_gpt2

ORDER = 3
SPECS = own_gpt2(
    "code",
    title="Code (small, trained here)",
    modalities=("code",),
    architecture="GPT-2 decoder",
    note="Comes with the project and writes functions in the manner of the standard library.",
    prefix_eos=True,
)
__all__ = ["SPECS", "load"]
