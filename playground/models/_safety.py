"""What is refused before any library opens a model folder.

Loading a model must never run code that came with it. So: only safetensors and JSON are
read; nothing is unpickled; no code in the folder, none named by its configuration; no file
that lies elsewhere; no header or number that would fill the memory by being believed.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack", ".npy", ".npz", ".joblib", ".nemo")
CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".sh", ".ipynb")
LONGEST_HEADER = 25_000_000  # bytes; that of a 70 B model takes 0.2 MB
LONGEST_JSON = 5_000_000
LONGEST_TOKENIZER = 120_000_000
MOST_FILES = 2_000
OTHER = "choose another model"
MOST_LAYERS = 1_000
LARGEST_NUMBER = 2**40
COUNTS = (
    "num_hidden_layers",
    "n_layer",
    "num_layers",
    "num_attention_heads",
    "n_head",
    "num_experts",
    "num_local_experts",
)


def check_folder(folder: Path, root: Path | None = None) -> None:
    """Refuse a model folder that could do harm. Links may lead as far as `root` (the folder itself).

    Raises:
        PlaygroundError: says which file and why.
    """
    root = (root or folder).resolve()
    files = list(_files(folder, root))
    names = [path.name for path in files]
    for name in names:
        if Path(name).suffix.lower() in CODE:
            raise _refused(folder, f"it holds code ({name})", "choose a model without code of its own")
    if not any(name.endswith(".safetensors") for name in names):
        pickled = next((n for n in names if Path(n).suffix.lower() in PICKLES), None)
        if pickled:
            raise _refused(
                folder,
                f"its weights are pickled ({pickled}), and opening such a file runs what is in it",
                "convert it to safetensors",
            )
        raise _refused(
            folder,
            "there is no .safetensors file in it",
            "choose one with config.json, tokenizer.json and model.safetensors",
        )
    if "adapter_config.json" in names:
        raise _refused(folder, "it is an adapter for another model", "merge it into its model first")
    for path in files:
        if path.suffix == ".json":
            _check_json(folder, path)
        elif path.suffix == ".safetensors":
            check_header(path)


def small_json(path: Path) -> Any:
    """What a JSON file says, of a folder that was not checked yet.

    Raises:
        OSError, ValueError: there is no ordinary file, it is too long, or it is not JSON.
    """
    if not path.is_file() or path.stat().st_size > LONGEST_JSON:
        raise ValueError(f"{path.name} is no short file")
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deeply") from error


def _files(folder: Path, root: Path) -> Iterator[Path]:
    count = 0
    for parent, subfolders, names in os.walk(folder, followlinks=False):
        for name in (*subfolders, *names):
            path, count = Path(parent, name), count + 1
            if count > MOST_FILES:
                raise _refused(folder, f"it holds more than {MOST_FILES} files", "choose the model's own folder")
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise _refused(folder, f"{name} is a link that leads out of it", "copy the file into the folder")
            if path.is_file():
                yield path
            elif name in names:
                raise _refused(folder, f"{name} is no ordinary file", "remove it")


def _check_json(folder: Path, path: Path) -> None:
    limit = LONGEST_TOKENIZER if path.name in ("tokenizer.json", "vocab.json") else LONGEST_JSON
    if path.stat().st_size > limit:
        raise _refused(folder, f"{path.name} has {path.stat().st_size:,} bytes, more than {limit:,}", OTHER)
    if path.name in ("tokenizer.json", "vocab.json"):
        return
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _refused(folder, f"{path.name} is not JSON ({str(error)[:80]})", "fetch the file again") from error
    if ".index." in path.name:  # …safetensors.index.json, and with a variant …safetensors.index.fp16.json
        _check_index(folder, path.name, content)
    elif path.name.endswith("config.json"):
        _check_config(folder, path.name, content)


def _check_index(folder: Path, name: str, content: Any) -> None:
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places:
        raise _refused(folder, f"{name} has no weight_map", "fetch the file again")
    for place in places.values():
        if not isinstance(place, str) or place != Path(place).name or "\\" in place or ":" in place or ".." in place:
            raise _refused(folder, f"{name} names a file outside the folder ({place!r:.80})", OTHER)
        if ".safetensors.index." in name and not place.endswith(".safetensors"):
            raise _refused(folder, f"{name} names {place!r:.80}, which is no safetensors file", OTHER)


def _check_config(folder: Path, name: str, content: Any) -> None:
    if not isinstance(content, dict):
        raise _refused(folder, f"{name} is not an object", "fetch the file again")
    for key, value in _walk(content):
        if key in ("auto_map", "custom_pipelines") and value:
            raise _refused(folder, f"{name} asks for code of its own ({key})", "choose a model that transformers knows")
        if key.endswith("attn_implementation") and isinstance(value, str) and ("/" in value or ":" in value):
            raise _refused(folder, f"{name} asks for code from elsewhere ({key}: {value!r:.60})", OTHER)
        if key.endswith("_file") and isinstance(value, str) and (value != Path(value).name or "\\" in value):
            raise _refused(folder, f"{name} names a file outside the folder ({key}: {value!r:.60})", OTHER)
        if key in COUNTS and isinstance(value, (int, float)) and not 0 <= value <= MOST_LAYERS:
            raise _refused(folder, f"{name} says {key} = {value}", f"choose a model with at most {MOST_LAYERS}")
        if key == "lambda_min_clipped":  # of a scheduler: minus infinity says that nothing is clipped
            continue
        if isinstance(value, (int, float)) and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER and "length" not in key:
            raise _refused(folder, f"{name} says {key} = {value}", OTHER)
        if key == "quantization_config" and value:
            raise _refused(folder, "its weights are quantised", "choose the model's unquantised version")


def _walk(content: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    pairs = content.items() if isinstance(content, dict) else ((str(i), v) for i, v in enumerate(content))
    for key, value in pairs:
        yield key, value
        if isinstance(value, (dict, list)) and depth < 20:
            yield from _walk(value, depth + 1)


def check_header(path: Path) -> None:
    """Refuse a safetensors file whose header is too long, no JSON, or speaks of bytes the file does not have.

    Format: 8 bytes length (little endian), a JSON object {name: {dtype, shape, data_offsets}}, the data.

    Raises:
        PlaygroundError: says what is wrong.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            raise _damaged(path, f"its header claims {length:,} bytes")
        try:
            header = json.loads(file.read(length))
            spans = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
            end = max((int(last) for _, last in spans), default=0)
            fair = all(isinstance(a, int) and isinstance(b, int) and 0 <= a <= b for a, b in spans)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _damaged(path, "its header cannot be read") from error
    if not fair or 8 + length + end != size:
        raise _damaged(path, f"it should have {8 + length + end:,} bytes and has {size:,}")


def _refused(folder: Path, why: str, advice: str) -> PlaygroundError:
    return PlaygroundError(f"The folder {folder.name} is not opened: {why}. What to do: {advice}.")


def _damaged(path: Path, why: str) -> PlaygroundError:
    return PlaygroundError(f"{path.name} in {path.parent.name} is damaged: {why}. Delete it and load the model again.")
