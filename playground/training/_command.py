"""The command line of the lessons: `python -m playground.training.vae --steps 200 --json`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from playground.errors import PlaygroundError
from playground.fields import add_arguments, from_arguments
from playground.panels import Bars, Text
from playground.training import _loop


def main(lesson: Any, name: str) -> None:
    """Train the lesson (a module) from the command line; errors are one sentence and status 2."""
    parser = argparse.ArgumentParser(
        prog=f"python -m playground.training.{name}",
        description=lesson.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser, lesson.Config)
    parser.add_argument("--json", action="store_true", help="one JSON object a step instead of a progress bar")
    parser.add_argument("--checkpoint", type=Path, help="folder for checkpoints; if it exists, goes on from it")
    parser.add_argument("--checkpoint-every", type=int, default=250, metavar="STEPS")
    parser.add_argument("--until", type=int, metavar="STEP", help="pause after this step, with a checkpoint")
    parser.add_argument("--export", type=Path, help="folder for the finished model")
    parser.add_argument("--threads", type=int, help="CPU threads")
    arguments = parser.parse_args()
    try:
        _run(lesson, from_arguments(lesson.Config, arguments), arguments)
    except PlaygroundError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)


def _run(lesson: Any, config: Any, arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    folder, live = arguments.checkpoint, None
    start = folder if folder and folder.exists() else None
    last = min(config.steps, arguments.until or config.steps)
    done = int(_loop.read_about(start)["step"]) if start else 0
    bar = tqdm(total=config.steps, initial=done, disable=arguments.json)
    rng = torch.Generator().manual_seed(config.seed)
    for step in lesson.train(config, rng, start) if done < last else ():
        live = step.live
        if arguments.json:
            print(json.dumps(step.to_json()), flush=True)
        else:
            bar.update(step.step - bar.n)
            bar.set_postfix(loss=f"{step.scalars['loss']:.3f}")
            if step.panels:
                bar.write(f"step {step.step}: " + ", ".join(f"{k} {v:.4g}" for k, v in step.scalars.items()))
                for name, panel in step.panels.items():
                    if isinstance(panel, Text):
                        bar.write(f"  {name}: {panel.text}")
                    elif isinstance(panel, Bars):
                        amounts = zip(panel.labels, panel.values, strict=True)
                        bar.write(f"  {name}: " + ", ".join(f"{label.strip()} {v:.3g}" for label, v in amounts))
        if folder and (step.step % arguments.checkpoint_every == 0 or step.step == last):
            lesson.save_checkpoint(folder, live)
        if step.step == last:
            break
    bar.close()
    if arguments.export:
        lesson.export(arguments.export, live or finished(lesson, config, folder))


def finished(lesson: Any, config: Any, folder: Path) -> Any:
    """The state of a checkpoint, to look at or export without another step."""
    saved = _loop.read_about(folder)["config"] | {"steps": config.steps}
    return lesson.restore(lesson.Config(**saved), folder)
