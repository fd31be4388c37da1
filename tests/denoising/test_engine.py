"""Pictures as a modality makes them: events in order, stop, go on, fork, bad input, what the files say."""

import base64
import contextlib
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from playground import fields
from playground.denoising import files
from playground.errors import PlaygroundError
from playground.events import Finished, ImageStep, Looked, Notice, Progress, Reason, Started
from playground.modalities import _denoising, _denoising_looks
from playground.models import _neighbours, _previews
from tests.denoising.driven import Lending, Settings, data_url, make, picture, picture_bytes, settings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_events_come_in_order_and_the_pictures_say_what_made_them(manager: Lending) -> None:
    events = make(manager, number=2)
    kinds = [type(event) for event in events]
    assert kinds == [Progress, Progress, Started, *[ImageStep] * 5, Finished]
    numbered = [event for event in events if hasattr(event, "seq")]
    assert [event.seq for event in numbered] == list(range(len(numbered)))
    steps, end = events[3:-1], events[-1]
    assert [step.index for step in steps] == [0, 1, 2, 3, 4]
    assert [step.noise for step in steps] == sorted((step.noise for step in steps), reverse=True)
    assert all(0 <= step.noise <= 1 for step in steps)
    assert len(steps[-1].guess) == len(end.pictures) == 2
    assert end.reason is Reason.EOS
    assert picture(end).size == (16, 16)
    for number, url in enumerate(end.pictures):
        told = files.about(files.content(url))
        assert told is not None
        assert (told["prompt"], told["model"], told["seed"]) == ("a red apple", "tiny", 3 + number)
        assert "made by a generative model" in told["statement"]
    streamed = json.loads(json.dumps(steps[0].to_stream()))
    assert (streamed["event"], streamed["step"], streamed["steps"]) == ("image", 1, 5)
    assert "guess" not in streamed
    assert manager.turns == 1 + 5 + 1


def test_a_picture_made_again_from_what_its_file_says_is_the_same(manager: Lending) -> None:
    second = make(manager, number=2, guidance=6.0)[-1].pictures[1]
    told = files.about(files.content(second))
    assert told is not None
    known = {name: told[name] for name in fields.describe(Settings) if name in told}
    again = make(manager, **known)[-1].pictures[0]
    assert picture_bytes(again) == picture_bytes(second)


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_stopped_run_shows_its_guess_and_goes_on_to_the_same_picture(manager: Lending, stop_after: int) -> None:
    whole = make(manager)[-1]
    stopped = make(manager, stop_after=stop_after)
    assert stopped[-1].reason is Reason.USER
    assert sum(isinstance(event, ImageStep) for event in stopped) == stop_after
    assert len(stopped[-1].pictures) == 1
    rest = make(manager, stopped[-1].state)
    assert [event.index for event in rest if isinstance(event, ImageStep)] == list(range(stop_after, 5))
    assert picture_bytes(rest[-1].pictures[0]) == picture_bytes(whole.pictures[0])


def test_stopping_is_answered_by_finished_at_once_wherever_it_comes(manager: Lending) -> None:
    for place in range(8):
        going = _denoising.generate(settings(), manager, None, modality="image")
        for _ in range(place + 1):
            next(going)
        end = going.send(Reason.USER)
        assert isinstance(end, Finished) and end.reason is Reason.USER, place
        assert list(going) == []
        assert manager.lent == 0


def test_a_fork_before_any_step_keeps_what_was_and_follows_the_new_words(manager: Lending) -> None:
    whole = make(manager)[-1]
    same = make(manager, whole.state.rewind(2))
    assert [event.index for event in same if isinstance(event, ImageStep)] == [2, 3, 4]
    assert picture_bytes(same[-1].pictures[0]) == picture_bytes(whole.pictures[0])
    other = make(manager, whole.state.rewind(2), prompt="the green house")
    assert picture_bytes(other[-1].pictures[0]) != picture_bytes(whole.pictures[0])
    started = next(event for event in other if isinstance(event, Started))
    assert (started.parent, started.parent_index) == (whole.run_id, 2)
    mixed = make(manager, whole.state.rewind(2), scheduler="Euler")
    assert all(event.approximate for event in mixed if isinstance(event, ImageStep))
    wide = make(manager, whole.state.rewind(2), width=32, steps=9)
    assert [e.text for e in wide if isinstance(e, Notice)] == [
        "A picture goes on with the steps and width it was begun with."
    ]
    assert picture_bytes(wide[-1].pictures[0]) == picture_bytes(whole.pictures[0])
    with pytest.raises(PlaygroundError, match="cannot go on with"):
        make(manager, dataclasses.replace(whole.state, model="other"))


