"""The denoising loop: noise, then one step after another towards a picture.

    words → (noise → prediction, with guidance → scheduler's step) × n → latents → decoder → pictures

`denoise` is a generator of `Step`s; whoever iterates it draws, waits, or ends it between two steps. What stands
before each step is kept (`Place`: latents, a scheduler of its own, random states), so that a run can go
back, change its words, guidance, seed or scheduler, and go on. Checked against diffusers' pipelines: the same seed,
scheduler and guidance give the same latents.
"""

import dataclasses
import inspect
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from playground.denoising import schedulers

if TYPE_CHECKING:
    from torch import Tensor

SEEDS = 2**32


class Denoiser(Protocol):
    """What the loop needs of a model."""

    scheduler_config: dict[str, Any]
    guided_inside: bool  # guidance is an input of the model (distilled), not a second prediction

    def predict(self, latents: "Tensor", t: "Tensor", words: Any, guidance: float | None) -> "Tensor":
        """The prediction (B, C, H, W) for latents (B, C, H, W), scaled as the scheduler says, at timestep `t`."""

    def joined(self, first: Any, second: Any) -> Any:
        """Words for a batch of twice the size: `first` for its first half."""

    def row(self, words: Any, number: int) -> Any:
        """The words of one picture."""


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    `words` and `unwanted` are what the model made of prompt and negative prompt, for all pictures. `start` (B, C, H, W)
    are latents of a picture to begin from, `strength` in 0..1 how much of it is replaced; `mask` (1, 1, H, W) is 1
    where the picture may change. In a film strip the pictures are ways between two: `shares` says per picture how
    much of it is the other one, whose noise is that of `other_seed`.
    """

    words: Any
    unwanted: Any
    steps: int
    guidance: float
    scheduler: str
    seeds: tuple[int, ...]
    shape: tuple[int, int, int]  # channels, height, width of a latent
    start: "Tensor | None" = None
    strength: float = 1.0
    mask: "Tensor | None" = None
    shares: tuple[float, ...] = ()
    other_seed: int | None = None


@dataclass(frozen=True)
class Place:
    """The moment before a step: latents (B, C, H, W), and all that the next step depends on. `index` is the scheduler's
    number of that step, `taken` how many steps led there (fewer, where the beginning was a picture)."""

    index: int
    latents: "Tensor"
    scheduler: Any
    randoms: tuple["Tensor", ...]
    noise: "Tensor"
    clean: "Tensor | None" = None  # the guess of the step before
    approximate: bool = False  # another scheduler came in mid-run
    taken: int = 0

    @property
    def bytes(self) -> int:
        """What keeping it costs: latents, guess, what the scheduler remembers, random states."""
        from torch import Tensor

        remembered = [v for value in vars(self.scheduler).values() if isinstance(value, list) for v in value]
        alike = [v for v in vars(self.scheduler).values() if isinstance(v, Tensor) and v.shape == self.latents.shape]
        tensors = [self.latents, self.clean, *self.randoms, *remembered, *alike]  # its tables are shared
        return sum(t.numel() * t.element_size() for t in tensors if isinstance(t, Tensor))


@dataclass(frozen=True)
class Step:
    """Step `index` of `steps` (as they are taken, from 0) was taken: `place` is the moment before it, `next` the one
    behind it, with the guess x0 (`clean`).

    `alpha`, `sigma` are of the latents before the step; `pull` is how far guidance moved the guess (root of the mean
    square of its difference from the guess with the words alone, over that of the guess, of all pictures), 0 without
    guidance.
    """

    index: int
    steps: int
    timestep: float
    alpha: float
    sigma: float
    place: Place
    next: Place
    pull: float


def opening(model: Denoiser, plan: Plan) -> Place:
    """The moment before the first step."""
    scheduler = timed(schedulers.build(plan.scheduler, model.scheduler_config), plan)
    noise, randoms = drawn(plan)
    index = 0
    if plan.start is None or (plan.mask is not None and plan.strength >= 1):  # inside of a mask nothing is to stay
        latents = noise * getattr(scheduler, "init_noise_sigma", 1.0)
    else:
        index = first_step(scheduler, plan)
        if index >= len(scheduler.timesteps):
            latents = plan.start.clone()
        else:
            latents = noised(scheduler, plan.start, noise, index)
    if hasattr(scheduler, "set_begin_index"):  # else it looks for its timestep, of which it may have two alike
        scheduler.set_begin_index(index)
    return Place(index, latents, scheduler, randoms, noise)


def drawn(plan: Plan) -> tuple["Tensor", tuple["Tensor", ...]]:
    """(the noise (B, C, H, W) of the plan's seeds, the states of their generators behind it)."""
    import torch

    generators = [torch.Generator().manual_seed(seed) for seed in plan.seeds]
    noise = torch.cat([torch.randn((1, *plan.shape), generator=generator) for generator in generators])
    if plan.other_seed is not None:
        other = torch.randn((1, *plan.shape), generator=torch.Generator().manual_seed(plan.other_seed))
        noise = between(noise, other, plan.shares)
    return noise, tuple(generator.get_state() for generator in generators)


def between(first: "Tensor", other: "Tensor", shares: Sequence[float]) -> "Tensor":
    """Noise (B, C, H, W) on the way from `first` to `other`, along the sphere that noise lies on, so that its variance
    stays (spherical interpolation; Shoemake, 1985)."""
    import torch

    share = torch.tensor(shares).reshape(-1, 1, 1, 1)
    cosine = torch.nn.functional.cosine_similarity(first.flatten(1), other.flatten(1).expand(len(first), -1))
    angle = cosine.clamp(-1, 1).acos().reshape(-1, 1, 1, 1)
    way = (((1 - share) * angle).sin() * first + (share * angle).sin() * other) / angle.sin()
    straight = torch.lerp(first, other.expand_as(first), share)
    return torch.where(angle.sin() > 1e-4, way, straight)


def timed(scheduler: Any, plan: Plan) -> Any:
    """The scheduler with the timesteps of the plan."""
    more = {}
    if getattr(scheduler.config, "use_dynamic_shifting", False):
        length = plan.shape[1] * plan.shape[2] // 4
        low, high = scheduler.config.base_image_seq_len, scheduler.config.max_image_seq_len
        slope = (scheduler.config.max_shift - scheduler.config.base_shift) / (high - low)
        more["mu"] = slope * (length - low) + scheduler.config.base_shift
    scheduler.set_timesteps(plan.steps, **more)
    return scheduler


def first_step(scheduler: Any, plan: Plan) -> int:
    """The step to begin with where `strength` of a given picture is replaced: none at 0, all at 1."""
    order = int(getattr(scheduler, "order", 1))
    return max(plan.steps - min(int(plan.steps * plan.strength), plan.steps), 0) * order


def noised(scheduler: Any, clean: "Tensor", noise: "Tensor", index: int) -> "Tensor":
    """`clean` with as much noise as stands before step `index`."""
    at = scheduler.timesteps[index : index + 1]
    if hasattr(scheduler, "scale_noise"):
        return scheduler.scale_noise(clean, at, noise)
    return scheduler.add_noise(clean, noise, at)


def predicted(
    model: Denoiser, latents: "Tensor", t: "Tensor", words: Any, guidance: float | None, singly: bool
) -> "Tensor":
    """The model's prediction, of all at once or of one after another (which takes less memory)."""
    import torch

    if not singly or len(latents) == 1:
        return model.predict(latents, t, words, guidance)
    rows = (model.predict(latents[i : i + 1], t, model.row(words, i), guidance) for i in range(len(latents)))
    return torch.cat(list(rows))


def guided(
    model: Denoiser, latents: "Tensor", t: "Tensor", plan: Plan, singly: bool = False
) -> tuple["Tensor", "Tensor | None"]:
    """(prediction, the one with the words alone where guidance moved it) for scaled latents."""
    import torch

    if model.guided_inside:
        return predicted(model, latents, t, plan.words, plan.guidance, singly), None
    if plan.guidance <= 1:
        return predicted(model, latents, t, plan.words, None, singly), None
    both = predicted(model, torch.cat([latents] * 2), t, model.joined(plan.unwanted, plan.words), None, singly)
    free, bound = both.chunk(2)
    return free + plan.guidance * (bound - free), bound


def denoise(
    model: Denoiser,
    plan: Plan,
    start: Place | None = None,
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext,
    singly: bool = False,
) -> Generator[Step, None, Place]:
    """Take the steps that are left; returns the place behind the last one.

    `turn()` is entered around each step's computing; `singly`: predictions are computed one after another.
    """
    import torch

    place = start if start is not None else opening(model, plan)
    count = len(place.scheduler.timesteps)
    for index in range(place.index, count):
        scheduler, latents = schedulers.copied(place.scheduler), place.latents
        generators = [torch.Generator() for _ in place.randoms]
        for generator, state in zip(generators, place.randoms, strict=True):
            generator.set_state(state)
        t = scheduler.timesteps[index]
        alpha, sigma = schedulers.level(scheduler, index)
        with turn(), torch.inference_mode():
            scaled = scheduler.scale_model_input(latents, t) if hasattr(scheduler, "scale_model_input") else latents
            prediction, bound = guided(model, scaled, t, plan, singly)
            guess = schedulers.clean(scheduler, prediction, index, latents)
            pull = 0.0 if bound is None else apart(guess, schedulers.clean(scheduler, bound, index, latents))
            latents = advanced(scheduler, prediction, t, latents, generators)
            if plan.mask is not None and plan.start is not None:
                kept = plan.start if index + 1 == count else noised(scheduler, plan.start, place.noise, index + 1)
                latents = (1 - plan.mask) * kept + plan.mask * latents
        behind = dataclasses.replace(
            place, index=index + 1, taken=place.taken + 1, latents=latents, scheduler=scheduler, clean=guess,
            randoms=tuple(generator.get_state() for generator in generators),
        )  # fmt: skip
        yield Step(place.taken, place.taken + count - index, float(t), alpha, sigma, place, behind, pull)
        place = behind
    return place


def apart(found: "Tensor", other: "Tensor") -> float:
    """The root of the mean square of their difference, over that of the first."""
    return float((found - other).pow(2).mean().sqrt() / found.pow(2).mean().sqrt().clamp(min=1e-8))


def advanced(
    scheduler: Any, prediction: "Tensor", t: "Tensor", latents: "Tensor", generators: Sequence[Any]
) -> "Tensor":
    """The scheduler's step; those that add noise of their own take it from the pictures' own generators."""
    more = {"generator": list(generators)} if "generator" in inspect.signature(scheduler.step).parameters else {}
    found: Tensor = scheduler.step(prediction, t, latents, **more, return_dict=False)[0]
    return found


def changed(model: Denoiser, plan: Plan, place: Place, scheduler: str | None, seed: int | None) -> Place:
    """A place to go on from with another scheduler or seed than the ones that led there.

    With a new seed the guess stays, and the noise in it, as well as the noise that steps add from here on, is that of
    the seed. Another scheduler begins at its nearest step, which the place says (`approximate`). Before the first step
    both begin anew.
    """
    if place.taken == 0 and (seed is not None or scheduler is not None):
        first = plan.seeds if seed is None else seeds(plan, seed)
        return opening(model, dataclasses.replace(plan, seeds=first, scheduler=scheduler or plan.scheduler))
    if (seed is None and scheduler is None) or place.index >= len(place.scheduler.timesteps):
        return place
    assert place.clean is not None, "a step was taken"
    old = schedulers.level(place.scheduler, place.index)
    if seed is not None:
        noise, randoms = drawn(dataclasses.replace(plan, seeds=seeds(plan, seed)))
        latents = old[0] * place.clean + old[1] * noise
        place = dataclasses.replace(place, latents=latents, noise=noise, randoms=randoms)
    new = timed(schedulers.build(scheduler or plan.scheduler, model.scheduler_config), plan)  # which remembers nothing
    index, latents = schedulers.adopted(new, place.latents, old, place.clean)
    if hasattr(new, "set_begin_index"):
        new.set_begin_index(index)
    other = place.approximate or scheduler is not None or index != place.index
    return dataclasses.replace(place, index=index, latents=latents, scheduler=new, approximate=other)


def seeds(plan: Plan, seed: int) -> tuple[int, ...]:
    """Those of the plan, where they begin with `seed` (in a film strip all are one); else `seed` and those after it."""
    return plan.seeds if plan.seeds[0] == seed else following(seed, len(plan.seeds))


def following(seed: int, count: int) -> tuple[int, ...]:
    """`count` seeds, from `seed` on; the first one comes after the last there is."""
    return tuple((seed + i) % SEEDS for i in range(count))
