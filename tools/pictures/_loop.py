"""What the trainings of pictures share: an average of the weights, going on from a checkpoint, a line in the log."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from playground.training import _loop


class Average:
    """Exponential moving average of a module's weights, as a module of the same kind."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.module = decay, copy.deepcopy(module).eval()

    @torch.no_grad()
    def follow(self, module: nn.Module, step: int) -> None:
        """One step further; the first steps count more, so that the start is forgotten."""
        keep = min(self.decay, (1 + step) / (10 + step))
        for mine, new in zip(self.module.parameters(), module.parameters(), strict=True):
            mine.lerp_(new, 1 - keep)


def optimizers(
    named: Iterable[tuple[str, nn.Parameter]],
    inner: Callable[[str], bool],
    rates: dict[str, float],
    weight_decay: float,
    betas: tuple[float, float],
) -> dict[str, torch.optim.Optimizer]:
    """Muon (Jordan et al., 2024), which makes every direction of a step equally long, for the matrices whose names
    `inner` takes; AdamW for all others that learn. `rates` by optimizer."""
    learned = [(name, p) for name, p in named if p.requires_grad]
    within = {id(p) for name, p in learned if p.ndim == 2 and inner(name)}
    adamw = [p for _, p in learned if id(p) not in within]
    muon = [p for _, p in learned if id(p) in within]
    return {
        "adamw": torch.optim.AdamW(adamw, lr=rates["adamw"], weight_decay=weight_decay, betas=betas),
        "muon": torch.optim.Muon(muon, lr=rates["muon"], weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
    }


def set_rates(
    both: dict[str, torch.optim.Optimizer], rates: dict[str, float], step: int, steps: int, warm: int
) -> None:
    """Rates of a step: up to their height within `warm` steps, down to 2 % of it along half a cosine."""
    now = min(1, (step + 1) / warm) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
    for name, optimizer in both.items():
        for group in optimizer.param_groups:
            group["lr"] = rates[name] * now


def steps(
    folder: Path, config: Any, parts: dict[str, Any], minutes: float, every: int, look: Callable[[int], str]
) -> Iterator[int]:
    """The numbers of the steps to come, up to `config.steps`; keeps modules and optimizers in `folder` (the lessons'
    checkpoints, in safetensors) and prints `look` every so often and at the end."""
    last = config.steps
    first = _loop.load_checkpoint(folder, parts)[0] if folder.exists() else 0
    began = time.monotonic()
    for step in range(first, last):
        yield step
        over = time.monotonic() - began > minutes * 60
        if (step + 1) % every == 0 or over or step + 1 == last:
            _loop.save_checkpoint(folder, config, step + 1, None, parts)
            pace = (time.monotonic() - began) / (step + 1 - first)
            print(f"step {step + 1}/{last}  {pace:.2f} s a step  {look(step + 1)}", flush=True)
        if over:
            return
