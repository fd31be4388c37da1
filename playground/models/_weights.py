"""From a checked folder to a module: tensor by tensor, so that loading shows bytes and can be stopped."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Progress


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that the folder's index names, or its only one.

    Raises:
        PlaygroundError: there is none, or one is missing.
    """
    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    else:
        names = ["model.safetensors"]
    for name in names:
        if not (folder / name).is_file():
            raise PlaygroundError(f"{folder.name} has no {name}: the download is not complete, or it is not a safetensors model.")  # fmt: skip
    return [folder / name for name in names]


def stored_dtype(folder: Path) -> str:
    """The dtype of the largest tensor: "float32", "float16", "bfloat16", …"""
    from safetensors import safe_open

    names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    with safe_open(str(weight_files(folder)[0]), framework="pt") as file:
        slices = [file.get_slice(key) for key in file.keys()]
        largest = max(slices, key=lambda s: _count(s.get_shape()))
    return names.get(largest.get_dtype(), "float32")


def _count(shape: list[int]) -> int:
    product = 1
    for n in shape:
        product *= n
    return product


def read_tensors(folder: Path, dtype: str) -> Generator[Progress, None, dict[str, Any]]:
    """All tensors by name, floating ones in `dtype`; progress in bytes of the files.

    Raises:
        PlaygroundError: a file is broken; it is named.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    wanted = getattr(torch, dtype)
    files = weight_files(folder)
    total, done = sum(f.stat().st_size for f in files), 0
    tensors: dict[str, Any] = {}
    for path in files:
        try:
            with safe_open(str(path), framework="pt") as file:
                for key in file.keys():
                    tensor = file.get_tensor(key)
                    done += tensor.numel() * tensor.element_size()
                    tensors[key] = tensor.to(wanted) if tensor.is_floating_point() else tensor
                    yield Progress("loading", done, total, "bytes")
        except (SafetensorError, OSError) as error:
            raise PlaygroundError(f"{path.name} is damaged ({error}): delete the folder {folder.name} and load the model again.") from error  # fmt: skip
    return tensors


def read_module(folder: Path, device: str, dtype: str) -> Generator[Progress, None, Any]:
    """The module of config.json with the folder's weights, in evaluation mode on `device`.

    Raises:
        PlaygroundError: not a causal language model that transformers knows, or weights that do not fit it.
    """
    import torch
    from transformers import AutoConfig, GenerationConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
    from transformers.utils import logging

    yield Progress("reading the configuration")
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        architecture = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    except (KeyError, ValueError, OSError) as error:
        raise PlaygroundError(f"{folder.name} is not a causal language model that transformers knows: choose one whose config.json names such an architecture.") from error  # fmt: skip
    tensors = yield from read_tensors(folder, dtype)
    logging.disable_progress_bar()
    try:
        module, info = architecture.from_pretrained(
            None, config=config, state_dict=tensors, dtype=getattr(torch, dtype), output_loading_info=True)  # fmt: skip
    except (RuntimeError, ValueError) as error:
        raise PlaygroundError(f"The weights in {folder.name} do not fit its config.json: {str(error)[:200]}") from error
    if info["missing_keys"]:
        raise PlaygroundError(f"The weights in {folder.name} lack {min(info['missing_keys'])!r}: the download is not complete.")  # fmt: skip
    if (folder / "generation_config.json").exists():
        module.generation_config = GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    module.config.get_text_config(decoder=True).pad_token_id = None  # no row is ever padded; else each call looks for it
    yield Progress("placing the weights")
    return module.to(device).eval()


def read_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer.

    Raises:
        PlaygroundError: there is none that the library can read.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises whatever its parsers raise
        raise PlaygroundError(f"{folder.name} has no tokenizer that can be read: it needs a tokenizer.json.") from error
