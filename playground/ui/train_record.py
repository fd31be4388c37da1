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
from playground.ui.recorded import RUNS
from playground.ui.train_recorded import PREFIX

RECIPES: dict[str, dict[str, Any]] = {
    "gpt": {"steps": 240},
    "bert": {"steps": 100},
    "t5": {"steps": 300, "task": "pronunciation"},
    "vae": {"steps": 300},
    "gan": {"steps": 700},
    "diffusion": {"steps": 800},
}
MOMENTS = 8  # of the timeline that the page carries
LAVISH = 100.0  # a recording may take as long as it likes to look, and has the same moments on every computer
FOLLOWED = 3  # wrong predictions whose way back is recorded
TOKEN = "0" * 32
KEEP_S = 2.0
SENTENCE = "The sky is blue, and the potato lies in the kitchen."  # as in views/train_tokens.js
PAGE = {"text": 5, "words": 60, "pictures": 60, "plane": 600}  # as in views/train_data.js


def record_training(name: str, manager: Any, folder: Path = RUNS) -> Path:
    """Train a lesson by its recipe and write `folder/train-<lesson>.json`; the path.

    Raises:
        PlaygroundError: no such lesson, or the run failed.
    """
    if name == f"{PREFIX}families":
        return record_families(manager, folder)
    lesson = catalogue.known(name.removeprefix(PREFIX))
    trainings = Trainings(Room(manager), lavish=LAVISH)
    try:
        mine = trainings.of(TOKEN)
        training = mine.start(lesson, RECIPES[lesson])
        if lesson == "gpt":
            training.watch_words("The sky is", (" blue", " grey", " potato"))
        with training.watched():
            while training.state in ("preparing", "queued", "running"):
                time.sleep(KEEP_S)
                with contextlib.suppress(PlaygroundError):  # before its first step there is nothing to ask
                    training.call(lambda live: None)  # somebody is interested: its memory stays
            frame = json.loads(mine.frame())
            if frame["state"] != "finished":
                raise PlaygroundError(frame["error"] or f"The training of {lesson} ended as {frame['state']!r}.")
            answers = _answers(lesson, training)
    finally:
        trainings.close()
    frame |= {"run": f"recorded-{PREFIX}{lesson}", "recorded": True, "saved": [], "rewindable": [], "first": 0}
    frame["checkpoints"] = shortened(_thinned(frame["checkpoints"]))
    path = folder / f"{PREFIX}{lesson}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    answers["asked"] = _asked(lesson)
    path.write_text(dumps({"lesson": catalogue.described(lesson), "frame": frame, "answers": answers}) + "\n", "utf-8")
    return path


def record_families(manager: Any, folder: Path = RUNS) -> Path:
    """Compare the four families as a visitor would and write `folder/train-families.json`; the path."""
    from playground.ui.train_families import Picture

    picture = Picture("moons", 10, 0)
    trainings = Trainings(Room(manager))
    try:
        for item in trainings.of(TOKEN).families("moons", 10.0):
            picture.take(item)
    finally:
        trainings.close()
    path = folder / f"{PREFIX}families.json"
    path.write_text(dumps({**shortened(picture.value), "done": True}) + "\n", "utf-8")
    return path


def shortened(value: Any) -> Any:
    """The same JSON value with numbers to four digits: what a drawing can show."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: shortened(one) for key, one in value.items()}
    return [shortened(one) for one in value] if isinstance(value, list) else value


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
            followed[str(one["id"])] = plain(
                training.call(lambda live, i=one["id"]: error_back.follow(lesson, live, i))
            )
    return {"wrong": found, "follow": followed}


def _asked(lesson: str) -> list[dict[str, Any]]:
    """What a first visit asks, with the answers under the lesson's defaults: they need no library then."""
    from playground.ui.train_questions import Questions

    config, questions, found = catalogue.config(lesson, {}), Questions(), []
    kind = questions.answer("sets", lesson, config, {}, None)[0]["kind"]
    for what, sent in first_questions(lesson, kind):
        value = questions.answer(what, lesson, config, sent, None)
        if what == "architecture":
            value.pop("free_bytes")  # of another computer
        found.append({"what": what, "sent": sent, "value": value})
    return found


def first_questions(lesson: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """As the view asks them when nothing has been touched."""
    either = ("merges", {"text": SENTENCE}) if lesson in catalogue.TEXT else ("encode", {"picture": 0})
    return [("sets", {}), ("browse", {"start": 0, "count": PAGE[kind]}), ("architecture", {}), either]
