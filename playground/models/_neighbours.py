"""Is this a copy? The pictures a model was trained on, beside what it makes.

A model's folder may hold `neighbours.safetensors`: the latents of its training pictures as int8, and
`neighbours.json` with their names and how far each of them typically is from the nearest other one. The distance of
two pictures is the root of the mean square of the difference of their latents, which have variance 1.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

FILE, NAMES = "neighbours.safetensors", "neighbours.json"
REACH = 4.0  # latents beyond it are brought to it
STEPS = 127  # whole numbers on either side of 0


def save(folder: Path, latents: "Tensor", names: list[str]) -> None:
    """Write both files for latents (N, C, H, W) of variance 1, named."""
    from safetensors.torch import save_file

    small = packed(latents)
    save_file({"latents": small}, str(folder / FILE))
    whole = unpacked(small)
    apart = [float(distances(whole[i : i + 1], whole).topk(2, largest=False).values[1]) for i in range(len(whole))]
    told = {"names": names, "typical": sorted(apart)[len(apart) // 2]}
    (folder / NAMES).write_text(json.dumps(told, ensure_ascii=False, separators=(",", ":")), "utf-8")


def packed(latents: "Tensor") -> "Tensor":
    """As int8, a quarter of the bytes of float32."""
    import torch

    return (latents.float().clamp(-REACH, REACH) / REACH * STEPS).round().to(torch.int8).contiguous()


def unpacked(latents: "Tensor") -> "Tensor":
    """As float32 again, off by at most REACH / STEPS / 2."""
    return latents.float() * (REACH / STEPS)


def distances(one: "Tensor", many: "Tensor") -> "Tensor":
    """(N,) of latents (1, C, H, W) to each of (N, C, H, W)."""
    return (many - one.float().cpu()).pow(2).mean((1, 2, 3)).sqrt()


class Neighbours:
    """The training pictures of one model. `typical`: half of them are nearer than this to the nearest other one."""

    def __init__(self, folder: Path) -> None:
        from safetensors.torch import load_file

        told = json.loads((folder / NAMES).read_text("utf-8"))
        self.names: list[str] = [str(name) for name in told["names"]]
        self.typical = float(told["typical"])
        self._latents: Any = load_file(str(folder / FILE))["latents"]
        if self._latents.ndim != 4 or len(self._latents) != len(self.names):
            raise ValueError(f"{len(self.names)} names for latents of shape {tuple(self._latents.shape)}")

    def some(self, count: int) -> "Tensor":
        """The latents (count, C, H, W) of pictures from all over the set; fewer where there are fewer."""
        return unpacked(self._latents[:: max(1, len(self._latents) // count)][:count])

    def nearest(self, latents: "Tensor", count: int = 3) -> list[tuple[str, float, "Tensor"]]:
        """(name, distance, latents (1, C, H, W)) of the nearest ones to latents (1, C, H, W); none of another size."""
        if latents.shape[1:] != self._latents.shape[1:]:
            return []
        whole = unpacked(self._latents)
        found = distances(latents, whole).topk(min(count, len(whole)), largest=False)
        return [
            (self.names[i], float(d), whole[i : i + 1])
            for d, i in zip(found.values, found.indices.tolist(), strict=True)
        ]


def of(folder: Path) -> Neighbours | None:
    """Those in a model's folder, where it has any that can be read: a model works without them."""
    from safetensors import SafetensorError

    if not (folder / FILE).is_file():
        return None
    try:
        return Neighbours(folder)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None
