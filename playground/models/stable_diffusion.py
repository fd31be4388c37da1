"""Stable Diffusion (Rombach et al. 2022) and faster descendants: distilled to few steps, for a graphics card.

Parameters are of denoiser, text encoders and autoencoder together.
"""

from playground.models._pictures import load
from playground.models._spec import Hub, Spec, memory_mb

ORDER = 40
SPECS = (
    Spec(
        id="sd-turbo",
        title="SD-Turbo",
        modalities=("image",),
        architecture="latent diffusion, U-Net, distilled (Sauer et al. 2023)",
        parameters=1_289_952_427,
        licence="Stability AI Community",
        size_mb=2580,
        memory_mb=memory_mb(1_289_952_427),
        sources=(Hub("stabilityai/sd-turbo", "b261bac6fd2cf515557d5d0707481eafa0485ec2"),),
        stored="float16",
        kind="denoising",
        suits=(("steps", 2), ("guidance", 1.0)),
        hint="Made for 1 to 4 steps without guidance.",
    ),
    Spec(
        id="stable-diffusion-1.5",
        title="Stable Diffusion 1.5",
        modalities=("image",),
        architecture="latent diffusion, U-Net",
        parameters=1_066_235_307,
        licence="CreativeML OpenRAIL-M",
        size_mb=2132,
        memory_mb=memory_mb(1_066_235_307),
        sources=(Hub("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"),),
        stored="float16",
        kind="denoising",
        suits=(("steps", 25), ("guidance", 7.5)),
        hint="Wants 20 to 50 steps and guidance of about 7.5.",
    ),
    Spec(
        id="lcm-dreamshaper",
        title="LCM Dreamshaper v7",
        modalities=("image",),
        architecture="latent consistency model, U-Net (Luo et al. 2023)",
        parameters=1_066_317_227,
        licence="MIT",
        size_mb=4265,
        memory_mb=memory_mb(1_066_317_227),
        sources=(Hub("SimianLuo/LCM_Dreamshaper_v7", "a85df6a8bd976cdd08b4fd8f3b73f229c9e54df5"),),
        kind="denoising",
        suits=(("steps", 4), ("guidance", 8.0)),
        hint="Made for 2 to 8 steps; guidance is one of its inputs.",
    ),
    Spec(
        id="sdxl-turbo",
        title="SDXL-Turbo",
        modalities=("image",),
        architecture="latent diffusion, U-Net, distilled (Sauer et al. 2023)",
        parameters=3_468_837_867,
        licence="Stability AI Community (research)",
        size_mb=6938,
        memory_mb=memory_mb(3_468_837_867),
        sources=(Hub("stabilityai/sdxl-turbo", "71153311d3dbb46851df1931d3ca6e939de83304"),),
        stored="float16",
        kind="denoising",
        suits=(("steps", 2), ("guidance", 1.0)),
        hint="Made for 1 to 4 steps without guidance.",
    ),
)
__all__ = ["SPECS", "load"]
