"""The diffusion lesson's schedules, conversions and steps against diffusers' schedulers."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from playground.training import diffusion
from playground.training.diffusion import Schedule
from tests.training.lessons import small

SCHEDULES = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
PREDICTIONS = {"noise": "epsilon", "v": "v_prediction"}
T = 1000


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def theirs(kind: type, schedule: str, prediction: str, **more: Any) -> Any:
    """Their scheduler, set to compute in double precision: near t = 0 its float32 differences of neighbours are
    off by 1e-3."""
    scheduler = kind(num_train_timesteps=T, beta_schedule=SCHEDULES[schedule], prediction_type=PREDICTIONS[prediction],
                     clip_sample=more.pop("clip_sample", False), **more)  # fmt: skip
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    return scheduler


@pytest.mark.parametrize("name", SCHEDULES)
def test_alpha_and_sigma_are_those_of_diffusers(name: str):
    ours, other = Schedule.make(name, T), DDPMScheduler(num_train_timesteps=T, beta_schedule=SCHEDULES[name])
    alpha_bar = other.alphas_cumprod.double()  # float32 once
    torch.testing.assert_close(ours.alpha, alpha_bar.sqrt(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(ours.sigma, (1 - alpha_bar).sqrt(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(ours.alpha**2 + ours.sigma**2, torch.ones(T).double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_noise_is_added_and_v_is_made_as_in_diffusers(name: str):
    ours, other = Schedule.make(name, T), DDPMScheduler(num_train_timesteps=T, beta_schedule=SCHEDULES[name])
    x0, noise = torch.randn(6, 3, 4, 4, generator=rng()), torch.randn(6, 3, 4, 4, generator=rng(1))
    t = torch.tensor([0, 1, 10, 400, 900, 999])
    alpha, sigma = ours.at(t, x0)
    x_t = diffusion.add_noise(x0, noise, alpha, sigma)
    torch.testing.assert_close(x_t, other.add_noise(x0, noise, t), rtol=0, atol=1e-5)
    v = diffusion.target("v", x0, noise, alpha, sigma)
    torch.testing.assert_close(v, other.get_velocity(x0, noise, t), rtol=0, atol=1e-5)
    back_x0, back_noise = diffusion.x0_and_noise("v", v, x_t, alpha, sigma)
    torch.testing.assert_close(back_x0, x0, rtol=0, atol=1e-5)
    torch.testing.assert_close(back_noise, noise, rtol=0, atol=1e-5)


def exact(schedule: str, other: Any) -> Schedule:
    """Our schedule, checked, then given diffusers' own rounded numbers, so that steps can be compared to 1e-5."""
    ours = Schedule.make(schedule, T)
    alpha_bar = other.alphas_cumprod.double()
    torch.testing.assert_close(ours.alpha, alpha_bar.sqrt(), rtol=1e-3, atol=1e-5)
    return Schedule(alpha_bar.sqrt(), (1 - alpha_bar).sqrt())


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("t", "steps"), [(999, 1000), (500, 1000), (1, 1000), (0, 1000), (900, 10), (100, 10), (0, 10)]
)
def test_ddpm_and_ddim_steps_are_those_of_diffusers(prediction: str, schedule: str, t: int, steps: int):
    x, guess = (torch.randn(8, 2, generator=rng(i), dtype=torch.float64) for i in (0, 1))
    after = t - T // steps
    for kind in (DDPMScheduler, DDIMScheduler):
        other = theirs(kind, schedule, prediction)
        ours = exact(schedule, other)
        other.set_timesteps(steps)
        then = (
            (ours.alpha[after], ours.sigma[after])
            if after >= 0
            else (torch.ones(()).double(), torch.zeros(()).double())
        )
        alpha, sigma = ours.alpha[t], ours.sigma[t]
        x0, noise = diffusion.x0_and_noise(prediction, guess, x, alpha, sigma)
        result = other.step(guess, t, x, generator=rng(2))
        torch.testing.assert_close(x0, result.pred_original_sample, rtol=1e-5, atol=1e-5)
        if kind is DDIMScheduler:
            mine = diffusion.ddim_step(x0, noise, *then)
        else:
            fresh = torch.randn(x.shape, generator=rng(2), dtype=torch.float64)
            mine = diffusion.ddpm_step(x0, x, fresh, (alpha, sigma), then)
        torch.testing.assert_close(mine, result.prev_sample, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_a_whole_way_from_noise_to_samples_is_that_of_diffusers_with_the_same_network(prediction: str, sampler: str):
    config = small("diffusion", data="moons", timesteps=T, schedule="linear", prediction=prediction, sampler=sampler,
                   sampling_steps=20)  # fmt: skip
    torch.manual_seed(0)
    network = diffusion.network(config)

    def net(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return network(x.float(), t).double()

    kind = DDIMScheduler if sampler == "ddim" else DDPMScheduler
    other = theirs(kind, "linear", prediction, clip_sample=True, clip_sample_range=2.0, timestep_spacing="linspace")
    other.set_timesteps(20)
    x = torch.randn(16, 2, generator=rng(), dtype=torch.float64)
    *_, (_, ours, _) = diffusion.sample(net, config, exact("linear", other), x, rng(5), bound=2.0)
    assert other.timesteps.tolist() == diffusion.sampling_times(T, 20)
    draws = rng(5)
    # diffusers takes the step before from T // steps, which is not where linspace goes: tell it where
    for t, after in zip(other.timesteps.tolist(), [*other.timesteps.tolist()[1:], -1], strict=True):
        with torch.no_grad():
            guess = net(x, torch.full((16,), t))
        if sampler == "ddim":
            other.num_inference_steps, other.config.num_train_timesteps = 1, t - after
            x = other.step(guess, t, x, use_clipped_model_output=True).prev_sample
        else:
            other.previous_timestep = lambda _, after=after: torch.tensor(after)
            x = other.step(guess, t, x, generator=draws).prev_sample
    torch.testing.assert_close(ours, x, rtol=0, atol=1e-5)


def test_ddim_gives_the_same_samples_again_and_ddpm_others():
    config = small("diffusion", data="moons", sampling_steps=10, timesteps=50)
    torch.manual_seed(0)
    net, schedule = diffusion.network(config), Schedule.make("cosine", 50)
    x = torch.randn(8, 2, generator=rng())

    def last(sampler: str, seed: int) -> torch.Tensor:
        *_, (_, drawn, _) = diffusion.sample(net, replace(config, sampler=sampler), schedule, x, rng(seed))
        return drawn

    assert torch.equal(last("ddim", 1), last("ddim", 2))
    assert torch.equal(last("ddpm", 1), last("ddpm", 1))
    assert not torch.equal(last("ddpm", 1), last("ddpm", 2))


def test_with_a_network_that_knows_the_data_both_samplers_end_in_the_data():
    """Of a data set of one point the true noise is known: every sample must be that point."""
    point = torch.tensor([0.7, -0.4])
    schedule = Schedule.make("cosine", 100)

    def knows(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = schedule.at(t, x)
        return (x - alpha * point) / sigma

    for sampler in ("ddim", "ddpm"):
        config = small("diffusion", data="moons", timesteps=100, sampling_steps=12, sampler=sampler)
        *_, (t, x, _) = diffusion.sample(knows, config, schedule, torch.randn(9, 2, generator=rng()), rng(1), bound=2)
        assert t == -1
        torch.testing.assert_close(x, point.expand(9, 2), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [8, 16, 17, 24, 28, 64])
def test_the_unet_gives_back_the_size_it_was_given_and_hears_the_time(size: int):
    config = small("diffusion", data="shapes", size=size)
    torch.manual_seed(0)
    net, x = diffusion.network(config), torch.randn(2, 3, size, size, generator=rng())
    with torch.no_grad():
        early, late = net(x, torch.tensor([0, 0])), net(x, torch.tensor([19, 19]))
    assert early.shape == x.shape
    assert not torch.allclose(early, late)


def test_sampling_times_go_from_the_last_to_the_first_and_never_twice():
    assert diffusion.sampling_times(1000, 5) == [999, 749, 500, 250, 0]
    assert diffusion.sampling_times(3, 50) == [2, 1, 0]
    assert diffusion.sampling_times(10, 1) == [9]


def test_the_learning_rate_stays_and_then_falls_as_worked_out_by_hand():
    config = small("diffusion", steps=10, decay=0.5, learning_rate=1.0)
    assert [diffusion.learning_rate(config, s) for s in (1, 5, 6, 8, 10)] == pytest.approx([1, 1, 1, 0.6, 0.2])
