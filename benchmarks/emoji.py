"""How good is the embedded picture model? Everything that its card states, measured again.

    python -m benchmarks.emoji quiz FOLDER [--preset Quick]   64 pictures, on numbered sheets with eight captions each
    python -m benchmarks.emoji score FOLDER answers.json   the reader's answers, {"1": "c", …}
    python -m benchmarks.emoji card FOLDER --training … --quick FOLDER2 --said TEXT
                                                       and writes assets/models/emoji/README.md and sheet.png

The reader sees the sheets alone. Of each picture he chooses one of eight captions, of which one is the prompt, so that
one in eight is right by chance; of a combination, its two parts and some others are combined in every way, so that half
a picture is not enough and the captions alone tell nothing. 32 prompts are single
words that the model was trained on, 32 are combinations that were kept back from it (`tools/pictures/_scenes.py`), in
whatever order and with whatever else these words are called: colours of things, one thing riding or beside another.
Which ones, a checksum of the words says: none is chosen by
hand, and every picture is made with seed 1 and otherwise the settings that the page begins with, or those of a preset.
FOLDER2 is such a quiz with few steps, scored as well; TEXT is said of the training in the card.
"""

import argparse
import base64
import io
import json
import re
import sys
import textwrap
import zlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished
from playground.manager import ModelManager
from playground.modalities import image
from playground.models import _neighbours
from playground.models.emoji import FOLDER
from tools.pictures._scenes import COLOURS, RIDDEN, kept_back

EACH, OPTIONS, SEED, SIDE, A_PAGE = 32, 8, 1, 240, 8


@dataclass(frozen=True)
class Question:
    """A prompt, whether the model was trained on it, and the captions among which it stands."""

    prompt: str
    known: bool
    captions: tuple[str, ...]

    @property
    def right(self) -> str:
        """The letter of the right caption."""
        return letter(self.captions.index(self.prompt))


def letter(place: int) -> str:
    return "abcdefgh"[place]


def checksum(*words: str) -> int:
    return zlib.crc32(" ".join(words).encode())


def mixed(items: Iterable[str], salt: str) -> list[str]:
    """In an order that only the words decide."""
    return sorted(set(items), key=lambda item: checksum(salt, item))


def article(word: str) -> str:
    return f"{'an' if re.match('(?!uni|use|ewe|one)[aeiou]', word) else 'a'} {word}"


def is_one_thing(name: str) -> bool:
    """Whether a name is one word, and neither several things nor something that is done."""
    return name.isalpha() and len(name) > 2 and not re.search("[^su]s$|..ing$", name.removesuffix("ring"))


class Unseen:
    """Which combinations of words no scene shows, for the names of the training pictures."""

    def __init__(self, names: Sequence[str]) -> None:
        self._named: dict[str, list[str]] = {}  # by word: the names that have it
        for name in sorted(set(names)):
            for word in set(name.split()):
                self._named.setdefault(word, []).append(name)

    def coloured(self, colour: str, word: str) -> bool:
        """Whether no thing whose name has this word was drawn in this colour, or is called by it."""
        names = self._named[word]
        plain = (" ".join(part for part in name.split() if part not in COLOURS) for name in names)
        return not any(colour in name.split() for name in names) and all(kept_back(colour, name) for name in plain)

    def together(self, first: str, second: str) -> bool:
        """Whether no two things whose names have these words were drawn together, in either order."""
        if set(self._named[first]) & set(self._named[second]):
            return False
        pairs = ((a, b) for a in self._named[first] for b in self._named[second])
        return all(kept_back(a, b) and kept_back(b, a) for a, b in pairs)


