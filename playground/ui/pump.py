"""Events of a run, for a client of the API: a thread of its own computes, an async generator hands them on.

Gradio drives a plain generator in threads that it shares, and closes a cancelled one where it can: one that is in the
middle of a step is asked again and again under a lock of the whole server, and after a minute it is given up. Here
a cancelled stream ends its run at once, and one that nobody reads any more after `ABANDONED_S`.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import closing, suppress

from playground.errors import PlaygroundError
from playground.events import Event, Queued
from playground.room import Events
from playground.run import ABANDONED_S

AHEAD = 8  # events that may wait for a slow reader before the run waits too
LOOK_S = 0.25  # how often the place in the queue is looked at


class Pump:
    """One run and its one reader. `place()` says where its next step waits (0: it does not), `hurry()` lets it go
    first, so that a run that was stopped can end."""

    def __init__(self, generate: Callable[[], Events], place: Callable[[], int], hurry: Callable[[], None]) -> None:
        self._generate, self._place, self._hurry = generate, place, hurry
        self._box: deque[Event | BaseException | None] = deque()  # None: the end
        self._changed = threading.Condition()
        self._stopped = False
        self._read_at = time.monotonic()

    async def events(self) -> AsyncGenerator[Event, None]:
        """What the run yields, and its places in the queue while a step waits.

        Raises:
            PlaygroundError: whatever the run raises.
        """
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the server's loop has ended
                loop.call_soon_threadsafe(news.set)

        threading.Thread(target=self._work, args=(wake,), name="api run", daemon=True).start()
        said = 0
        try:
            while True:
                news.clear()
                while self._box:
                    with self._changed:
                        item, self._read_at = self._box.popleft(), time.monotonic()
                        self._changed.notify_all()
                    if item is None:
                        return
                    if isinstance(item, BaseException):
                        raise item
                    said = item.place if isinstance(item, Queued) else 0
                    yield item
                self._read_at = time.monotonic()
                place = self._place()
                if place and place != said:
                    said = place
                    yield Queued(place)
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(news.wait(), LOOK_S)
        finally:
            self.stop()

    def stop(self) -> None:
        """End the run within one step; idempotent."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._hurry()

    def _work(self, wake: Callable[[], None]) -> None:
        end: BaseException | None = None
        try:
            with closing(self._generate()) as events:
                for event in events:
                    self._box.append(event)
                    wake()
                    if not self._goes_on():
                        end = PlaygroundError(f"Nobody read this stream for {ABANDONED_S:.0f} s, so its run was ended.")
                        break
        except BaseException as error:  # noqa: BLE001 handed to the reader
            end = error
        self._box.append(end)
        wake()

    def _goes_on(self) -> bool:
        """Whether to take one more step, once there is room for what it yields."""
        with self._changed:
            while not self._stopped and time.monotonic() - self._read_at < ABANDONED_S:
                if len(self._box) < AHEAD:
                    return True
                self._changed.wait(LOOK_S)
        return False
