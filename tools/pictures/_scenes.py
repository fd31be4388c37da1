"""Scenes: one or two things on a plain ground, whole, small, recoloured, with a caption that says so.

Combinations are kept back: about one pair in ten and one colour of a thing in ten are never drawn, so that they can
be asked for afterwards. Which ones, a checksum of their names says, the same in every run.
"""

import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 64
HUES = {"red": 0.0, "orange": 0.08, "yellow": 0.15, "green": 0.36, "blue": 0.6, "purple": 0.77, "pink": 0.92}
GREYS = {"black": 0.3, "white": 1.25, "gray": 0.75}
COLOURS = (*HUES, *GREYS, "brown")
WEIGHTS = {"animals-nature": 2.0, "food-drink": 2.0, "objects": 1.4, "travel-places": 1.5, "activities": 1.5,
           "smileys-emotion": 1.0, "people-body": 0.7}  # fmt: skip
KINDS = {"coloured": 0.3, "beside": 0.16, "above": 0.46, "several": 0.08}  # of what is not one thing as it is
BESIDE = ("{a} and {b}", "{a} next to {b}", "{a} beside {b}", "{a} with {b}")
ABOVE = ("{a} on {b}", "{a} on top of {b}", "{a} above {b}", "{a} standing on {b}")
RIDDEN = {"bicycle", "skateboard", "motorcycle", "motor scooter", "kick scooter", "horse", "elephant", "automobile",
          "sled", "canoe", "flying saucer", "rocket", "tractor", "roller skate", "camel", "whale", "turtle",
          "racing car", "sailboat", "airplane", "helicopter", "bus", "locomotive", "unicorn", "dragon"}  # fmt: skip
RIDERS = set(
    "alien ant astronaut baby badger bat bear beaver bird boy bug butterfly cat chicken child chipmunk cook cow "
    "crab crocodile deer detective dog dolphin donkey duck eagle elf fairy farmer firefighter fish flamingo fox "
    "frog ghost giraffe girl goat goose gorilla hamster hedgehog hippopotamus honeybee kangaroo koala leopard lion "
    "lizard llama lobster mage man monkey moose mouse ninja octopus otter owl panda parrot peacock penguin person "
    "pig pilot poodle prince princess rabbit raccoon ram rat rhinoceros robot rooster seal shark skull skunk sloth "
    "snail snake snowman spider student superhero swan tiger turkey vampire wolf woman zebra zombie".split()
) | {"black cat", "cat face", "clown face", "dog face", "hatching chick", "monkey face", "mouse face", "old man",
     "old woman", "polar bear", "police officer", "rabbit face", "santa claus", "t rex", "teddy bear",
     "tiger face"}  # fmt: skip
PLAIN = ("{a}", "{a}", "{a}", "a picture of {a}", "{a} emoji", "a sticker of {a}", "a drawing of {a}")
NUMBERS = {2: "two", 3: "three"}


def kept_back(*names: str) -> bool:
    """Whether a combination is never drawn."""
    return zlib.crc32("|".join(names).encode()) % 10 == 0


def plural(label: str) -> str:
    """The label of several of a thing."""
    if label.endswith(("s", "x", "ch", "sh")):
        return label + "es"
    return label[:-1] + "ies" if label.endswith("y") and label[-2:-1] not in "aeiou" else label + "s"


def one_of(label: str, chance: np.random.Generator) -> str:
    """The label with an article, mostly."""
    roll = chance.random()
    if roll < 0.35:
        return label
    return f"the {label}" if roll < 0.45 else f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


def recoloured(rgba: np.ndarray, colour: str) -> np.ndarray:
    """The thing in another colour: its shades stay."""
    picture = Image.fromarray(rgba[..., :3]).convert("HSV")
    hue, saturation, value = (np.asarray(band, dtype="float32") / 255 for band in picture.split())
    if colour in GREYS:
        saturation = saturation * 0.08
        value = np.clip(value * GREYS[colour], 0.0, 1.0) if colour != "white" else 1 - (1 - value) * 0.45
    else:
        hue = np.full_like(hue, HUES.get(colour, 0.07))
        saturation = np.clip(0.25 + 0.75 * np.maximum(saturation, 0.55), 0, 1) * (value > 0.12)
        if colour == "brown":
            value, saturation = value * 0.62, saturation * 0.85
        if colour == "pink":
            saturation = saturation * 0.6
    bands = [Image.fromarray((band * 255).astype("uint8")) for band in (hue, saturation, value)]
    turned = np.asarray(Image.merge("HSV", bands).convert("RGB"))
    return np.concatenate([turned, rgba[..., 3:]], axis=-1)


def placed(canvas: np.ndarray, rgba: np.ndarray, size: int, x: float, y: float) -> None:
    """Draw a thing, `size` pixels wide, its middle at (x, y) of the canvas (64, 64, 3) in 0..255."""
    small = np.asarray(Image.fromarray(rgba).resize((size, size), Image.Resampling.LANCZOS), dtype="float32")
    left, top = round(x - size / 2), round(y - size / 2)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(SIZE, left + size), min(SIZE, top + size)
    part = small[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:] / 255
    canvas[y0:y1, x0:x1] = canvas[y0:y1, x0:x1] * (1 - alpha) + part[..., :3] * alpha


