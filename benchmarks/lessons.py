"""What the lessons reach, and how long they take.

    python -m benchmarks.lessons [--lessons gpt bert t5 vae gan diffusion] [--seeds 0 1 2] [--seconds 180] [--threads 2]

Each lesson is trained with its defaults, for at most the given seconds, and its figure is measured on what it was not
trained on:

  gpt        how many times likelier "The sky is" makes blue than potato (wanted: ≥ 10)
  bert, t5   held-out gaps filled, or phonemes right, as a multiple of the n-gram's (wanted: > 1)
  vae        mean squared error of held-out pictures' reconstructions, as a part of the mean picture's (wanted: ≤ 0.5)
  gan        Gaussians of the ring that 10,000 samples cover: at least a quarter of the fair share within three
             standard deviations (wanted: ≥ 7 of 8)
  diffusion  energy distance of 2,000 samples to 2,000 new points of the data, as a multiple of that between two such
             sets of the data (means over 5 and 20 pairs; wanted: ≤ 3)

Printed besides: steps, seconds (wall and CPU), seconds to the second look, what the panels cost of all the time.
"""

import argparse
import importlib
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np

from playground.training import _estimate, _plane

WANTED = {
    "gpt": ("≥", 10),
    "bert": (">", 1),
    "t5": (">", 1),
    "vae": ("≤", 0.5),
    "gan": ("≥", 7),
    "diffusion": ("≤", 3.0),
}


def to_data(drawn: Any, data: str, n: int = 2000) -> tuple[float, float]:
    """Mean energy distance of samples (drawn(i) is the i-th set) to new points of the data, and between two such
    sets of the data."""
    fresh = [_plane.draw(data, n, np.random.default_rng([77, i])) for i in range(40)]
    own = [_plane.energy_distance(fresh[i], fresh[i + 20]) for i in range(20)]
    ours = [_plane.energy_distance(drawn(i), fresh[i]) for i in range(5)]
    return statistics.mean(ours), statistics.mean(own)


def figure(name: str, live: Any, scalars: dict[str, float]) -> float:
    """The lesson's figure, on what it was not trained on."""
    from playground.lessons.families import samples

    if name == "vae":
        return scalars["error_to_mean"]
    if name == "gpt":
        from playground.training.gpt import WATCHED, word_probability

        prompt, words = WATCHED
        blue, potato = (word_probability(live.model, live.tokenizer, prompt, word) for word in words)
        return blue / potato
    if name in ("bert", "t5"):
        return scalars["held_out_accuracy"] / scalars["ngram_accuracy"]
    if name == "gan":
        return _plane.covered(samples(name, live, 10_000, 0))
    ours, own = to_data(lambda i: samples(name, live, 2000, i), live.config.data)
    return ours / own


def run(name: str, seed: int, seconds: float) -> dict[str, float]:
    """Train one lesson; its figure and what it took."""
    import torch

    lesson = importlib.import_module(f"playground.training.{name}")
    config = replace(lesson.Config(), seed=seed)
    rng = torch.Generator().manual_seed(seed)
    estimated = lesson.estimate(config).seconds * _estimate.slower()
    began, cpu, last = time.perf_counter(), time.process_time(), time.perf_counter()
    plain: list[float] = []
    looked: list[float] = []
    second_look, step, seen = 0.0, None, dict[str, float]()
    for step in lesson.train(config, rng):
        now = time.perf_counter()
        (looked if step.panels else plain).append(now - last)
        seen |= step.scalars
        second_look = now - began if len(looked) == 2 and not second_look else second_look
        last = now
        if now - began > seconds:
            break
    assert step is not None
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    scalars = seen | (lesson.evaluate(step.live) if name == "vae" else {})
    usual = statistics.median(plain)
    panels = sum(max(0.0, t - usual) for t in looked[1:]) / (took - looked[0])
    return {"steps": step.step, "seconds": took, "cpu": cpu, "look": second_look, "panels": panels,
            "estimate": estimated, "figure": figure(name, step.live, scalars)}  # fmt: skip


def main() -> None:
    """Train the lessons that are asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", nargs="+", default=list(WANTED), choices=list(WANTED))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=180, help="at most, for each run")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    print("| lesson | seed | steps | seconds | CPU seconds | estimated | second look | panels | figure | wanted |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in arguments.lessons:
        figures = []
        for seed in arguments.seeds:
            r = run(name, seed, arguments.seconds)
            figures.append(r["figure"])
            sign, wanted = WANTED[name]
            times = [f"{r[key]:.0f}" for key in ("steps", "seconds", "cpu", "estimate")]
            cells = [name, seed, *times, f"{r['look']:.1f} s", f"{r['panels']:.1%}", f"{r['figure']:.3g}",
                     f"{sign} {wanted:g}"]  # fmt: skip
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        print(f"{name}: median {statistics.median(figures):.3g}", flush=True)


if __name__ == "__main__":
    main()
