"""What a lesson trains on: the sets to choose from, a look into each, and a visitor's own.

A visitor's own data is private and short-lived: texts and pictures lie in a temporary folder that only this process
can read, written anew (a picture is decoded, cut and stored as PNG; nothing that was uploaded is kept as it came), and
`Own.close()` removes it.
"""

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.lessons import catalogue
from playground.lessons._own_text import passages, readable_text

MOST_TEXT, MOST_PICTURES, MOST_PICTURE_BYTES = 2_000_000, 500, 200_000_000  # bytes, files, bytes of all files
MOST_SHOWN = 200  # items of one look
SIDE = 64  # pixels: the largest picture that a lesson trains on


@dataclass(frozen=True)
class DataSet:
    """One set to choose; `values` are the fields of the lesson's configuration that choose it, `examples` and
    `bytes` what it holds with the lesson's defaults."""

    id: str
    title: str
    kind: str  # text, words, plane, pictures
    examples: int
    bytes: int
    licence: str
    source: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Browse:
    """Items `start` … of `total` training examples: texts, words as "word: phonemes", points (x, y), or PNGs in
    base64; `labels` are as many, or none."""

    kind: str
    total: int
    items: tuple[Any, ...]
    start: int
    labels: tuple[str, ...] = ()


@dataclass
class Own:
    """A visitor's own data: `kind` text, pictures or plane, so many `examples`; `notes` for the visitor to read.

    It holds its private folder until `close()` is called (at the latest, when nobody refers to it any more).
    """

    kind: str
    examples: int
    bytes: int
    notes: tuple[str, ...] = ()
    folder: Path | None = None
    points: str = ""
    _gone: Any = field(default=None, repr=False, compare=False)

    def config_values(self, name: str | None = None) -> dict[str, Any]:
        """The fields of a lesson's configuration that choose this data; with `name`, those of that very lesson.

        Raises:
            PlaygroundError: the lesson learns from another kind of data, or the data is gone.
        """
        if self.kind != "plane" and (self.folder is None or not self.folder.is_dir()):
            raise PlaygroundError("Your own data is no longer there: give it again.")
        wants_text = name in catalogue.TEXT
        if name and wants_text != (self.kind == "text"):
            kinds = "texts" if wants_text else "points or pictures"
            raise PlaygroundError(f"{catalogue.title(name)} learns from {kinds}, and this data is {self.kind}.")
        if self.kind == "text":
            return {"corpus": str(self.folder), "repeats": 0, **({"task": "spans"} if name == "t5" else {})}
        if self.kind == "pictures":
            return {"data": "folder", "folder": str(self.folder)}
        return {"data": "points", "points": self.points}

    def close(self) -> None:
        """Remove the private folder."""
        if self._gone:
            self._gone()


def _private() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="own-"))  # readable by this user only
    if "," in str(folder):  # a corpus is a list with commas
        folder.rmdir()
        raise PlaygroundError(f"The temporary folder {tempfile.gettempdir()!r} has a comma in its name.")
    return folder


def _kept(own: Own) -> Own:
    if own.folder is not None:
        own._gone = weakref.finalize(own, shutil.rmtree, str(own.folder), True)
    return own


# ── one's own ────────────────────────────────────────────────────────────────


