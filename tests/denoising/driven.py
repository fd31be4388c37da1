"""The denoising engine driven by hand: a manager that lends one model, and what a run yields."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

from PIL import Image

from playground import fields
from playground.denoising import files
from playground.events import Finished, ImageStep, Progress, Reason
from playground.modalities import _denoising

Settings = _denoising.settings_class("a red apple", "tiny")


class Lending:
    """A manager that lends one model, and counts."""

    def __init__(self, model: Any) -> None:
        self.model, self.lent, self.turns = model, 0, 0

    def acquire(self, name: str, visit: str) -> Any:
        yield Progress("loading", 1, 2, "parts")
        self.lent += 1
        return self

    def __enter__(self) -> "Lending":
        return self

    def __exit__(self, *_: object) -> None:
        self.lent -= 1

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        self.turns += 1
        yield


def settings(**values: Any) -> Any:
    return fields.build(Settings, {"steps": 5, "seed": 3, **values})


def make(manager: Lending, start: Any = None, stop_after: int | None = None, **values: Any) -> list[Any]:
    events: list[Any] = []
    going = _denoising.generate(settings(**values), manager, start, modality="image")
    reason = None
    while True:
        try:
            events.append(going.send(reason))
        except StopIteration:
            assert manager.lent == 0, "the model is still lent"
            return events
        steps = sum(isinstance(event, ImageStep) for event in events)
        reason = Reason.USER if steps == stop_after else None


def picture(event: Finished, number: int = 0) -> Image.Image:
    return Image.open(io.BytesIO(files.content(event.pictures[number])))


def data_url(image: Image.Image, kind: str = "PNG") -> str:
    file = io.BytesIO()
    image.save(file, kind)
    return files.url(file.getvalue(), "image/png")


def picture_bytes(url: str) -> bytes:
    return Image.open(io.BytesIO(files.content(url))).tobytes()
