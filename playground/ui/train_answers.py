"""What the Train tab asks beside its frames: about data, models and runs; a visitor's own data; families; saving.

Every answer is `{"what", "number", "value" | "error"}` as JSON text, with the number that the question came with.
"""

import base64
import sys
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.json_text import dumps
from playground.lessons import catalogue
from playground.trainings import VisitTrainings
from playground.ui import train_families, train_recorded, trigger
from playground.ui.train_desk import MOST_KEPT, Visitors
from playground.ui.train_questions import Questions


class Answers:
    """The handlers of the tab whose answers go to the hidden component."""

    def __init__(self, visitors: Visitors) -> None:
        self.visitors, self.questions = visitors, Questions()
        self._pictures: OrderedDict[str, train_families.Picture] = OrderedDict()

    def ask(self, request: gr.Request, event: gr.EventData, token: str, lesson: str) -> str:
        """The answer to one question, with the number that it was asked under."""
        asked, mine = trigger.data(event), self.visitors.mine(request, token)
        what, number = str(asked.get("what")), asked.get("number")
        try:
            value = self._answer(what, lesson, mine, asked)
            if what == "architecture":
                value = _at_this_pace(value)
        except PlaygroundError as error:
            return dumps({"what": what, "number": number, "error": str(error)})
        return dumps({"what": what, "number": number, "value": value})

    def _answer(self, what: str, lesson: str, mine: VisitTrainings, asked: dict[str, Any]) -> Any:
        if what == "families":
            return train_families.recorded()
        catalogue.known(lesson)
        if what == "save":
            return self.save(mine, asked)
        training = mine.training if mine.training is not None and mine.training.lesson.name == lesson else None
        values, own = self.visitors.values(lesson, asked), self.visitors.own(mine.token, lesson)
        if training is None and what in ("wrong", "follow"):
            found = train_recorded.answer(lesson, what, asked)
            if found is None:
                raise PlaygroundError("Of the recorded run only the first were followed: press Start for your own.")
            return found
        if training is None and own is None and values == self.visitors.controls[lesson].defaults:
            found = train_recorded.answer(lesson, what, asked)
            if found is not None:
                return found
        config = catalogue.config(lesson, values, own)
        about_run = what in ("wrong", "follow", "fill", "answer") or (what == "encode" and bool(asked.get("run")))
        if about_run or training is not None:
            return self.questions.answer(what, lesson, config, asked, training.call if training and about_run else None)
        with self.visitors.room.manager.turn(mine.token, most=1):
            return self.questions.answer(what, lesson, config, asked, None)

    async def compare(self, request: gr.Request, event: gr.EventData, token: str) -> AsyncIterator[Any]:
        """Four families side by side, or the end of it."""
        sent, mine = trigger.data(event), self.visitors.mine(request, token)
        before = self._pictures.pop(mine.token, None)
        if before is not None:
            before.stopped = True
        if sent.get("stop"):
            yield gr.skip()
            return
        picture = train_families.Picture(str(sent.get("data"))[:20], _seconds(sent.get("seconds")), 0)
        self._pictures[mine.token] = picture
        while len(self._pictures) > MOST_KEPT:
            self._pictures.popitem(last=False)[1].stopped = True
        head = {"what": "families", "number": sent.get("number")}
        try:
            async for value in train_families.follow(mine, picture):
                yield dumps({**head, "value": value})
        except PlaygroundError as error:
            yield dumps({**head, "error": str(error)})

    def save(self, mine: VisitTrainings, asked: dict[str, Any]) -> Any:
        """Save the model of the run that is shown."""
        return mine.save(str(asked.get("title") or "")[:200])

    def download(self, request: gr.Request, event: gr.EventData, token: str) -> Any:
        """A saved model as a file."""
        wanted = trigger.data(event).get("id")
        path = self.visitors.mine(request, token).download(wanted if isinstance(wanted, str) else None)
        return gr.update(value=str(path))

    def give(self, request: gr.Request, event: gr.EventData, token: str, lesson: str) -> str:
        """Data of the visitor's own: pasted text, drawn points or files; nothing takes it away again."""
        from playground.lessons import data

        sent = trigger.data(event)
        points, text, files = sent.get("points"), sent.get("text"), sent.get("files")

        def made() -> Any:
            if isinstance(points, list):
                return data.own_points(points)
            if isinstance(files, list):
                return _of_files(files, lesson in catalogue.TEXT)
            return data.own_text(text) if isinstance(text, str) else None

        return self._given(self.visitors.mine(request, token).token, lesson, made)

    def choose(self, event: gr.EventData, lesson: str) -> list[Any]:
        """The controls that choose a set, as it wants them."""
        from playground.lessons import data

        wanted = trigger.data(event).get("id")
        values = (
            next((s.values for s in data.sets(lesson) if s.id == wanted), {})
            if lesson in self.visitors.controls
            else {}
        )
        return [u for name, c in self.visitors.controls.items() for u in c.show(values if name == lesson else {})]

    def _given(self, token: str, lesson: str, made: Callable[[], Any]) -> str:
        key = (token, lesson in catalogue.TEXT)
        try:
            own = made()
        except PlaygroundError as error:
            return dumps({"what": "own", "number": 0, "error": str(error)})
        self.visitors.keep(key, own)
        value = None
        if own is not None:
            value = {"kind": own.kind, "examples": own.examples, "bytes": own.bytes, "notes": list(own.notes)}
        return dumps({"what": "own", "number": 0, "value": value, "text": key[1]})


def _of_files(sent: list[Any], text: bool) -> Any:
    """A visitor's own texts or pictures out of `[{"name", "data"}]`, `data` in base64.

    Raises:
        PlaygroundError: nothing of it can be used, or it came broken.
    """
    from playground.lessons import data

    if len(sent) > data.MOST_PICTURES:  # before a file is written for each
        raise PlaygroundError(f"There are {len(sent)} files; at most {data.MOST_PICTURES} can be used.")
    with tempfile.TemporaryDirectory(prefix="given-") as folder:
        paths = []
        for number, one in enumerate(sent):
            one = one if isinstance(one, dict) else {}
            name = "".join(c for c in str(one.get("name"))[:60] if c.isalnum() or c in " -_.").strip(" .") or "file"
            path = Path(folder, str(number), name)
            path.parent.mkdir()
            try:
                path.write_bytes(base64.b64decode(str(one.get("data")), validate=True))
            except (ValueError, OSError):
                raise PlaygroundError(f"{name} did not arrive whole: choose it again.") from None
            paths.append(path)
        return data.own_text("", paths) if text else data.own_pictures(paths)


def _at_this_pace(value: dict[str, Any]) -> dict[str, Any]:
    """The estimate for this computer; a page that has loaded no torch yet is not made to wait for it."""
    if "torch" not in sys.modules:
        return value
    from playground.training import _estimate

    return {**value, "seconds": value["seconds"] * _estimate.slower()}


def _seconds(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1000 else 0
