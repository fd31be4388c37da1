"""Settings that describe themselves.

A modality's `Settings` (and a lesson's `Config`) is a frozen dataclass whose
fields are made here. Page controls, command-line flags and API parameters are
all derived from them, so a setting is written down once.

    @dataclass(frozen=True)
    class Settings:
        prompt: str = text("", label="Prompt", lines=3)
        temperature: float = slider(0.8, 0, 2, 0.05, label="Temperature", help="…")
"""

import argparse
import dataclasses
import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.errors import PlaygroundError

KEY = "playground"


class Kind(str, enum.Enum):
    """Which control a field becomes."""

    SLIDER = "slider"
    CHOICE = "choice"
    TEXT = "text"
    SWITCH = "switch"


@dataclass(frozen=True)
class Range:
    """The values a slider or number may take; `step` is that of the control.

    `high` is what the control offers; a number typed above it is refused, too,
    unless `open_ended` says that only the control ends there (a seed, a length).
    """

    low: float
    high: float
    step: float = 1
    open_ended: bool = False


@dataclass(frozen=True)
class Description:
    """What page, command line and API need to know of one field."""

    kind: Kind
    label: str
    help: str = ""
    range: Range | None = None
    choices: tuple[str, ...] = ()
    lines: int = 1
    group: str = ""  # fields of one group stand together on the page
    hidden: bool = False  # not a control of its own on the page (the page has a better one)
    typed: bool = False  # a number to type and not to slide, since its useful values lie over powers of ten


def _field(default: Any, description: Description) -> Any:
    return dataclasses.field(default=default, metadata={KEY: description})


def slider(
    default: float,
    low: float,
    high: float,
    step: float = 1,
    *,
    label: str,
    help: str = "",
    group: str = "",
    open_ended: bool = False,
    hidden: bool = False,
    typed: bool = False,
) -> Any:
    """A number between `low` and `high` (both included); `typed` ones may be larger, too."""
    allowed = Range(low, high, step, open_ended or typed)
    return _field(default, Description(Kind.SLIDER, label, help, allowed, group=group, hidden=hidden, typed=typed))


def choice(
    default: str,
    choices: tuple[str, ...],
    *,
    label: str,
    help: str = "",
    group: str = "",
    hidden: bool = False,
) -> Any:
    """One of a few names. With no `choices` any name is taken (models are looked up later)."""
    return _field(default, Description(Kind.CHOICE, label, help, choices=choices, group=group, hidden=hidden))


def text(
    default: str = "",
    *,
    label: str,
    help: str = "",
    lines: int = 1,
    group: str = "",
    hidden: bool = False,
) -> Any:
    """A piece of text."""
    return _field(default, Description(Kind.TEXT, label, help, lines=lines, group=group, hidden=hidden))


def switch(default: bool = False, *, label: str, help: str = "", group: str = "", hidden: bool = False) -> Any:
    """On or off."""
    return _field(default, Description(Kind.SWITCH, label, help, group=group, hidden=hidden))


def describe(settings: Any) -> dict[str, Description]:
    """The descriptions of a settings class or instance, in the order they were written."""
    return {f.name: f.metadata[KEY] for f in dataclasses.fields(settings) if KEY in f.metadata}


def defaults(settings_class: type) -> dict[str, Any]:
    """Every described field's default."""
    return {f.name: f.default for f in dataclasses.fields(settings_class) if KEY in f.metadata}


def types(settings_class: type) -> dict[str, type]:
    """The type of every described field: `int`, `float`, `str` or `bool`, from its default."""
    return {name: type(value) for name, value in defaults(settings_class).items()}


def build(settings_class: type, values: Mapping[str, Any]) -> Any:
    """A settings object from loose values (page, JSON, flags), each checked.

    Whole numbers that arrive as floats (a browser sends 40.0) become ints.

    Raises:
        PlaygroundError: an unknown name, a wrong type, or a value out of its range.
    """
    descriptions, kinds = describe(settings_class), types(settings_class)
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in descriptions:
            raise PlaygroundError(f"There is no setting called {name!r}; there are: {', '.join(descriptions)}.")
        checked[name] = _checked(name, value, descriptions[name], kinds[name])
    return settings_class(**checked)


def _checked(name: str, value: Any, description: Description, kind: type) -> Any:
    if description.kind is Kind.SWITCH:
        if isinstance(value, bool):
            return value
        raise PlaygroundError(f"{name} must be true or false, got {value!r}.")
    if description.kind in (Kind.TEXT, Kind.CHOICE):
        if not isinstance(value, str):
            raise PlaygroundError(f"{name} must be text, got {value!r}.")
        if description.choices and value not in description.choices:
            raise PlaygroundError(f"{name} must be one of {', '.join(description.choices)}, got {value!r}.")
        return value
    return _number(name, value, description, kind)


def _number(name: str, value: Any, description: Description, kind: type) -> int | float:
    allowed = description.range
    assert allowed is not None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
        raise PlaygroundError(f"{name} must be a number, got {value!r:.60}.")
    if kind is int and value != int(value):
        raise PlaygroundError(f"{name} must be a whole number, got {value!r}.")
    if value < allowed.low or (value > allowed.high and not allowed.open_ended):
        top = "or more" if allowed.open_ended else f"to {allowed.high:g}"
        raise PlaygroundError(f"{name} must be {allowed.low:g} {top}, got {value!r}.")
    return kind(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def add_arguments(parser: argparse.ArgumentParser, settings_class: type, skip: tuple[str, ...] = ()) -> None:
    """One `--flag` per described field; its help names range and default."""
    kinds = types(settings_class)
    values = defaults(settings_class)
    for name, description in describe(settings_class).items():
        if name in skip:
            continue
        flag = "--" + name.replace("_", "-")
        words = (description.help or description.label).rstrip(".").replace("%", "%%")
        if description.kind is Kind.SWITCH:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=values[name], help=words)
            continue
        if description.range:
            words += f" ({description.range.low:g} to {description.range.high:g})"
        if description.choices:
            words += f" ({', '.join(description.choices)})"
        shown = repr(values[name]) if isinstance(values[name], str) else f"{values[name]:g}"
        words += f"; default {shown}".replace("%", "%%")
        parser.add_argument(flag, type=kinds[name], default=values[name], help=words, metavar=name.upper())


def from_arguments(settings_class: type, arguments: argparse.Namespace) -> Any:
    """The settings object that parsed flags describe.

    Raises:
        PlaygroundError: a value out of its range.
    """
    return build(settings_class, {name: getattr(arguments, name) for name in describe(settings_class)})
