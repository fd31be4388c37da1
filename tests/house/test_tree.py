"""What lies in the repository: sizes, names, lengths."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

MB = 1_000_000


def too_large(files: list[Path], each: int, together: int) -> list[str]:
    """One sentence for each file of `each` bytes or more, and one if they pass `together` bytes."""
    sizes = {path: path.stat().st_size for path in files}
    found = [f"{path.name} has {size / MB:.1f} MB" for path, size in sizes.items() if size >= each]
    total = sum(sizes.values())
    return found + ([f"together {total / MB:.1f} MB"] if total > together else [])


def test_every_asset_is_below_10_mb_and_all_together_below_60_mb():
    files = [path for path in (ROOT / "assets").rglob("*") if path.is_file()]
    assert files
    assert too_large(files, each=10 * MB, together=60 * MB) == []


def test_a_large_file_and_many_small_ones_are_named(tmp_path: Path):
    for name in "abc":
        (tmp_path / name).write_bytes(bytes(10))
    assert too_large([tmp_path / "a"], each=10, together=100) == ["a has 0.0 MB"]
    assert too_large(list(tmp_path.iterdir()), each=11, together=29) == ["together 0.0 MB"]


SOURCES = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "playground").rglob("*.py"))]


def test_no_module_has_a_name_that_says_nothing():
    names = {Path(name).stem.strip("_") for name in SOURCES}
    assert len(names) >= 6
    assert names & {"utils", "helpers", "common", "misc", "shared", "core"} == set()


@pytest.mark.parametrize("name", SOURCES)
def test_files_and_functions_can_be_read_in_one_go(name: str):
    """STYLE: 300 lines a file, 50 a function; a lesson, read from top to bottom, may be longer."""
    source = (ROOT / name).read_text()
    lesson = "/training/" in name
    assert lesson or len(source.splitlines()) <= 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not (lesson and node.name == "train"):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= 50, f"{node.name} has {lines} lines"
