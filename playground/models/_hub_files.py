"""Which files of a repository on the Hub a model needs.

A language model lies at the top of its repository; what subfolders hold is for other programs. A picture model is
a folder per part, named by its model_index.json; of a part that is there in float32 and in float16 the smaller
one is taken.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from playground.errors import PlaygroundError
from playground.models._weights import PARTS, part_files

PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
INDEX = "model_index.json"
BESIDE = ("tokenizer", "tokenizer_2", "tokenizer_3", "scheduler")  # parts without weights
SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def chosen(names: Iterable[str]) -> list[str]:
    """Those of a repository's files that are fetched, in their order."""
    names = list(names)
    if INDEX not in names:
        return [name for name in names if "/" not in name]
    parts: dict[str, list[str]] = {}
    for name in names:
        part, slash, file = name.partition("/")
        if slash and "/" not in file and part in (*PARTS, *BESIDE):
            parts.setdefault(part, []).append(file)
    wanted = {INDEX, *(f"{part}/{file}" for part, files in parts.items() for file in _of_part(files))}
    return [name for name in names if name in wanted]


def whole(folder: Path) -> bool:
    """Whether every part that a picture model's index names, and that is needed here, is there."""
    try:
        index = json.loads((folder / INDEX).read_text("utf-8"))
        named = [name for name in (*PARTS, *BESIDE) if isinstance(index.get(name), list) and index[name][-1]]
    except (OSError, ValueError, AttributeError, IndexError):
        return False
    return bool(named) and all(_there(folder / name) for name in named)


def _there(part: Path) -> bool:
    """Whether a part has its configuration, and its weights or what a tokenizer needs."""
    if part.name == "scheduler":
        return (part / "scheduler_config.json").is_file()
    if part.name.startswith("tokenizer"):
        return any((part / name).is_file() for name in ("tokenizer.json", "vocab.json", "spiece.model"))
    try:
        return (part / "config.json").is_file() and bool(part_files(part))
    except (PlaygroundError, ValueError, KeyError, AttributeError):
        return False


def _of_part(files: list[str]) -> Iterator[str]:
    """The weights of a part, once, and everything small."""
    weights = [file for file in files if file.endswith(".safetensors")]
    half = [file for file in weights if file.endswith(".fp16.safetensors") and not _shard(file)]
    plain = [file for file in weights if "." not in _stem(file)]
    yield from half[:1] or plain
    yield from (
        file for file in files if file.endswith((".json", ".txt", ".model")) and not (half and ".index." in file)
    )


def _stem(file: str) -> str:
    return file.removesuffix(".safetensors")


def _shard(file: str) -> bool:
    return any(SHARD.search(piece) for piece in _stem(file).split("."))


def root(path: Path, name: str) -> Path:
    """The folder of a snapshot that has the file `name` at `path`."""
    return path.parents[name.count("/")]
