"""tales: the model that comes with the project.

A small decoder-only Transformer (GPT-2's layout) that the project trained itself on simple
stories and everyday sentences, with the lesson `playground/training/gpt.py`. Data, recipe and
held-out perplexity are in assets/models/tales/README.md.
"""

from playground.models._causal import load
from playground.models._spec import Embedded, Spec, memory_mb

ORDER = 0
SPECS = (
    Spec(
        id="tales",
        title="Tales (small, trained here)",
        modalities=("text",),
        architecture="GPT-2 decoder",
        parameters=5_918_720,
        licence="MIT",
        size_mb=12,
        memory_mb=memory_mb(5_918_720),
        sources=(Embedded("models/tales"),),
        context_window=512,
        note="Comes with the project and writes simple English stories; it knows little else.",
        prefix_eos=True,
    ),
)
__all__ = ["SPECS", "load"]
