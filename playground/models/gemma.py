"""Gemma 3 (Gemma Team 2025): layers that look at a short window alternate with layers that look at everything."""

from playground.models._causal import load
from playground.models._spec import Hub, Spec, memory_mb

ORDER = 40
SPECS = (
    Spec(
        id="gemma-3-270m-it",
        title="Gemma 3 270M it",
        modalities=("text",),
        architecture="Gemma 3 decoder, 18 layers",
        parameters=268_098_176,
        licence="Gemma Terms of Use",
        size_mb=575,
        memory_mb=memory_mb(268_098_176),
        sources=(Hub("google/gemma-3-270m-it", "ac82b4e820549b854eebf28ce6dedaf9fdfa17b3"),),
        chat=True,
        gated=True,
        context_window=32_768,
        stored="bfloat16",
        note="Gated: accept its licence on the Hugging Face Hub and set HF_TOKEN. SmolLM2 360M is open.",
    ),
)
__all__ = ["SPECS", "load"]
