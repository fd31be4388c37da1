"""What the models panel tells of loads, whoever began them: a click there, or a run that needs the model."""

import json
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from playground.room import Room
from playground.ui.door import Door
from playground.ui.models_panel import Panel
from playground.visits import Prepared, Visits
from tests.manager.fakes import Stepped

REQUEST = SimpleNamespace(headers={}, client=SimpleNamespace(host="127.0.0.1"))
TOKEN = "0" * 32
PATIENCE_S = 20


def until(what: Callable[[], Any]) -> Any:
    """What `what` says once it says something."""
    end = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return found


def shown(panel: Panel, token: str = TOKEN) -> tuple[dict[str, Any], dict[str, Any]]:
    """The line of model "a", and this visit's loads."""
    snapshot = json.loads(panel.snapshot(REQUEST, token))
    return next(m for m in snapshot["models"] if m["id"] == "a"), snapshot["loads"]


def waiting_run(world: Stepped, visits: Visits) -> Any:
    """A run of the Text tab that waits for model "a"."""
    settings = SimpleNamespace(model="a")
    visit = visits.visit(TOKEN)
    return visit.start("text", ("_fresh", settings, "null"), lambda _: Prepared(lambda: world.manager.load("a")))


def test_a_load_that_a_run_began_shows_its_progress_and_can_be_stopped_by_its_visitor() -> None:
    world, visits = Stepped({"a": 10}, 100), Visits()
    panel = Panel(Room(world.manager), Door("class"), visits)
    run = waiting_run(world, visits)
    until(lambda: world.jobs)
    for _ in range(3):  # importing, fetching 0 of 2, fetching 1 of 2
        world.step()
    model, loads = shown(panel)
    assert model["state"] == "loading"
    assert (model["progress"]["stage"], model["progress"]["done"], model["progress"]["total"]) == ("fetching", 1, 2)
    assert list(loads) == ["a"]
    stranger_model, stranger_loads = shown(panel, "1" * 32)
    assert stranger_model["progress"] == model["progress"]
    assert stranger_loads == {}, "a stranger sees how far it is, and cannot stop it"
    panel.halt(REQUEST, SimpleNamespace(_data={"id": "a"}), TOKEN)
    until(lambda: run.ended)
    world.finish()
    assert shown(panel)[0]["state"] == "embedded"
    assert run.thread is not threading.current_thread()


def test_a_model_of_two_modalities_is_listed_under_both() -> None:
    from playground.manager import ModelManager

    manager = ModelManager()
    smollm = next(m for m in manager.models() if m.id == "smollm2-135m-instruct")
    manager.close()
    assert smollm.modality == "text"
    assert smollm.modalities == ("text", "code")
