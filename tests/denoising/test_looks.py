"""What is found inside a step: against diffusers' own attention, and against the step that was taken."""

import io
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor
from PIL import Image

from playground.denoising import files, loop, schedulers
from playground.errors import PlaygroundError
from playground.events import Finished, Looked, Reason, Started
from playground.modalities import _denoising, _denoising_looks
from playground.models import _attention
from tests.denoising.driven import Lending, make, settings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def looked(manager: Lending, kept: Any, index: int, picture: int = 0) -> dict[str, Any]:
    events = list(_denoising_looks.look(kept, index, picture, manager))
    assert manager.lent == 0
    assert isinstance(events[-1], Finished) and events[-1].reason is Reason.EOS
    return next(event.values for event in events if isinstance(event, Looked))


@pytest.mark.parametrize("kind", ["stable diffusion", "xl", "pixart"])
def test_the_maps_are_those_of_diffusers_own_slow_attention(
    models: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models[kind][1]
    words = model.encode(["a red apple on the tree", "dog"])
    latents = torch.randn(2, model.channels, 12, 12, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        with model.watched() as layers:
            fast = model.predict(latents, torch.tensor(300), words, None)
        theirs: list[torch.Tensor] = []
        scores = Attention.get_attention_scores

        def noted(self: Any, query: Any, key: Any, mask: Any = None) -> Any:
            found = scores(self, query, key, mask)
            if key.shape[1] == words.hidden.shape[1] and key.shape[1] != query.shape[1]:
                theirs.append(found)
            return found

        monkeypatch.setattr(Attention, "get_attention_scores", noted)
        before = model.denoiser.attn_processors
        model.denoiser.set_attn_processor(AttnProcessor())
        slow = model.predict(latents, torch.tensor(300), words, None)
        model.denoiser.set_attn_processor(before)
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)
    assert len(layers) == len(theirs) > 1
    for mine, other in zip(layers, theirs, strict=True):
        torch.testing.assert_close(mine, other.unflatten(0, (2, -1)).mean(1), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mine.sum(-1), torch.ones(mine.shape[:2]))
    drawn = _attention.maps(layers, (12, 12), (12, 12))
    assert drawn.shape == (2, words.hidden.shape[1], 12, 12)
    torch.testing.assert_close(drawn.sum(1), torch.ones(2, 12, 12))


def test_the_maps_of_one_sequence_are_what_the_fast_attention_itself_computes(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the unit matrix as values, the kernel gives its own probabilities back."""
    model = models["auraflow"][1]
    words = model.encode(["a red apple on the tree", "dog"])
    latents = torch.randn(2, model.channels, 8, 8, generator=torch.Generator().manual_seed(0))
    fast, theirs = torch.nn.functional.scaled_dot_product_attention, []

    def noted(query: Any, key: Any, value: Any, **more: Any) -> Any:
        unit = torch.eye(key.shape[2]).expand(*key.shape[:2], -1, -1)
        if key.shape[2] > words.hidden.shape[1]:  # not the text encoder's
            theirs.append(fast(query, key, unit, **more).mean(1))
        return fast(query, key, value, **more)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", noted)
    with torch.inference_mode(), model.watched() as layers:
        model.predict(latents, torch.tensor(300.0), words, None)
    assert len(layers) == len(theirs) == 3
    registers, count, places = 8, words.hidden.shape[1], 4 * 4
    for mine, other in zip(layers, theirs, strict=True):
        assert other.shape[1] == registers + count + places
        torch.testing.assert_close(mine, other[:, -places:, registers : registers + count], rtol=1e-4, atol=1e-5)
    assert _attention.maps(layers, (8, 8), (8, 8)).shape == (2, count, 8, 8)


def test_nothing_is_watched_afterwards(models: dict[str, Any]) -> None:
    model = models["stable diffusion"][1]
    with model.watched() as layers:
        pass
    with torch.inference_mode():
        model.predict(torch.zeros(1, model.channels, 8, 8), torch.tensor(3), model.encode(["apple"]), None)
    assert layers == []


def test_a_layer_of_another_shape_than_the_picture_is_drawn_in_its_shape() -> None:
    whole = torch.rand(1, 8 * 4, 3)
    small = whole.reshape(1, 4, 2, 2, 2, 3).mean((2, 4)).reshape(1, 8, 3)
    drawn = _attention.maps([whole, small], (8, 4), (8, 4))
    assert drawn.shape == (1, 3, 8, 4)
    torch.testing.assert_close(_attention.maps([whole], (8, 4), (8, 4)), whole.transpose(1, 2).reshape(1, 3, 8, 4))


@pytest.mark.parametrize("scheduler", ["DDIM", "Euler", "DPM++ 2M"])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_the_guess_is_the_one_that_the_step_made(manager: Lending, scheduler: str, guidance: float) -> None:
    kept = make(manager, scheduler=scheduler, guidance=guidance, number=2)[-1].state
    values = looked(manager, kept, 3, 1)
    assert (values["step"], values["picture"]) == (3, 1)
    place = kept.places.before(3)
    *_, step = [s for s in loop.denoise(manager.model, kept.plan, place) if s.index == 3]
    expected = files.small(manager.model.decode(step.next.clean[1:]))[0]
    assert near(values["guess"], expected)
    if guidance == 1.0:
        assert values["guess"] == values["bound"]
    assert values["free"] != values["bound"]
    assert max(map(max, values["difference"])) == 1.0
    assert 0 < values["apart"] < 10
    assert [word["text"] for word in values["words"]] == ["a", "red", "apple"]
    together = torch.tensor([word["map"] for word in values["words"]]).mean((1, 2)).sum() + values["rest"]
    assert float(together) == pytest.approx(1, abs=1e-3)


def near(first: str, second: str) -> bool:
    """Whether two small pictures are alike but for rounding."""
    pixels = [torch.tensor(list(Image.open(io.BytesIO(files.content(url))).convert("RGB").tobytes())).float()
              for url in (first, second)]  # fmt: skip
    return float((pixels[0] - pixels[1]).abs().max()) <= 2


def test_the_difference_is_by_hand(manager: Lending) -> None:
    kept = make(manager)[-1].state
    values, place, plan, model = looked(manager, kept, 2), kept.places.before(2), kept.plan, manager.model
    t = place.scheduler.timesteps[place.index]
    scaled = schedulers.copied(place.scheduler).scale_model_input(place.latents, t)
    with torch.inference_mode():
        free = model.predict(scaled, t, plan.unwanted, None)
        bound = model.predict(scaled, t, plan.words, None)
    apart = (bound - free).pow(2).mean(1).sqrt()[0]
    torch.testing.assert_close(torch.tensor(values["difference"]), apart / apart.max(), rtol=0.01, atol=0.003)


def test_a_run_that_left_no_state_is_computed_again(manager: Lending) -> None:
    events = make(manager)
    started = next(e for e in events if isinstance(e, Started)).to_json() | {"before": []}
    again = _denoising.rebuild(started, type(settings()), 3)
    assert looked(manager, again, 3) == looked(manager, events[-1].state, 3)


def test_what_is_not_there_is_refused(manager: Lending) -> None:
    kept = make(manager)[-1].state
    for index, picture, why in ((5, 0, "no step 5"), (-1, 0, "no step"), (1, 1, "no picture 1"), (1, -1, "no picture")):
        with pytest.raises(PlaygroundError, match=why):
            looked(manager, kept, index, picture)
    assert manager.lent == 0
