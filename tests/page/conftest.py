"""The page in this process, so that a test can reach into its runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.manager import ModelManager
from playground.manager._loader import FileLoader
from playground.models._places import ASSETS
from playground.models._spec import Folder, Spec
from tests.conftest import free_port
from tests.models import tiny
from tests.page.visitor import Hold, Served, opened, poison, talker

POISON = "<img src=x onerror=window.hit=90>${window.hit=91}"


class WithTalker(FileLoader):
    """The catalogue and two more models: one chats, one has a script as its name and scripts as tokens."""

    def __init__(self, folder: Path, poisoned: Path) -> None:
        super().__init__(dtype="float32")
        self.poisoned = Spec(
            id="poisoned", title=POISON, modalities=("text",), architecture=POISON, parameters=60_000, licence=POISON,
            size_mb=1, memory_mb=41, sources=(Folder(str(poisoned)),), context_window=64, note=POISON,
        )  # fmt: skip
        self.talker = Spec(
            id="talker", title="Talker", modalities=("text",), architecture="GPT-2 decoder", parameters=5_918_720,
            licence="MIT", size_mb=12, memory_mb=65, sources=(Folder(str(folder)),), chat=True, context_window=512,
        )  # fmt: skip

    def specs(self) -> dict[str, Spec]:
        return {**super().specs(), "talker": self.talker, "poisoned": self.poisoned}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page with the models of the catalogue and "talker"; its runs can be held at a step."""
    from playground.ui.page import launch

    folder = talker(tmp_path_factory.mktemp("talker") / "model", ASSETS / "models" / "tales")
    poisoned = poison(tiny.folder(tmp_path_factory.mktemp("poisoned") / "model"))
    manager, hold, port = ModelManager(loader=WithTalker(folder, poisoned)), Hold(), free_port()
    with pytest.MonkeyPatch.context() as patch:
        hold.install(patch)
        page, visits = launch(manager, port=port, block=False)
        yield Served(f"http://127.0.0.1:{port}/", hold, manager, visits)
        hold.move(None)
        visits.close()
        page.close(verbose=False)
        manager.close()


@pytest.fixture
def held(page: Any, served: Served) -> Iterator[Any]:
    """That page, opened; nothing is held at first, and nothing stays held."""
    served.hold.move(None)
    with opened(page, served.url):
        yield page
    served.hold.move(None)
    for visit in list(served.visits._visits.values()):
        for run in list(visit.runs.values()):
            run.stop()