def own_text(pasted: str = "", files: Sequence[Path] = ()) -> Own:
    """Texts that were pasted or uploaded (UTF-8, UTF-16 with a mark, or older one-byte files).

    They are cut into passages at empty lines, so that a part can be held out.

    Raises:
        PlaygroundError: nothing to read, too much of it, or a file that is no text.
    """
    size = len(pasted.encode("utf-8", "replace")) + sum(Path(f).stat().st_size for f in files)
    if size > MOST_TEXT:
        raise PlaygroundError(f"The texts have {size:,} bytes; at most {MOST_TEXT:,} can be used: give a part of them.")
    texts = [readable_text(pasted.encode("utf-8", "replace"), "The text")] if pasted.strip() else []
    texts += [readable_text(Path(f).read_bytes(), Path(f).name[:60]) for f in files]
    found = [p for text in texts for p in passages(text)]
    if not found:
        raise PlaygroundError("There is no text in what you gave: paste some words, or choose a .txt file with some.")
    folder = _private()
    from playground.training._texts import END

    (folder / "own.txt").write_text(f"\n{END}\n".join(found), "utf-8")
    notes: tuple[str, ...] = ()
    if sum(map(len, found)) < 2000:
        notes = ("This is very little text: the model will learn it by heart and nothing else.",)
    return _kept(Own("text", len(found), size, notes, folder))


def own_pictures(files: Sequence[Path]) -> Own:
    """Pictures that were uploaded: PNG, JPEG, WebP, GIF, BMP; each is cut to its middle square.

    Transparent parts become white; of an animation the first picture counts.

    Raises:
        PlaygroundError: no file, too many, or none that can be used.
    """
    from PIL import Image

    from playground.training import _pictures

    if not files:
        raise PlaygroundError("There is no picture: choose PNG, JPEG, WebP, GIF or BMP files.")
    if len(files) > MOST_PICTURES:
        raise PlaygroundError(f"There are {len(files)} pictures; at most {MOST_PICTURES} can be used.")
    size = sum(Path(f).stat().st_size for f in files)
    if size > MOST_PICTURE_BYTES:
        raise PlaygroundError(f"The pictures have {size:,} bytes; at most {MOST_PICTURE_BYTES:,} can be used.")
    folder, refused, kept = _private(), [], 0
    for file in map(Path, files):
        try:
            values = _pictures.read(file, SIDE)
        except PlaygroundError as problem:
            refused.append(str(problem))
            continue
        kept += 1
        stem = "".join(c for c in file.stem if c.isalnum() or c in " -_")[:40] or "picture"
        Image.fromarray((values * 255 + 0.5).astype("uint8")).save(folder / f"{kept:03} {stem}.png")
    if not kept:
        shutil.rmtree(folder, True)
        raise PlaygroundError(f"None of the pictures can be used. {refused[0]}")
    if kept < 50:
        refused.append(f"With {kept} picture{'s' * (kept > 1)} the model can only learn by heart.")
    return _kept(Own("pictures", kept, size, tuple(refused), folder))


def own_points(points: Sequence[Sequence[float]]) -> Own:
    """Points (x, y) that were drawn. Where they lie and how wide they spread does not matter: a lesson scales them.

    Raises:
        PlaygroundError: something that is no pair of numbers, too few points, too many, or all in one place.
    """
    from playground.training import _plane

    if len(points) > _plane.MAX_POINTS:  # before a line is written for each
        raise PlaygroundError(f"There are {len(points)} points; at most {_plane.MAX_POINTS} can be used.")
    lines = []
    for point in points:
        try:
            x, y = (float(v) for v in point)
        except (TypeError, ValueError):
            raise PlaygroundError(f"{str(point)[:40]!r} is no point: give two numbers, x and y.") from None
        lines.append(f"{x!r},{y!r}")
    text = "\n".join(lines)
    _plane.read_points(text)  # refuses what a lesson could not use
    few = ("With so few points the model can only learn them by heart.",) if len(lines) < 50 else ()
    return _kept(Own("plane", len(lines), len(lines) * 8, few, points=text))


# ── the sets ─────────────────────────────────────────────────────────────────

_PLANE = {"ring": "Eight Gaussians", "moons": "Two moons", "spiral": "Spiral", "checkerboard": "Checkerboard"}
_OURS = "the project (MIT)"


def sets(name: str) -> list[DataSet]:
    """The sets that a lesson can train on, its own default first."""
    found = _text_sets(name) if name in catalogue.TEXT else _picture_sets(name)
    chosen = catalogue.lesson(name).Config()
    return sorted(found, key=lambda s: any(getattr(chosen, k) != v for k, v in s.values.items()))


