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


FLOWING = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}


class Knowing(Tenth):
    """Predicts what leads from what it is given to one picture, whatever the level of noise."""

    picture = torch.linspace(-1, 1, 16).reshape(1, 1, 4, 4)

    def predict(self, latents: torch.Tensor, t: Any, words: Any, guidance: Any) -> torch.Tensor:
        alpha, sigma = self.level
        if schedulers.is_flow(self.scheduler_config):
            return (latents - self.picture) / sigma
        return (latents - alpha * self.picture) / sigma


def knowing(model: Knowing, wanted: loop.Plan, start: loop.Place | None = None) -> list[loop.Step]:
    """All steps of a model that knows the truth; what it is given is scaled back first."""
    predict, steps = model.predict, []
    place = start if start is not None else loop.opening(model, wanted)
    while place.index < len(place.scheduler.timesteps):
        model.level = schedulers.level(place.scheduler, place.index)
        model.predict = lambda latents, *more, place=place: predict(place.latents, *more)  # type: ignore[method-assign]
        step = next(loop.denoise(model, wanted, place))
        steps.append(step)
        place = step.next
    del model.predict
    return steps


@pytest.mark.parametrize(("kind", "old", "new"), [
    *[("flow", old, new) for old in ("Euler", "DPM++ 2M", "Heun") for new in schedulers.FLOW if new != "LCM"],
    *[("diffusion", old, new) for old in ("DDIM", "Euler", "Heun")
      for new in ("DDIM", "Euler", "DPM++ 2M", "UniPC", "Heun")],
])  # fmt: skip
def test_whichever_scheduler_takes_over_the_picture_that_the_model_knows_comes_out(
    kind: str, old: str, new: str
) -> None:
    model = Knowing(FLOWING if kind == "flow" else {**config("leading", 1), "_class_name": "DDIMScheduler",
                                                    "clip_sample": False})  # fmt: skip
    wanted = loop.Plan(None, None, 12, 1.0, old, (1,), (1, 4, 4))
    steps = knowing(model, wanted)
    assert (steps[-1].next.latents - model.picture).abs().max() < 0.02
    for at in (len(steps) // 4, len(steps) // 2, len(steps) - 3):
        at -= at % (2 if old == "Heun" else 1)
        place = loop.changed(model, wanted, steps[at].place, new, None)
        end = knowing(model, wanted, place)[-1].next.latents
        assert (end - model.picture).abs().max() < 0.05, f"from step {at}"


@pytest.mark.parametrize("more", [
    {"use_karras_sigmas": True}, {"use_exponential_sigmas": True}, {"use_beta_sigmas": False},
    {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256,
     "max_image_seq_len": 4096},
    {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256,
     "max_image_seq_len": 4096, "time_shift_type": "linear"},
], ids=["karras", "exponential", "plain", "dynamic", "dynamic, linear"])  # fmt: skip
def test_every_scheduler_that_is_offered_for_a_configuration_of_flow_works(more: dict[str, Any]) -> None:
    found = {**FLOWING, **more}
    names = schedulers.names(found)
    assert {"Euler", "LCM"} <= set(names)
    for name in (schedulers.OWN, *names):
        model = Tenth(found)
        *_, last = loop.denoise(model, loop.Plan(None, None, 6, 1.0, name, (1,), (1, 4, 4)))
        assert last.next.latents.isfinite().all(), name
        assert 0 <= last.sigma < 1, name


def test_a_shift_that_another_scheduler_wrote_down_is_kept() -> None:
    written = dict(schedulers.build("DPM++ 2M", FLOWING).config)
    levels = []
    for found in (FLOWING, {**written, "_class_name": "DPMSolverMultistepScheduler"}):
        scheduler = schedulers.build("Euler", found)
        scheduler.set_timesteps(5)
        levels.append([schedulers.level(scheduler, i)[1] for i in range(5)])
    assert levels[0] == pytest.approx(levels[1])
