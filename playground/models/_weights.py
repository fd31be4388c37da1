"""From a checked folder to a module: tensor by tensor, so that loading shows bytes and can be stopped."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from playground.building import BUILDING
from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models._kinds import CAUSAL

PARTS = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "text_encoder_3")  # with weights, by folder
PART_FILES = ("diffusion_pytorch_model", "model")  # as diffusers and as transformers call them


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that the folder's index names, or its only one; of a picture model those of its parts
    (which may be there in float16 only, as diffusers names such files).

    Raises:
        PlaygroundError: there is none, or one is missing.
    """
    if (folder / "model_index.json").is_file():
        parts = [folder / name for name in PARTS if (folder / name).is_dir()]
        return [file for part in parts for file in part_files(part)]
    return _named(folder, "model")


def part_files(part: Path) -> list[Path]:
    """The safetensors files of one part of a picture model.

    Raises:
        PlaygroundError: there is none, or one is missing.
    """
    return _named(part, PART_FILES[part.name.startswith("text_encoder")])


def _named(folder: Path, stem: str) -> list[Path]:
    index = folder / f"{stem}.safetensors.index.json"
    if index.exists():
        names = sorted({str(name) for name in json.loads(index.read_text())["weight_map"].values()})
        for name in names:
            if name != Path(name).name or "\\" in name or ":" in name or not name.endswith(".safetensors"):
                raise PlaygroundError(f"{index.name} of {folder.name} names {name!r:.80}, which is no file of its own.")
    else:
        names = [f"{stem}.safetensors"]
        if not (folder / names[0]).is_file() and (folder / f"{stem}.fp16.safetensors").is_file():
            names = [f"{stem}.fp16.safetensors"]
    for name in names:
        if not (folder / name).is_file():
            raise PlaygroundError(
                f"{folder.name} has no {name}: the download is not complete, or these are no safetensors."
            )
    return [folder / name for name in names]


def variant(part: Path) -> str | None:
    """ "fp16" where a part of a picture model is there in float16 only; as diffusers and transformers call it."""
    for stem in PART_FILES:
        whole = (part / f"{stem}.safetensors", part / f"{stem}.safetensors.index.json")
        if (part / f"{stem}.fp16.safetensors").is_file() and not any(file.is_file() for file in whole):
            return "fp16"
    return None


def stored_dtype(folder: Path) -> str:
    """The dtype of the largest tensor: "float32", "float16", "bfloat16", …"""
    from safetensors import safe_open

    names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    with safe_open(str(weight_files(folder)[0]), framework="pt") as file:
        slices = [file.get_slice(key) for key in list(file.keys())]
        largest = max(slices, key=lambda s: _count(s.get_shape()))
    return names.get(largest.get_dtype(), "float32")


def _shapes(path: Path) -> list[list[int]]:
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        return [list(file.get_slice(key).get_shape()) for key in list(file.keys())]


def _count(shape: list[int]) -> int:
    product = 1
    for n in shape:
        product *= n
    return product


def count_parameters(folder: Path) -> int:
    """The parameters of a model, from shapes alone (no memory is taken): those of its files, or where config.json
    describes a language model those of that.

    Raises:
        PlaygroundError: not a language model that transformers knows.
    """
    from playground.models._lessons import described

    if (folder / "model_index.json").is_file() or described(folder) is not None:
        return _counted(folder)
    import torch

    config, _, architecture = read_config(folder)
    with BUILDING, torch.device("meta"):
        module = architecture(config)
        module.tie_weights()
    return sum(p.numel() for p in module.parameters())


def _counted(folder: Path) -> int:
    """By the shapes in its files."""
    from playground.models._lessons import described

    lesson = described(folder) is not None  # a GAN's critic lies in a file of its own
    files = sorted(folder.glob("*.safetensors")) if lesson else weight_files(folder)
    return sum(_count(shape) for path in files for shape in _shapes(path))


