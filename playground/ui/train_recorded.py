"""Recorded trainings: what the Train tab shows before anything is started (`train_record.py` makes them)."""

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from playground import fields
from playground.json_text import dumps
from playground.ui.recorded import RUNS

PREFIX = "train-"


@cache
def load(lesson: str) -> dict[str, Any]:
    """`{"lesson", "frame", "answers"}` of a lesson's recording."""
    found: dict[str, Any] = json.loads((RUNS / f"{PREFIX}{lesson}.json").read_text(encoding="utf-8"))
    return found


@cache
def frame(lesson: str) -> str:
    """The recorded run as one frame."""
    return dumps(load(lesson)["frame"])


def answer(lesson: str, what: str, sent: Mapping[str, Any]) -> Any:
    """A recorded answer about the recorded run ("wrong", "follow") or about the lesson's defaults, or None."""
    kept = load(lesson)["answers"]
    if what == "wrong":
        return kept["wrong"]
    if what == "follow":
        return kept["follow"].get(str(sent.get("wrong_id")))
    for one in kept["asked"]:
        if one["what"] == what and all(sent.get(name) == value for name, value in one["sent"].items()):
            return one["value"]
    return None


@cache
def settings_class(lesson: str) -> type:
    """A settings class with the lesson's knobs, made from their recorded description: the controls of the page can be
    drawn from it without the lesson's own `Config`, which would bring torch."""
    made = []
    for knob in load(lesson)["lesson"]["knobs"]:
        made.append((knob["name"], type(knob["default"]), _field(knob)))
    return dataclasses.make_dataclass(f"{lesson.capitalize()}Knobs", made, frozen=True)


def _field(knob: dict[str, Any]) -> Any:
    about = {"label": knob["label"], "help": knob["help"]}
    if knob["kind"] == "slider":
        allowed = {**knob["range"]}
        return fields.slider(knob["default"], allowed["low"], allowed["high"], allowed["step"],
                             open_ended=allowed.get("open_ended", False), typed=knob["typed"], **about)  # fmt: skip
    if knob["kind"] == "choice":
        return fields.choice(knob["default"], tuple(knob["choices"]), **about)
    if knob["kind"] == "switch":
        return fields.switch(knob["default"], **about)
    return fields.text(knob["default"], **about)
