"""Writes the texts that the code model learns from: functions and classes of the running Python's standard library.

    python tools/code_corpus.py build/code-texts

Every module is read as a syntax tree and never run or imported. A text is one function, moved to the left
margin and printed by `ast.unparse`: one style for all, without comments, docstrings and decorators. Functions
with fewer than three statements are left out; of a long one the first statements that fit stay. Three files:

    library.txt    functions and methods of the library
    tests.txt      the same of its tests, where the interpreter brings them
    classes.txt    short classes, whole, without any method that is held out as a function

A text is held out of training by its SHA-256 (as `playground/training/gpt.py` does), so that it stays held out
whatever the version of Python. Terms of the library: PSF-2.0. The texts are written for training and not kept.
"""

import argparse
import ast
import hashlib
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

END = "<|endoftext|>"
LONGEST = 420  # characters of a text
LONGEST_LINE = 120
FEWEST = 3  # statements of a body
HELD_OUT = 0.02


def number(text: str) -> float:
    """The hash of a text, evenly in [0, 1): below `HELD_OUT` it is never trained on."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def modules(root: Path) -> Iterator[tuple[bool, ast.Module]]:
    """(whether it is a test, the syntax tree without docstrings) of every module that can be read."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if parts[0] in ("site-packages", "dist-packages"):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):  # some of the tests are wrong on purpose
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                node.decorator_list = []
                node.body = node.body[ast.get_docstring(node, clean=False) is not None :] or [ast.Pass()]
        yield bool({"test", "tests", "idle_test"} & set(parts)), tree


def fits(text: str) -> bool:
    """Whether a text is plain ASCII, short, and of short lines."""
    return text.isascii() and len(text) <= LONGEST and max(map(len, text.split("\n"))) <= LONGEST_LINE


def function(node: ast.FunctionDef) -> str | None:
    """A function as text, cut after the last statement of its body that fits; None where too little is left."""
    for count in range(len(node.body), FEWEST - 1, -1):
        text = ast.unparse(ast.FunctionDef(**{**vars(node), "body": node.body[:count]}))
        if fits(text):
            return text
    return None


def whole_class(node: ast.ClassDef) -> str | None:
    """A class as text, without methods that are held out; None where it is too long or empty."""
    kept = []
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            text = function(part)
            if text is not None and number(text) < HELD_OUT:
                continue
        kept.append(part)
    text = ast.unparse(ast.ClassDef(**{**vars(node), "body": kept})) if len(kept) > 1 else ""
    return text if text and fits(text) else None


def texts(root: Path) -> dict[str, list[str]]:
    """All texts by file name, each once."""
    found: dict[str, dict[str, None]] = {"library": {}, "tests": {}, "classes": {}}
    trees = list(modules(root))
    for test, tree in sorted(trees, key=lambda pair: pair[0]):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                text = function(node)
                if text is not None and text not in found["library"]:
                    found["tests" if test else "library"][text] = None
            elif isinstance(node, ast.ClassDef) and not test:
                text = whole_class(node)
                if text is not None:
                    found["classes"][text] = None
    return {name: list(some) for name, some in found.items()}


def main() -> None:
    """Write the files from the command line and say what is in them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in texts(Path(sysconfig.get_paths()["stdlib"])).items():
        (folder / f"{name}.txt").write_text(f"\n{END}\n".join(some) + "\n", encoding="utf-8")
        held = sum(number(text) < HELD_OUT for text in some)
        print(f"{name}: {len(some)} texts, {sum(map(len, some)) / 1e6:.2f} MB, {held} held out")
    (folder / "python.version").write_text(platform.python_version() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
