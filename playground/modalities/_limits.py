"""Bringing settings into the limits of a model."""

import dataclasses
from typing import Any

from playground.fields import Range


def clamp(settings: Any, ranges: dict[str, Range], model: str) -> tuple[Any, list[str]]:
    """The settings brought into the model's limits, and a sentence for each that was changed."""
    changes: dict[str, Any] = {}
    sentences = []
    for name, allowed in ranges.items():
        value = getattr(settings, name)
        inside = type(value)(min(max(value, allowed.low), allowed.high))
        if inside != value:
            changes[name] = inside
            sentences.append(
                f"{name} was {value:,} and is now {inside:,}: {model} allows {allowed.low:,g} to {allowed.high:,g}."
            )
    return dataclasses.replace(settings, **changes), sentences
