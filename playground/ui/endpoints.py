"""The API: one endpoint per modality, with its settings as named, typed parameters.

    from gradio_client import Client
    for event in Client("http://127.0.0.1:7860").submit("The sky is", temperature=0.8, api_name="/text"):
        print(event)

The events are those of `python -m playground text … --json`, one dict each.
"""

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from types import ModuleType
from typing import Any, Literal

import gradio as gr

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished, Reason
from playground.plugins import discover

log = logging.getLogger(__name__)
CONCURRENCY = 8  # runs at once over all endpoints; more wait in Gradio's queue


def add_endpoints(manager: Any) -> None:
    """Add `/text`, `/code`, … to the Blocks that are being built."""
    for name, modality in discover("playground.modalities").items():
        gr.api(endpoint(name, modality, manager), api_name=name, api_description=description(modality),
               concurrency_limit=CONCURRENCY, concurrency_id="api")  # fmt: skip


def endpoint(name: str, modality: ModuleType, manager: Any) -> Callable[..., Iterator[dict[str, Any]]]:
    """A function with one typed parameter per setting, which yields the events of one run."""
    kinds, values = fields.types(modality.Settings), fields.defaults(modality.Settings)
    described = fields.describe(modality.Settings)

    def run(*positional: Any, **named: Any) -> Iterator[dict[str, Any]]:
        given = dict(zip(kinds, positional, strict=False)) | named
        try:
            settings = fields.build(modality.Settings, given)
            with closing(modality.generate(settings, manager)) as events:
                for event in events:
                    if isinstance(event, Finished) and event.reason is Reason.ERROR:
                        raise PlaygroundError(event.message or "The run failed.")
                    yield event.to_stream()
        except PlaygroundError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            log.exception("/%s failed", name)
            raise gr.Error("This is a defect of the playground; its log says more. The next request works.") from error

    hints = {n: Literal[described[n].choices] if described[n].choices else kinds[n] for n in kinds}
    parameters = [
        inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=values[n], annotation=hints[n])
        for n in kinds
    ]
    run.__name__ = name
    run.__annotations__ = {**hints, "return": dict[str, Any]}
    run.__signature__ = inspect.Signature(parameters, return_annotation=dict[str, Any])  # type: ignore[attr-defined]
    return run


def description(modality: ModuleType) -> str:
    """The modality's introduction and one line per setting."""
    lines = [f"{name}: {d.help or d.label}" for name, d in fields.describe(modality.Settings).items()]
    return f"{inspect.cleandoc(modality.__doc__ or '')}\n\n" + "\n".join(lines)
