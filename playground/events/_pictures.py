"""Snapshots of a model that denoises."""

from dataclasses import dataclass
from typing import Any

from playground.events._base import Event, plain


@dataclass(frozen=True, slots=True)
class ImageStep(Event):
    """One denoising step was taken, for all pictures of the run.

    `index` counts from 0 to `steps` − 1. `timestep`, `alpha`, `sigma` are the scheduler's, of the latents before the
    step (x = α·x0 + σ·ε); `noise` is the share of noise in them, 0 to 1, whatever the scheduler's scale. `noisy` and
    `guess` are small pictures (data URLs), one for each of the run's pictures: the latents, and the model's guess of
    the picture without noise, x0. `pull` is how far guidance moved that guess, as a share of it. `approximate`:
    another scheduler has taken over in mid-run.
    """

    run_id: str
    seq: int
    index: int
    steps: int
    timestep: float
    alpha: float
    sigma: float
    noise: float
    pull: float
    noisy: tuple[str, ...] = ()
    guess: tuple[str, ...] = ()
    elapsed_s: float = 0.0
    approximate: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"event": "image", "step": self.index + 1, **plain(self)}

    def to_stream(self) -> dict[str, Any]:
        """Without the small pictures."""
        return {name: value for name, value in self.to_json().items() if name not in ("noisy", "guess")}


@dataclass(frozen=True, slots=True)
class Looked(Event):
    """What was found inside a step, as JSON values."""

    values: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"event": "looked", **self.values}