def test_a_picture_to_begin_from_and_a_mask(manager: Lending) -> None:
    given = data_url(Image.new("RGB", (40, 30), "red"))
    untouched = make(manager, picture=given, strength=0.0)
    assert not any(isinstance(event, ImageStep) for event in untouched)
    assert len(untouched[-1].pictures) == 1
    half = Image.new("L", (16, 16), 0)
    half.paste(255, (8, 0, 16, 16))
    masked = make(manager, picture=given, mask=data_url(half), strength=1.0)
    kept = masked[-1].state.last.latents
    start = masked[-1].state.plan.start
    torch.testing.assert_close(kept[..., :4], start[..., :4])
    assert not torch.allclose(kept[..., 4:], start[..., 4:])
    with pytest.raises(PlaygroundError, match="give the picture, too"):
        make(manager, mask=data_url(half))


def test_a_mask_lies_on_a_photo_as_both_are_shown(manager: Lending) -> None:
    """Cameras store a picture lying and note that it is to be turned."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[files.ORIENTATION] = 6
    photo = Image.new("RGB", (48, 24), "red")
    photo.save(file, "JPEG", exif=exif)
    given = files.url(file.getvalue(), "image/jpeg")
    assert files.shown_size(file.getvalue()) == (24, 48)
    upright = Image.new("L", (24, 48), 0)
    upright.paste(255, (0, 12, 24, 36))
    assert make(manager, picture=given, mask=data_url(upright))[-1].reason is Reason.EOS
    lying = data_url(upright.transpose(Image.Transpose.ROTATE_90))
    with pytest.raises(PlaygroundError, match="other proportions"):
        make(manager, picture=given, mask=lying)


def test_what_is_clear_in_a_mask_stays_and_a_black_one_is_said(manager: Lending) -> None:
    given = data_url(Image.new("RGB", (16, 16), "red"))
    strokes = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    strokes.paste((255, 255, 255, 255), (8, 0, 16, 16))
    plan = make(manager, picture=given, mask=data_url(strokes))[-1].state.plan
    assert plan.mask[..., :4].max() == 0
    assert plan.mask[..., 4:].min() == 1
    black = make(manager, picture=given, mask=data_url(Image.new("L", (16, 16), 0)))
    assert any("black all over" in event.text for event in black if isinstance(event, Notice))


def test_the_seed_behind_the_last_one_is_one_that_can_be_typed(manager: Lending) -> None:
    end = make(manager, seed=2**32 - 1, number=2)[-1]
    told = [(files.about(files.content(url)) or {})["seed"] for url in end.pictures]
    assert told == [2**32 - 1, 0]
    assert picture_bytes(make(manager, seed=0)[-1].pictures[0]) == picture_bytes(end.pictures[1])


def test_what_a_run_began_from_is_told_by_a_few_letters_and_not_sent(manager: Lending) -> None:
    red, blue = (data_url(Image.new("RGB", (16, 16), colour)) for colour in ("red", "blue"))
    told = [next(e for e in make(manager, **given) if isinstance(e, Started)).settings
            for given in ({}, {"picture": red}, {"picture": red, "seed": 9}, {"picture": blue})]  # fmt: skip
    assert [settings["picture"] for settings in told] == [""] * 4
    none, first, again, other = (settings["picture_is"] for settings in told)
    assert none == "" and first == again != other and len(first) == 12
    assert told[1]["mask_is"] == ""


def test_what_is_near_is_said_of_a_stopped_picture_too_and_why_not_of_another_size(
    manager: Lending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make(manager)[-1]
    stopped = make(manager, stop_after=2)[-1].state
    _neighbours.save(tmp_path, torch.cat([whole.state.last.latents, stopped.last.clean]), ["whole", "guess"])
    monkeypatch.setattr(manager.model, "neighbours", _neighbours.of(tmp_path))

    def near(state: Any) -> dict[str, Any]:
        return next(e.values for e in _denoising_looks.near(state, 0, manager) if isinstance(e, Looked))

    for state, name in ((whole.state, "whole"), (stopped, "guess")):
        found = near(state)
        assert (found["near"][0]["name"], found["why"]) == (name, "")
    other = near(make(manager, width=8)[-1].state)
    assert other["near"] == [] and "own size" in other["why"]


def test_previews_are_fitted_within_a_turn(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fit takes the decoder, which others may be using."""
    inside: list[bool] = []
    fitted, turn = _previews.fitted, manager.turn

    def noted(model: Any) -> Any:
        inside.append(manager.busy)  # type: ignore[attr-defined]
        return fitted(model)

    @contextlib.contextmanager
    def watched() -> Iterator[None]:
        with turn():
            manager.busy = True  # type: ignore[attr-defined]
            yield
            manager.busy = False  # type: ignore[attr-defined]

    monkeypatch.setattr(manager, "turn", watched)
    monkeypatch.setattr(manager, "busy", False, raising=False)
    monkeypatch.setattr(_previews, "fitted", noted)
    monkeypatch.setattr(manager.model, "_previews", _previews.Previews())
    assert make(manager)[-1].reason is Reason.EOS
    assert inside == [True]


