"""A folder of any kind of language model: its configuration says which adapter runs it."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from playground.events import Progress
from playground.models import _causal, _encoder_decoder, _masked
from playground.models._kinds import CAUSAL, ENCODER_DECODER, MASKED
from playground.models._spec import Spec

ADAPTERS: dict[str, Any] = {CAUSAL: _causal, ENCODER_DECODER: _encoder_decoder, MASKED: _masked}


def load(spec: Spec, folder: Path, device: str, dtype: str) -> Generator[Progress, None, Any]:
    """Read a checked folder of config.json, tokenizer and safetensors; may be closed between any two tensors.

    Raises:
        PlaygroundError: the folder is not a language model that the library knows, or a file is broken.
    """
    from playground.models._weights import read_config

    _, kind, _ = read_config(folder)
    return (yield from ADAPTERS[kind].load(spec, folder, device, dtype))