def prompts(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """(words that were trained, combinations that were kept back), 32 each, for the names of training pictures."""
    words, unseen = mixed(filter(is_one_thing, names), "words"), Unseen(names)
    trained = [article(word) for word in words[:EACH]]
    colours = [(c, w) for w in words for c in COLOURS if unseen.coloured(c, w)]
    coloured = mixed((article(f"{c} {w}") for c, w in colours), "colours")[: EACH // 2]
    ridden = mixed((f"{article(a)} riding {article(b)}" for a in words for b in words
                    if b in RIDDEN and a not in RIDDEN and unseen.together(a, b)), "riding")[: EACH // 4]  # fmt: skip
    beside = mixed((f"{article(a)} next to {article(b)}" for a in words for b in words
                    if a != b and unseen.together(a, b)), "beside")[: EACH // 4]  # fmt: skip
    return trained, [*coloured, *ridden, *beside]


def others(prompt: str, words: Sequence[str]) -> list[str]:
    """Seven wrong captions: of one thing, other things. Of two parts, the right ones and some others are combined in
    every way, two times four, so that half a picture is not enough and the captions alone tell nothing."""
    between = next((sign for sign in (" riding ", " next to ") if sign in prompt), "")
    if between:
        pair = [part.split(" ", 1)[1] for part in prompt.split(between)]
        ride = "riding" in between
        parts = [[w for w in words if not (ride and (w in RIDDEN) is not second)] for second in (False, True)]
        counts, made = (4, 2), lambda first, second: f"{article(first)}{between}{article(second)}"
    elif len(prompt.split()) > 2:
        pair, parts = prompt.split()[1:], [sorted(COLOURS), list(words)]
        counts, made = (2, 4), lambda first, second: article(f"{first} {second}")
    else:
        return mixed((article(w) for w in words if article(w) != prompt), f"others {prompt}")[: OPTIONS - 1]
    chosen: list[list[str]] = []
    for right, part, count in zip(pair, parts, counts, strict=True):
        taken = {*pair, *(word for row in chosen for word in row)}
        chosen.append([right, *mixed((w for w in part if w not in taken), f"{right} {prompt}")[: count - 1]])
    return [made(first, second) for first in chosen[0] for second in chosen[1]][1:]


def questions(names: Sequence[str]) -> list[Question]:
    """All 64, in an order that says nothing."""
    found, words = [], list(filter(is_one_thing, names))
    for known, group in zip((True, False), prompts(names), strict=True):
        for prompt in group:
            found.append(Question(prompt, known, tuple(mixed([prompt, *others(prompt, words)], f"order {prompt}"))))
    return sorted(found, key=lambda q: checksum("page", q.prompt))


def draw(
    prompts: Sequence[str], manager: ModelManager, preset: dict[str, Any]
) -> list[tuple[Image.Image, list[dict[str, Any]]]]:
    """For each prompt a picture and the nearest training pictures, as the page makes them."""
    found = []
    for prompt in prompts:
        settings = fields.build(image.Settings, {"prompt": prompt, "seed": SEED, **preset})
        with closing(image.generate(settings, manager)) as events:
            end = [event for event in events if isinstance(event, Finished)][-1]
        if not end.pictures:
            raise PlaygroundError(end.message or "No picture came.")
        with closing(image.near(end.state, 0, manager)) as events:
            near = next(event.values["near"] for event in events if hasattr(event, "values"))
        data = base64.b64decode(end.pictures[0].partition(",")[2])
        found.append((Image.open(io.BytesIO(data)).convert("RGB"), near))
    return found


def page(pictures: Sequence[tuple[str, Image.Image]], across: int = 4, side: int = SIDE) -> Image.Image:
    """Pictures under their captions, row by row."""
    down = -(-len(pictures) // across)
    sheet = Image.new("RGB", (across * (side + 12), down * (side + 36)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (caption, picture) in enumerate(pictures):
        x, y = place % across * (side + 12) + 6, place // across * (side + 36)
        words = "\n".join(textwrap.wrap(caption, side // 7)[:2])
        pen.multiline_text((x, y - 2), words, fill="black", font_size=12, spacing=1)
        sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (x, y + 26))
    return sheet


def quiz(folder: Path, preset: str | None = None) -> None:
    """Write sheets and captions for the reader, and beside them what is right."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = questions(_names())
    manager = ModelManager("own")
    made = draw([q.prompt for q in asked], manager, image.PRESETS[preset] if preset else {})
    manager.close()
    for start in range(0, len(asked), A_PAGE):
        part = [(str(n + 1), made[n][0]) for n in range(start, min(start + A_PAGE, len(asked)))]
        page(part).save(folder / f"sheet-{start // A_PAGE + 1}.png")
    lines, key = [], []
    for number, (question, (_, near)) in enumerate(zip(asked, made, strict=True), 1):
        lines.append(f"{number}: " + "; ".join(f"{letter(i)}) {c}" for i, c in enumerate(question.captions)) + "\n")
        key.append({"prompt": question.prompt, "known": question.known, "right": question.right,
                    "near": [(one["name"], one["distance"]) for one in near]})  # fmt: skip
    (folder / "captions.txt").write_text("".join(lines), encoding="utf-8")
    (folder / "key.json").write_text(json.dumps(key), encoding="utf-8")
    ordered = sorted(range(len(asked)), key=lambda n: (not asked[n].known, n))
    page([(asked[n].prompt, made[n][0]) for n in ordered], across=8, side=128).save(folder / "all.png")


def _names() -> list[str]:
    return [str(name) for name in json.loads((FOLDER / _neighbours.NAMES).read_text("utf-8"))["names"]]


def score(folder: Path, answers: dict[str, str]) -> dict[str, Any]:
    """How many of each kind the reader found, and how near the pictures are to the nearest training picture."""
    key = json.loads((folder / "key.json").read_text("utf-8"))
    typical = json.loads((FOLDER / _neighbours.NAMES).read_text("utf-8"))["typical"]
    found: dict[str, Any] = {"answered": len(answers)}
    for known, name in ((True, "trained"), (False, "kept back")):
        mine = [(str(n), k) for n, k in enumerate(key, 1) if k["known"] is known]
        right = [k["prompt"] for n, k in mine if answers.get(n, "").strip().lower() == k["right"]]
        apart = sorted(k["near"][0][1] for _, k in mine)
        found[name] = {
            "right": len(right), "of": len(mine), "wrong": [k["prompt"] for _, k in mine if k["prompt"] not in right],
            "nearest, median": apart[len(apart) // 2], "nearest, least": apart[0],
            "nearer than half of typical": sum(a < typical / 2 for a in apart),
        }  # fmt: skip
    return {**found, "typical": typical}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("quiz", "score", "card"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("answers", type=Path, nargs="?")
    parser.add_argument("--training", type=Path, help="the folder it was trained in, for the curve")
    parser.add_argument("--preset", choices=tuple(image.PRESETS), help="settings of the quiz")
    parser.add_argument("--quick", type=Path, help="a quiz with the preset Quick, answered and scored before")
    parser.add_argument("--said", default="", help="sentences about the training, for the card")
    given = parser.parse_args(arguments)
    if given.what == "quiz":
        quiz(given.folder, given.preset)
        return 0
    kept = given.folder / "answers.json"
    if given.answers:
        kept.write_bytes(given.answers.read_bytes())
    figures = score(given.folder, json.loads(kept.read_text("utf-8")))
    print(json.dumps(figures, indent=1, ensure_ascii=False))
    if given.what == "card":
        from benchmarks.emoji_card import card

        if given.training is None:
            raise PlaygroundError("A card needs the curve: give the training's folder with --training.")
        quick = score(given.quick, json.loads((given.quick / "answers.json").read_text("utf-8"))) if given.quick else {}
        (FOLDER / "README.md").write_text(card(figures, given.training, FOLDER, quick, given.said), encoding="utf-8")
        Image.open(given.folder / "all.png").convert("P", palette=Image.Palette.ADAPTIVE).save(
            FOLDER / "sheet.png", optimize=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
