"""One way to run the lessons that read texts."""

from pathlib import Path
from typing import Any

import torch


def run(lesson: Any, config: Any, start: Path | None = None, checkpoint: tuple[int, Path] | None = None) -> Any:
    """(losses, the model's last weights, its live state); writes a checkpoint after step `checkpoint[0]` and stops
    there."""
    losses, live = [], None
    for step in lesson.train(config, torch.Generator().manual_seed(config.seed), start):
        losses.append(step.scalars["loss"])
        live = step.live
        if checkpoint and step.step == checkpoint[0]:
            lesson.save_checkpoint(checkpoint[1], step.live)
            break
    assert live is not None
    return losses, {k: v.clone() for k, v in live.model.state_dict().items()}, live


def shaken(model: torch.nn.Module) -> None:
    """Biases and norms begin at 0 and 1, where a mix-up of them would not show."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())) * 0.1)
