"""A clean copy of the project, as a clone would hold it, and the Python that the page runs with."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT


def project_files() -> list[str]:
    """The files that git tracks; without git, all that no tool has left behind."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return [name for name in listed.stdout.split("\0") if name]
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    left_behind = {".git", ".venv", "build", "shots", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
    return [str(path) for path in found if not left_behind & set(path.parts)]


@pytest.fixture(scope="session")
def make_copy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a folder with the project's files and nothing else."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("copy")
        for name in project_files():
            source = ROOT / name
            if source.is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / name)
        return folder

    return make


@pytest.fixture(scope="session")
def run_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with requirements.txt and nothing else: what `make run` made, else a new environment."""
    for known in (os.environ.get("PLAYGROUND_RUN_PYTHON"), ROOT / ".venv" / "bin" / "python"):
        if known and Path(known).exists():
            return str(Path(known).absolute())
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(ROOT / "requirements.txt")], check=True)
    return python