class Scenes:
    """Draws scenes from the pictures of `data`."""

    def __init__(self, folder: Path, seed: int, single: float = 0.42) -> None:
        self._shares = [single, *(share * (1 - single) for share in KINDS.values())]
        with np.load(folder / "pictures.npz") as kept:
            self.rgba, self.about = kept["rgba"], json.loads(str(kept["about"]))
        self.chance = np.random.default_rng(seed)
        weights = np.array([WEIGHTS[one["group"]] for one in self.about])
        self._cumulated = np.cumsum(weights / weights.sum())
        self._ridden, self._riders = (
            [i for i, one in enumerate(self.about) if one["label"] in known] for known in (RIDDEN, RIDERS)
        )

    def any(self) -> int:
        """The number of a picture, the frequent groups more often."""
        return min(int(np.searchsorted(self._cumulated, self.chance.random())), len(self.about) - 1)

    def draw(self) -> tuple[np.ndarray, str, int]:
        """(picture (64, 64, 3) uint8, caption, the number of its first thing)."""
        canvas = np.full((SIZE, SIZE, 3), 255.0, dtype="float32")
        kind = self.chance.choice(5, p=self._shares)
        first = self.any()
        caption = (self._single, self._coloured, self._beside, self._above, self._several)[kind](canvas, first)
        return np.clip(canvas, 0, 255).astype("uint8"), caption, first

    def named(self, number: int) -> str:
        """What one thing is called: its label, with some of its tags, or by tags alone."""
        one, roll = self.about[number], self.chance.random()
        tags = [tag for tag in one["tags"] if tag not in one["label"].split()]
        some = [str(t) for t in self.chance.permutation(tags)[: self.chance.integers(1, 4)]] if tags else []
        if roll < 0.85 or not some:
            return str(self.chance.choice(PLAIN)).format(a=one_of(one["label"], self.chance))
        return " ".join([one["label"], *some]) if roll < 0.95 else " ".join(some)

    def _single(self, canvas: np.ndarray, number: int) -> str:
        small = self.chance.random() < 0.12
        size = int(self.chance.integers(28, 36)) if small else int(self.chance.integers(58, 65))
        shift = 0 if not small else 8
        placed(canvas, self.rgba[number], size, *(32 + self.chance.uniform(-1 - shift, 1 + shift, 2)))
        label = self.about[number]["label"]
        if small:
            return f"a {self.chance.choice(('small', 'tiny', 'little'))} {label}"
        return self.named(number)

    def _coloured(self, canvas: np.ndarray, number: int) -> str:
        label = " ".join(word for word in self.about[number]["label"].split() if word not in COLOURS)
        colour = str(self.chance.choice(COLOURS))
        while kept_back(colour, label):
            colour = str(self.chance.choice(COLOURS))
        placed(canvas, recoloured(self.rgba[number], colour), 62, 32, 32)
        return one_of(f"{colour} {label}", self.chance)

    def _two(self, first: int, choose: list[int] | None = None) -> int:
        while True:
            second = int(self.chance.choice(choose)) if choose else self.any()
            if second != first and not kept_back(self.about[first]["label"], self.about[second]["label"]):
                return second

    def _said(self, forms: tuple[str, ...], first: int, second: int) -> str:
        a, b = (one_of(self.about[n]["label"], self.chance) for n in (first, second))
        return str(self.chance.choice(forms)).format(a=a, b=b)

    def _beside(self, canvas: np.ndarray, first: int) -> str:
        second = self._two(first)
        size, lift = int(self.chance.integers(33, 38)), self.chance.uniform(-6, 6, 2)
        placed(canvas, self.rgba[first], size, 16.5, 32 + lift[0])
        placed(canvas, self.rgba[second], size, 47.5, 32 + lift[1])
        return self._said(BESIDE, first, second)

    def _above(self, canvas: np.ndarray, first: int) -> str:
        rides = self.chance.random() < 0.75
        if rides and self._riders and self.chance.random() < 0.7:  # mostly somebody who could
            first = int(self.chance.choice(self._riders))
        second = self._two(first, self._ridden if rides else None)
        x = 32 + self.chance.uniform(-3, 3)
        placed(canvas, self.rgba[second], int(self.chance.integers(38, 44)), 32, 43)
        placed(canvas, self.rgba[first], int(self.chance.integers(35, 41)), x, 19)
        return self._said(("{a} riding {b}",) * 3 + ABOVE[:1] if rides else ABOVE, first, second)

    def _several(self, canvas: np.ndarray, number: int) -> str:
        count = int(self.chance.integers(2, 4))
        places = {2: ((17, 32), (47, 32)), 3: ((18, 20), (46, 20), (32, 46))}[count]
        for x, y in places:
            placed(canvas, self.rgba[number], 31, x, y)
        return f"{NUMBERS[count]} {plural(self.about[number]['label'])}"
