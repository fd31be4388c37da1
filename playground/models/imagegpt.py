"""ImageGPT (Chen et al. 2020), from the Hub."""

from playground.models._image_gpt import load
from playground.models._spec import Hub, Spec, memory_mb

ORDER = 42
SPECS = (
    Spec(
        id="imagegpt-small",
        title="ImageGPT small",
        modalities=("pixels",),
        architecture="GPT-2 decoder over 512 colours, 24 layers",
        parameters=76_155_392,
        licence="Apache-2.0",
        size_mb=305,
        memory_mb=memory_mb(76_155_392),
        sources=(Hub("openai/imagegpt-small"),),
        context_window=1025,
        note="Writes 32 × 32 pixels. Its revision 'main' is resolved and recorded at the first download.",
        hint="It reads colours only: leave the prompt empty, or give the first lines of a picture.",
    ),
)
__all__ = ["SPECS", "load"]
