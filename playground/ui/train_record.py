"""Records the trainings that the Train tab opens with, one for each lesson.

    python -m playground record train-gpt
    python -m playground record train-vae train-gan

A recording is a real run of the real lesson, made by the same machinery as a visitor's: its last frame with the whole
timeline, what went wrong in the finished model and was followed back, and the lesson's own description, so that its
controls can be drawn before torch is there.
"""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.json_text import dumps
from playground.lessons import catalogue
from playground.room import Room
from playground.trainings import Trainings
from playground.ui.train_recorded import PREFIX, RUNS

RECIPES: dict[str, dict[str, Any]] = {
    "gpt": {"steps": 500},
    "bert": {"steps": 300},
    "t5": {"steps": 500, "task": "pronunciation"},
    "vae": {"steps": 500},
    "gan": {"steps": 900},
    "diffusion": {"steps": 1500},
}
MOMENTS = 14  # of the timeline that the page carries
FOLLOWED = 3  # wrong predictions whose way back is recorded
TOKEN = "0" * 32


def record_training(name: str, manager: Any, folder: Path = RUNS) -> Path:
    """Train a lesson by its recipe and write `folder/train-<lesson>.json`; the path.

    Raises:
        PlaygroundError: no such lesson, or the run failed.
    """
    lesson = catalogue.known(name.removeprefix(PREFIX))
    trainings = Trainings(Room(manager))
    try:
        mine = trainings.of(TOKEN)
        training = mine.start(lesson, RECIPES[lesson])
        if lesson == "gpt":
            training.watch_words("The sky is", (" blue", " grey", " potato"))
        with training.watched():
            while training.state in ("preparing", "queued", "running"):
                time.sleep(0.2)
            frame = json.loads(mine.frame())
            if frame["state"] != "finished":
                raise PlaygroundError(frame["error"] or f"The training of {lesson} ended as {frame['state']!r}.")
            answers = _answers(lesson, training)
    finally:
        trainings.close()
    frame |= {"run": f"recorded-{PREFIX}{lesson}", "recorded": True, "saved": [], "rewindable": [], "first": 0}
    frame["checkpoints"] = _thinned(frame["checkpoints"])
    path = folder / f"{PREFIX}{lesson}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps({"lesson": catalogue.described(lesson), "frame": frame, "answers": answers}) + "\n", "utf-8")
    return path


def _thinned(moments: list[Any]) -> list[Any]:
    if len(moments) <= MOMENTS:
        return moments
    steps = [m["step"] for m in moments]
    wanted = [steps[-1] * (i / (MOMENTS - 1)) ** 2 for i in range(MOMENTS)]  # denser where more happens
    return [moments[i] for i in sorted({min(range(len(steps)), key=lambda k: abs(steps[k] - w)) for w in wanted})]


def _answers(lesson: str, training: Any) -> dict[str, Any]:
    """What the model still gets wrong, and the first few of it followed back."""
    from playground.lessons import error_back
    from playground.ui.train_questions import plain

    found = plain(training.call(lambda live: error_back.wrong(lesson, live)))
    followed: dict[str, Any] = {}
    for one in found[:FOLLOWED]:
        with contextlib.suppress(PlaygroundError):
            followed[str(one["id"])] = plain(training.call(lambda live, i=one["id"]: error_back.follow(lesson, live, i)))
    return {"wrong": found, "follow": followed}
