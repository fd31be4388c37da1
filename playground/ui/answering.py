"""One question that a model answers: what came of it, as the page is told it."""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Event, Finished, Looked, Reason

log = logging.getLogger(__name__)
OWN_MISTAKE = "The program made a mistake of its own (its log says which): try again."


def answered(events: Callable[[], Generator[Event, Any, Any]], about: str) -> Iterator[dict[str, Any] | None]:
    """`{"values": …}` for what was found, `{"error": sentence}` for whatever stood in its way, None for all between."""
    try:
        with closing(events()) as found:
            for event in found:
                if isinstance(event, Looked):
                    yield {"values": event.values}
                elif isinstance(event, Finished) and event.reason is not Reason.EOS:
                    yield {"error": event.message or "The answer was stopped."}
                else:
                    yield None
    except PlaygroundError as error:
        yield {"error": str(error)}
    except Exception:
        log.exception("%s was asked", about)
        yield {"error": OWN_MISTAKE}
