"""pixels: a small model that writes pictures pixel by pixel, once its weights lie in assets/models/pixels.

GPT-2's layout over a vocabulary of names and colours (`tools/pixels.py`): a picture is a text of colours, so that
probabilities, filters and searches are those of texts, as in ImageGPT (Chen et al., 2020).
"""

from playground.models._causal import load
from playground.models._places import own_gpt2

ORDER = 4
SPECS = own_gpt2(
    "pixels",
    title="Pixels (small, trained here)",
    modalities=("pixels",),
    architecture="GPT-2 decoder over colours",
    stored="float8_e4m3fn",
    note="Comes with the project and writes emoji of 16 × 16 pixels.",
)
__all__ = ["SPECS", "load"]
