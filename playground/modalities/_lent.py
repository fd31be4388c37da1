"""A run that borrows its model: from asking for it to giving it back, before the last event is handed out."""

import uuid
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from playground.events import Event, Finished, Reason

Run = Generator[Event, Reason | None, None]
Going = Generator[Event, Reason | None, Finished]  # all events but the last, which is returned


def lent(coming: Generator[Event, Any, Any], run_id: str, run: Callable[[Any, str], Going]) -> Run:
    """Wait for a lease, pass on the events of `run(lease, run_id)` (without an id one is made), then its end."""
    run_id = run_id or uuid.uuid4().hex[:12]
    lease, reason = yield from until(coming)
    if reason is not None:
        yield Finished(run_id, 0, reason, "", 0)
        return
    with lease:
        last = yield from run(lease, run_id)
    yield last


def until(events: Generator[Event, Any, Any]) -> Generator[Event, Reason | None, tuple[Any, Reason | None]]:
    """Pass events on until their generator returns (its result, None) or the consumer sends a Reason (None, reason)."""
    with closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as done:
                return done.value, None
            reason = yield event
            if reason is not None:
                return None, reason
