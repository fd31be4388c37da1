"""Four families, one data set: VAE, GAN, diffusion and an autoregressive Transformer, with the same seconds each.

The first three are the lessons with their defaults. The fourth is the Transformer of the GPT lesson: each coordinate
becomes one of 64 tokens, and it learns p(x) · p(y | x). How near a family came is the energy distance of its samples
to new points of the data, beside the distance between two such sets of the data (Szekely & Rizzo 2013).

They take turns of a fraction of a second, so that all four can be watched growing up side by side, and whoever drives
the iterator decides when the next turn begins.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from playground.building import BUILDING
from playground.errors import PlaygroundError
from playground.lessons import catalogue
from playground.training import _loop, _plane, _sets, gpt

FAMILIES = ("vae", "gan", "diffusion", "autoregressive")
TITLES = {"vae": "VAE", "gan": "GAN", "diffusion": "Diffusion", "autoregressive": "Autoregressive"}
BINS, LOW, HIGH = 64, -2.5, 2.5  # of a coordinate's tokens
BEGIN = BINS  # the token before the first coordinate
NEVER = 10**9
SHOWN, MEASURED = 400, 600  # points of a picture, and of a distance
SLICE_S, SNAPSHOTS = 0.2, 12  # seconds of a turn; pictures of each family, evenly spaced

Draw = Callable[[int, int], np.ndarray]  # (n, seed) -> (n, 2)


@dataclass
class Family:
    """One family under way: `steps(count)` trains that many steps, `draw` gives samples of what it has learned so
    far, `parameters` what it is made of (both after its first step)."""

    name: str
    steps: Callable[[int], Iterator[int]]
    draw: Draw
    parameters: Callable[[], int]


def lesson_family(name: str, data: str, seed: int) -> Family:
    """One of the picture lessons with its defaults, never looked at."""
    module = catalogue.lesson(name)
    config = replace(module.Config(), data=data, seed=seed, look_every=NEVER)
    lives: list[Any] = []

    def steps(count: int) -> Iterator[int]:
        # the first and the last step are looked at, which is no training: one step more, and stop before it
        training = module.train(replace(config, steps=count + 1), torch.Generator().manual_seed(seed))
        with BUILDING:
            first = next(training)
        for step in chain((first,), training):
            lives[:] = [step.live]
            yield step.step
            if step.step == count:
                return

    def parameters() -> int:
        models = [lives[0].G, lives[0].D] if name == "gan" else [lives[0].model]
        return sum(p.numel() for m in models for p in m.parameters())

    return Family(name, steps, lambda n, i: samples(name, lives[0], n, i), parameters)


def samples(name: str, live: Any, n: int, seed: int) -> np.ndarray:
    """`n` new points of a lesson's model: (n, 2)."""
    rng = torch.Generator().manual_seed(10_000 + seed)
    lesson = catalogue.lesson(name)
    if name == "diffusion":
        noise = torch.randn(n, 2, generator=rng)
        *_, (_, x, _) = lesson.sample(live.average, live.config, live.schedule, noise, rng, live.bound)
    else:
        codes = torch.randn(n, live.config.latent_dim, generator=rng)
        x = lesson.sample(live.model, codes, rng) if name == "vae" else lesson.sample(live.model, codes)
    return np.asarray(x)


# ── the fourth: coordinates as tokens ────────────────────────────────────────


def to_tokens(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) as rows (n, 3): BEGIN, the bin of x, the bin of y."""
    bins = np.clip(((points - LOW) / (HIGH - LOW) * BINS).astype(int), 0, BINS - 1)
    return np.concatenate([np.full((len(points), 1), BEGIN), bins], 1)


def to_points(bins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bins (n, 2) as points (n, 2), each somewhere in its cell."""
    return LOW + (bins + rng.random(bins.shape)) * (HIGH - LOW) / BINS


def autoregressive(data: str, seed: int) -> Family:
    """The GPT lesson's Transformer on coordinates as tokens."""
    config = gpt.Config(vocab_size=BINS + 1, n_layer=2, n_head=4, n_embd=64, block_size=2, batch_size=256,
                        weight_decay=0.01)  # fmt: skip
    vae = catalogue.config_class("vae")
    rows = torch.from_numpy(to_tokens(_sets.load(replace(vae(), data=data)).train.numpy()))
    made: list[gpt.GPT] = []

    def steps(count: int) -> Iterator[int]:
        torch.manual_seed(seed)
        with BUILDING:
            model = gpt.GPT(config)
        made[:] = [model]
        (optimizer,) = gpt.make_optimizers(config, model)
        for step in range(count):
            for group in optimizer.param_groups:
                group["lr"] = gpt.learning_rate(replace(config, steps=count), step)
            batch = rows[torch.randint(len(rows), (config.batch_size,), generator=_loop.rng_at(seed, step))]
            loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield step + 1

    @torch.no_grad()
    def draw(n: int, i: int) -> np.ndarray:
        rng = torch.Generator().manual_seed(10_000 + i)
        ids = torch.full((n, 1), BEGIN)
        for _ in range(2):
            probs = made[0](ids)[:, -1, :BINS].softmax(-1)
            ids = torch.cat([ids, torch.multinomial(probs, 1, generator=rng)], 1)
        return to_points(ids[:, 1:].numpy(), np.random.default_rng(i))

    return Family("autoregressive", steps, draw, lambda: sum(p.numel() for p in made[0].parameters()))


