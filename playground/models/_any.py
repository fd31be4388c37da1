"""A folder of any kind of model: its configuration says which adapter runs it."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from playground.events import Progress
from playground.models import _causal, _encoder_decoder, _image_gpt, _lessons, _masked, _pictures
from playground.models._kinds import CAUSAL, ENCODER_DECODER, MASKED
from playground.models._spec import Folder, Spec

ADAPTERS: dict[str, Any] = {CAUSAL: _causal, ENCODER_DECODER: _encoder_decoder, MASKED: _masked}


def load(spec: Spec, folder: Path, device: str, dtype: str) -> Generator[Progress, None, Any]:
    """Read a checked folder of config.json, tokenizer and safetensors, of the parts of a picture model, or of what a
    lesson of pictures exported; may be closed between any two tensors or parts.

    Raises:
        PlaygroundError: the folder is of no model that the libraries know, or a file is broken.
    """
    if (folder / "model_index.json").is_file():
        return (yield from _pictures.load(spec, folder, device, dtype))
    if _lessons.described(folder) is not None:
        return (yield from _lessons.load(spec, folder, device, dtype))
    from playground.models._weights import read_config

    config, kind, _ = read_config(folder)
    if config.model_type == _image_gpt.TYPE:
        return (yield from _image_gpt.load(spec, folder, device, dtype))
    return (yield from ADAPTERS[kind].load(spec, folder, device, dtype))


def opened(folder: Path, **said: Any) -> Any:
    """The adapter of a folder in float32 on the CPU, at once: for tools and tests, which wait for it. `said` is what
    its Spec says besides."""
    spec = Spec(folder.name, folder.name, (), "", 0, "", 0, 0, (Folder(str(folder)),), **said)
    reading = load(spec, folder, "cpu", "float32")
    while True:
        try:
            next(reading)
        except StopIteration as done:
            return done.value
