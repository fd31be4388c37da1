"""From a Spec to a loaded adapter, with the real files and libraries.

The manager knows a loader only by four methods, so its tests can give it another one.
"""

import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any, Protocol

from playground.events import Progress
from playground.manager import _machine
from playground.models import catalogue
from playground.models._spec import Spec


class Loader(Protocol):
    """What the manager needs of the world."""

    def specs(self) -> dict[str, Spec]: ...
    def where(self, spec: Spec) -> tuple[str, Path | None]: ...  # "embedded" | "cached" | "not downloaded", folder
    def fetch(self, spec: Spec) -> Generator[Progress, None, Path]: ...
    def bytes_needed(self, spec: Spec, folder: Path | None) -> int: ...  # 0: not known before it is fetched
    def load(self, spec: Spec, folder: Path) -> Generator[Progress, None, Any]: ...
    def release(self) -> None: ...


class FileLoader:
    """The loader of the program. Device and dtype are found out at the first load."""

    def __init__(self, cache_dir: Path | None = None, device: str | None = None, dtype: str | None = None) -> None:
        self.cache_dir = cache_dir
        self._device, self._dtype = device, dtype
        self._bf16: bool | None = None
        self._lock = threading.Lock()

    def specs(self) -> dict[str, Spec]:
        return {name: spec for name, (spec, _) in catalogue().items()}

    def where(self, spec: Spec) -> tuple[str, Path | None]:
        from playground.models._places import where

        return where(spec, self.cache_dir)

    def fetch(self, spec: Spec) -> Generator[Progress, None, Path]:
        from playground.models._places import fetch

        return (yield from fetch(spec, self.cache_dir))

    def bytes_needed(self, spec: Spec, folder: Path | None) -> int:
        if folder is None or spec.parameters:
            return int(spec.memory_mb * 1e6)
        from playground.models._weights import count_parameters

        return int(count_parameters(folder) * 4.2 + 40e6)

    def load(self, spec: Spec, folder: Path) -> Generator[Progress, None, Any]:
        yield Progress("importing the libraries")
        device, dtype = self._placement(folder)
        found = catalogue().get(spec.id)
        if found is not None and spec.trusted:
            return (yield from found[1].load(spec, folder, device, dtype))
        from playground.models._causal import load

        return (yield from load(spec, folder, device, dtype))

    def _placement(self, folder: Path) -> tuple[str, str]:
        from playground.models._weights import stored_dtype

        with self._lock:
            if self._device is None:
                self._device = _machine.choose_device()
            if self._bf16 is None:
                self._bf16 = _machine.bf16_pays(self._device)
        return self._device, self._dtype or _machine.choose_dtype(stored_dtype(folder), self._device, self._bf16)

    def release(self) -> None:
        _machine.release_memory()
