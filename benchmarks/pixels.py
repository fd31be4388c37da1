"""How good is the embedded model that writes pixels? Everything that its card states, measured again.

    python -m benchmarks.pixels FOLDER          FOLDER: where `tools.pictures.data` and `tools.pixels` wrote
    python -m benchmarks.pixels FOLDER --card   and writes assets/models/pixels/README.md and sheet.png

Nats a pixel are measured on the emoji that were held out, and beside them those of a count of the colours that followed
the same left and upper neighbours in the training pictures. Pictures are written through the page's own adapter with
the settings that the page begins with and seed 1, for 32 names of one word that a checksum chooses; none by hand. Of
each, the nearest training picture is looked up as the page does it (`playground/models/_pixel_neighbours.py`).
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks import emoji
from benchmarks.pixels_card import card
from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished, Reason
from playground.manager import ModelManager
from playground.modalities import pixels as modality
from playground.models import _pixel_neighbours
from playground.models._places import ASSETS
from tools import pixels

FOLDER = ASSETS / "models" / "pixels"
LARGE, ACROSS, NEAR, SEED = 8, 8, 10, 1


def centred(texts: pixels.Texts, number: int) -> np.ndarray:
    """An emoji in the middle of its frame, (16, 16, 3) uint8."""
    return pixels.small(texts.rgba[number], pixels.SIDE, 0, 0, False)


class Count:
    """Colours that followed the same neighbours: left and above, left alone, all."""

    def __init__(self, pictures: list[np.ndarray], colours: int) -> None:
        self.colours = colours
        self.seen: list[defaultdict[Any, Counter[int]]] = [defaultdict(Counter) for _ in range(3)]
        for picture in pictures:
            for colour, contexts in self._places(picture):
                for table, context in zip(self.seen, contexts, strict=True):
                    table[context][colour] += 1

    def nats(self, picture: np.ndarray) -> list[float]:
        """Surprise of each pixel."""
        found = []
        for colour, contexts in self._places(picture):
            p = 1 / self.colours
            for table, context in zip(reversed(self.seen), reversed(contexts), strict=True):
                counts = table.get(context)
                if counts:  # Witten and Bell (1991): new colours are as likely as they have been here
                    total, kinds = counts.total(), len(counts)
                    p = (counts[colour] + kinds * p) / (total + kinds)
            found.append(-float(np.log(p)))
        return found

    @staticmethod
    def _places(picture: np.ndarray) -> Iterator[tuple[int, tuple[Any, Any, None]]]:
        for y, row in enumerate(picture.tolist()):
            for x, colour in enumerate(row):
                left = row[x - 1] if x else -1
                yield colour, ((left, int(picture[y - 1, x]) if y else -1), left, None)


def held_out(texts: pixels.Texts) -> tuple[float, float]:
    """(nats a pixel of the model, of the count) on the emoji that were held out, in the middle of their frame."""
    import torch
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    numbers = range(0, len(texts.rgba), pixels.HELD)
    pictures = [centred(texts, number) for number in numbers]
    rows = torch.tensor(
        [texts.written(picture, texts.names[n][0]) for picture, n in zip(pictures, numbers, strict=True)]
    )
    surprise = []
    with torch.no_grad():
        for part in rows.split(16):
            logprobs = model(input_ids=part[:, :-1]).logits.log_softmax(-1)
            surprise.append(-logprobs.gather(-1, part[:, 1:, None])[..., 0])
    told, targets = torch.cat(surprise), rows[:, 1:]
    coloured = (targets >= 3) & (targets < 3 + len(texts.colours))
    trained = [pixels.nearest(centred(texts, n), texts.colours) for n in range(len(texts.rgba)) if n % pixels.HELD]
    count = Count([*trained, *(picture[:, ::-1] for picture in trained)], len(texts.colours))
    return float(told[coloured].mean()), float(
        np.mean([nats for picture in pictures for nats in count.nats(pixels.nearest(picture, texts.colours))])
    )


def write(word: str, manager: Any) -> str:
    """What the model writes for a word.

    Raises:
        PlaygroundError: the run failed.
    """
    settings = fields.build(modality.Settings, {"prompt": word, "seed": SEED})
    with closing(modality.generate(settings, manager)) as run:
        last = [event for event in run if isinstance(event, Finished)][-1]
    if last.reason is Reason.ERROR:
        raise PlaygroundError(last.message or "The run failed.")
    return last.text


def picture_of(text: str) -> np.ndarray | None:
    """(16, 16, 3) uint8 of a text of colours; None where it is not sixteen lines of sixteen."""
    picture = _pixel_neighbours.picture_of(text)
    return picture if picture is not None and picture.shape == (pixels.SIDE, pixels.SIDE, 3) else None


def figures(texts: pixels.Texts, words: list[str], made: list[np.ndarray | None]) -> dict[str, Any]:
    """What the card states of the pictures."""
    known = _pixel_neighbours.Neighbours(FOLDER)
    called = {names[0]: names for names in texts.names}
    right, among, distances, copies = 0, 0, [], 0
    for word, picture in zip(words, made, strict=True):
        order = known.nearest(picture, NEAR) if picture is not None else []
        if not order:
            continue
        fits = [word.partition(" ")[2] in called[name] for name, _, _ in order]
        right, among = right + fits[0], among + any(fits)
        distances.append(order[0][1])
        copies += order[0][1] < known.nearest(order[0][2], 2)[1][1] / 2
    middle = known.pictures[len(known.pictures) // 2][::20]
    typical = [known.nearest(one, 2)[1][1] for one in middle]
    return {"of": len(words), "whole": sum(one is not None for one in made), "right": right, "among": among,
            "distance": float(np.median(distances)), "least": min(distances), "typical": float(np.median(typical)),
            "copies": copies}  # fmt: skip


def sheet(words: list[str], made: list[np.ndarray | None]) -> Image.Image:
    """All pictures with their words."""
    cell = pixels.SIDE * LARGE
    whole = Image.new("RGB", (ACROSS * (cell + 12), -(-len(words) // ACROSS) * (cell + 26)), "white")
    pen = ImageDraw.Draw(whole)
    for i, (word, picture) in enumerate(zip(words, made, strict=True)):
        x, y = i % ACROSS * (cell + 12) + 6, i // ACROSS * (cell + 26) + 4
        if picture is not None:
            whole.paste(Image.fromarray(picture).resize((cell, cell), Image.Resampling.NEAREST), (x, y))
        pen.text((x + 4, y + cell + 4), word, fill="black")
    return whole


def main() -> None:
    """Measure, print, and write the card where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--card", action="store_true")
    parser.add_argument("--said", default="", help="a sentence about the training, for the card")
    given = parser.parse_args()
    texts, manager = pixels.Texts(given.folder), ModelManager("own")
    known = [names[0] for number, names in enumerate(texts.names) if number % pixels.HELD]
    words = [emoji.article(word) for word in emoji.mixed(filter(emoji.is_one_thing, known), "words")[: emoji.EACH]]
    made = [picture_of(write(word, manager)) for word in words]
    manager.close()
    model, count = held_out(texts)
    found = {"model": model, "count": count, **figures(texts, words, made)}
    print(json.dumps(found, indent=1))
    if given.card:
        sheet(words, made).save(FOLDER / "sheet.png", optimize=True)
        (FOLDER / "README.md").write_text(card(found, given.folder / "pixels.csv", texts, given.said), "utf-8")


if __name__ == "__main__":
    main()
