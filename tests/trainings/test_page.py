"""A trained model on the real page, over HTTP: chosen and run in its own browser tab, unknown in any other."""

import json

import pytest

from playground.people import Person
from playground.room import Room
from playground.trainings import Trainings
from tests.audience.served import CLASS, serve
from tests.trainings.test_lessons import SMALL, until


def test_a_trained_model_is_chosen_and_run_in_its_own_tab_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, "class", real=True) as served:
        mine, other = (served.browser(code=CLASS).open() for _ in range(2))
        trainings = Trainings(Room(served.manager))
        training = trainings.of(mine.visit, Person(mine.visit)).start("gpt", SMALL["gpt"] | {"steps": 3})
        until(training, "finished")
        model = trainings.of(mine.visit).save("Only mine")["id"]

        for tab, has in ((mine, True), (other, False)):
            (update,) = tab.ask("text-model", "focus")
            assert (model in [value for _, value in update["choices"]]) is has
            panel = json.loads(tab.ask("models-view", "fetch", {"id": ""})[0])
            assert (model in [info["id"] for info in panel["models"]]) is has
            assert str(trainings.workshop.path) not in tab.heard  # where it lies is nobody's business

        written = mine.run("The", model=model, max_new_tokens=4, search="greedy")
        assert '\\"event\\":\\"token\\"' in written
        assert '\\"state\\":\\"finished\\"' in written
        refused = other.run("The", model=model, max_new_tokens=4, search="greedy")
        assert '\\"event\\":\\"token\\"' not in refused
        assert "Only mine" not in other.heard
        trainings.close()
