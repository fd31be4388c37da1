"""What the Train tab's buttons do: one visitor's clicks become commands to their training, its frames go to the view.

A handler never trains. It tells the visit's training what to do and passes on its frames, at most a few a second, for
as long as the page is there. Questions are answered beside the frames.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.json_text import dumps
from playground.lessons import catalogue
from playground.room import Room
from playground.trainings import Training, Trainings, VisitTrainings
from playground.ui import train_recorded, trigger
from playground.ui.controls import Controls
from playground.ui.door import Door
from playground.visits import Visits

FRAME_S, COST = 0.5, 12  # seconds between two frames: at least so many, and so many times what one takes to make
HEARTBEAT_S, LOOK_S = 2.0, 0.1
DOUBLE_CLICK_S = 2.0
MOST_KEPT = 200  # visitors whose own data is held


class Lent:
    """A visitor's own data as a training gets it: the training does not end it, the last who holds it does."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def close(self) -> None:
        """Nothing: the page may still offer it."""


class Visitors:
    """Who asks, what their controls say (`controls` by lesson), and the data that they brought."""

    def __init__(
        self, room: Room, door: Door, visits: Visits, trainings: Trainings, controls: dict[str, Controls]
    ) -> None:
        self.room, self.door, self.visits, self.trainings, self.controls = room, door, visits, trainings, controls
        self._owns: OrderedDict[tuple[str, bool], Any] = OrderedDict()
        self._lock = threading.Lock()

    def mine(self, request: gr.Request, token: str) -> VisitTrainings:
        """The trainings of the visit with that token."""
        token = self.visits.visit(token).token
        return self.trainings.of(token, self.door.person(request, token))

    def values(self, lesson: str, sent: dict[str, Any]) -> dict[str, Any]:
        """What a lesson's controls say: their defaults, and those of `sent["values"]` that were moved.

        They come with the click and not as inputs of the event, because Gradio's page goes through all inputs of an
        event at each message of its stream: with a hundred of them it stood still while a model trained.

        Raises:
            PlaygroundError: there is no such lesson.
        """
        controls = self.controls.get(lesson)
        if controls is None:
            raise PlaygroundError(f"There is no lesson called {str(lesson)[:40]!r}.")
        moved = sent.get("values")
        said = {**controls.defaults, **(moved if isinstance(moved, dict) else {})}
        return controls.values([said[name] for name in controls.components])

    def own(self, token: str, lesson: str) -> Any:
        """The data that a visitor brought for lessons of this kind, or None."""
        return self._owns.get((token, lesson in catalogue.TEXT))

    def keep(self, key: tuple[str, bool], own: Any) -> None:
        """Hold a visitor's data under (token, is it text?); None lets it go."""
        with self._lock:
            self._owns.pop(key, None)
            if own is not None:
                self._owns[key] = own
            while len(self._owns) > MOST_KEPT:
                self._owns.popitem(last=False)


