"""The loop's latents and pictures are those of diffusers' own pipelines, for every scheduler and kind of model."""

from typing import Any

import numpy as np
import pytest
import torch

from playground.denoising import loop, schedulers
from tests.denoising.conftest import PROMPT, UNWANTED, plan, run
from tests.models import tiny_pictures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def theirs(pipeline: Any, model: Any, wanted: loop.Plan, **more: Any) -> torch.Tensor:
    """What diffusers' pipeline makes of the same."""
    pipeline.scheduler = schedulers.build(wanted.scheduler, model.scheduler_config)
    special: dict[str, Any] = {} if model.guided_inside else {"negative_prompt": UNWANTED}
    special["prompt"] = PROMPT
    if type(pipeline).__name__ == "PixArtSigmaPipeline":
        special |= {"clean_caption": False, "use_resolution_binning": False}
    if type(pipeline).__name__ == "AuraFlowPipeline":
        special |= {"max_sequence_length": 16}
    generators = [torch.Generator().manual_seed(seed) for seed in wanted.seeds]
    out = pipeline(num_inference_steps=wanted.steps, guidance_scale=wanted.guidance,
                   num_images_per_prompt=len(generators), generator=generators, height=model.size, width=model.size,
                   **{"output_type": "latent", **special, **more})  # fmt: skip
    return out.images


@pytest.mark.parametrize("kind", ["stable diffusion", "xl", "pixart"])
@pytest.mark.parametrize("name", ["DDIM", "Euler", "DPM++ 2M", "DDPM", "Euler ancestral", "Heun", "UniPC", "LCM"])
def test_the_latents_are_those_of_the_pipeline(models: Any, kind: str, name: str) -> None:
    pipeline, model = models[kind]
    wanted = plan(model, scheduler=name)
    _, latents = run(model, wanted)
    assert torch.isfinite(latents).all()
    torch.testing.assert_close(latents, theirs(pipeline, model, wanted), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["stable diffusion", "xl", "pixart", "auraflow"])
@pytest.mark.parametrize(("prompt", "unwanted"), [
    ("  A Red apple, on THE tree ", "A DOG"), ("", "dog"), ("a red apple", ""), ("", ""),
])  # fmt: skip
def test_capitals_and_no_words_are_read_as_the_pipeline_reads_them(
    models: Any, kind: str, prompt: str, unwanted: str
) -> None:
    pipeline, model = models[kind]
    wanted = plan(model, scheduler="Euler", words=model.encode([prompt]),
                  unwanted=model.encode([unwanted], unwanted=True))  # fmt: skip
    _, latents = run(model, wanted)
    negative = unwanted or (None if kind == "xl" else "")  # nothing typed is no negative prompt at all
    expected = theirs(pipeline, model, wanted, prompt=prompt, negative_prompt=negative)
    torch.testing.assert_close(latents, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["Euler", "Heun", "DPM++ 2M", "UniPC"])
def test_the_latents_of_a_model_of_flow_matching_are_those_of_the_pipeline(models: Any, name: str) -> None:
    pipeline, model = models["auraflow"]
    wanted = plan(model, scheduler=name, seeds=(5, 6))
    _, latents = run(model, wanted)
    assert torch.isfinite(latents).all()
    torch.testing.assert_close(latents, theirs(pipeline, model, wanted), atol=1e-4, rtol=1e-4)


def test_solvers_of_diffusion_take_the_way_of_flow_at_the_levels_that_the_model_was_trained_with() -> None:
    """A shift puts more steps where there is much noise: σ' = s·σ / (1 + (s − 1)·σ) (Esser et al., 2024)."""
    levels = {}
    for shift in (1.0, 3.0):
        config = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": shift}
        for name in ("DPM++ 2M", "UniPC"):
            scheduler = schedulers.build(name, config)
            scheduler.set_timesteps(4)
            levels[name, shift] = [schedulers.level(scheduler, i)[1] for i in range(4)]
    for name in ("DPM++ 2M", "UniPC"):
        wanted = [3 * sigma / (1 + 2 * sigma) for sigma in levels[name, 1.0]]
        assert levels[name, 3.0] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("steps", [6, 20])
