"""Every fault that must be injected has its test, with a seeded run before and after it."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults.rows import CONTROLLED, FAULTS, MORE

# beside the fault's own run: figures and planted defects, in which nothing is asked of the page
WITHOUT_CONTROL = {
    "test_row_3_the_large_model_that_is_installed_gives_its_memory_back_too",
    "test_row_3_a_planted_leak_of_models_is_found",
}


@cache
def claims_of(path: str) -> dict[str, str]:
    """The tests of a file, by name."""
    source = (ROOT / path).read_text(encoding="utf-8")
    return {
        node.name: ast.get_source_segment(source, node) or ""
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def named(tests: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(test.partition("::")[0], test.partition("::")[2]) for test in tests]


def test_the_rows_that_the_issue_names_are_all_there() -> None:
    assert set(FAULTS) == set(CONTROLLED) == {*range(1, 20), 24, 25, 26, 27, 28, 30}


@pytest.mark.parametrize("row", sorted(FAULTS))
def test_the_claims_of_a_row_are_there_and_each_has_a_control_request(row: int) -> None:
    for path, name in named(CONTROLLED[row]):
        assert name in claims_of(path), f"{path} has no {name}"
        assert name.startswith(f"test_row_{row}_")
        if name not in WITHOUT_CONTROL:
            body = claims_of(path)[name]
            assert "before" in body and "== before" in body, f"{name} has no control request"
    assert any(name not in WITHOUT_CONTROL for _, name in named(CONTROLLED[row]))
    for path, name in named(MORE.get(row, ())):
        assert name in claims_of(path), f"{path} has no {name}"


def test_every_test_of_a_row_is_in_the_table() -> None:
    listed = {name for tests in CONTROLLED.values() for _, name in named(tests)}
    there = {name for path in Path(ROOT / "tests/faults").glob("test_*_rows.py")
             for name in claims_of(str(path.relative_to(ROOT))) if name.startswith("test_row_")}  # fmt: skip
    assert there == listed
