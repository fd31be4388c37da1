"""Hostile model folders are refused before any library opens them, and nothing in them runs."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.manager import ModelManager
from playground.models._safety import check_folder, check_header
from tests.models import tiny


class Payload:
    """Unpickled, it leaves a mark."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch ran-by-pickle",)


def change_config(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def only_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload()))


def code(folder: Path) -> None:
    (folder / "modeling_tiny.py").write_text("open('ran-by-code', 'w')")


def tokenizer_code(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoTokenizer": ["tok.Tok", None]}}))


def link_out(folder: Path) -> None:
    secret = folder.parent / "secret.json"
    secret.write_text("{}")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(secret)


def index(place: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": place}}))

    return write


def header_longer_than_the_file(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes((10**9).to_bytes(8, "little") + path.read_bytes()[8:])


def header_of_absurd_length(folder: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:  # a sparse file: no disk is used
        file.write((50_000_000).to_bytes(8, "little"))
        file.truncate(60_000_000)


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def header_with_other_types(folder: Path) -> None:
    inner = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": ["0", {}]}}).encode()
    (folder / "model.safetensors").write_bytes(len(inner).to_bytes(8, "little") + inner)


def named_pipe(folder: Path) -> None:
    os.mkfifo(folder / "tokenizer.model")


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickle only": (only_pickle, "pickled"),
    "code beside the weights": (code, "holds code"),
    "auto_map": (change_config(auto_map={"AutoModelForCausalLM": "modeling_tiny.Tiny"}), "code of its own"),
    "auto_map deep inside": (change_config(text_config={"x": [{"auto_map": "y"}]}), "code of its own"),
    "auto_map of the tokenizer": (tokenizer_code, "code of its own"),
    "kernels from the Hub": (change_config(_attn_implementation="someone/kernel"), "code from elsewhere"),
    "a link out of the folder": (link_out, "link that leads out"),
    "index with a parent folder": (index("../secret.safetensors"), "outside the folder"),
    "index with an absolute path": (index("/etc/passwd"), "outside the folder"),
    "index with backslashes": (index("..\\secret.safetensors"), "outside the folder"),
    "index of pickles": (index("pytorch_model.bin"), "no safetensors file"),
    "index of something else": (index(7), "outside the folder"),
    "a header longer than the file": (header_longer_than_the_file, "header claims"),
    "a header of absurd length": (header_of_absurd_length, "header claims"),
    "a truncated file": (truncated, "should have"),
    "a header of other types": (header_with_other_types, "damaged"),
    "a million layers": (change_config(n_layer=10**6), "n_layer = 1000000"),
    "an astronomic width": (change_config(n_embd=10**15), "n_embd"),
    "an adapter": (lambda folder: (folder / "adapter_config.json").write_text("{}") and None, "adapter"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{" * 100_000) and None, "not JSON"),
    "a named pipe": (named_pipe, "no ordinary file"),
    "quantised weights": (change_config(quantization_config={"quant_method": "x"}), "quantised"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folders_are_refused_and_nothing_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spoil, reason = HOSTILE[name]
    folder = tiny.folder(tmp_path / "model")
    check_folder(folder)
    spoil(folder)
    manager = ModelManager("own", cache_dir=tmp_path / "cache", dtype="float32")
    with pytest.raises(PlaygroundError, match=reason) as caught:
        list(manager.load(str(folder)))
    assert str(tmp_path) not in str(caught.value), "the message shows a path of this computer"
    assert not list(tmp_path.glob("**/ran-by-*"))
    assert manager.memory().resident_bytes == 0
    manager.close()


def test_a_pickle_beside_safetensors_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tiny.folder(tmp_path / "model")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload()))
    manager = ModelManager("own", cache_dir=tmp_path / "cache", dtype="float32")
    list(manager.load(str(folder)))
    assert [i.state for i in manager.models() if i.id == str(folder)] == ["ready"]
    assert not list(tmp_path.glob("**/ran-by-*"))
    manager.close()


def test_a_folder_is_for_ones_own_computer_only(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    for audience in ("class", "public"):
        with pytest.raises(PlaygroundError, match="no model called"):
            ModelManager(audience).spec(str(folder))


@pytest.mark.parametrize(
    "name", ["../../etc", "a/b/c", "owner/na me", "owner/..", "<script>alert(1)</script>", "", "x" * 999]
)
def test_what_is_neither_folder_nor_hub_id_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlaygroundError, match="no model called"):
        ModelManager("own").spec(name)


def test_the_header_of_every_tiny_model_is_in_order(tmp_path: Path) -> None:
    for kind in tiny.KINDS:
        check_header(tiny.folder(tmp_path / kind, kind) / "model.safetensors")
