"""One handler for all runs of all modalities: begin or go on, subscribe, hand frames to the view.

A handler never computes. It asks the visit for a run (whose own thread computes) and passes
on the run's frames until the run ends or another handler draws in the same view. All of them
share one `concurrency_id`: they wait most of the time, the fair gate is the manager's.
"""

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import gradio as gr

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Reason
from playground.json_text import dumps
from playground.room import Room
from playground.run import Run
from playground.ui import recorded, trigger
from playground.ui.controls import Controls
from playground.ui.door import Door
from playground.ui.frames import idle_frame, notice_frame
from playground.visits import Prepared, Visit, Visits, Watcher, numbered

CONCURRENCY = {"concurrency_id": "runs", "concurrency_limit": 200}
HEARTBEAT_S = 2.0
LOOK_S = 0.1  # how soon it is noticed that another handler draws in the view


class Runner:
    """What the buttons of one tab do. Every method is a Gradio handler; `token` names the visit.

    What depends on the kind of steps is in `token_runner.py` and `picture_runner.py`.
    """

    def __init__(
        self, name: str, modality: ModuleType, controls: Controls, room: Room, door: Door, visits: Visits
    ) -> None:
        self.name, self.modality, self.controls = name, modality, controls
        self.room, self.door, self.manager, self.visits = room, door, room.manager, visits

    # ── beginnings ───────────────────────────────────────────────────────────

    async def run(self, request: gr.Request, token: str, *sent: Any) -> AsyncIterator[str]:
        """A new run of what the controls say."""
        async for frame in self._begin(request, token, sent, self._fresh):
            yield frame

    async def again(self, request: gr.Request, token: str, *sent: Any) -> AsyncIterator[str]:
        """The last prompt once more, with the controls as they stand now."""
        async for frame in self._begin(request, token, sent, self._repeat):
            yield frame

    async def go_on(self, request: gr.Request, token: str, *sent: Any) -> AsyncIterator[str]:
        """From where the current run ended, as far as the length says."""
        async for frame in self._begin(request, token, sent, self._continue):
            yield frame

    async def one_step(self, request: gr.Request, token: str, *sent: Any) -> AsyncIterator[str]:
        """One more token; the first one, where nothing runs yet."""
        async for frame in self._begin(request, token, sent, self._step):
            yield frame

    async def fork(self, request: gr.Request, event: gr.EventData, token: str, *sent: Any) -> AsyncIterator[str]:
        """From before step `index` of a run, with another token there if one is named."""
        place = {key: trigger.data(event).get(key) for key in ("run", "index", "token_id")}
        async for frame in self._begin(request, token, sent, lambda v, b, s: self._forked(v, b, s, place), place):
            yield frame

    async def resume(self, request: gr.Request, token: str) -> AsyncIterator[str]:
        """What a page that was (re)loaded finds: its current run from the first step on; else it stays as it is."""
        visit = self.visits.visit(token)
        run = visit.current.get(self.name)
        if run is None:
            yield gr.skip()
            return
        async for frame in self._follow(visit, run, self._seat(request)):
            yield frame

    # ── while it runs ────────────────────────────────────────────────────────

    def stop(self, token: str) -> None:
        """End the run within one step."""
        token, click = numbered(token)
        self.visits.visit(token).stop(self.name, click=click)

    def forget(self, token: str) -> str:
        """A new conversation."""
        token, click = numbered(token)
        self.visits.visit(token).forget(self.name, click)
        return idle_frame()

    def resync(self, event: gr.EventData, token: str) -> str:
        """Every step from number `from` of a run on, for a view that missed some."""
        sent = trigger.data(event)
        wanted, since = sent.get("run"), sent.get("from", 0)
        if isinstance(wanted, str) and wanted.startswith(recorded.PREFIX):
            return recorded.frame(wanted.removeprefix(recorded.PREFIX)) or gr.skip()
        run = self.visits.visit(token).runs.get(str(wanted))
        if run is None:
            return notice_frame("The steps of that run are no longer kept: start it again.")
        return run.frame(max(0, int(since) - 1) if isinstance(since, (int, float)) else 0, asked=True)

    def settings_of(self, token: str) -> list[Any]:
        """The controls as the visit's current run has them: what a reloaded page shows."""
        run = self.visits.visit(token).current.get(self.name)
        if run is None:
            return self.controls.show({})
        settings = run.request[1]
        said = {"prompt": ""} if run.messages else {}  # a message that was sent does not stand in its box any more
        return self.controls.show({**{n: getattr(settings, n) for n in self.controls.names}, **said})

    # ── inside ───────────────────────────────────────────────────────────────

    def _seat(self, request: gr.Request) -> tuple[str, str]:
        return (str(request.session_hash), self.name)

    def _visit(self, request: gr.Request, token: str) -> Visit:
        visit = self.visits.visit(token)
        visit.person = self.door.person(request, visit.token)
        return visit

    async def _begin(
        self,
        request: gr.Request,
        token: str,
        sent: Any,
        prepare: Callable[[Visit, Run | None, Any], Prepared],
        more: Any = None,
    ) -> AsyncIterator[str]:
        token, click = numbered(token)
        visit = self._visit(request, token)
        current = visit.current.get(self.name)
        try:
            settings = self._settings(sent)
            self._check(settings, prepare)
            self.room.check(visit.person, getattr(settings, "model", None))
            wanted = (prepare.__name__, settings, dumps(more))
            run = await asyncio.to_thread(
                visit.start, self.name, wanted, lambda v: self._placed(visit, prepare(visit, v, settings)), click
            )
        except PlaygroundError as error:
            if current is None or current.ended:
                yield notice_frame(str(error), current)
                return
            current.notice(str(error))
            run = current  # what runs goes on
        async for frame in self._follow(visit, run, self._seat(request)):
            yield frame

    async def _follow(self, visit: Visit, run: Run, seat: Any) -> AsyncIterator[str]:
        news, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the page's loop has ended
                loop.call_soon_threadsafe(news.set)

        run.listeners.add(wake)
        try:
            with Watcher(run) as watcher:
                visit.sit(seat, watcher)
                told_at = loop.time()
                while not watcher.done:
                    if not visit.sits(seat, watcher):
                        yield gr.skip()  # the newer run draws here now
                        return
                    news.clear()
                    frame = watcher.frame()
                    if frame is not None:
                        yield frame
                        told_at = loop.time()
                    elif loop.time() - told_at > HEARTBEAT_S:
                        yield gr.skip()  # only so does Gradio notice that the page has gone
                        told_at = loop.time()
                    elif watcher.pause_s > 0:
                        await asyncio.sleep(watcher.pause_s)
                    else:
                        with suppress(asyncio.TimeoutError):
                            await asyncio.wait_for(news.wait(), LOOK_S)
        finally:
            run.listeners.discard(wake)

    def _placed(self, visit: Visit, prepared: Prepared) -> Prepared:
        place, hurry = lambda: self.room.place(visit.token), lambda: self.room.hurry(visit.token)
        return dataclasses.replace(prepared, place=place, hurry=hurry)

    def _settings(self, sent: Any) -> Any:
        return fields.build(self.modality.Settings, self.controls.values(sent))

    def _check(self, settings: Any, prepare: Any) -> None:
        """Refuse before anything that runs is stopped."""

    def _generator(self, settings: Any, start: Any, visit: Visit) -> Callable[[], Any]:
        def generate() -> Any:
            return self.modality.generate(settings, self.manager, start, visit=visit.token)

        return lambda: self.room.drive(visit.person, self.name, getattr(settings, "model", None), generate)

    def _fresh(self, visit: Visit, before: Run | None, settings: Any) -> Prepared:
        return Prepared(self._generator(settings, None, visit))

    def _repeat(self, visit: Visit, before: Run | None, settings: Any) -> Prepared:
        return self._fresh(visit, before, settings)

    def _continue(self, visit: Visit, before: Run | None, settings: Any) -> Prepared:
        if before is None or not before.total:
            return self._fresh(visit, before, settings)
        state = before.state or self._end_of(before)
        before.touch()
        return Prepared(self._generator(settings, state, visit), before.messages, before, before.tokens_total)

    def _step(self, visit: Visit, before: Run | None, settings: Any) -> Prepared:
        """One step more; behind a finished picture the first one of another."""
        if before is not None and before.is_whole:
            return self._fresh(visit, before, self.one_step_of(settings))
        return self._continue(visit, before, self.one_step_of(settings))

    def _end_of(self, run: Run) -> Any:
        """What a run whose state was let go can go on from."""
        raise NotImplementedError

    def one_step_of(self, settings: Any) -> Any:
        """The settings of a run that takes one step."""
        raise NotImplementedError

    def _forked(self, visit: Visit, before: Run | None, settings: Any, place: dict[str, Any]) -> Prepared:
        raise NotImplementedError


def new_seed() -> int:
    """A seed that a person can read out."""
    return secrets.randbelow(9999) + 1


__all__ = ["CONCURRENCY", "Reason", "Runner", "idle_frame", "new_seed", "notice_frame"]