def stored_parameters(folder: Path) -> int:
    """The parameters in the files of a folder that nobody has checked: quick, whatever its configuration says.

    Raises:
        PlaygroundError: its files cannot be read, or there are none.
    """
    try:
        return _counted(folder)
    except PlaygroundError:
        raise
    except Exception as error:  # noqa: BLE001 an index or a header can be anything
        raise PlaygroundError(f"The weights of {folder.name} cannot be read: are they safetensors?") from error


def read_config(folder: Path) -> tuple[Any, str, Any]:
    """(configuration, kind, class of the language model) of a checked folder; `_kinds` says which kinds there are.

    Raises:
        PlaygroundError: not a language model that transformers knows.
    """
    from transformers import AutoConfig

    from playground.models._kinds import architecture_of

    cause: Exception | None = None
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        found = architecture_of(config)
        if found is not None:
            return (config, *found)
    except Exception as error:  # noqa: BLE001 every architecture checks its configuration in its own way
        cause = error
    raise PlaygroundError(
        f"{folder.name} is not a language model that transformers knows: choose one whose config.json names such an "
        "architecture (one that goes on with a text, turns one into another, or fills gaps)."
    ) from cause


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
                for key in list(file.keys()):
                    tensor = file.get_tensor(key)
                    done += tensor.numel() * tensor.element_size()
                    tensors[key] = tensor.to(wanted) if tensor.is_floating_point() else tensor
                    yield Progress("loading", done, total, "bytes")
        except (SafetensorError, OSError) as error:
            raise PlaygroundError(
                f"{path.name} in {folder.name} is damaged ({error}): delete it and load the model again."
            ) from error
    return tensors


def read_module(folder: Path, device: str, dtype: str) -> Generator[Progress, None, Any]:
    """The module of config.json with the folder's weights, in evaluation mode on `device`.

    Raises:
        PlaygroundError: not a language model that transformers knows, or weights that do not fit it.
    """
    import torch
    from transformers import GenerationConfig
    from transformers.utils import logging

    yield Progress("reading the configuration")
    config, kind, architecture = read_config(folder)
    tensors = yield from read_tensors(folder, dtype)
    logging.disable_progress_bar()
    try:
        with BUILDING:
            module, info = architecture.from_pretrained(
                None, config=config, state_dict=tensors, dtype=getattr(torch, dtype), output_loading_info=True
            )
    except (RuntimeError, ValueError, KeyError) as error:
        raise PlaygroundError(f"The weights in {folder.name} do not fit its config.json: {str(error)[:200]}") from error
    wrong = [*info["missing_keys"], *(str(m[0]) for m in info["mismatched_keys"])]
    if wrong:
        raise PlaygroundError(
            f"The weights in {folder.name} do not fit its config.json ({min(wrong)!r}): the download is not "
            "complete, or the files are of two models."
        )
    if (folder / "generation_config.json").exists():
        module.generation_config = GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    if kind == CAUSAL:
        module.config.get_text_config(decoder=True).pad_token_id = None  # rows are never padded; else each call looks
    yield Progress("placing the weights")
    return place(module, device).eval()


def place(module: Any, device: str) -> Any:
    """Move the weights to `device`; what one CUDA device cannot hold is spread over all and the main memory."""
    import torch

    if device == "cuda":
        size = sum(p.numel() * p.element_size() for p in module.parameters())
        if size > 0.85 * torch.cuda.mem_get_info()[0]:
            from accelerate import dispatch_model, infer_auto_device_map

            whole = list(getattr(module, "_no_split_modules", None) or [])
            return dispatch_model(module, device_map=infer_auto_device_map(module, no_split_module_classes=whole))
    return module.to(device)


def read_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer.

    Raises:
        PlaygroundError: there is none that the library can read.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 the library raises whatever its parsers raise
        raise PlaygroundError(f"{folder.name} has no tokenizer that can be read: it needs a tokenizer.json.") from error
