"""Pictures (64×64×3) to latents (16×16×4) and back: a small `AutoencoderKL` of diffusers.

    python -m tools.pictures.autoencoder FOLDER [--steps 3000] [--minutes 60]

Absolute error, error of the edges (differences of neighbours, which keeps them sharp without a discriminator), and a
little KL. Goes on from FOLDER/autoencoder; writes FOLDER/vae with the averaged weights, its `scaling_factor` set
so that latents have variance 1.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tools.pictures._loop import Average, steps
from tools.pictures._scenes import Scenes

BATCH, RATE = 32, 1e-3


@dataclass(frozen=True)
class Config:
    """What a checkpoint says of its training."""

    steps: int


def build() -> Any:
    """0.8 M parameters."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=64, layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 48, 64), mid_block_add_attention=False,
    )  # fmt: skip


def batch(scenes: Scenes, count: int) -> Tensor:
    """(count, 3, 64, 64) in -1..1."""
    pictures = torch.stack([torch.from_numpy(scenes.draw()[0]) for _ in range(count)])
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def edges(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours, across and down."""
    return picture.diff(dim=-1), picture.diff(dim=-2)


def main() -> None:
    """Train, and write the folder of the component."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=60)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = build()
    average = Average(model, 0.998)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    parts = {"model": model, "average": average.module, "optimizer": optimizer}
    kept, config = arguments.folder / "autoencoder", Config(arguments.steps)
    seen = nn.L1Loss()
    said = {"error": 0.0}
    scenes = None
    for step in steps(kept, config, parts, arguments.minutes, 100, lambda _: f"absolute error {said['error']:.4f}"):
        scenes = scenes or Scenes(arguments.folder, step + 1)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / arguments.steps))
        pictures = batch(scenes, BATCH).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            spread = model.encode(pictures).latent_dist
            back = model.decode(spread.sample()).sample.float()
        error = seen(back, pictures)
        sharp = sum(seen(a, b) for a, b in zip(edges(back), edges(pictures), strict=True))
        loss = error + 0.5 * sharp + 1e-6 * spread.kl().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.follow(model, step)
        said["error"] = 0.95 * said["error"] + 0.05 * float(error.detach()) if said["error"] else float(error.detach())
    model = average.module
    with torch.no_grad():
        latents = model.encode(batch(Scenes(arguments.folder, -1 % 2**31), 256)).latent_dist.mean
    model.register_to_config(scaling_factor=1 / float(latents.std()))
    model.save_pretrained(arguments.folder / "vae")
    print(f"latents: mean {float(latents.mean()):.3f}, deviation {float(latents.std()):.3f}")


if __name__ == "__main__":
    main()
