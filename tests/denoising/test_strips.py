"""Film strips: the pictures between two, by their words, by their noise, or by both."""

from typing import Any

import pytest
import torch

from playground import fields
from playground.denoising import files, loop
from playground.events import Notice
from playground.modalities import _denoising_looks
from playground.models import _words
from tests.denoising.conftest import PROMPT, plan, run
from tests.denoising.driven import Lending, Settings, make, picture_bytes

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
KINDS = ["stable diffusion", "xl", "pixart", "auraflow"]
OTHER = "the cat and the dog on a house"


def test_there_is_a_kind_with_a_mask_and_one_without(models: dict[str, tuple[Any, Any]]) -> None:
    masked = {kind: models[kind][1].encode([PROMPT]).mask is not None for kind in KINDS}
    assert masked == {"stable diffusion": False, "xl": False, "pixart": True, "auraflow": False}


@pytest.mark.parametrize("kind", KINDS)
def test_the_ends_of_mixed_words_are_the_words_themselves(models: dict[str, tuple[Any, Any]], kind: str) -> None:
    model = models[kind][1]
    mixed = _words.mixed(model.encode([PROMPT]), model.encode([OTHER]), (0.0, 0.5, 1.0))
    _, strip = run(model, plan(model, words=mixed, unwanted=_words.repeated(model.encode([""]), 3), seeds=(5, 5, 5)))
    ends = [
        run(model, plan(model, words=model.encode([text]), unwanted=model.encode([""])))[1] for text in (PROMPT, OTHER)
    ]
    assert torch.allclose(strip[0], ends[0][0], atol=1e-4)
    assert torch.allclose(strip[2], ends[1][0], atol=1e-4)
    whole = float((ends[0] - ends[1]).abs().mean())
    assert whole > 1e-4
    for end in (0, 2):
        assert float((strip[1] - strip[end]).abs().mean()) > 0.05 * whole


def test_half_of_masked_words_looks_half_as_much_at_each(models: dict[str, tuple[Any, Any]]) -> None:
    """By hand: two words whose scores are alike share the attention as their prompts do."""
    model = models["pixart"][1]
    mixed = _words.mixed(model.encode([PROMPT]), model.encode([PROMPT]), (0.25,))
    assert mixed.mask is not None
    with model.watched() as layers:
        model.predict(torch.zeros(1, model.channels, 8, 8), torch.tensor(500), mixed, None)
    share = layers[0][0].mean(0)
    first, second = share.chunk(2)
    assert torch.allclose(second / (first + second), torch.full_like(first, 0.25), atol=1e-4)


def test_noise_on_the_way_keeps_its_variance_and_ends_in_that_of_the_other_seed() -> None:
    one, other = (torch.randn((1, 4, 32, 32), generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    way = loop.between(one.expand(5, -1, -1, -1), other, (0.0, 0.25, 0.5, 0.75, 1.0))
    assert torch.allclose(way[0], one[0], atol=1e-5)
    assert torch.allclose(way[4], other[0], atol=1e-5)
    assert all(0.95 < float(w.std()) < 1.05 for w in way)
    assert torch.allclose(loop.between(one, one, (0.5,)), one, atol=1e-5)


def test_a_strip_between_two_seeds_ends_in_the_pictures_of_both(manager: Lending) -> None:
    strip = make(manager, strip="noise", seed=3, to_seed=9, number=4)[-1].pictures
    assert picture_bytes(strip[0]) == picture_bytes(make(manager, seed=3)[-1].pictures[0])
    assert picture_bytes(strip[3]) == picture_bytes(make(manager, seed=9)[-1].pictures[0])
    assert len({picture_bytes(p) for p in strip}) == 4


def test_a_strip_of_one_picture_is_one_of_six(manager: Lending) -> None:
    events = make(manager, strip="both", to_prompt=OTHER)
    assert len(events[-1].pictures) == 6
    started = next(event for event in events if hasattr(event, "settings"))
    assert started.settings["number"] == 6


def test_the_file_of_a_frame_says_how_to_make_the_strip_again(manager: Lending) -> None:
    made = make(manager, strip="both", to_prompt=OTHER, to_seed=8, number=3)[-1].pictures
    told = files.about(files.content(made[1]))
    assert told is not None
    assert told["frame"] == 1
    known = {name: told[name] for name in fields.describe(Settings) if name in told}
    assert picture_bytes(make(manager, **known)[-1].pictures[1]) == picture_bytes(made[1])


def test_a_fork_of_a_strip_stays_a_strip_and_goes_to_another_end(manager: Lending) -> None:
    end = make(manager, strip="noise", to_seed=8, number=3)[-1]
    same = make(manager, start=end.state.rewind(2), strip="noise", to_seed=8, number=3)[-1].pictures
    assert [picture_bytes(p) for p in same] == [picture_bytes(p) for p in end.pictures]
    other = make(manager, start=end.state.rewind(0), strip="off", to_seed=21, number=1)[-1].pictures
    assert picture_bytes(other[0]) == picture_bytes(end.pictures[0])
    assert picture_bytes(other[2]) == picture_bytes(make(manager, seed=21)[-1].pictures[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_a_strip_can_be_looked_into(models: dict[str, tuple[Any, Any]], kind: str) -> None:
    manager = Lending(models[kind][1])
    state = make(manager, strip="words", to_prompt=OTHER, number=3)[-1].state
    values = _denoising_looks.inside(models[kind][1], state.plan, state.places.before(2), 1)
    assert {word["text"] for word in values["words"]} >= ({"cat", "red"} if kind == "pixart" else {"red"})
    assert 0 <= values["rest"] < 1


def test_going_on_with_a_strip_says_nothing_of_its_number(manager: Lending) -> None:
    end = make(manager, strip="noise", to_seed=8, stop_after=2)[-1]
    events = make(manager, start=end.state, strip="noise", to_seed=8)
    assert not [event.text for event in events if isinstance(event, Notice)]
    assert len(events[-1].pictures) == 6
