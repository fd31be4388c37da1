"""A stream of the API that is cancelled, left, or slow: its run ends, and nothing is lost before."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.events import Notice, Queued
from playground.ui import pump as module
from playground.ui.pump import Pump

PATIENCE_S = 20


class World:
    """A run of so many steps, each of which may be made to wait."""

    def __init__(self, steps: int = 5) -> None:
        self.steps, self.done, self.closed = steps, 0, threading.Event()
        self.step = threading.Event()
        self.step.set()
        self.place, self.hurried = 0, 0

    def generate(self) -> Any:
        try:
            for number in range(self.steps):
                self.step.wait(PATIENCE_S)
                self.done += 1
                yield Notice(str(number))
        finally:
            self.closed.set()

    def pump(self) -> Pump:
        def hurry() -> None:
            self.hurried += 1
            self.step.set()

        return Pump(self.generate, lambda: self.place, hurry)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: a browser's driver may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result(PATIENCE_S * 2)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_S * 100):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not become true")


def test_every_event_comes_once_in_order() -> None:
    async def read() -> list[Any]:
        return [event async for event in World(200).pump().events()]

    assert run(read()) == [Notice(str(i)) for i in range(200)]


def test_an_error_comes_after_what_was_yielded_before() -> None:
    def generate() -> Any:
        yield Notice("first")
        raise PlaygroundError("it broke")

    seen = []

    async def read() -> None:
        async for event in Pump(generate, lambda: 0, lambda: None).events():
            seen.append(event)

    with pytest.raises(PlaygroundError, match="it broke"):
        run(read())
    assert seen == [Notice("first")]


def test_a_stream_that_is_cancelled_in_the_middle_of_a_step_ends_its_run_after_that_step() -> None:
    async def read() -> None:
        world = World()
        world.step.clear()

        async def consume() -> None:
            async for _ in world.pump().events():
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(0.05)
        task.cancel()
        await until(world.closed.is_set)
        assert world.hurried == 1 and world.done == 1

    run(read())


def test_the_place_of_a_waiting_step_is_said_when_it_changes() -> None:
    async def read() -> list[int]:
        world, places = World(1), []
        world.step.clear()
        world.place = 3
        async with aclosing(world.pump().events()) as events:
            async for event in events:
                if isinstance(event, Queued):
                    places.append(event.place)
                    world.place -= 1
                    if not world.place:
                        world.step.set()
        return places

    assert run(read()) == [3, 2, 1]


def test_a_run_whose_reader_stopped_reading_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ABANDONED_S", 0.3)

    async def read() -> None:
        world = World(10_000)
        events = world.pump().events()
        await anext(events)
        await until(world.closed.is_set)
        assert world.done <= module.AHEAD + 2, "it waits for a slow reader"
        [event async for event in events]

    with pytest.raises(PlaygroundError, match="Nobody read this stream"):
        run(read())
