"""Going on from a step with other words, guidance, seed or scheduler; and what is kept of a run."""

from typing import Any

import pytest
import torch

from playground.denoising import loop, schedulers
from playground.denoising.places import Places
from playground.models import _words
from tests.denoising.conftest import plan, run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def model(models: Any) -> Any:
    return models["stable diffusion"][1]


def test_other_words_or_guidance_change_what_follows_and_not_what_was(model: Any) -> None:
    wanted = plan(model, scheduler="DPM++ 2M")
    steps, latents = run(model, wanted)
    place = steps[3].place
    for other in (plan(model, scheduler="DPM++ 2M", guidance=1.5), plan(model, scheduler="DPM++ 2M",
                  words=_words.repeated(model.encode(["the green house"]), 1))):  # fmt: skip
        forked, changed = run(model, other, place)
        assert [step.index for step in forked] == [3, 4, 5]
        assert torch.equal(forked[0].place.latents, steps[3].place.latents)
        assert not torch.allclose(changed, latents)
    assert torch.equal(run(model, wanted, place)[1], latents)


def test_another_seed_changes_the_noise_of_the_steps_to_come(model: Any) -> None:
    wanted = plan(model, scheduler="Euler ancestral")
    steps, latents = run(model, wanted)
    place = loop.changed(model, wanted, steps[2].place, None, 77)
    assert not torch.allclose(run(model, wanted, place)[1], latents)
    first = loop.changed(model, wanted, steps[0].place, None, 77)
    torch.testing.assert_close(
        run(model, wanted, first)[1], run(model, plan(model, scheduler="Euler ancestral", seeds=(77,)))[1]
    )


@pytest.mark.parametrize(("kind", "name"), [
    *(("stable diffusion", name) for name in schedulers.DIFFUSION), *(("auraflow", name) for name in schedulers.FLOW),
])  # fmt: skip
def test_another_seed_in_mid_run_keeps_the_guess_and_makes_another_picture(models: Any, kind: str, name: str) -> None:
    """Most schedulers draw nothing: there the noise that is left is that of the seed."""
    model = models[kind][1]
    wanted = plan(model, scheduler=name, steps=8)
    steps, latents = run(model, wanted)
    at = next(step.place for step in steps if step.place.taken == 4)
    place = loop.changed(model, wanted, at, None, 77)
    assert (place.index, place.taken, place.approximate) == (at.index, at.taken, False)
    alpha, sigma = schedulers.level(place.scheduler, place.index)
    noise = (place.latents - alpha * at.clean) / sigma
    drawn = torch.randn((1, *wanted.shape), generator=torch.Generator().manual_seed(77))
    torch.testing.assert_close(noise, drawn, atol=1e-3, rtol=1e-3)
    forked, other = run(model, wanted, place)
    assert [step.index for step in forked] == [step.index for step in steps][4:]
    assert torch.isfinite(other).all()
    assert (other - latents).abs().max() > 0.05
    assert torch.equal(other, run(model, wanted, loop.changed(model, wanted, at, None, 77))[1])


def test_what_guidance_does_is_told_of_the_guess(model: Any) -> None:
    wanted = plan(model, scheduler="DDIM", guidance=5.0)
    steps, _ = run(model, wanted)
    for step in steps:
        t, x = step.place.scheduler.timesteps[step.place.index], step.place.latents
        with torch.inference_mode():
            free, bound = (model.predict(x, t, words, None) for words in (wanted.unwanted, wanted.words))
        with_words, whole = (
            schedulers.clean(step.place.scheduler, p, step.place.index, x) for p in (bound, free + 5 * (bound - free))
        )
        assert step.pull == pytest.approx(float((whole - with_words).norm() / whole.norm()), rel=1e-3)


@pytest.mark.parametrize("name", ["Heun", "UniPC", "DPM++ 2M"])
def test_what_a_scheduler_remembers_is_counted(model: Any, name: str) -> None:
    steps, _ = run(model, plan(model, scheduler=name))
    place = steps[3].place
    held = [v for value in vars(place.scheduler).values() for v in (value if isinstance(value, list) else [value])]
    tensors = [v for v in held if isinstance(v, torch.Tensor) and v.shape == place.latents.shape]
    assert tensors
    assert place.bytes >= sum(t.nbytes for t in (place.latents, place.clean, *tensors))


def test_the_seed_behind_the_last_one_is_the_first() -> None:
    assert loop.following(2**32 - 2, 4) == (2**32 - 2, 2**32 - 1, 0, 1)


@pytest.mark.parametrize("old", ["DDIM", "Euler", "DPM++ 2M"])
@pytest.mark.parametrize("new", ["DDIM", "Euler", "DPM++ 2M", "Heun", "UniPC"])
def test_another_scheduler_takes_over_at_its_nearest_step_and_says_that_it_is_approximate(
    model: Any, old: str, new: str
) -> None:
    wanted = plan(model, scheduler=old, steps=20)
    steps, latents = run(model, wanted)
    whole = run(model, plan(model, scheduler=new, steps=20))[1]
    place = loop.changed(model, plan(model, scheduler=new, steps=20), steps[10].place, new, None)
    assert place.approximate
    now, before = schedulers.level(place.scheduler, place.index), (steps[10].alpha, steps[10].sigma)
    assert now[1] / now[0] == pytest.approx(before[1] / before[0], rel=0.25)
    forked, mixed = run(model, plan(model, scheduler=new, steps=20), place)
    assert all(step.place.approximate for step in forked)
    far = (latents - whole).norm() + 0.35 * whole.norm()
    assert (mixed - latents).norm() <= far
    start = loop.changed(model, plan(model, scheduler=new, steps=20), steps[0].place, new, None)
    assert not start.approximate
    torch.testing.assert_close(run(model, plan(model, scheduler=new, steps=20), start)[1], whole, atol=1e-3, rtol=1e-3)


def test_places_stay_within_their_bytes_and_lead_to_every_step(model: Any) -> None:
    wanted = plan(model, steps=40)
    steps, latents = run(model, wanted)
    places = Places(most=12 * steps[5].place.bytes)
    for step in steps:
        places.add(step.place)
        assert places.bytes <= 12 * steps[5].place.bytes
    assert 3 <= len(places) <= 12
    for index in (0, 1, 17, 39):
        place = places.before(index)
        assert place.index <= index
        assert torch.equal(run(model, wanted, place)[1], latents)


def test_a_run_ends_between_two_steps_and_each_step_takes_one_turn(model: Any) -> None:
    turns: list[str] = []

    class Turn:
        def __enter__(self) -> None:
            turns.append("in")

        def __exit__(self, *_: object) -> None:
            turns.append("out")

    going = loop.denoise(model, plan(model), turn=Turn)
    next(going), next(going)
    going.close()
    assert turns == ["in", "out"] * 2


def test_another_scheduler_before_the_first_step_begins_from_the_picture_as_it_would_alone(model: Any) -> None:
    start = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(7))
    wanted = {"start": start, "strength": 0.5, "steps": 12}
    steps, _ = run(model, plan(model, scheduler="DDIM", **wanted))
    other = plan(model, scheduler="Euler", **wanted)
    _, alone = run(model, other)
    forked, latents = run(model, other, loop.changed(model, other, steps[0].place, "Euler", None))
    assert len(forked) == 6
    assert torch.equal(latents, alone)
