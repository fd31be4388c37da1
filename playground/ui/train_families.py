"""Four families side by side: one run of `playground/lessons/families.py` as a job of the room, and its newest picture.

The picture is whole each time, so that a view that missed one loses nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Generator, Iterator
from functools import cache
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Event, Finished, Notice, Progress, Reason
from playground.people import Person
from playground.room import Room
from playground.ui.recorded import RUNS

FRAME_S = 0.4
SECONDS = (5, 10, 20, 40)
RECORDED = RUNS / "train-families.json"


@cache
def recorded() -> Any:
    """The recorded comparison, as `Picture.value` makes it; None where there is none."""
    return json.loads(RECORDED.read_text("utf-8")) if RECORDED.is_file() else None


class Picture:
    """What is known of a comparison so far."""

    def __init__(self, data: str, seconds: float, seed: int) -> None:
        self.value: dict[str, Any] = {
            "data": data, "seconds": seconds, "seed": seed, "points": [], "own_distance": None, "families": [],
            "done": False, "note": "",
        }  # fmt: skip
        self.version = 0
        self.stopped = False

    def take(self, item: dict[str, Any]) -> None:
        """One turn of one family, or the data."""
        self.version += 1
        if item["family"] == "data":
            self.value |= {"points": item["points"], "own_distance": item["own_distance"]}
            return
        known = {one["family"]: one for one in self.value["families"]}
        before = known.get(item["family"], {"history": []})
        history = list(before["history"])
        if "distance" in item:
            history.append([round(item["seconds"], 2), item["distance"]])
        known[item["family"]] = {**before, **item, "history": history}
        self.value["families"] = list(known.values())


def compare(room: Room, person: Person, turns: Iterator[dict[str, Any]], picture: Picture) -> None:
    """Drive the comparison to its end, turn by turn through the manager's gate."""

    def events() -> Generator[Event, Reason | None, None]:
        reason: Reason | None = None
        while reason is None and not picture.stopped:
            with room.manager.turn(person.visit, most=1):
                item = next(turns, None)
            if item is None:
                break
            picture.take(item)
            done = sum(one["seconds"] for one in picture.value["families"])
            reason = yield Progress("comparing", int(done), int(4 * picture.value["seconds"]), "s")
        yield Finished("families", 0, reason or Reason.EOS, "", 0)

    for event in room.drive(person, "train families", None, events):
        if isinstance(event, Notice):
            picture.value["note"] = event.text


async def follow(room: Room, person: Person, picture: Picture) -> AsyncIterator[dict[str, Any]]:
    """Begin the comparison in a thread and yield its picture whenever it changed, until the end.

    Raises:
        PlaygroundError: a set that is none, or a quota.
    """

    def work() -> None:
        from playground.lessons import families

        value = picture.value
        if value["seconds"] not in SECONDS:
            raise PlaygroundError(f"Each family gets {', '.join(map(str, SECONDS))} seconds, not {value['seconds']!r}.")
        compare(room, person, families.run(str(value["data"]), float(value["seconds"]), value["seed"]), picture)

    job, told = asyncio.create_task(asyncio.to_thread(work)), -1
    try:
        while not job.done():
            if picture.version != told:
                told = picture.version
                yield picture.value
            await asyncio.sleep(FRAME_S)
        job.result()
    finally:
        picture.stopped = True  # the page has gone
    picture.value["done"] = True
    yield picture.value
