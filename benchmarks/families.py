"""Four families, one data set: what each makes of the same points in the same time.

    python -m benchmarks.families [--data ring moons spiral checkerboard] [--seconds 30] [--seed 0] [--threads 2]

VAE, GAN and diffusion are the lessons with their defaults, but for the number of steps. The fourth is the Transformer
of the GPT lesson as an autoregressive model: each coordinate becomes one of 64 tokens, and it learns p(x) · p(y | x).
Each gets the same seconds of computing (CPU time, so that a busy computer is fair to all; its own steps are timed
first), without looking on. Printed: the energy distance of 2,000 samples to 2,000 new points, and that distance as a
multiple of the one between two such sets of the data.
"""

import argparse
import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.lessons import samples, to_data
from playground.training import _loop, _plane, gpt

BINS, LOW, HIGH = 64, -2.5, 2.5  # of a coordinate's tokens
BEGIN = BINS  # the token before the first coordinate
NEVER = 10**9


@dataclass(frozen=True)
class Trained:
    """A trained family: how many numbers it has, what it took, and how to draw (n, seed) -> (n, 2)."""

    parameters: int
    steps: int
    cpu_seconds: float
    draw: Callable[[int, int], np.ndarray]


def lesson(name: str, data: str, seconds: float, seed: int) -> Trained:
    """One of the picture lessons, for as many steps as fit into `seconds` of CPU time."""
    import torch

    module = importlib.import_module(f"playground.training.{name}")
    config = replace(module.Config(), data=data, seed=seed, look_every=NEVER)

    def steps(count: int) -> Iterator[Any]:
        # the first and the last step are looked at, which is no training: one step more, and stop before it
        yield from module.train(replace(config, steps=count + 1), torch.Generator().manual_seed(seed))

    count = fitting(steps, seconds)
    began, live = time.process_time(), None
    for step in steps(count):
        live = step.live
        if step.step == count:
            break
    assert live is not None
    models = [live.G, live.D] if name == "gan" else [live.model]
    parameters = sum(p.numel() for m in models for p in m.parameters())
    return Trained(parameters, count, time.process_time() - began, lambda n, i: samples(name, live, n, i))


def fitting(steps: Callable[[int], Iterator[Any]], seconds: float, warm: int = 10, timed: int = 50) -> int:
    """How many steps fit into `seconds` of CPU time: some are timed, after a few that warm up."""
    began = 0.0
    for i, _ in enumerate(steps(warm + timed)):
        if i == warm - 1:
            began = time.process_time()
        if i == warm + timed - 1:
            break
    return max(1, int(seconds / ((time.process_time() - began) / timed)))


def tokens(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) as rows (n, 3): BEGIN, the bin of x, the bin of y."""
    bins = np.clip(((points - LOW) / (HIGH - LOW) * BINS).astype(int), 0, BINS - 1)
    return np.concatenate([np.full((len(points), 1), BEGIN), bins], 1)


def points(bins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bins (n, 2) as points (n, 2), each somewhere in its cell."""
    return LOW + (bins + rng.random(bins.shape)) * (HIGH - LOW) / BINS


def autoregressive(data: str, seconds: float, seed: int) -> Trained:
    """The GPT lesson's Transformer on coordinates as tokens."""
    import torch
    import torch.nn.functional as F

    config = gpt.Config(vocab_size=BINS + 1, n_layer=2, n_head=4, n_embd=64, block_size=2, batch_size=256,
                        weight_decay=0.01)  # fmt: skip
    sets = importlib.import_module("playground.training._sets")
    vae = importlib.import_module("playground.training.vae")
    rows = torch.from_numpy(tokens(sets.load(replace(vae.Config(), data=data)).train.numpy()))
    made: list[gpt.GPT] = []

    def steps(count: int) -> Iterator[int]:
        torch.manual_seed(seed)
        model = gpt.GPT(config)
        made[:] = [model]
        (optimizer,) = gpt.make_optimizers(config, model)
        for step in range(count):
            rate = gpt.learning_rate(replace(config, steps=count), step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            draws = _loop.rng_at(seed, step)
            batch = rows[torch.randint(len(rows), (config.batch_size,), generator=draws)]
            loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield step

    @torch.no_grad()
    def draw(n: int, i: int) -> np.ndarray:
        rng = torch.Generator().manual_seed(10_000 + i)
        ids = torch.full((n, 1), BEGIN)
        for _ in range(2):
            probs = made[0](ids)[:, -1, :BINS].softmax(-1)
            ids = torch.cat([ids, torch.multinomial(probs, 1, generator=rng)], 1)
        return points(ids[:, 1:].numpy(), np.random.default_rng(i))

    count = fitting(steps, seconds)
    began = time.process_time()
    for _ in steps(count):
        pass
    return Trained(sum(p.numel() for p in made[0].parameters()), count, time.process_time() - began, draw)


def families(data: str, seconds: float, seed: int) -> Iterator[tuple[str, Trained, float, float]]:
    """Train all four, one after another: (family, what came out, its energy distance, that of the data to itself)."""
    for name in ("vae", "gan", "diffusion", "autoregressive"):
        made = autoregressive(data, seconds, seed) if name == "autoregressive" else lesson(name, data, seconds, seed)
        yield name, made, *to_data(lambda i, made=made: made.draw(2000, i), data)


def main() -> None:
    """Train all four on the sets that are asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["ring", "moons"], choices=list(_plane.NAMES))
    parser.add_argument("--seconds", type=float, default=30, help="of CPU time, for each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    print("| data | family | parameters | steps | CPU seconds | energy distance | × the data's own |")
    print("|---|---|---|---|---|---|---|")
    for data in arguments.data:
        for name, made, ours, own in families(data, arguments.seconds, arguments.seed):
            print(f"| {data} | {name} | {made.parameters:,} | {made.steps} | {made.cpu_seconds:.0f} | {ours:.4f} | "
                  f"{ours / own:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
