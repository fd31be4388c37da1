"""The served page with models of the tests' own beside those of the catalogue."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from playground.manager import ModelManager
from playground.manager._loader import FileLoader
from playground.models._spec import Folder, Spec
from tests.conftest import free_port


def tiny_spec(name: str, folder: Path, modality: str, **said: Any) -> Spec:
    """The entry of a tiny model in a folder."""
    values = {"title": name.capitalize(), "architecture": "tiny", "parameters": 20_000, "memory_mb": 41} | said
    return Spec(id=name, modalities=(modality,), licence="MIT", size_mb=1, sources=(Folder(str(folder)),),
                trusted=False, **values)  # fmt: skip


class WithModels(FileLoader):
    """The catalogue and some more; where these serve a modality, the catalogue's own models of it are left out."""

    def __init__(self, *more: Spec) -> None:
        super().__init__(device="cpu", dtype="float32")
        self.more = {spec.id: spec for spec in more}

    def specs(self) -> dict[str, Spec]:
        served = {name for spec in self.more.values() for name in spec.modalities}
        others = {name: spec for name, spec in super().specs().items() if not served & set(spec.modalities)}
        return {**others, **self.more}


@contextmanager
def served_with(*models: Spec, ready: ModuleType | None = None) -> Iterator[str]:
    """The address of a page with these models; `ready` is a modality that is offered as if its own were here. Recorded
    runs of the models that are left out are left out, too."""
    from playground.ui import recorded
    from playground.ui.page import launch

    served, frame = {name for spec in models for name in spec.modalities}, recorded.frame

    manager, port = ModelManager(loader=WithModels(*models)), free_port()
    with pytest.MonkeyPatch.context() as patch:
        if ready is not None:
            patch.setattr(ready, "READY", True)
        patch.setattr(recorded, "frame", lambda name: None if name in served else frame(name))
        page, visits = launch(manager, port=port, block=False)
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            visits.close()
            page.close(verbose=False)
            manager.close()
