"""Reads the imports of a source tree and says which of them DESIGN's rooms do not allow.

Imports point down only. A room is a folder or file of `playground/`; the number is
its floor, and a file may know rooms on lower floors and its own room, nobody else.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FLOORS = {
    "app": 9, "__main__": 9,
    "ui": 8,
    "modalities": 7,
    "trainings": 7,
    "visits": 6, "room": 6,
    "lenses": 5, "run": 5, "manager": 5, "steps": 4,
    "models": 4, "lessons": 4,
    "training": 3, "decoding": 3, "denoising": 3,
    "events": 2, "fields": 2, "plugins": 2, "json_text": 2, "panels": 1,
    "people": 2, "errors": 1, "building": 1,
    "__init__": 0,
}  # fmt: skip
# what lies in one file each, and may not know its neighbours (pieces they share start with "_")
PLUGINS = ("modalities", "models", "decoding.filters", "decoding.search", "lenses", "training")
HEAVY = {"torch", "transformers", "diffusers", "accelerate"}


@dataclass(frozen=True)
class Import:
    """`module` is imported at `line`; `names` from it; `late` inside a function or for the type checker only."""

    module: str
    names: tuple[str, ...]
    line: int
    late: bool


def imports(source: str, package: str) -> Iterator[Import]:
    """Every import of a file that lies in `package` ("playground.models"), relative ones resolved."""

    def walk(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, (), child.lineno, late) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package.split(".")[: len(package.split(".")) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                yield Import(module, tuple(alias.name for alias in child.names), child.lineno, late)
            else:
                inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
                yield from walk(child, late or inside or checking)

    yield from walk(ast.parse(source), late=False)


def violations(root: Path) -> list[str]:
    """One sentence for each import below `root` (app.py and playground/) that the house forbids."""
    found = []
    for path in [root / "app.py", *sorted((root / "playground").rglob("*.py"))]:
        if not path.exists():
            continue
        parts = path.relative_to(root).with_suffix("").parts
        package = ".".join(parts[:-1])
        for i in imports(path.read_text(encoding="utf-8"), package):
            for problem in _problems(parts, i):
                found.append(f"{path.relative_to(root)}:{i.line} {problem}")
    return found


def _problems(parts: tuple[str, ...], i: Import) -> Iterator[str]:
    room = parts[1] if parts[0] == "playground" else parts[0]
    top = i.module.split(".")[0]
    if room not in FLOORS:
        yield f"lies in {room!r}, which is no room of the house"
        return
    if top in ("gradio", "gradio_client") and room not in ("ui", "app"):
        yield f"imports {top}, which only ui/ and app.py may know"
    if top in HEAVY and not i.late and room not in ("training", "lessons"):
        yield f"imports {top} when it is loaded: import it inside the function that needs it"
    if top in ("app", "tests", "benchmarks"):
        yield f"imports {top}, which stands above it"
    if top == "playground":
        targets = [f"{i.module}.{name}" for name in i.names] if len(i.module.split(".")) < 4 else [i.module]
        yield from {problem for target in targets or [i.module] for problem in _inside(parts, room, target)}


def _inside(parts: tuple[str, ...], room: str, target: str) -> Iterator[str]:
    names = target.split(".")[1:]
    if not names:
        return
    if names[0] != room:
        known = FLOORS.get(names[0])
        if known is None:
            return  # a name of playground/__init__.py itself
        if known >= FLOORS[room]:
            yield f"({room}) imports {names[0]}, which is not below it"
        return
    for plugin in PLUGINS:
        folder = plugin.split(".")
        if list(parts[1 : 1 + len(folder)]) != folder or names[: len(folder)] != folder or len(names) == len(folder):
            continue
        sibling = names[len(folder)]
        if sibling != parts[1 + len(folder)] and not sibling.startswith("_") and parts[-1] != "__init__":
            yield f"imports its neighbour {sibling}: pieces that {plugin} share start with an underscore"
