"""What the buttons of a tab do whose steps are tokens: chat, gaps, forks at a token, names for one of the others."""

import dataclasses
import json
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing
from functools import lru_cache
from threading import Lock
from typing import Any

import gradio as gr

from playground import fields
from playground.errors import PlaygroundError
from playground.events import TokenStep
from playground.json_text import dumps
from playground.run import Run
from playground.ui import forks, recorded, trigger
from playground.ui.controls import shaping_fields
from playground.ui.frames import idle_frame
from playground.ui.runner import Runner
from playground.visits import Prepared, Visit

NEAR = Lock()


@lru_cache(maxsize=64)
def _near(modality: Any, text: str, folder: Any) -> Any:
    """What a modality says to be near a text, a tenth of a second of looking: for one at a time, and once."""
    with NEAR:
        return modality.near(text, folder)


class TokenRunner(Runner):
    """Handlers for text and code."""

    async def mask(self, request: gr.Request, event: gr.EventData, token: str, *sent: Any) -> AsyncIterator[str]:
        """The text of a run once more, with the tokens of these numbers hidden."""
        asked = {key: trigger.data(event).get(key) for key in ("run", "masks")}
        async for frame in self._begin(request, token, sent, lambda v, b, s: self._masked(v, b, s, asked), asked):
            yield frame

    def name_others(self, request: gr.Request, event: gr.EventData, token: str, *sent: Any) -> Iterator[Any]:
        """Which token the number of a step falls on under the settings of now: one forward pass, for a view whose
        snapshot has no name for it."""
        visit, asked = self._visit(request, token), trigger.data(event)
        run = visit.current.get(self.name)
        shown = run.id if run else recorded.PREFIX + self.name
        if asked.get("run") != shown:
            yield gr.skip()  # another run is on the page by now
            return
        try:
            named: dict[str, Any] = yield from self._named(visit, run, sent, asked.get("index"))
        except PlaygroundError as error:
            named = {"error": str(error)}
        if visit.current.get(self.name) is run:
            frame = json.loads(run.frame(run.total) if run else recorded.frame(self.name) or idle_frame())
            yield dumps({**frame, "named": {"index": asked.get("index"), "version": asked.get("version"), **named}})

    def _named(self, visit: Visit, run: Run | None, sent: Any, index: Any) -> Generator[Any, None, dict[str, Any]]:
        if isinstance(index, bool) or not isinstance(index, int):
            raise PlaygroundError(f"The number of a step is needed, got {index!r}.")
        frame = json.loads((run.frame() if run else recorded.frame(self.name)) or "{}")
        started = frame.get("started")
        if started is None or not hasattr(self.modality, "rebuild"):
            raise PlaygroundError("This run cannot be computed again")
        own = next((p["settings"] for p in started.get("before", ()) if index < p["until"]), started["settings"])
        if next((m.state for m in self.manager.models(visit.token) if m.id == own["model"]), "") == "not downloaded":
            raise PlaygroundError(f"{own['model']} is not on this computer")
        moved = {n: v for n, v in self.controls.values(sent).items() if n in shaping_fields()}
        shaped = {**started["settings"], **own, **moved, "max_new_tokens": 1}
        settings = fields.build(
            self.modality.Settings, {k: v for k, v in shaped.items() if k in self.controls.descriptions}
        )
        start = self.modality.rebuild(started, frame["events"], index)
        with closing(self._generator(settings, start, visit)()) as events:
            for event in events:
                if isinstance(event, TokenStep):
                    return {"token_id": event.token_id, "text": event.piece, "probability": event.probability}
                yield gr.skip()
        raise PlaygroundError("The model gave no token")

    def near(self, event: gr.EventData, token: str) -> str:
        """The training pictures nearest to the picture that a run wrote. Nobody asked for them by a click: where they
        cannot be said, nothing is said."""
        visit, asked = self.visits.visit(token), str(trigger.data(event).get("run"))
        run = visit.runs.get(asked)
        recording = recorded.load(self.name) if asked == recorded.PREFIX + self.name else None
        if run is not None and run.ended:
            model, text = run.request[1].model, run.text
        elif recording is not None:
            model = recorded.one(recording["events"], "started")["model"]
            text = recorded.one(recording["events"], "finished")["text"]
        else:
            return gr.skip()
        try:
            folder = self.manager.folder(model, visit.token)
        except PlaygroundError:
            return gr.skip()
        return dumps({"run": asked, "picture": 0, "values": _near(self.modality, text, folder)})

    # ── inside ───────────────────────────────────────────────────────────────

    def _check(self, settings: Any, prepare: Any) -> None:
        if prepare == self._fresh and getattr(settings, "mode", "") == "chat" and not settings.prompt.strip():
            raise PlaygroundError("The message is empty: write something first.")

    def _fresh(self, visit: Visit, before: Run | None, settings: Any) -> Prepared:
        if getattr(settings, "mode", "") != "chat":
            return Prepared(self._generator(settings, None, visit))
        said = before.conversation() if before else []
        return self._answer(visit, settings, [*said, {"role": "user", "content": settings.prompt}])

    def _answer(self, visit: Visit, settings: Any, messages: list[dict[str, str]]) -> Prepared:
        asked = dataclasses.replace(
            settings, prompt=messages[-1]["content"], history=json.dumps(messages[:-1], ensure_ascii=False)
        )
        return Prepared(self._generator(asked, None, visit), messages)

    def _repeat(self, visit: Visit, before: Run | None, settings: Any) -> Prepared:
        if before is not None and before.messages and getattr(settings, "mode", "") == "chat":
            return self._answer(visit, settings, list(before.messages))
        return self._fresh(visit, before, forks.same_masks(before, settings))

    def _end_of(self, run: Run) -> Any:
        return forks.end(self.modality, run)

    def one_step_of(self, settings: Any) -> Any:
        """One more token."""
        return dataclasses.replace(settings, max_new_tokens=1)

    def _masked(self, visit: Visit, before: Run | None, settings: Any, asked: dict[str, Any]) -> Prepared:
        run = visit.runs.get(str(asked["run"]))
        return Prepared(self._generator(forks.masked(run, settings, asked["masks"]), None, visit))

    def _forked(self, visit: Visit, before: Run | None, settings: Any, place: dict[str, Any]) -> Prepared:
        index, token_id = place["index"], place["token_id"]
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise PlaygroundError(f"A fork needs the number of a step, got {index!r}.")
        run = visit.runs.get(str(place["run"]))
        if run is None or run.state is None:
            again, state = forks.again(self.name, self.modality, run, settings, place)
            generator = self._generator(again, state, visit)
            return Prepared(generator, run.messages, run, index) if run and run.messages else Prepared(generator)
        run.touch()
        state = run.state.rewind(index, token_id)
        return Prepared(self._generator(settings, state, visit), run.messages, run, index)
