"""What Python asks of the page's scripts is there: a name that no script has would fail in silence."""

import re

from tests.conftest import ROOT

CALLED = re.compile(r"\bplayground\.([A-Za-z_]\w*)\(")
GIVEN = re.compile(r"\bplayground\.([A-Za-z_]\w*) \|?\|?= |Object\.assign\(playground, \{([^}]*)\}\)")
ROOM = ROOT / "playground" / "ui"


def given(scripts: str) -> set[str]:
    """The names that scripts put into `playground`."""
    found = set()
    for name, many in GIVEN.findall(scripts):
        found |= {name} if name else {part.split(":")[0].strip() for part in many.split(",")}
    return found


def missing(python: str, scripts: str) -> set[str]:
    """What the strings of Python code call and no script gives."""
    return set(CALLED.findall(python)) - given(scripts)


def test_every_script_that_a_handler_calls_exists() -> None:
    python = "\n".join(path.read_text("utf-8") for path in ROOM.rglob("*.py"))
    scripts = "\n".join(path.read_text("utf-8") for path in ROOM.rglob("*.js"))
    assert len(CALLED.findall(python)) > 15
    assert not missing(python, scripts)


def test_a_script_that_is_missing_is_found() -> None:
    scripts = "playground.moved = (tab) => 1;\nObject.assign(playground, { chip, item: other });"
    assert missing("js=f\"() => {{ playground.moved('x'); playground.chip(); }}\"", scripts) == set()
    assert missing('js="() => playground.bounded([])"', scripts) == {"bounded"}