class Desk:
    """The handlers of the tab whose frames go to the view."""

    def __init__(self, visitors: Visitors) -> None:
        self.visitors = visitors
        self._seats: OrderedDict[tuple[str, str], object] = OrderedDict()
        self._began: dict[str, tuple[str, float]] = {}
        self._lock = threading.RLock()

    # ── what moves a training ────────────────────────────────────────────────

    async def start(self, request: gr.Request, event: gr.EventData, token: str, lesson: str) -> AsyncIterator[str]:
        """A new run of what the controls say; a second click of a double one starts nothing."""
        sent = trigger.data(event)
        async for frame in self._do(request, token, lambda mine: self._start(mine, lesson, sent)):
            yield frame

    async def resume(self, request: gr.Request, token: str) -> AsyncIterator[str]:
        """Go on from where it is held."""
        async for frame in self._do(request, token, lambda mine: _run(mine).resume()):
            yield frame

    async def step(self, request: gr.Request, event: gr.EventData, token: str, lesson: str) -> AsyncIterator[str]:
        """Exactly one step; the first of a new run, where there is none."""
        sent = trigger.data(event)

        def one(mine: VisitTrainings) -> None:
            if mine.training is None:
                self._start(mine, lesson, sent)
                _run(mine).pause()
            _run(mine).step()

        async for frame in self._do(request, token, one):
            yield frame

    async def rewind(self, request: gr.Request, event: gr.EventData, token: str) -> AsyncIterator[str]:
        """Back to a checkpoint."""
        step = trigger.data(event).get("step")

        def back(mine: VisitTrainings) -> None:
            if isinstance(step, bool) or not isinstance(step, int):
                raise PlaygroundError(f"The step of a checkpoint is needed, got {str(step)[:40]!r}.")
            _run(mine).rewind(step)

        async for frame in self._do(request, token, back):
            yield frame

    def pause(self, request: gr.Request, token: str) -> Any:
        """Hold after this step."""
        return self._tell(request, token, lambda mine: _run(mine).pause())

    def stop(self, request: gr.Request, token: str) -> Any:
        """End after this step, with a checkpoint."""
        return self._tell(request, token, lambda mine: _run(mine).stop())

    def words(self, request: gr.Request, event: gr.EventData, token: str) -> Any:
        """Follow other words."""
        sent = trigger.data(event)
        words, prompt = sent.get("words"), sent.get("prompt")

        def watch(mine: VisitTrainings) -> None:
            if not isinstance(prompt, str) or not isinstance(words, list) or not all(isinstance(w, str) for w in words):
                raise PlaygroundError("Write a text, and the words to follow after it.")
            _run(mine).watch_words(prompt, tuple(dict.fromkeys(words)))

        return self._tell(request, token, watch)

    def forget(self, request: gr.Request, event: gr.EventData, token: str) -> Any:
        """Remove a saved model."""
        wanted = str(trigger.data(event).get("id"))[:200]
        return self._tell(request, token, lambda mine: mine.forget(wanted))

    def _start(self, mine: VisitTrainings, lesson: str, sent: Any) -> None:
        values, own = self.visitors.values(lesson, sent), self.visitors.own(mine.token, lesson)
        asked = dumps([lesson, values, id(own)])
        with self._lock:
            before, at = self._began.get(mine.token, ("", 0.0))
            training = mine.training
            if before == asked and time.monotonic() - at < DOUBLE_CLICK_S and training is not None and training.busy:
                return
            self._began[mine.token] = (asked, time.monotonic())
            while len(self._began) > MOST_KEPT:
                self._began.pop(next(iter(self._began)))
        self.visitors.room.check(mine.person, None)
        mine.start(lesson, values, Lent(own) if own is not None else None)

    # ── frames ───────────────────────────────────────────────────────────────

    async def show(self, request: gr.Request, token: str, lesson: str) -> AsyncIterator[Any]:
        """Turn to a lesson: its run, or the recorded one."""
        if lesson not in catalogue.NAMES:
            yield gr.skip()
            return
        async for frame in self._do(request, token, lambda mine: mine.show(lesson)):
            yield frame

    async def opened(self, request: gr.Request, token: str) -> AsyncIterator[Any]:
        """What a page that was (re)loaded finds."""
        mine = self.visitors.mine(request, token)
        if mine.training is None:
            yield gr.skip()
            return
        async for frame in self._follow(mine, self._seat(request, token)):
            yield frame

    def resync(self, request: gr.Request, token: str) -> Any:
        """The whole frame, for a view that missed a part."""
        mine = self.visitors.mine(request, token)
        return mine.frame() if mine.training is not None else train_recorded.frame(mine.current)

    def settings_of(self, request: gr.Request, token: str) -> list[Any]:
        """The lesson, and the controls as its run has them."""
        mine = self.visitors.mine(request, token)
        training = mine.training
        shown: list[Any] = []
        for lesson, controls in self.visitors.controls.items():
            here = training is not None and training.lesson.name == lesson
            shown += controls.show(
                {n: getattr(training.config, n) for n in controls.names} if here and training else {}
            )
        return [mine.current if training else gr.skip(), *self.groups(mine.current if training else "gpt"), *shown]

    def groups(self, lesson: str) -> list[Any]:
        """Whose controls are shown."""
        return [gr.update(visible=name == lesson) for name in self.visitors.controls]

    async def _do(self, request: gr.Request, token: str, act: Callable[[VisitTrainings], Any]) -> AsyncIterator[str]:
        mine, seat = self.visitors.mine(request, token), self._seat(request, token)
        try:
            await asyncio.to_thread(act, mine)
        except PlaygroundError as error:
            yield dumps({"said": str(error)})
            if mine.training is None:
                return
        if mine.training is None:
            yield train_recorded.frame(mine.current)
            return
        async for frame in self._follow(mine, seat):
            yield frame

    async def _follow(self, mine: VisitTrainings, seat: tuple[str, str]) -> AsyncIterator[Any]:
        training = _run(mine)
        me = self._sit(seat)
        since, told, loop = 0, -1, asyncio.get_running_loop()
        told_at = loop.time()
        with training.watched():
            while self._seats.get(seat) is me and mine.training is training:
                version, pause = training.version, LOOK_S
                if version != told:
                    began = loop.time()
                    yield await asyncio.to_thread(mine.frame, since)
                    since = told = version
                    told_at = loop.time()
                    pause = max(FRAME_S, COST * (told_at - began))
                elif loop.time() - told_at > HEARTBEAT_S:
                    yield gr.skip()  # only so does Gradio notice that the page has gone
                    told_at = loop.time()
                await asyncio.sleep(pause)
        yield gr.skip()

    def _sit(self, seat: tuple[str, str]) -> object:
        me = object()
        with self._lock:
            self._seats[seat] = me
            self._seats.move_to_end(seat)
            while len(self._seats) > MOST_KEPT:
                self._seats.popitem(last=False)
        return me

    def _tell(self, request: gr.Request, token: str, act: Callable[[VisitTrainings], Any]) -> Any:
        try:
            act(self.visitors.mine(request, token))
        except PlaygroundError as error:
            return dumps({"said": str(error)})
        return gr.skip()

    # ── inside ───────────────────────────────────────────────────────────────

    def _seat(self, request: gr.Request, token: str) -> tuple[str, str]:
        return (token, str(request.session_hash))


def _run(mine: VisitTrainings) -> Training:
    training = mine.training
    if training is None:
        raise PlaygroundError("Nothing has been started yet: press Start.")
    return training
