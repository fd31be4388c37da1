"""Imports point down only; a file that knows what it must not is named with its line."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.house.rooms import FLOORS, HEAVY, violations


def test_no_room_knows_what_it_must_not():
    assert violations(ROOT) == []


def test_every_file_of_the_house_was_read():
    files = {p.relative_to(ROOT / "playground").with_suffix("").parts[0] for p in (ROOT / "playground").rglob("*.py")}
    assert {"events", "training", "decoding", "models", "manager", "modalities", "ui"} <= files <= set(FLOORS)


PLANTED = [
    ("playground/decoding/loop.py", "from playground.models.tales import SPEC", "not below it"),
    ("playground/events.py", "import playground.manager", "not below it"),
    ("playground/manager.py", "from playground import visits", "not below it"),
    ("playground/manager/_turns.py", "from ..visits import Visits", "not below it"),
    ("playground/models/gpt2.py", "from playground.models import tales", "its neighbour tales"),
    ("playground/training/gpt.py", "def f():\n    from playground.decoding import loop", "not below it"),
    ("playground/modalities/text.py", "from playground.ui import page", "not below it"),
    ("playground/modalities/text.py", "from playground.modalities.code import Settings", "its neighbour code"),
    ("playground/modalities/text.py", "from . import code", "its neighbour code"),
    ("playground/decoding/filters/top_k.py", "from playground.decoding.filters import top_p", "its neighbour top_p"),
    ("playground/training/gpt.py", "import playground.training.bert as b", "its neighbour bert"),
    ("playground/modalities/text.py", "def f():\n    import gradio as gr", "which only ui/ and app.py may know"),
    ("playground/manager.py", "import torch.nn", "inside the function that needs it"),
    ("app.py", "try:\n    from transformers import GPT2Config\nexcept ImportError: pass", "inside the function"),
    ("playground/ui/page.py", "import app", "which stands above it"),
    ("playground/helpers.py", "import json", "no room of the house"),
]


@pytest.mark.parametrize(("path", "line", "reason"), PLANTED)
def test_a_planted_violation_is_named(tmp_path: Path, path: str, line: str, reason: str):
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(line + "\n")
    found = violations(tmp_path)
    assert len(found) == 1, found
    assert reason in found[0]
    assert found[0].startswith(path)


ALLOWED = [
    ("app.py", "import gradio\nfrom playground.ui import page\nfrom playground.manager import ModelManager"),
    ("playground/ui/page.py", "import gradio as gr\nfrom playground.modalities import text\nfrom . import controls"),
    ("playground/modalities/text.py", "from . import _tokens\nfrom playground.decoding import loop"),
    ("playground/manager.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
    ("playground/models/gpt2.py", "def f():\n    import torch\n    from playground.models._spec import Spec"),
    ("playground/training/gpt.py", "import torch\nfrom playground.events import TrainStep"),
    ("playground/decoding/loop.py", "from playground import events\nfrom .filters import top_k"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "line"), ALLOWED)
def test_what_the_house_allows_is_not_named(tmp_path: Path, path: str, line: str):
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(line + "\n")
    assert violations(tmp_path) == []


def test_what_the_page_imports_loads_no_heavy_library():
    program = f"import sys, app; print([m for m in {sorted(HEAVY)} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_map_of_the_house_names_every_room():
    """`playground/__init__.py` is the map: a room that is new, or gone, shows here."""
    import playground

    rooms = {
        p.name for p in (ROOT / "playground").iterdir() if p.name != "__init__.py" and not p.name.startswith("__pyc")
    }
    named = {line.split()[0].rstrip("/") for line in (playground.__doc__ or "").splitlines() if line.startswith("    ")}
    assert named == rooms
