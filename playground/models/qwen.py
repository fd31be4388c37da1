"""Qwen: Qwen3 (Yang et al. 2025) for text, Qwen2.5-Coder (Hui et al. 2024) for programs."""

from playground.models._causal import load
from playground.models._spec import Hub, Spec, memory_mb

ORDER = 30
SPECS = (
    Spec(
        id="qwen3-0.6b",
        title="Qwen3 0.6B",
        modalities=("text", "code"),
        architecture="Qwen3 decoder, 28 layers",
        parameters=596_049_920,
        licence="Apache-2.0",
        size_mb=1519,
        memory_mb=memory_mb(596_049_920),
        sources=(Hub("Qwen/Qwen3-0.6B", "c1899de289a04d12100db370d81485cdf75e47ca"),),
        chat=True,
        context_window=40_960,
        stored="bfloat16",
        chat_options=(("enable_thinking", False),),
        note="Answers at once: its thinking mode is switched off.",
    ),
    Spec(
        id="qwen2.5-coder-0.5b-instruct",
        title="Qwen2.5 Coder 0.5B Instruct",
        modalities=("code",),
        architecture="Qwen2 decoder, 24 layers",
        parameters=494_032_768,
        licence="Apache-2.0",
        size_mb=1000,
        memory_mb=memory_mb(494_032_768),
        sources=(Hub("Qwen/Qwen2.5-Coder-0.5B-Instruct", "ea3f2471cf1b1f0db85067f1ef93848e38e88c25"),),
        chat=True,
        context_window=32_768,
        stored="bfloat16",
    ),
    Spec(
        id="qwen2.5-coder-1.5b-instruct",
        title="Qwen2.5 Coder 1.5B Instruct",
        modalities=("code",),
        architecture="Qwen2 decoder, 28 layers",
        parameters=1_543_714_304,
        licence="Apache-2.0",
        size_mb=3099,
        memory_mb=memory_mb(1_543_714_304),
        sources=(Hub("Qwen/Qwen2.5-Coder-1.5B-Instruct", "2e1fd397ee46e1388853d2af2c993145b0f1098a"),),
        chat=True,
        context_window=32_768,
        stored="bfloat16",
    ),
)
__all__ = ["SPECS", "load"]
