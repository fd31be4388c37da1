"""The texts that the text lessons train on: the embedded ones and folders of one's own, split once and for all."""

import hashlib
import lzma
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from playground.errors import PlaygroundError

EVERYDAY = Path(__file__).parents[2] / "assets" / "data" / "everyday"
END = "<|endoftext|>"  # between two texts of a file
PER_BYTE = 60  # bytes of memory for a byte of text, at most: the text itself, its tokens, and what n-grams count


def read(folder: Path) -> list[str]:
    """The texts of a folder's .txt and .txt.xz files, or of one such file, in the order of the files' names."""
    docs: list[str] = []
    for path in files(folder):
        raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        docs += [d.strip() for d in raw.decode("utf-8", errors="replace").split(END)]
    return [d for d in docs if d]


def files(folder: Path) -> list[Path]:
    """The files that `read` reads."""
    return [folder] if folder.is_file() else sorted([*folder.glob("*.txt"), *folder.glob("*.txt.xz")])


def corpus(names: str) -> list[str]:
    """The texts of files and folders whose names are separated by commas.

    Raises:
        PlaygroundError: one of them is not there.
    """
    docs: list[str] = []
    for name in filter(None, names.split(",")):
        if not Path(name).exists():
            raise PlaygroundError(f"{name!r} is not there: give a folder or file of .txt or .txt.xz texts.")
        docs += read(Path(name))
    return docs


class Wanted(Protocol):
    """What a lesson's configuration says about its texts."""

    @property
    def corpus(self) -> str: ...
    @property
    def repeats(self) -> int: ...
    @property
    def held_out(self) -> float: ...


def documents(config: Wanted) -> tuple[list[str], list[str]]:
    """The texts of a configuration, the embedded ones first, as (training, held out).

    Raises:
        PlaygroundError: the corpus is not there, or there is nothing to train on.
    """
    docs = [(doc, config.repeats) for doc in read(EVERYDAY)] if config.repeats else []
    docs += [(doc, 1) for doc in corpus(config.corpus)]
    return split(docs, config.held_out, config.corpus)


def there(names: str) -> bool:
    """Whether all files and folders of a corpus can be read from this computer."""
    return all(Path(name).exists() for name in names.split(",") if name)


def is_held_out(key: str, part: float) -> bool:
    """Whether a text or word is never trained on: by its hash, so that the split never changes."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32 < part


def split(docs: Iterable[tuple[str, int]], held_out: float, where: str) -> tuple[list[str], list[str]]:
    """(text, how often it is trained on) as (training, held out).

    Raises:
        PlaygroundError: there is nothing to train on in `where`.
    """
    train, held = [], []
    for doc, times in docs:
        if is_held_out(doc, held_out):
            held.append(doc)
        else:
            train += [doc] * times
    if not train:  # a single text cannot be held out
        train, held = held, []
    if not train:
        raise PlaygroundError(f"There is no text to train on in {where or EVERYDAY}: add a .txt file.")
    return train, held


def memory_bytes(names: str, repeats: int) -> int:
    """What the texts will take in memory, at most, found from the sizes of their files."""
    folders = [Path(name) for name in names.split(",") if name and not name.startswith("hub:")]
    sizes = [(p, 1) for folder in folders for p in files(folder) if p.exists()]
    sizes += [(p, max(1, repeats)) for p in files(EVERYDAY)] if repeats else []
    return sum(p.stat().st_size * times * (4 if p.suffix == ".xz" else 1) for p, times in sizes) * PER_BYTE