@pytest.mark.parametrize("values", [
    {"prompt": ""}, {"prompt": "cat " * 4000}, {"prompt": "\U0001f600" * 50}, {"steps": 1},
    {"guidance": 0.0}, {"guidance": 30.0}, {"guidance": 1.0}, {"number": 8}, {"width": 1}, {"width": 4096},
])  # fmt: skip
def test_extremes_are_made_or_brought_into_limits(manager: Lending, values: dict[str, Any]) -> None:
    events = make(manager, **values)
    end = events[-1]
    assert end.reason is Reason.EOS, end.message
    assert len(end.pictures) == values.get("number", 1)
    said = [event.text for event in events if isinstance(event, Notice)]
    if "width" in values:
        assert any("width" in text for text in said)
    if len(values.get("prompt", "")) > 1000:
        assert any("left out" in text for text in said)


@pytest.mark.parametrize(("wrong", "why"), [
    (b"no picture at all", "no picture that can be read"), (b"GIF89a" + b"\0" * 20, "no picture that can|damaged"),
    (b"<svg onload=alert(1)>", "no picture that can be read"), (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "no picture"),
])  # fmt: skip
def test_what_is_no_picture_is_refused_with_a_sentence(manager: Lending, wrong: bytes, why: str) -> None:
    with pytest.raises(PlaygroundError, match=why):
        make(manager, picture="data:image/png;base64," + base64.b64encode(wrong).decode())
    assert files.about(files.content(make(manager)[-1].pictures[0])) is not None


@pytest.mark.parametrize("scheduler", ["the model's own", "DPM++ 2M", "LCM"])
def test_a_thousand_steps_are_taken_or_as_many_as_the_scheduler_has(manager: Lending, scheduler: str) -> None:
    events = make(manager, steps=1000, scheduler=scheduler)
    most = {"LCM": 50, "DPM++ 2M": 998}.get(scheduler, 999)
    assert [event.steps for event in events if isinstance(event, ImageStep)] == [most] * most
    assert events[-1].reason is Reason.EOS
    said = [event.text for event in events if isinstance(event, Notice)]
    assert any(text.startswith("steps was 1,000 and is now") for text in said)


def test_ten_thousand_words_are_refused_with_both_figures(manager: Lending) -> None:
    with pytest.raises(PlaygroundError, match="prompt has 60,000 characters; at most 20,000 are read"):
        make(manager, prompt="apple " * 10_000)
    assert manager.lent == 0


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(manager: Lending) -> None:
    bomb = Image.new("1", (30_000, 10), 0)
    with pytest.raises(PlaygroundError, match="30000 × 10 pixels"):
        make(manager, picture=data_url(bomb))


def test_numbers_that_are_none_end_the_run_with_a_sentence(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = manager.model.predict
    steps = iter([1.0, 1.0, float("nan")])
    monkeypatch.setattr(manager.model, "predict", lambda *given: predict(*given) * next(steps, 1.0))
    end = make(manager)[-1]
    assert end.reason is Reason.ERROR
    assert "Step 3 gave numbers that are none" in end.message


def test_no_memory_in_mid_step_ends_with_advice_and_the_next_run_works(
    manager: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = picture_bytes(make(manager)[-1].pictures[0])

    def full(*_: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")

    with monkeypatch.context() as patch:
        patch.setattr(manager.model, "predict", full)
        end = make(manager)[-1]
    assert end.reason is Reason.ERROR and "make fewer at once" in end.message
    assert picture_bytes(make(manager)[-1].pictures[0]) == before


def test_words_of_which_the_model_knows_none_are_said(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    told = lambda prompt: [e.text for e in make(manager, prompt=prompt) if isinstance(e, Notice)]
    encode = type(manager.model).encode

    def nothing(self: Any, prompts: Any, unwanted: bool = False) -> Any:
        found = encode(self, prompts, unwanted)
        return dataclasses.replace(found, pieces=tuple(() for _ in found.pieces))

    assert told("a red apple") == []
    monkeypatch.setattr(type(manager.model), "encode", nothing)
    assert any("knows none of these words" in text for text in told("猫"))
    assert told("") == []
