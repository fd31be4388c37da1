"""Folders of picture models through the manager, as any other model: bytes, loading, refusals."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished, ImageStep, Reason
from playground.manager import ModelManager
from playground.modalities import _denoising, text
from playground.models import _sizes
from playground.models._any import opened
from tests.models import tiny_pictures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
Settings = _denoising.settings_class("a red apple", "tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pictures.folder("stable diffusion", tmp_path_factory.mktemp("models") / "tiny")


def make(manager: Any, folder: Path, **values: Any) -> list[Any]:
    settings = fields.build(Settings, {"model": str(folder), "steps": 3, **values})
    return list(_denoising.generate(settings, manager, modality="image"))


@pytest.mark.parametrize("kind", list(tiny_pictures.KINDS))
def test_a_folder_of_each_kind_is_loaded_counted_and_makes_pictures(kind: str, tmp_path: Path) -> None:
    place = tiny_pictures.folder(kind, tmp_path / "model")
    manager = ModelManager("own")
    events = make(manager, place)
    assert sum(isinstance(event, ImageStep) for event in events) == 3
    assert isinstance(events[-1], Finished) and len(events[-1].pictures) == 1
    pipeline = tiny_pictures.KINDS[kind]()
    parts = [part for part in pipeline.components.values() if hasattr(part, "parameters")]
    weights = sum(p.numel() * 4 for part in parts for p in part.parameters())
    assert manager.memory().resident_bytes >= weights
    manager.close()


def test_a_picture_model_that_does_not_fit_is_refused_with_figures(folder: Path) -> None:
    manager = ModelManager("own", budget_bytes=1_000_000)
    with pytest.raises(PlaygroundError, match="GB|MB"):
        make(manager, folder)
    manager.close()


def test_models_of_the_other_kind_are_refused_with_a_sentence(folder: Path) -> None:
    manager = ModelManager("own")
    with pytest.raises(PlaygroundError, match="makes no pictures"):
        list(_denoising.generate(fields.build(Settings, {"model": "tales"}), manager, modality="image"))
    settings = fields.build(text.Settings, {"model": str(folder), "prompt": "The"})
    with pytest.raises(PlaygroundError, match="writes no text"):
        list(text.generate(settings, manager))
    manager.close()


@pytest.mark.parametrize(("change", "why"), [
    ({"unet": ["diffusers", "FluxTransformer2DModel"]}, "denoises with FluxTransformer2DModel, which is not supported"),
    ({"vae": ["my_module", "MyVae"]}, "no autoencoder of a known kind"),
    ({"text_encoder": ["my_module", "MyEncoder"]}, "MyEncoder, which is not supported"),
])  # fmt: skip
def test_parts_that_are_not_known_are_refused_by_name(
    folder: Path, tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps({**index, **change}))
    manager = ModelManager("own")
    with pytest.raises(PlaygroundError, match=why):
        make(manager, copy)
    manager.close()


def test_code_pickles_and_broken_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    manager = ModelManager("own")
    for name, why in (("unet/model.py", "holds code"), ("pipeline.py", "holds code")):
        copy = Path(shutil.copytree(folder, tmp_path / name.replace("/", "-")))
        (copy / name).write_text("raise SystemExit")
        with pytest.raises(PlaygroundError, match=why):
            make(manager, copy)
    copy = Path(shutil.copytree(folder, tmp_path / "broken"))
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(PlaygroundError, match="damaged"):
        make(manager, copy)
    copy = Path(shutil.copytree(folder, tmp_path / "missing"))
    (copy / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(PlaygroundError, match="has no diffusion_pytorch_model.safetensors"):
        make(manager, copy)
    manager.close()


def test_the_scheduler_that_a_folder_came_with_may_say_that_nothing_is_clipped(folder: Path, tmp_path: Path) -> None:
    from diffusers import DPMSolverMultistepScheduler

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    DPMSolverMultistepScheduler().save_pretrained(str(copy / "scheduler"))
    assert "-Infinity" in (copy / "scheduler" / "scheduler_config.json").read_text()
    manager = ModelManager("own")
    assert make(manager, copy)[-1].reason is Reason.EOS
    manager.close()


def test_a_run_is_stopped_while_the_model_loads(folder: Path) -> None:
    manager = ModelManager("own")
    settings = fields.build(Settings, {"model": str(folder)})
    going = _denoising.generate(settings, manager, modality="image")
    next(going)
    end = going.send(Reason.USER)
    assert isinstance(end, Finished) and end.reason is Reason.USER
    manager.close()


@pytest.mark.parametrize("kind", list(tiny_pictures.KINDS))
def test_what_the_files_say_is_what_the_loaded_model_has(kind: str, tmp_path: Path) -> None:
    folder = tiny_pictures.folder(kind, tmp_path / "tiny")
    found, model = _sizes.described(folder), opened(folder)
    assert found is not None
    assert (found.size, found.factor, found.channels, found.largest) == (
        model.size, model.factor, model.channels, model.largest)  # fmt: skip
    assert found.scheduler_config == model.scheduler_config


@pytest.mark.parametrize(("file", "content"), [
    ("model_index.json", "[" * 100_000), ("model_index.json", "[]"), ("model_index.json", '{"unet": 3}'),
    ("model_index.json", "{" + " " * 6_000_000 + "}"), ("unet/config.json", '{"sample_size": 0}'),
    ("unet/config.json", '{"sample_size": -64}'), ("unet/config.json", '{"sample_size": "x"}'),
    ("unet/config.json", '{"sample_size": 1e400}'), ("unet/config.json", "{}"),
    ("vae/config.json", '{"latent_channels": 4, "block_out_channels": [' + "8, " * 70 + "8]}"),
    ("scheduler/scheduler_config.json", "nothing"),
], ids=range(11))  # fmt: skip
def test_a_folder_that_lies_of_its_sizes_says_nothing(folder: Path, tmp_path: Path, file: str, content: str) -> None:
    shutil.copytree(folder, tmp_path / "tiny")
    (tmp_path / "tiny" / file).write_text(content)
    assert _sizes.described(tmp_path / "tiny") is None


def test_no_file_is_waited_for_that_is_none(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "tiny")
    (tmp_path / "tiny" / "model_index.json").unlink()
    os.mkfifo(tmp_path / "tiny" / "model_index.json")
    assert _sizes.described(tmp_path / "tiny") is None
