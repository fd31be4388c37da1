"""What a training costs those who generate beside it, and what looking at a training costs the training.

    python -m benchmarks.training_beside [--model tales] [--lesson gpt] [--rounds 5] [--seconds 6]
    python -m benchmarks.training_beside --looks gpt bert t5 vae gan diffusion [--seconds 20]

First: tokens a second of the Text tab's engine, alone and while a lesson trains in another visit, in turn, so that a
computer that is busy with other things is busy for both (wanted: at least 0.4 of the speed alone).

With `--looks`: CPU seconds a step of a run as the page drives it (looks at samples, words, gradients by layer,
checkpoints, four frames a second as JSON; from the second look on) beside the same steps of the bare loop that never
looks, in turn (wanted: at most 0.1 more). CPU seconds, because other programs do not count in them.
"""

import argparse
import statistics
import threading
import time
from typing import Any

from playground.manager import ModelManager
from playground.modalities import text
from playground.room import Room
from playground.trainings import Trainings

VISIT, OTHER = "a" * 32, "b" * 32
FRAME_S = 0.25
NEVER = 1 << 40


def tokens_per_s(manager: Any, model: str, seconds: float) -> float:
    """How fast the engine writes, for so long."""
    from playground.events import TokenStep

    tokens, first, now = 0, 0.0, 0.0
    deadline = time.perf_counter() + seconds
    while now < deadline:
        settings = text.Settings(prompt="Once upon a time", model=model, max_new_tokens=200)
        for event in text.generate(settings, manager, visit=OTHER):
            now = time.perf_counter()
            if isinstance(event, TokenStep):
                first = first or now
                tokens += 1
            if now >= deadline:
                break
    return (tokens - 1) / (now - first)


def beside(model: str, lesson: str, rounds: int, seconds: float) -> None:
    """Print the speed alone and beside a training, and their ratio."""
    manager = ModelManager("class")
    trainings = Trainings(Room(manager))
    mine = trainings.of(VISIT)
    tokens_per_s(manager, model, 2)  # loads the model
    training = mine.start(lesson, {"steps": 100_000})
    ratios, alone, together, steps = [], [], [], []
    with training.watched():
        while training.record.step < 3:
            time.sleep(0.1)
        for _ in range(rounds):
            training.pause()
            while training.state != "paused":
                time.sleep(0.05)
            time.sleep(0.6)  # until the gate no longer takes the training for one that goes on
            alone.append(tokens_per_s(manager, model, seconds))
            training.resume()
            time.sleep(0.3)
            before, began = training.record.step, time.perf_counter()
            together.append(tokens_per_s(manager, model, seconds))
            steps.append((training.record.step - before) / (time.perf_counter() - began))
            ratios.append(together[-1] / alone[-1])
            print(f"alone {alone[-1]:6.1f} tokens/s, beside {lesson} {together[-1]:6.1f} ({ratios[-1]:.2f}), "
                  f"training {steps[-1]:.1f} steps/s", flush=True)  # fmt: skip
    trainings.close()
    manager.close()
    print(f"{model} beside {lesson}: {statistics.median(ratios):.2f} of its speed alone "
          f"(median of {rounds}; wanted: at least 0.40)")  # fmt: skip


def looks(lesson: str, seconds: float) -> None:
    """Print what being looked at adds to the CPU seconds of a step."""
    import torch

    from playground.lessons import catalogue

    manager = ModelManager("class")
    trainings = Trainings(Room(manager))
    training = trainings.of(VISIT).start(lesson, {"steps": 20_000})
    ended = threading.Event()

    def page() -> None:
        since = 0
        while not ended.wait(FRAME_S):
            training.frame(since)
            since = training.version

    threading.Thread(target=page, daemon=True).start()
    while training.record.gradients is None or len(training.record.timeline.steps) < 2:
        time.sleep(0.1)  # what is shown for the first time is shown at once, whatever it costs
    config = catalogue.config(lesson, {"steps": 20_000})
    bare = catalogue.lesson(lesson).train(config, torch.Generator().manual_seed(0))
    next(bare)
    seen_s, seen, bare_s, plain = 0.0, 0, 0.0, 0
    for _ in range(4):
        training.resume()
        before, began, until = training.record.step, time.process_time(), time.perf_counter() + seconds / 4
        while time.perf_counter() < until:
            time.sleep(0.05)
        training.pause()
        while training.state != "paused":
            time.sleep(0.005)
        seen_s, seen = seen_s + time.process_time() - began, seen + training.record.step - before
        threads = training.threads
        torch.set_num_threads(threads or torch.get_num_threads())
        began, until = time.process_time(), time.perf_counter() + seconds / 4
        while time.perf_counter() < until:
            bare.send(NEVER)
            plain += 1
        bare_s += time.process_time() - began
    ended.set()
    trainings.close()
    manager.close()
    extra = (seen_s / seen) / (bare_s / plain) - 1
    print(f"{lesson}: {1000 * seen_s / seen:.2f} ms of CPU a step with everything shown ({seen} steps), "
          f"{1000 * bare_s / plain:.2f} ms bare: {extra:+.1%} (wanted: at most +10 %)", flush=True)  # fmt: skip


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tales")
    parser.add_argument("--lesson", default="gpt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--looks", nargs="*", help="lessons whose looks are measured instead")
    arguments = parser.parse_args()
    for lesson in arguments.looks or ():
        looks(lesson, arguments.seconds)
    if not arguments.looks:
        beside(arguments.model, arguments.lesson, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
