"""The most steps that a scheduler can take: it takes them, and finite pictures come of it."""

from typing import Any

import pytest
import torch

from playground.denoising import loop, schedulers

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


class Tenth:
    """Predicts a tenth of what it is given."""

    guided_inside = False

    def __init__(self, config: dict[str, Any]) -> None:
        self.scheduler_config = config

    def predict(self, latents: torch.Tensor, t: Any, words: Any, guidance: Any) -> torch.Tensor:
        return latents * 0.1

    def joined(self, first: Any, second: Any) -> Any:
        return first

    def row(self, words: Any, number: int) -> Any:
        return words


def config(spacing: str, offset: int) -> dict[str, Any]:
    """Of the Stable Diffusion kind."""
    return {"_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "steps_offset": offset, "timestep_spacing": spacing,
            "skip_prk_steps": True}  # fmt: skip


@pytest.mark.parametrize("name", [schedulers.OWN, *schedulers.DIFFUSION])
@pytest.mark.parametrize(("spacing", "offset"), [("leading", 0), ("leading", 1), ("linspace", 0), ("trailing", 0)])
def test_the_most_steps_can_be_taken(name: str, spacing: str, offset: int) -> None:
    model = Tenth(config(spacing, offset))
    most = schedulers.most_steps(name, model.scheduler_config)
    assert most >= (50 if name == "LCM" else 998)
    *_, last = loop.denoise(model, loop.Plan(None, None, most, 1.0, name, (1,), (1, 2, 2)))
    assert last.index + 1 == last.steps
    assert last.next.latents.isfinite().all()


@pytest.mark.parametrize("name", [schedulers.OWN, *schedulers.FLOW])
def test_the_most_steps_of_flow_matching_can_be_taken(name: str) -> None:
    model = Tenth({"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 1.0})
    most = schedulers.most_steps(name, model.scheduler_config)
    assert most == (999 if name in ("DPM++ 2M", "UniPC") else 1000)
    *_, last = loop.denoise(model, loop.Plan(None, None, most, 1.0, name, (1,), (1, 2, 2)))
    assert last.next.latents.isfinite().all()
