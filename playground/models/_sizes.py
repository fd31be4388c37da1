"""What the files of a picture model say of it before it is loaded: its sizes and its scheduler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playground.models._safety import small_json

MOST_PX = 1 << 16  # a side: what is larger was not written by anybody who trained a model
AURAFLOW = "AuraFlowTransformer2DModel"  # its words stand in one sequence with the picture; it is given no mask
DENOISERS = {"UNet2DConditionModel": "unet", "PixArtTransformer2DModel": "transformer", AURAFLOW: "transformer"}


@dataclass(frozen=True)
class Sizes:
    """`channels` are a latent's, `factor` how many pixels one latent place stands for in each direction, `size` the
    pixels of the pictures it was trained on, `largest` the most it has places for."""

    channels: int
    factor: int
    size: int
    largest: int
    scheduler_config: dict[str, Any] = field(default_factory=dict)


def sizes(denoiser: Mapping[str, Any], vae: Mapping[str, Any], scheduler: Mapping[str, Any] | None = None) -> Sizes:
    """Of the configurations of a model's parts."""
    factor = 2 ** (len(vae.get("block_out_channels") or (0,) * 4) - 1)
    side = denoiser["sample_size"]
    size = int(side if isinstance(side, int) else side[0]) * factor
    table = denoiser.get("pos_embed_max_size")  # AuraFlow's places, a square of patches
    places = int(table**0.5) * int(denoiser["patch_size"]) * factor if table else 2 * size
    return Sizes(int(vae["latent_channels"]), factor, size, min(2 * size, places), dict(scheduler or {}))


def described(folder: Path) -> Sizes | None:
    """Of a model's folder, which need not be checked yet; None where it does not say, or what cannot be."""
    try:
        index = small_json(folder / "model_index.json")
        part = next(name for name in ("unet", "transformer") if DENOISERS.get(index.get(name, [0, 0])[1]) == name)
        denoiser, vae = (small_json(folder / name / "config.json") for name in (part, "vae"))
        found = sizes(denoiser, vae, small_json(folder / "scheduler" / "scheduler_config.json"))
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, StopIteration, AttributeError):
        return None
    return found if 0 < found.size <= MOST_PX and 0 < found.largest <= MOST_PX else None
