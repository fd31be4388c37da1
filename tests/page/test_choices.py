"""What the page says of a model that a person names, before anything of it is loaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.manager import ModelManager
from playground.modalities import image, text
from playground.ui.choices import Choices
from playground.ui.controls import Controls
from tests.models import tiny, tiny_pictures


@pytest.fixture(scope="module")
def manager() -> Any:
    manager = ModelManager("own")
    import torch  # noqa: F401  sizes are only looked up once it is there

    yield manager
    manager.close()


def about(modality: Any, name: str, model: str, manager: Any) -> str:
    return Choices(name, modality, Controls(name, modality.Settings), manager).about(model).replace("\\", "")


def test_of_a_folder_the_memory_is_said_and_it_is_what_its_weights_take(manager: Any, tmp_path: Path) -> None:
    pipeline, folder = tiny_pictures.stable_diffusion(), tmp_path / "tiny"
    pipeline.save_pretrained(str(folder))
    count = sum(p.numel() for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder) for p in part.parameters())
    said = about(image, "image", str(folder), manager)
    assert f"needs {40 + count * 4.2 / 1e6:.0f} MB of memory" in said
    assert "MB of memory" in about(text, "text", str(tiny.folder(tmp_path / "words")), manager)


def test_of_a_model_of_the_hub_it_says_when_its_size_will_be_known(manager: Any) -> None:
    assert "Run looks up its size before it fetches anything" in about(image, "image", "some/model", manager)


def test_a_folder_that_lies_is_neither_built_nor_waited_for(manager: Any, tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "endless")
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | {"n_layer": 10**9, "num_hidden_layers": 10**9}))
    assert "MB of memory" in about(text, "text", str(folder), manager)
    with pytest.raises(PlaygroundError, match="n_layer = 1000000000"):
        list(manager.load(str(folder)))
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    assert "weights of endless cannot be read" in about(text, "text", str(folder), manager)


def test_a_folder_that_is_no_model_is_named_at_once(manager: Any, tmp_path: Path) -> None:
    said = about(text, "text", str(tmp_path), manager)
    assert "has no model.safetensors" in said
    assert "Traceback" not in said and len(said) > 40
