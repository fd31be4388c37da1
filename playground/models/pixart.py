"""PixArt-Σ (Chen et al. 2024): a transformer that denoises (DiT), small beside the text encoder that it listens to.

Parameters are of denoiser (0.61 B), T5-XXL's encoder (4.76 B) and autoencoder together.
"""

from playground.models._pictures import load
from playground.models._spec import Hub, Spec, memory_mb

ORDER = 41
SPECS = (
    Spec(
        id="pixart-sigma",
        title="PixArt-Σ",
        modalities=("image",),
        architecture="latent diffusion, transformer (DiT)",
        parameters=5_456_820_615,
        licence="CreativeML OpenRAIL++-M",
        size_mb=21_828,
        memory_mb=memory_mb(5_456_820_615),
        sources=(Hub("PixArt-alpha/PixArt-Sigma-XL-2-1024-MS", "e102b3591cc82e97071b8b4cb90d834d0c487207"),),
        stored="float16",  # computed so on a graphics card; the files are float32
        kind="denoising",
        suits=(("steps", 20), ("guidance", 4.5)),
        hint="Wants 14 to 30 steps. Nine tenths of it are the text encoder, T5-XXL.",
    ),
)
__all__ = ["SPECS", "load"]
