"""Too little memory, and numbers that are none: what is tried once more, what is said, and what large pictures do."""

import copy
from typing import Any

import pytest
import torch

from playground.denoising import places
from playground.errors import PlaygroundError
from playground.events import ImageStep, Notice, Reason, Started
from playground.modalities import _denoising, _denoising_looks
from tests.denoising.driven import Lending, make, picture_bytes, settings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
FULL = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"


def full(*_: Any, **__: Any) -> Any:
    raise RuntimeError(FULL)


def notices(events: list[Any]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


def test_a_batch_that_finds_no_memory_is_computed_one_after_another_and_makes_the_same_pictures(
    manager: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, predict, sizes = make(manager, number=3)[-1], manager.model.predict, list[int]()

    def small(latents: torch.Tensor, *more: Any) -> torch.Tensor:
        sizes.append(len(latents))
        return full() if len(latents) > 1 and len(sizes) > 2 else predict(latents, *more)  # in the third step

    monkeypatch.setattr(manager.model, "predict", small)
    events = make(manager, number=3)
    assert sizes == [6, 6, 6, *[1] * 18]
    assert [n for n in notices(events) if "one after another" in n]
    assert [event.index for event in events if isinstance(event, ImageStep)] == [0, 1, 2, 3, 4]
    assert events[-1].reason is Reason.EOS
    for one, other in zip(events[-1].pictures, whole.pictures, strict=True):
        apart = [abs(a - b) for a, b in zip(picture_bytes(one), picture_bytes(other), strict=True)]
        assert max(apart) <= 1


@pytest.mark.parametrize("what", ["encode", "preview", "decode", "predict"])
def test_no_memory_anywhere_ends_with_advice_and_the_next_run_works(
    manager: Lending, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    before = picture_bytes(make(manager)[-1].pictures[0])
    with monkeypatch.context() as patch:
        patch.setattr(manager.model, what, full)
        try:
            said = make(manager)[-1].message
        except PlaygroundError as error:
            said = str(error)
    assert "make fewer at once" in said
    assert manager.lent == 0
    assert picture_bytes(make(manager)[-1].pictures[0]) == before


def test_no_memory_for_a_look_or_a_comparison_is_the_same_sentence(
    manager: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = make(manager)[-1].state
    monkeypatch.setattr(manager.model, "predict", full)
    with pytest.raises(PlaygroundError, match="make fewer at once"):
        list(_denoising_looks.look(state, 1, 0, manager))
    assert manager.lent == 0


def test_numbers_that_are_none_in_half_precision_are_computed_again_in_float32(
    manager: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = manager.model
    whole, predict, tries = make(manager)[-1], model.predict, list[torch.dtype]()

    def overflowing(latents: torch.Tensor, *more: Any) -> torch.Tensor:
        tries.append(model.dtype)
        found = predict(latents, *more)
        return found if model.dtype == torch.float32 or len(tries) < 3 else found * float("nan")

    monkeypatch.setattr(model, "predict", overflowing)
    monkeypatch.setattr(model, "denoiser", copy.deepcopy(model.denoiser).bfloat16())  # all tests share the model
    monkeypatch.setattr(model, "dtype", torch.bfloat16)
    events = make(manager)
    assert tries == [torch.bfloat16] * 3 + [torch.float32] * 3
    assert notices(events) == ["Step 3 gave numbers that are none (NaN): it is taken again in float32."]
    assert events[-1].reason is Reason.EOS
    assert {p.dtype for p in model.denoiser.parameters()} == {torch.float32}
    assert len(events[-1].pictures) == len(whole.pictures) == 1


def test_a_decoder_that_gives_numbers_that_are_none_is_said(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = manager.model.vae.decode
    monkeypatch.setattr(manager.model.vae, "decode", lambda *a, **k: (decode(*a, **k)[0] * float("nan"),))
    end = make(manager)[-1]
    assert (end.reason, end.pictures) == (Reason.ERROR, ())
    assert "The decoder gave numbers that are none" in end.message


def test_large_pictures_are_decoded_in_tiles_and_many_large_ones_one_by_one(models: Any) -> None:
    model, seen = models["stable diffusion"][1], list[tuple[bool, bool]]()
    real = model.vae.decode

    def noted(latents: torch.Tensor, **_: Any) -> Any:
        seen.append((model.vae.use_tiling, model.vae.use_slicing))
        return real(latents[:, :, :8, :8], return_dict=False)

    model.vae.decode = noted
    try:
        for count, side in ((1, 16), (8, 256), (1, 512), (5, 512)):
            model.decode(torch.zeros(count, 4, side, side))
    finally:
        del model.vae.decode
        model.vae.use_tiling = model.vae.use_slicing = False
    assert seen == [(False, False), (False, False), (True, False), (True, True)]
    assert not model.is_large((4, 8, 8), 8)
    assert model.is_large((4, 512, 512), 3)


def test_a_place_that_was_let_go_is_reached_again_exactly(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make(manager, scheduler="Euler ancestral", steps=12)[-1]
    seen = [e for e in _denoising_looks.look(whole.state, 7, 0, manager) if hasattr(e, "values")]
    monkeypatch.setattr(places.Places.__init__, "__defaults__", (4 * whole.state.last.bytes,))
    short = make(manager, scheduler="Euler ancestral", steps=12)[-1]
    assert len(short.state.places) <= 4
    state = short.state.rewind(7)
    assert (state.index, state.last.taken) == (7, state.last.taken) and state.last.taken < 7
    rest = make(manager, state, scheduler="Euler ancestral", steps=12)
    assert [event.index for event in rest if isinstance(event, ImageStep)] == [7, 8, 9, 10, 11]
    assert picture_bytes(rest[-1].pictures[0]) == picture_bytes(whole.pictures[0])
    again = [e for e in _denoising_looks.look(short.state, 7, 0, manager) if hasattr(e, "values")]
    assert again[0].values == seen[0].values


def test_no_memory_while_steps_are_taken_again_is_the_same_sentence(
    manager: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = make(manager)
    told = next(e for e in events if isinstance(e, Started)).to_json() | {"before": []}
    again = _denoising.rebuild(told, type(settings()), 3)
    monkeypatch.setattr(manager.model, "predict", full)
    with pytest.raises(PlaygroundError, match="make fewer at once"):
        make(manager, again)
    assert manager.lent == 0
