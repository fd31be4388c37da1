"""gaps: the masked language model that comes with the project.

A small encoder-only Transformer (BERT's layout) that the project trained itself to fill in hidden words of simple
stories, with the lesson `playground/training/bert.py`. Data, recipe and held-out accuracy are in
assets/models/gaps/README.md.
"""

from playground.models._masked import load
from playground.models._spec import Embedded, Spec, memory_mb

ORDER = 1
SPECS = (
    Spec(
        id="gaps",
        title="Gaps (fills hidden words)",
        modalities=("text",),
        architecture="BERT encoder",
        parameters=2_620_288,
        licence="MIT",
        size_mb=5.3,
        memory_mb=memory_mb(2_620_288),
        sources=(Embedded("models/gaps"),),
        context_window=64,
        kind="masked",
        hint="Write a text and run: a click on one of its words hides it, and the model says what could stand there.",
    ),
)
__all__ = ["SPECS", "load"]
