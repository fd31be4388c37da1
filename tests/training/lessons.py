"""Small configurations of the picture lessons, and one way to run them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from playground.training import diffusion, gan, vae

LESSONS = {"vae": vae, "gan": gan, "diffusion": diffusion}
SMALL = {
    "vae": vae.Config(examples=64, size=8, latent_dim=3, width=8, batch_size=8, steps=7, look_every=3),
    "gan": gan.Config(examples=64, size=8, latent_dim=3, width=8, batch_size=8, steps=7, look_every=3),
    "diffusion": diffusion.Config(
        examples=64, size=8, width=8, batch_size=8, steps=7, look_every=3, timesteps=20, sampling_steps=4
    ),
}
KINDS = [(name, data) for name in LESSONS for data in ("moons", "shapes")]


def small(name: str, **changes: Any) -> Any:
    """The lesson's small configuration with changes."""
    return replace(SMALL[name], **changes)


def run(name: str, config: Any, start: Path | None = None) -> tuple[list[Any], dict[str, torch.Tensor]]:
    """All steps of a run, and the weights it ended with."""
    steps = list(LESSONS[name].train(config, torch.Generator().manual_seed(config.seed), start))
    return steps, {k: v.clone() for k, v in steps[-1].live.model.state_dict().items()}
