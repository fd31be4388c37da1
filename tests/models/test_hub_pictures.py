"""Picture models on a Hub of this machine: which files are fetched, that they are checked, and that they run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.denoising import files
from playground.events import ImageStep
from playground.manager import ModelManager
from playground.models._aside import set_aside
from playground.models._fetch import complete
from playground.models._hub_files import chosen
from tests.models import tiny_pictures
from tests.models.hub_painter import paint
from tests.models.stub_hub import Hub, serving
from tests.models.test_hub import ROOT, client

WHOLE = [
    ".gitattributes", "README.md", "model_index.json", "sd_turbo.safetensors",
    "feature_extractor/preprocessor_config.json", "safety_checker/config.json", "safety_checker/model.safetensors",
    "scheduler/scheduler_config.json", "text_encoder/config.json", "text_encoder/model.fp16.safetensors",
    "text_encoder/model.safetensors", "text_encoder/pytorch_model.bin", "tokenizer/merges.txt",
    "tokenizer/vocab.json", "unet/config.json", "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors", "vae/deeper/diffusion_pytorch_model.safetensors", "image.png",
]  # fmt: skip
SHARDED = [
    "model_index.json", "transformer/config.json", "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
    "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
    "transformer/diffusion_pytorch_model.safetensors.index.json",
    "transformer/diffusion_pytorch_model.fp16-00001-of-00001.safetensors",
]  # fmt: skip


def test_of_a_repository_the_parts_are_fetched_once_and_the_smaller_weights() -> None:
    assert chosen(WHOLE) == [
        "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors", "tokenizer/merges.txt", "tokenizer/vocab.json", "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors", "vae/config.json", "vae/diffusion_pytorch_model.safetensors",
    ]  # fmt: skip


def test_weights_in_pieces_are_all_fetched_with_their_index() -> None:
    assert chosen(SHARDED) == SHARDED[:-1]


def test_a_language_model_is_what_lies_at_the_top() -> None:
    names = ["config.json", "model.safetensors", "onnx/model.safetensors", "tokenizer.json"]
    assert chosen(names) == [names[0], names[1], names[3]]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    place = tiny_pictures.folder("stable diffusion", tmp_path_factory.mktemp("model") / "tiny")
    with serving(place) as hub:
        half = dict(hub.files["tiny"])
        for part, stem in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model")):
            half[f"{part}/{stem}.fp16.safetensors"] = in_half(place / part / f"{stem}.safetensors")
        hub.files["half"] = half | {"whole.safetensors": b"x" * 100, "safety_checker/model.safetensors": b"y" * 100}
        yield hub


def in_half(path: Path) -> bytes:
    from safetensors.torch import load_file, save

    return save({name: tensor.half() for name, tensor in load_file(path).items()}, metadata={"format": "pt"})


def test_a_picture_model_is_fetched_checked_and_then_needs_no_socket(hub: Hub, tmp_path: Path) -> None:
    end = client(hub, "tiny", tmp_path)[-1]
    assert (end["event"], end["state"]) == ("end", "cached"), end
    folder = Path(end["folder"])
    for name, content in hub.files["tiny"].items():
        assert (folder / name).read_bytes() == content
    asked = hub.asked["tiny"]
    again = client(None, "tiny", tmp_path, "--no-sockets", "--load")
    assert again[-1]["event"] == "end", again
    assert hub.asked["tiny"] == asked


def test_of_two_precisions_the_smaller_one_is_fetched_and_loads(hub: Hub, tmp_path: Path) -> None:
    end = client(hub, "half", tmp_path, "--load")[-1]
    assert end["event"] == "end", end
    snapshot = next(tmp_path.rglob("model_index.json")).parent
    there = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*.safetensors")}
    assert there == {
        "unet/diffusion_pytorch_model.fp16.safetensors", "text_encoder/model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    }  # fmt: skip


def test_a_part_that_arrives_damaged_is_fetched_again_once(hub: Hub, tmp_path: Path) -> None:
    events = client(hub, "once-damaged", tmp_path)
    assert events[-1]["event"] == "end", events[-1]
    assert any("arrived damaged" in event.get("stage", "") for event in events)


def test_a_snapshot_with_a_part_missing_is_not_taken_for_complete(hub: Hub, tmp_path: Path) -> None:
    folder = Path(client(hub, "tiny", tmp_path)[-1]["folder"])
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    events = client(hub, "tiny", tmp_path)
    assert events[-1]["event"] == "end"
    assert (folder / "vae" / "diffusion_pytorch_model.safetensors").is_file()


@pytest.mark.parametrize("index", [b"[]", b'{"unet": 5}', b'{"unet": ["diffusers", "Strange"]}'])
def test_a_strange_index_is_refused_with_a_sentence(hub: Hub, tmp_path: Path, index: bytes) -> None:
    hub.files["odd"] = hub.files["tiny"] | {"model_index.json": index}
    end: dict[str, Any] = client(hub, "odd", tmp_path, "--load")[-1]
    assert end["event"] == "error", json.dumps(end)
    assert "Traceback" not in end["text"] and len(end["text"]) > 40


@pytest.mark.parametrize("name", ["../../../../precious.txt", "{outside}", "diffusion_pytorch_model.bin"])
def test_an_index_that_names_files_outside_moves_none_of_them(hub: Hub, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "precious.txt"
    outside.write_text("mine")
    index = json.dumps({"weight_map": {"a": name.format(outside=outside)}}).encode()
    hub.files["moving"] = hub.files["tiny"] | {"unet/diffusion_pytorch_model.safetensors.index.json": index}
    end = client(hub, "moving", tmp_path / "cache", "--load")[-1]
    assert end["event"] == "error" and "no file of its own" in end["text"], end
    assert outside.read_text() == "mine"
    assert not list(tmp_path.glob("*.damaged"))


def test_nothing_outside_of_a_models_own_cache_is_set_aside(tmp_path: Path) -> None:
    storage = tmp_path / "hub" / "models--stub--tiny"
    snapshot = storage / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (tmp_path / "precious.txt").write_text("mine")
    (snapshot / "model.safetensors").symlink_to(tmp_path / "precious.txt")
    set_aside(snapshot / "model.safetensors")
    assert (tmp_path / "precious.txt").read_text() == "mine"
    assert not (snapshot / "model.safetensors").is_symlink()


@pytest.mark.parametrize("missing", ["unet", "vae", "tokenizer", "scheduler", "text_encoder"])
def test_a_snapshot_without_a_part_that_its_index_names_is_not_complete(tmp_path: Path, missing: str) -> None:
    place = tiny_pictures.folder("stable diffusion", tmp_path / "tiny")
    assert complete(place)
    shutil.rmtree(place / missing)
    assert not complete(place)


def test_every_kind_of_picture_model_comes_from_the_hub_and_paints_what_it_paints_from_a_folder(tmp_path: Path) -> None:
    kinds = {name.replace(" ", "-"): tiny_pictures.folder(name, tmp_path / name) for name in tiny_pictures.KINDS}
    with serving(tiny_pictures.folder("xl", tmp_path / "any")) as hub:
        for name, folder in kinds.items():
            hub.files[name] = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(ROOT),
        }
        environment.pop("HF_HUB_OFFLINE", None)
        done = subprocess.run([sys.executable, "-m", "tests.models.hub_painter", str(tmp_path / "cache"), *kinds],
                              cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr
    painted = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["model"] for one in painted] == list(kinds)
    manager = ModelManager("own")
    for one in painted:
        assert one["started"] and one["message"] is None, one
        assert any("of memory" in stage for stage in one["stages"]), one["stages"]
        here = paint(manager, str(kinds[one["model"]]))
        assert one["steps"] == sum(isinstance(event, ImageStep) for event in here) > 0
        there, own = (files.opened(files.content(url)) for url in (one["pictures"][0], here[-1].pictures[0]))
        assert there.convert("RGB").tobytes() == own.convert("RGB").tobytes(), one["model"]
    manager.close()
