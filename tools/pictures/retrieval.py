"""Does a picture model draw what it is asked for? A figure without a reader, for comparing trainings.

    python -m tools.pictures.retrieval OUT [--guidance 4] [--steps 16]

For the 32 single words of `benchmarks.emoji`, the exported model OUT draws a picture each; counted is how often the
training picture of that word is the nearest of all, or among the nearest ten.
"""

import argparse
from pathlib import Path

import torch

from benchmarks.emoji import prompts
from playground.denoising import loop
from playground.models import _neighbours, _words
from playground.models._any import opened


def main() -> None:
    """Draw, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--steps", type=int, default=16)
    given = parser.parse_args()
    model = opened(given.out)
    known = model.neighbours
    wanted, _ = prompts(known.names)
    words, none = model.encode(wanted), _words.repeated(model.encode([""]), len(wanted))
    side = model.size // model.factor
    plan = loop.Plan(words, none, given.steps, given.guidance, loop.schedulers.OWN, (1,) * len(wanted),
                     (model.channels, side, side))  # fmt: skip
    *_, last = loop.denoise(model, plan)
    training = _neighbours.unpacked(known._latents)
    ranks = []
    for prompt, made in zip(wanted, last.next.latents, strict=True):
        apart = _neighbours.distances(made[None], training)
        mine = [apart[i] for i, name in enumerate(known.names) if name == prompt.split(" ", 1)[1]]
        ranks.append(int((apart < torch.stack(mine).min()).sum()))
    first, ten = (sum(rank < most for rank in ranks) for most in (1, 10))
    middle = sorted(ranks)[len(ranks) // 2]
    print(f"{len(ranks)} words: nearest {first}, of the nearest ten {ten}; median rank {middle} of {len(training)}")


if __name__ == "__main__":
    main()