def test_the_scheduler_that_many_models_came_with_takes_the_steps_of_the_pipeline(models: Any, steps: int) -> None:
    """PNDM, of Stable Diffusion 1.5: it remembers four predictions, and takes its first step twice."""
    pipeline, model = models["stable diffusion"]
    config, wanted = model.scheduler_config, plan(model, steps=steps)
    model.scheduler_config = {"_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085,
                              "beta_end": 0.012, "beta_schedule": "scaled_linear", "skip_prk_steps": True,
                              "set_alpha_to_one": False, "steps_offset": 1, "trained_betas": None}  # fmt: skip
    try:
        taken, latents = run(model, wanted)
        expected = theirs(pipeline, model, wanted)
        assert all(torch.equal(run(model, wanted, step.place)[1], latents) for step in taken[:: steps // 3])
    finally:
        model.scheduler_config = config
    assert len(taken) == steps + 1
    torch.testing.assert_close(latents, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("seeds", [(5,), (5, 6, 7)])
def test_guidance_and_several_pictures_too(models: Any, guidance: float, seeds: tuple[int, ...]) -> None:
    pipeline, model = models["stable diffusion"]
    wanted = plan(model, scheduler="Euler", guidance=guidance, seeds=seeds)
    _, latents = run(model, wanted)
    torch.testing.assert_close(latents, theirs(pipeline, model, wanted), atol=1e-4, rtol=1e-4)
    for i, seed in enumerate(seeds):
        _, alone = run(model, plan(model, scheduler="Euler", guidance=guidance, seeds=(seed,)))
        torch.testing.assert_close(latents[i : i + 1], alone, atol=1e-4, rtol=1e-4)


def test_a_distilled_model_takes_guidance_as_an_input(models: Any) -> None:
    pipeline, model = models["latent consistency"]
    assert model.guided_inside
    wanted = plan(model, steps=4, guidance=8.5)
    _, latents = run(model, wanted)
    other = theirs(pipeline, model, wanted)
    torch.testing.assert_close(latents, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["DDIM", "Euler", "DPM++ 2M"])
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_a_picture_to_begin_from_is_noised_as_the_pipeline_does(models: Any, name: str, strength: float) -> None:
    import diffusers

    pipeline, model = models["stable diffusion"]
    other = diffusers.StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    start = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(9))
    wanted = plan(model, scheduler=name, start=start, strength=strength)
    _, latents = run(model, wanted)
    other.scheduler = schedulers.build(name, model.scheduler_config)
    out = other(prompt=PROMPT, negative_prompt=UNWANTED, image=start, strength=strength, num_inference_steps=6,
                guidance_scale=4.0, generator=torch.Generator().manual_seed(5), output_type="latent")  # fmt: skip
    torch.testing.assert_close(latents, out.images, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["DDIM", "Euler", "DPM++ 2M"])
def test_what_a_mask_protects_stays_as_the_pipeline_does_it(models: Any, name: str) -> None:
    import diffusers

    pipeline, model = models["stable diffusion"]
    other = diffusers.StableDiffusionInpaintPipeline(**pipeline.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    start = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(2))
    mask = torch.zeros((1, 1, 8, 8))
    mask[..., 2:6, 3:8] = 1
    _, latents = run(model, plan(model, scheduler=name, start=start, mask=mask, strength=1.0))
    torch.testing.assert_close((latents * (1 - mask)), start * (1 - mask))
    other.scheduler = schedulers.build(name, model.scheduler_config)
    out = other(prompt=PROMPT, negative_prompt=UNWANTED, image=start, masked_image_latents=torch.zeros_like(start),
                mask_image=mask.repeat_interleave(2, 2).repeat_interleave(2, 3), strength=1.0, num_inference_steps=6,
                guidance_scale=4.0, generator=torch.Generator().manual_seed(5), height=16, width=16,
                output_type="latent")  # fmt: skip
    torch.testing.assert_close(latents, out.images, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["stable diffusion", "pixart", "auraflow"])
def test_the_decoded_pictures_are_those_of_the_pipeline(models: Any, kind: str) -> None:
    pipeline, model = models[kind]
    wanted = plan(model)
    _, latents = run(model, wanted)
    theirs_ = theirs(pipeline, model, wanted, output_type="np")
    assert np.abs(model.decode(latents).numpy() / 255 - theirs_).max() <= 1 / 255


@pytest.mark.parametrize(("kind", "name"), [
    *[(kind, name) for kind in ("stable diffusion", "pixart") for name in schedulers.DIFFUSION],
    *[("auraflow", name) for name in schedulers.FLOW],
])  # fmt: skip
def test_a_fork_without_changes_gives_the_same_bits_from_every_step(models: Any, kind: str, name: str) -> None:
    _, model = models[kind]
    wanted = plan(model, scheduler=name)
    steps, latents = run(model, wanted)
    for step in steps:
        later, again = run(model, wanted, step.place)
        assert torch.equal(again, latents), f"from step {step.index}"
        assert len(later) == len(steps) - step.index
    assert torch.equal(run(model, wanted)[1], latents), "the first run was changed by going on from it"


@pytest.mark.parametrize("name", ["DDIM", "Euler", "DPM++ 2M", "UniPC", "LCM"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_clean_guess_is_the_picture_where_the_model_knows_the_truth(name: str, prediction: str) -> None:
    """A model that predicts exactly what was mixed: then x0 is what went in, at every level of noise."""
    config = dict(tiny_pictures.scheduler(prediction).config)
    scheduler = schedulers.build(name, config)
    scheduler.set_timesteps(7)
    clean, noise = torch.randn((2, 1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    for index in range(7):
        alpha, sigma = schedulers.level(scheduler, index)
        latents = alpha * clean + sigma * noise
        size = (alpha**2 + sigma**2) ** 0.5
        truth = {"epsilon": noise, "sample": clean, "v_prediction": (alpha * noise - sigma * clean) / size}[prediction]
        torch.testing.assert_close(schedulers.clean(scheduler, truth, index, latents), clean, atol=1e-3, rtol=1e-3)
        own = scheduler.add_noise(clean, noise, scheduler.timesteps[index : index + 1])
        torch.testing.assert_close(own, latents, atol=1e-4, rtol=1e-4)


def test_flow_matching_has_its_own_schedulers_and_levels() -> None:
    config = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}
    assert schedulers.names(config) == ("Euler", "Heun", "DPM++ 2M", "UniPC", "LCM")
    clean, noise = torch.randn((2, 1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    for name in ("Euler", "DPM++ 2M", "UniPC"):
        scheduler = schedulers.build(name, config)
        scheduler.set_timesteps(5)
        for index in range(5):
            alpha, sigma = schedulers.level(scheduler, index)
            own = loop.noised(scheduler, clean, noise, index)
            torch.testing.assert_close(own, alpha * clean + sigma * noise)
            torch.testing.assert_close(schedulers.clean(scheduler, noise - clean, index, own), clean)
        assert alpha == pytest.approx(1 - sigma)
    with pytest.raises(Exception, match="There is no scheduler 'DDIM' for this model"):
        schedulers.build("DDIM", config)
