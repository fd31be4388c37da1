"""Questions that a model answers beside the runs: what the page is told, and what is not done for them."""

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.events import Finished, Looked, Progress, Reason
from playground.ui.answering import OWN_MISTAKE, answered
from playground.ui.picture_runner import PictureRunner


def events(*given: Any) -> Any:
    def made() -> Iterator[Any]:
        for one in given:
            if isinstance(one, Exception):
                raise one
            yield one

    return made


def test_values_come_through_and_everything_between_is_nothing() -> None:
    end = Finished("r", 1, Reason.EOS, "", 0)
    found = list(answered(events(Progress("reading"), Looked({"a": 1}), end), "it"))
    assert found == [None, {"values": {"a": 1}}, None]


@pytest.mark.parametrize(("given", "said"), [
    (Finished("r", 1, Reason.ERROR, "", 0, message="No memory."), "No memory."),
    (Finished("r", 1, Reason.USER, "", 0), "The answer was stopped."),
    (PlaygroundError("There is none."), "There is none."),
])  # fmt: skip
def test_whatever_stands_in_its_way_is_a_sentence(given: Any, said: str) -> None:
    assert list(answered(events(given), "it")) == [{"error": said}]


def test_a_mistake_of_the_program_is_in_its_log_and_not_on_the_page(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert list(answered(events(ValueError("secret")), "a step")) == [{"error": OWN_MISTAKE}]
    assert "a step was asked" in caplog.text


@pytest.mark.parametrize(("state", "asked"), [("cached", False), ("embedded", False), ("ready", True)])
def test_no_model_is_loaded_to_say_what_is_near_a_picture(state: str, asked: bool) -> None:
    drives: list[str] = []
    runner = object.__new__(PictureRunner)
    runner.name = "image"
    runner.manager = SimpleNamespace(models=lambda _: [SimpleNamespace(id="tiny", state=state)])  # type: ignore[assignment]
    runner.room = SimpleNamespace(drive=lambda *given: drives.append(given[2]) or iter(()))  # type: ignore[assignment]
    kept = SimpleNamespace(model="tiny")
    visit: Any = SimpleNamespace(runs={"r": SimpleNamespace(state=kept)}, token="t", person="p")
    if asked:
        runner._near(visit, "r", 0)
        assert drives == ["tiny"]
    else:
        with pytest.raises(PlaygroundError, match="no longer loaded"):
            runner._near(visit, "r", 0)
        assert drives == []
