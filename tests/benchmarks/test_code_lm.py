"""What measures the code model counts right on cases worked out by hand; its texts are cut as they say."""

import ast
import importlib.util
from pathlib import Path

import pytest

from benchmarks.code_lm import Completion, held_out_signatures, signature, table
from playground.training.gpt import END, Config, documents
from tests.conftest import ROOT

PROMPT = "def area(width, height):\n"
THREE = "    a = width\n    b = height\n    return a * b"


@pytest.fixture(scope="module")
def cutter():
    spec = importlib.util.spec_from_file_location("code_corpus", ROOT / "tools" / "code_corpus.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("text", "ended", "verdict"), [
    (THREE, True, "passed"),
    (THREE, False, "cut off"),
    ("    a = width\n    return (a", True, "does not parse"),
    ("    return width * height", True, "too few statements"),
    ("    if width:\n        a = 1\n        b = 2\n        return a + b", True, "too few statements"),
    ("a = 1\nb = 2\nc = 3", True, "does not parse"),
    ("", True, "does not parse"),
    (THREE + "\n\ndef other():\n    pass", True, "passed"),
    ("    a = '\x00'\n    b = 1\n    return b", True, "does not parse"),
])  # fmt: skip
def test_a_completion_passes_if_it_ended_parses_and_has_three_statements(text: str, ended: bool, verdict: str):
    assert Completion("library", PROMPT, text, 9, ended).verdict == verdict


def test_a_signature_is_the_first_line_and_only_if_it_begins_a_function_alone():
    assert signature(PROMPT + THREE) == PROMPT
    assert signature("def f(a,\n      b):\n    pass") is None
    assert signature("class A:\n    x = 1") is None
    assert signature("def f(): return 1") is None


def test_the_table_counts_shares_and_copies(tmp_path: Path):
    (tmp_path / "library.txt").write_text(f"{PROMPT}{THREE}\n{END}\ndef x(): pass\n")
    (tmp_path / "tests.txt").write_text("def y(): pass\n")
    other = THREE.replace("a", "c")
    some = [Completion("library", PROMPT, THREE, 10, True), Completion("library", PROMPT, other, 20, True),
            Completion("tests", PROMPT, THREE, 30, False), Completion("tests", PROMPT, "", 40, True)]  # fmt: skip
    figures = {what: figure for what, figure, _ in table(some, tmp_path)}
    assert figures["completed: ended, parses, three statements or more"] == "50.0%"
    assert figures["of these, from the library (2)"] == "100.0%"
    assert figures["of these, from the tests (2)"] == "0.0%"
    assert figures["cut off"] == figures["does not parse"] == "25.0%"
    assert figures["median tokens of those that passed"] == "15"
    assert figures["of those, word for word a function of the library"] == "50.0%"


def test_signatures_that_a_training_text_has_are_left_out(tmp_path: Path):
    docs = [f"def f{i}(a{i}):\n    return {i}" for i in range(400)]
    (tmp_path / "library.txt").write_text(f"\n{END}\n".join(docs))
    train, held = documents(Config(corpus=str(tmp_path / "library.txt"), repeats=0, held_out=0.02))
    (tmp_path / "tests.txt").write_text("def other():\n    pass\n")
    (tmp_path / "classes.txt").write_text(
        f"class A:\n\n    {held[0].splitlines()[0]}\n        pass\n{END}\nclass B:\n    x = 1"
    )
    found = [s.strip() for _, s in held_out_signatures(tmp_path)]
    assert held and set(found) <= {doc.splitlines()[0] for doc in held}
    a_class_is_trained_on = "class A" in "".join(documents(Config(corpus=str(tmp_path / "classes.txt"), repeats=0))[0])
    assert (held[0].splitlines()[0] not in found) == a_class_is_trained_on


def test_the_texts_are_functions_without_docstrings_and_decorators_cut_between_statements(cutter, tmp_path: Path):
    long = "\n".join(f"        x{i} = {i}" for i in range(100))
    source = f'''
class A:
    """Says what it is."""

    @property
    def first(self):
        """Gives one."""
        a = 1  # a note
        b = 2
        return a + b

    def second(self):
        return 1

    def third(self):
{long}
'''
    (tmp_path / "a.py").write_text(source)
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "b.py").write_text("def check(x):\n    a = x\n    b = a\n    assert b")
    texts = cutter.texts(tmp_path)
    first, third = texts["library"]
    assert first == "def first(self):\n    a = 1\n    b = 2\n    return a + b"
    body = ast.parse(third).body[0].body  # type: ignore[attr-defined]
    assert 3 <= len(body) < 100 and len(third) <= cutter.LONGEST
    assert texts["tests"] == ["def check(x):\n    a = x\n    b = a\n    assert b"]
    assert texts["classes"] == []  # too long


def test_a_class_is_shown_without_the_methods_that_are_held_out(cutter):
    methods = [f"    def m{i}(self):\n        a = {i}\n        b = a\n        return b" for i in range(300)]
    held = [
        m
        for m in methods
        if cutter.number(cutter.function(ast.parse("class A:\n" + m).body[0].body[0])) < cutter.HELD_OUT
    ]
    assert held
    shown = cutter.whole_class(ast.parse("class A:\n    x = 1\n    y = 2\n" + held[0]).body[0])
    assert shown is not None and "def" not in shown and "y = 2" in shown


def test_the_held_out_texts_are_those_that_the_lesson_holds_out(cutter, tmp_path: Path):
    docs = [f"def f{i}():\n    pass" for i in range(500)]
    (tmp_path / "a.txt").write_text(f"\n{END}\n".join(docs))
    _, held = documents(Config(corpus=str(tmp_path / "a.txt"), repeats=0, held_out=cutter.HELD_OUT))
    assert held == [doc for doc in docs if cutter.number(doc) < cutter.HELD_OUT]
