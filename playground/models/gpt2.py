"""GPT-2 (Radford et al. 2019) and its distilled half (Sanh et al. 2019): the classics, completion only."""

from playground.models._causal import load
from playground.models._spec import Hub, Spec, memory_mb

ORDER = 20
SPECS = (
    Spec(
        id="distilgpt2",
        title="DistilGPT-2",
        modalities=("text",),
        architecture="GPT-2 decoder, 6 layers",
        parameters=81_912_576,
        licence="Apache-2.0",
        size_mb=356,
        memory_mb=memory_mb(81_912_576),
        sources=(Hub("distilbert/distilgpt2", "2290a62682d06624634c1f46a6ad5be0f47f38aa"),),
        context_window=1024,
        note="Web text of 2019 with its prejudices; it was not trained to answer.",
    ),
    Spec(
        id="gpt2",
        title="GPT-2 (small)",
        modalities=("text",),
        architecture="GPT-2 decoder, 12 layers",
        parameters=124_439_808,
        licence="MIT",
        size_mb=551,
        memory_mb=memory_mb(124_439_808),
        sources=(Hub("openai-community/gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e"),),
        context_window=1024,
        note="Web text of 2019 with its prejudices; it was not trained to answer.",
    ),
)
__all__ = ["SPECS", "load"]
