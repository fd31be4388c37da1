"""The suite itself: what it names is there."""

from tests.conftest import FIRST, ROOT


def test_the_files_that_come_first_exist() -> None:
    assert [name for name in FIRST if not (ROOT / "tests" / f"{name}.py").is_file()] == []
