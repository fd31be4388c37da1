"""From a Spec to a loaded adapter, with the real files and libraries.

The manager knows a loader only by four methods, so its tests can give it another one.
"""

import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

from playground.events import Progress
from playground.manager import _machine
from playground.models import catalogue
from playground.models._spec import Spec, memory_mb


class Loader(Protocol):
    """What the manager needs of the world."""

    def specs(self) -> dict[str, Spec]: ...
    def where(self, spec: Spec) -> tuple[str, Path | None]: ...  # "embedded" | "cached" | "not downloaded", folder
    def fetch(self, spec: Spec, refuse: Callable[[int], None]) -> Generator[Progress, None, Path]: ...
    def bytes_needed(self, spec: Spec, folder: Path | None) -> int: ...  # 0: not known before it is fetched
    def load(self, spec: Spec, folder: Path) -> Generator[Progress, None, Any]: ...
    def release(self) -> None: ...
    def warm(self) -> None: ...


class FileLoader:
    """The loader of the program. Device and dtype are found out at the first load."""

    def __init__(self, cache_dir: Path | None = None, device: str | None = None, dtype: str | None = None) -> None:
        self.cache_dir = cache_dir
        self._device, self._dtype = device, dtype
        self._bf16: bool | None = None
        self._lock = threading.Lock()
        self._importing = threading.Lock()  # transformers cannot be imported by two threads at once: names go missing

    def specs(self) -> dict[str, Spec]:
        return {name: spec for name, (spec, _) in catalogue().items()}

    def where(self, spec: Spec) -> tuple[str, Path | None]:
        from playground.models._places import where

        return where(spec, self.cache_dir)

    def fetch(self, spec: Spec, refuse: Callable[[int], None]) -> Generator[Progress, None, Path]:
        from playground.models._places import fetch

        return (yield from fetch(spec, self.cache_dir, refuse))

    def bytes_needed(self, spec: Spec, folder: Path | None) -> int:
        with self._importing:
            from playground.models._weights import count_parameters, stored_dtype

        if folder is None and not (spec.parameters and spec.trusted):
            return 0
        _, dtype = self._placement(spec.stored if folder is None else stored_dtype(folder))
        count = spec.parameters if spec.parameters and spec.trusted else count_parameters(folder or Path())
        return int(memory_mb(count) * 1e6) * (2 if dtype in ("bfloat16", "float16") else 4) // 4

    def load(self, spec: Spec, folder: Path) -> Generator[Progress, None, Any]:
        from playground.models._weights import stored_dtype

        device, dtype = self._placement(stored_dtype(folder))
        found = catalogue().get(spec.id)
        if found is not None and spec.trusted:
            return (yield from found[1].load(spec, folder, device, dtype))
        from playground.models._any import load

        return (yield from load(spec, folder, device, dtype))

    def _placement(self, stored: str) -> tuple[str, str]:
        """(device, dtype) for weights stored as `stored`; imports torch the first time."""
        with self._lock:
            if self._device is None:
                self._device = _machine.choose_device()
            if self._bf16 is None:
                self._bf16 = self._dtype is None and _machine.bf16_pays(self._device)
        return self._device, self._dtype or _machine.choose_dtype(stored, self._device, self._bf16)

    def release(self) -> None:
        _machine.release_memory()

    def warm(self) -> None:
        """Import what the first load needs, and look at the machine."""
        with self._importing:
            import accelerate  # noqa: F401
            import transformers.models.auto.modeling_auto
            import transformers.models.bert.modeling_bert
            import transformers.models.gpt2.modeling_gpt2
            import transformers.models.llama.modeling_llama
            import transformers.models.t5.modeling_t5
            import transformers.tokenization_utils_tokenizers  # noqa: F401
            from transformers import AutoConfig, AutoTokenizer, GenerationConfig  # noqa: F401

        self._placement("bfloat16")
