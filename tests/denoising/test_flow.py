"""A model whose words and picture are one sequence, trained by flow matching: what differs for it in the tab."""

import json
from pathlib import Path
from typing import Any

import pytest

from playground.denoising import loop, schedulers
from playground.errors import PlaygroundError
from playground.events import ImageStep, Notice, Reason
from playground.modalities import _denoising_looks, image
from playground.models._any import opened
from tests.denoising.conftest import plan, run
from tests.denoising.driven import Lending, make, picture_bytes
from tests.denoising.test_looks import looked
from tests.models import tiny_pictures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.parametrize("kind", ["auraflow", "stable diffusion", "latent consistency"])
@pytest.mark.parametrize("preset", list(image.PRESETS))
def test_every_preset_works_for_every_kind_without_a_word(models: dict[str, Any], kind: str, preset: str) -> None:
    values = {**image.PRESETS[preset], "steps": 3}
    events = make(Lending(models[kind][1]), **values)
    assert events[-1].reason is Reason.EOS
    assert [event.text for event in events if isinstance(event, Notice)] == []


def test_a_scheduler_that_is_not_for_it_is_replaced_by_its_own_and_that_is_said(models: dict[str, Any]) -> None:
    manager = Lending(models["auraflow"][1])
    events = make(manager, scheduler="DDIM")
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "DDIM is no scheduler for this model (Euler, Heun, DPM++ 2M, UniPC, LCM are): its own is used."
    ]
    own = make(manager, scheduler=schedulers.OWN)
    assert picture_bytes(events[-1].pictures[0]) == picture_bytes(own[-1].pictures[0])


def test_a_picture_is_no_larger_than_the_places_it_has(tmp_path: Path) -> None:
    pipeline = tiny_pictures.auraflow()
    module = pipeline.transformer
    pipeline.transformer = type(module).from_config({**module.config, "pos_embed_max_size": 16}).eval()
    pipeline.save_pretrained(str(tmp_path / "small"), safe_serialization=True)
    model = opened(tmp_path / "small")
    assert (model.size, model.largest) == (16, 16)
    events = make(Lending(model), width=32)
    assert events[-1].reason is Reason.EOS
    assert any("width" in event.text for event in events if isinstance(event, Notice))
    assert next(event for event in events if isinstance(event, ImageStep)).steps == 5


def test_what_is_not_given_to_words_is_named(models: dict[str, Any]) -> None:
    for kind, where in (("auraflow", "the picture itself and signs"), ("stable diffusion", "signs that are no words")):
        manager = Lending(models[kind][1])
        values = looked(manager, make(manager)[-1].state, 1)
        assert values["elsewhere"].startswith(where)


@pytest.mark.parametrize("kind", ["stable diffusion", "auraflow"])
def test_the_maps_of_a_large_wide_picture_are_smaller_and_of_its_shape(
    models: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_denoising_looks, "FINEST", 6)
    manager = Lending(models[kind][1])
    values = looked(manager, make(manager, width=24, height=16)[-1].state, 1)  # latents of 8 × 12
    assert (len(values["difference"]), len(values["difference"][0])) == (4, 6)
    for word in values["words"]:
        assert (len(word["map"]), len(word["map"][0])) == (4, 6)
        assert max(map(max, word["map"])) > 0


def test_another_seed_before_the_first_step_is_another_run_from_the_start(models: dict[str, Any]) -> None:
    """Also where a picture is given to begin from, when the first step is not the scheduler's first."""
    model = models["stable diffusion"][1]
    import torch

    given = torch.randn(1, model.channels, 8, 8, generator=torch.Generator().manual_seed(9))
    wanted = plan(model, start=given, strength=0.5)
    steps, _ = run(model, wanted)
    assert steps[0].place.index > 0
    place = loop.changed(model, wanted, steps[0].place, None, 77)
    expected = run(model, plan(model, start=given, strength=0.5, seeds=(77,)))[1]
    torch.testing.assert_close(run(model, wanted, place)[1], expected)


@pytest.mark.parametrize("named", ["UNet2DModel", "NoSuchScheduler", "deprecate", None])
def test_a_scheduler_that_is_none_is_refused_with_a_sentence(named: str | None, tmp_path: Path) -> None:
    folder = tiny_pictures.folder("pixart", tmp_path / "tiny")
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": named}))
    with pytest.raises(PlaygroundError, match="names no scheduler of its own"):
        make(Lending(opened(folder)), scheduler=schedulers.OWN)


def test_parts_that_do_not_fit_together_are_refused_when_they_are_loaded(tmp_path: Path) -> None:
    pipeline = tiny_pictures.stable_diffusion()
    pipeline.save_pretrained(str(tmp_path / "paint"), safe_serialization=True)
    wide = type(pipeline.unet).from_config({**pipeline.unet.config, "in_channels": 9})
    wide.save_pretrained(str(tmp_path / "paint" / "unet"), safe_serialization=True)
    with pytest.raises(PlaygroundError, match="takes 9 channels and its autoencoder makes 4"):
        opened(tmp_path / "paint")
    index = tmp_path / "paint" / "model_index.json"
    index.write_text(json.dumps({k: v for k, v in json.loads(index.read_text()).items() if k != "unet"}))
    with pytest.raises(PlaygroundError, match="denoises with nothing"):
        opened(tmp_path / "paint")
