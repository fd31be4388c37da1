"""The API: one endpoint per modality, with its settings as named, typed parameters.

    from gradio_client import Client
    for event in Client("http://127.0.0.1:7860").submit("The sky is", temperature=0.8, api_name="/text"):
        print(event)

All runs of one session (one Client) are one visitor to the fair queues. The events are those of
`python -m playground text … --json`, one dict each.
"""

import inspect
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from types import ModuleType
from typing import Any, Literal

import gradio as gr

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished, Reason
from playground.modalities import offered
from playground.people import Person
from playground.room import Room
from playground.ui.door import Door
from playground.ui.pump import Pump

log = logging.getLogger(__name__)
CONCURRENCY = 48  # runs over all endpoints that compute or wait in the manager's fair queue; more wait in Gradio's


def add_endpoints(manager: Any, room: Room | None = None, door: Door | None = None) -> None:
    """Add `/text`, `/code`, … to the Blocks that are being built."""
    room, door = room or Room(manager), door or Door()
    for name, modality in offered(manager).items():
        gr.api(endpoint(name, modality, room, door), api_name=name, api_description=description(modality),
               concurrency_limit=CONCURRENCY, concurrency_id="api")  # fmt: skip


def endpoint(name: str, modality: ModuleType, room: Room, door: Door) -> Callable[..., AsyncIterator[dict[str, Any]]]:
    """A function with one typed parameter per setting, which yields the events of one run."""
    kinds, values = fields.types(modality.Settings), fields.defaults(modality.Settings)
    described = fields.describe(modality.Settings)

    async def run(request: gr.Request, *positional: Any, **named: Any) -> AsyncIterator[dict[str, Any]]:
        given = dict(zip(kinds, positional, strict=False)) | named
        try:
            settings = fields.build(modality.Settings, given)
            person = door.person(request, f"api {request.session_hash}")
            async with aclosing(pump(settings, person).events()) as events:
                async for event in events:
                    if isinstance(event, Finished) and event.reason is Reason.ERROR:
                        raise PlaygroundError(event.message or "The run failed.")
                    yield event.to_stream()
        except PlaygroundError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            log.exception("/%s failed", name)
            raise gr.Error("This is a defect of the playground; its log says more. The next request works.") from error

    def pump(settings: Any, person: Person) -> Pump:
        model, visit = getattr(settings, "model", None), person.visit
        return Pump(
            lambda: room.drive(person, name, model, lambda: modality.generate(settings, room.manager, visit=visit)),
            lambda: room.place(visit),
            lambda: room.hurry(visit),
        )

    hints = {n: Literal[described[n].choices] if described[n].choices else kinds[n] for n in kinds}
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter("request", either, annotation=gr.Request),  # Gradio hands it in; no client sends it
        *(inspect.Parameter(n, either, default=values[n], annotation=hints[n]) for n in kinds),
    ]
    run.__name__ = name
    run.__annotations__ = {"request": gr.Request, **hints, "return": dict[str, Any]}
    run.__signature__ = inspect.Signature(parameters, return_annotation=dict[str, Any])  # type: ignore[attr-defined]
    return run


def description(modality: ModuleType) -> str:
    """The modality's introduction and one line per setting."""
    lines = [f"{name}: {d.help or d.label}" for name, d in fields.describe(modality.Settings).items()]
    return f"{inspect.cleandoc(modality.__doc__ or '')}\n\n" + "\n".join(lines)
