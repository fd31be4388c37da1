"""Four families side by side: one comparison of a visit, and its newest picture.

The picture is whole each time, so that a view that missed one loses nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from functools import cache
from typing import Any

from playground.errors import PlaygroundError
from playground.trainings import VisitTrainings
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
            "done": False, "stopped": False, "note": "",
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


async def follow(mine: VisitTrainings, picture: Picture) -> AsyncIterator[dict[str, Any]]:
    """Begin the comparison in a thread and yield its picture whenever it changed, until the end.

    Raises:
        PlaygroundError: a set that is none, or a quota.
    """
    value = picture.value
    if value["seconds"] not in SECONDS:
        raise PlaygroundError(f"Each family gets {', '.join(map(str, SECONDS))} seconds, not {value['seconds']!r}.")

    def work() -> None:
        comparison: Any = mine.families(str(value["data"]), float(value["seconds"]), value["seed"])
        with closing(comparison) as turns:
            for item in turns:
                picture.take(item)
                if picture.stopped:
                    return

    job, told = asyncio.create_task(asyncio.to_thread(work)), -1
    try:
        while not job.done():
            if picture.version != told:
                told = picture.version
                yield picture.value
            await asyncio.sleep(FRAME_S)
        job.result()
        picture.value["stopped"] = picture.stopped
    finally:
        picture.stopped = True  # the page has gone
    picture.value["done"] = True
    yield picture.value