# ── side by side ─────────────────────────────────────────────────────────────


def family(name: str, data: str, seed: int) -> Family:
    """The family `name` on the distribution `data`."""
    return autoregressive(data, seed) if name == "autoregressive" else lesson_family(name, data, seed)


def fitting(
    steps: Callable[[int], Iterator[int]],
    seconds: float,
    clock: Callable[[], float] = time.process_time,
    warm: int = 10,
    timed: int = 50,
) -> int:
    """How many steps fit into `seconds`: some are timed, after a few that warm up."""
    began = 0.0
    for i, _ in enumerate(steps(warm + timed)):
        if i == warm - 1:
            began = clock()
    return max(1, int(seconds / max(1e-9, (clock() - began) / timed)))


def run(data: str, seconds: float, seed: int) -> Iterator[dict[str, Any]]:
    """All four on the distribution `data` ("ring", "moons", …), with `seconds` of the clock each, in short turns.

    Each `next()` computes for about a fifth of a second (the first four a little longer: they time the steps, because
    a learning rate that falls must know where it ends). What is yielded is plain: {"family", "title", "step", "steps",
    "seconds", "parameters", "done"}, and at evenly spaced times also "points" (what it draws, 400), "distance" (to new
    points of the data) and "own_distance" (between two such sets of the data). The first item is the data itself:
    {"family": "data", "points", "own_distance"}. Waiting between two turns counts for nobody.

    Raises:
        PlaygroundError: no such distribution, or no time.
    """
    if data not in _plane.NAMES:
        raise PlaygroundError(f"The families are compared on {', '.join(_plane.NAMES)}, not on {data!r}.")
    if not 1 <= seconds <= 600:
        raise PlaygroundError(f"Each family can have 1 to 600 seconds, got {seconds:g}.")
    fresh, other = (_plane.draw(data, MEASURED, np.random.default_rng([77, i])) for i in (0, 1))
    own = _plane.energy_distance(fresh, other)
    yield {"family": "data", "title": "The data", "points": _rounded(fresh), "own_distance": own}
    turns: list[Iterator[dict[str, Any]]] = []
    for name in FAMILIES:
        one = family(name, data, seed)
        count = fitting(one.steps, seconds, time.perf_counter)
        yield {"family": name, "title": TITLES[name], "step": 0, "steps": count, "seconds": 0.0,
               "parameters": one.parameters(), "done": False}  # fmt: skip
        turns.append(_turns(one, count, seconds, fresh, own))
    while turns:
        for turn in list(turns):
            found = next(turn, None)
            if found is None:
                turns.remove(turn)
            else:
                yield found


def _turns(one: Family, count: int, seconds: float, fresh: np.ndarray, own: float) -> Iterator[dict[str, Any]]:
    """Short turns of one family until its steps are done, or its seconds are long over (others computed beside it)."""
    spent, shown, steps = 0.0, 0, one.steps(count)
    while True:
        began, step, done = time.perf_counter(), 0, False
        for step in steps:
            done = step == count or spent + time.perf_counter() - began > 1.5 * seconds
            if done or time.perf_counter() - began > SLICE_S:
                break
        spent += time.perf_counter() - began
        told: dict[str, Any] = {"family": one.name, "title": TITLES[one.name], "step": step, "steps": count,
                                "seconds": spent, "parameters": one.parameters(), "done": done}  # fmt: skip
        if done or step * SNAPSHOTS >= count * (shown + 1):
            shown = step * SNAPSHOTS // count
            points = one.draw(MEASURED, 0)
            told |= {"points": _rounded(points), "distance": _plane.energy_distance(points, fresh), "own_distance": own}
        yield told
        if done:
            return


def _rounded(points: np.ndarray) -> list[tuple[float, float]]:
    return [(x, y) for x, y in np.nan_to_num(points[:SHOWN].astype(float)).round(3).tolist()]