def _text_sets(name: str) -> list[DataSet]:
    from playground.training import _pairs, _texts

    files = _texts.files(_texts.EVERYDAY)
    size, texts = sum(p.stat().st_size for p in files), len(_texts.read(_texts.EVERYDAY))
    values: dict[str, Any] = {"task": "spans"} if name == "t5" else {}
    source = "assets/data/everyday, written by the project"
    found = [DataSet("everyday", "Everyday facts and small tales", "text", texts, size, "MIT", source, values)]
    if name == "t5":
        path = _texts.EVERYDAY.parent / "cmudict" / "cmudict.txt.xz"
        words = sum(1 for line in _pairs.dictionary() if line)
        found.append(DataSet("cmudict", "Words and how they are spoken", "words", words, path.stat().st_size,
                             "BSD, two clauses", "CMU Pronouncing Dictionary",
                             {"task": "pronunciation"}))  # fmt: skip
    return found


def _picture_sets(name: str) -> list[DataSet]:
    from playground.training import _pictures

    n = catalogue.lesson(name).Config().examples
    found = [DataSet(k, t, "plane", n, n * 8, "MIT", _OURS, {"data": k}) for k, t in _PLANE.items()]
    side = catalogue.lesson(name).Config().size
    for key, what in (("faces", "Faces that smile or frown"), ("shapes", "Coloured shapes")):
        found.append(DataSet(key, what, "pictures", n, n * 3 * side**2, "MIT", _OURS, {"data": key}))
    size = (_pictures.EMOJI / "emoji.webp").stat().st_size
    source = "Microsoft Fluent Emoji (@lobehub/fluent-emoji-3d)"
    found.append(DataSet("emoji", "Emoji", "pictures", _pictures.EMOJI_COUNT, size, "MIT", source, {"data": "emoji"}))
    return found


# ── a look into them ─────────────────────────────────────────────────────────


def browse(name: str, config: Any, start: int = 0, count: int = 24, live: Any = None) -> Browse:
    """Training examples `start` … `start + count` of what `config` chooses, in the order of the set.

    With `live`, the data of that run is shown and nothing is loaded again.

    Raises:
        PlaygroundError: data that cannot be used, or that does not fit into memory.
    """
    start, count = max(0, int(start)), min(max(1, int(count)), MOST_SHOWN)
    if name in catalogue.TEXT:
        return _browse_text(name, config, start, count)
    from playground.training import _estimate, _pictures, _sets

    data = getattr(live, "data", None)
    if data is None:
        needed = replace(_estimate.estimate(_estimate.Plan({}, lambda: (), 0, _estimate.data_bytes(config))))
        _estimate.refuse_if_too_large(needed)
        data = _sets.load(config)
    part = data.train[start : start + count]
    labels = data.labels[start : start + count]
    if not labels and len(data.classes):
        labels = tuple(data.class_names[k] for k in data.classes[start : start + count])
    if data.plane:
        points = tuple((round(x, 3), round(y, 3)) for x, y in part.tolist())
        return Browse("plane", len(data.train), points, start, labels)
    return Browse("pictures", len(data.train), tuple(_pictures.png(p) for p in part.numpy()), start, labels)


def _browse_text(name: str, config: Any, start: int, count: int) -> Browse:
    from playground.training import _pairs, _texts

    lesson = catalogue.lesson(name)
    if name == "t5" and config.task == "pronunciation":
        lines = [line.replace(" ", ": ", 1) for line in _pairs.dictionary() if line]
        return Browse("words", len(lines), tuple(lines[start : start + count]), start)
    once = replace(config, repeats=min(1, config.repeats))  # a text that returns in a pass is one text
    texts, _ = lesson.documents(once) if name == "gpt" else _texts.documents(once)
    return Browse("text", len(texts), tuple(texts[start : start + count]), start)
