"""Four families, one data set: what each makes of the same points in the same time.

    python -m benchmarks.families [--data ring moons spiral checkerboard] [--seconds 30] [--seed 0] [--threads 2]

VAE, GAN and diffusion are the lessons with their defaults, but for the number of steps. The fourth is the Transformer
of the GPT lesson as an autoregressive model: each coordinate becomes one of 64 tokens, and it learns p(x) · p(y | x).
Each gets the same seconds of computing (CPU time, so that a busy computer is fair to all; its own steps are timed
first), without looking on. Printed: the energy distance of 2,000 samples to 2,000 new points, and that distance as a
multiple of the one between two such sets of the data.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.lessons import to_data
from playground.training import _plane


@dataclass(frozen=True)
class Trained:
    """A trained family: how many numbers it has, what it took, and how to draw (n, seed) -> (n, 2)."""

    parameters: int
    steps: int
    cpu_seconds: float
    draw: Callable[[int, int], np.ndarray]


def trained(name: str, data: str, seconds: float, seed: int) -> Trained:
    """One family, for as many steps as fit into `seconds` of CPU time."""
    from playground.lessons.families import family, fitting

    one = family(name, data, seed)
    count = fitting(one.steps, seconds)
    began = time.process_time()
    for _ in one.steps(count):
        pass
    return Trained(one.parameters(), count, time.process_time() - began, one.draw)


def families(data: str, seconds: float, seed: int, n: int = 2000) -> Iterator[tuple[str, Trained, float, float]]:
    """Train all four, one after another: (family, what came out, the energy distance of `n` of its samples, that of the
    data to itself)."""
    for name in ("vae", "gan", "diffusion", "autoregressive"):
        made = trained(name, data, seconds, seed)
        yield name, made, *to_data(lambda i, made=made: made.draw(n, i), data, n)


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
