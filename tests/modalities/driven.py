"""A modality driven from outside, as a page drives it."""

from contextlib import closing
from typing import Any

from playground import fields
from playground.events import Event, Finished, Reason, TokenStep
from playground.modalities import text


def drive(manager: Any, start: Any, stop_after: int, values: dict[str, Any]) -> list[Event]:
    """The events of one run of the text modality, stopped by its user after `stop_after` tokens."""
    events: list[Event] = []
    with closing(text.generate(fields.build(text.Settings, values), manager, start)) as run:
        for event in run:
            events.append(event)
            if sum(isinstance(e, TokenStep) for e in events) >= stop_after and not isinstance(event, Finished):
                events.append(run.send(Reason.USER))
    return events


def tokens(events: list[Event]) -> list[TokenStep]:
    """The tokens among them."""
    return [event for event in events if isinstance(event, TokenStep)]


def ids(events: list[Event]) -> list[int]:
    """Their numbers."""
    return [event.token_id for event in tokens(events)]
