"""What a run goes on from: one step at a time, and from settings alone where its state has been let go."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from playground.errors import PlaygroundError
from playground.events import ImageStep, Progress, Reason, Started
from playground.modalities import _denoising, image
from playground.run import Run
from playground.ui.picture_runner import PictureRunner
from playground.visits import Prepared
from tests.denoising.driven import Lending, data_url, make, picture_bytes, settings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def started(events: list[Any]) -> dict[str, Any]:
    """Its first event as a page's frame has it."""
    return next(e for e in events if isinstance(e, Started)).to_json() | {"before": []}


def indices(events: list[Any]) -> list[int]:
    return [e.index for e in events if isinstance(e, ImageStep)]


def test_one_step_at_a_time_makes_the_picture_of_one_go(manager: Lending) -> None:
    whole, state = make(manager)[-1], None
    for step in range(5):
        events = make(manager, state, pause_after=1)
        state = events[-1].state
        assert indices(events) == [step]
        assert events[-1].reason is (Reason.EOS if step == 4 else Reason.PAUSED)
        assert state.done is (step == 4)
    assert picture_bytes(events[-1].pictures[0]) == picture_bytes(whole.pictures[0])


@pytest.mark.parametrize("scheduler", ["DDIM", "Euler ancestral", "DPM++ 2M"])
def test_a_place_is_reached_again_from_the_settings_alone(manager: Lending, scheduler: str) -> None:
    events = make(manager, scheduler=scheduler)
    whole = events[-1]
    again = _denoising.rebuild(started(events), type(settings()), 3)
    rest = make(manager, again, scheduler=scheduler)
    assert indices(rest) == [3, 4]
    assert [e.done for e in rest if isinstance(e, Progress) and e.unit == "steps"] == [0, 1, 2]
    assert picture_bytes(rest[-1].pictures[0]) == picture_bytes(whole.pictures[0])
    assert started(rest)["parent_index"] == 3


def test_a_place_behind_a_fork_is_reached_through_the_settings_before_it(manager: Lending) -> None:
    first = make(manager)
    second = make(manager, first[-1].state.rewind(2), prompt="the green house", scheduler="Euler")
    before = [{"until": 2, "settings": started(first)["settings"]}]
    again = _denoising.rebuild(started(second) | {"before": before}, type(settings()), 4)
    rest = make(manager, again, prompt="the green house", scheduler="Euler")
    assert picture_bytes(rest[-1].pictures[0]) == picture_bytes(second[-1].pictures[0])
    earlier = make(manager, again.rewind(1))
    assert indices(earlier) == [1, 2, 3, 4]
    assert picture_bytes(earlier[-1].pictures[0]) == picture_bytes(first[-1].pictures[0])


def test_stopping_while_a_place_is_reached_again(manager: Lending) -> None:
    again = _denoising.rebuild(started(make(manager)), type(settings()), 4)
    going = _denoising.generate(settings(), manager, again, modality="image")
    for event in going:
        if isinstance(event, Progress) and event.unit == "steps" and event.done == 2:
            break
    end = going.send(Reason.USER)
    while end.to_json()["event"] != "finished":
        end = next(going)
    assert end.reason is Reason.USER
    assert manager.lent == 0


def test_there_is_no_step_behind_the_last(manager: Lending) -> None:
    state = make(manager)[-1].state
    assert state.rewind(5).index == 5
    for index in (-1, 6):
        with pytest.raises(PlaygroundError, match="There is no step"):
            state.rewind(index)


def runs_of(manager: Lending, *asked: dict[str, Any]) -> list[Run]:
    """Runs, each of which goes on from step 2 of the one before it, as a visit drives them."""
    found: list[Run] = []
    for number, values in enumerate(asked):
        parent = found[-1] if found else None
        state = parent.state.rewind(2 * number) if parent else None
        made = settings(**values)
        run = Run(f"r{number}", "image", ("run", made), lambda s=state, m=made: _denoising.generate(
            m, manager, s, modality="image"), parent=parent, at=2 * number if parent else 0)  # fmt: skip
        run.start()
        run.thread.join(60)
        found.append(run)
    return found


def test_a_fork_remembers_the_words_before_it(manager: Lending) -> None:
    asked = [{"prompt": "a red apple"}, {"prompt": "the green house"}, {"prompt": "the cat and the dog"}]
    *_, last = runs_of(manager, *asked)
    frame = json.loads(last.frame())
    assert [(p["until"], p["settings"]["prompt"]) for p in frame["started"]["before"]] == [
        (2, "a red apple"), (4, "the green house")]  # fmt: skip
    again = _denoising.rebuild(frame["started"], type(settings()), 5)
    rest = make(manager, again, prompt="the cat and the dog")
    assert indices(rest) == []
    assert picture_bytes(rest[-1].pictures[0]) == picture_bytes(frame["finished"]["pictures"][0])


def test_a_run_whose_state_was_let_go_is_computed_again_from_the_picture_it_began_with(manager: Lending) -> None:
    noise = Image.effect_noise((16, 16), 90).convert("RGB")
    begun = settings(picture=data_url(noise), strength=0.8)
    visit: Any = SimpleNamespace(runs={}, token="t", person="p")
    runner = object.__new__(PictureRunner)
    runner.name, runner.modality, runner.manager = "image", image, manager  # type: ignore[assignment]
    drive: Any = lambda person, name, model, generate: generate()
    runner.room = SimpleNamespace(drive=drive)  # type: ignore[assignment]

    def started_run(name: str, made: Any, prepared: Prepared) -> Run:
        run = Run(name, "image", ("run", made), prepared.generate, parent=prepared.parent, at=prepared.at)
        run.given = prepared.given
        visit.runs[name] = run
        run.start()
        run.thread.join(60)
        return run

    first = started_run("a", begun, runner._fresh(visit, None, begun))
    without = settings(strength=0.8)  # the page has no picture any more
    fork = started_run("b", without, runner._forked(visit, None, without, {"run": "a", "index": 1}))
    shown = json.loads(fork.frame())["finished"]["pictures"][0]
    assert picture_bytes(shown) == picture_bytes(json.loads(first.frame())["finished"]["pictures"][0])
    fork._forget_state()
    more = started_run("c", without, runner._forked(visit, None, without, {"run": "b", "index": 3}))
    assert picture_bytes(json.loads(more.frame())["finished"]["pictures"][0]) == picture_bytes(shown)
    on = runner._continue(visit, more, without)
    assert on.given.picture == begun.picture
