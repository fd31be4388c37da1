"""The recipe of the embedded model `pixels`: a small GPT that writes pictures of emoji, pixel by pixel.

    python -m tools.pictures.data FOLDER            (the pictures, as for `emoji`)
    python -m tools.pixels FOLDER [--steps 2400] [--minutes 90] [--out assets/models/pixels]
    python -m tools.pixels FOLDER --seen assets/models/pixels        (only the pictures that it was trained on)

A picture of 16 × 16 pixels is a text: its name, a line break, and sixteen lines of sixteen colours of a palette,
`#ffffff#ffffff…`. Name, line break and each colour are one token; the end-of-text token ends the picture. So
everything that works on texts works on it. Names are the labels and tags of the emoji; one in seven is left out, so
that the model can also begin without one. GPT-2's layout; Muon and AdamW, bf16 autocast, an average of the weights.
Goes on from FOLDER/pixels; writes the folder of a transformers model, matrices in 8 bits.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from playground.models import _pixel_neighbours
from tools.pictures._loop import Average, optimizers, set_rates, steps
from tools.pictures.export import shrunk

SIDE, COLOURS, BATCH, WARM = 16, 160, 24, 200
SIZES = range(14, 18)  # in which a picture is seen
RATES = {"adamw": 2e-3, "muon": 2e-3}
HELD = 20  # one emoji in so many is held out
END, ANY, BREAK = "<|end|>", "<|any|>", "\n"
LENGTH = 2 + SIDE * (SIDE + 1) + 1  # name, break, lines with their breaks, end
FEW = 256  # places of a batch at which names, too, may be predicted: they never should be, and that is soon learned


@dataclass(frozen=True)
class Config:
    """What a checkpoint says of its training."""

    steps: int


def small(rgba: np.ndarray, size: int, dx: int, dy: int, flip: bool) -> np.ndarray:
    """A picture (64, 64, 4) at `size` pixels on a white ground (16, 16, 3) uint8, moved by dx, dy, maybe mirrored."""
    alpha = rgba[..., 3:].astype("float32") / 255
    solid = np.concatenate([rgba[..., :3] * alpha, 255 * alpha], axis=-1).round().astype("uint8")  # premultiplied
    less = np.asarray(Image.fromarray(solid, "RGBA").resize((size, size), Image.Resampling.BOX), dtype="float32")
    less = less[:, ::-1] if flip else less
    canvas = np.full((SIDE, SIDE, 3), 255.0, "float32")
    left, top = (SIDE - size) // 2 + dx, (SIDE - size) // 2 + dy
    x0, y0, x1, y1 = max(0, left), max(0, top), min(SIDE, left + size), min(SIDE, top + size)
    part = less[y0 - top : y1 - top, x0 - left : x1 - left]
    canvas[y0:y1, x0:x1] = part[..., :3] + 255 - part[..., 3:]
    return canvas.clip(0, 255).astype("uint8")


def palette(pictures: list[np.ndarray]) -> np.ndarray:
    """The colours (COLOURS, 3) uint8 that show these pictures best; white is one of them."""
    whole = np.concatenate([picture.reshape(-1, 3) for picture in pictures])
    coloured = whole[(whole < 250).any(1)]
    sheet = Image.fromarray(coloured[: len(coloured) // 64 * 64].reshape(-1, 64, 3))
    found = sheet.quantize(COLOURS - 1, Image.Quantize.MEDIANCUT, kmeans=8).getpalette() or []
    chosen = np.array([*found[: 3 * (COLOURS - 1)], 255, 255, 255], "uint8").reshape(-1, 3)
    return np.unique(chosen, axis=0)


def nearest(picture: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(16, 16) places in the palette."""
    apart = picture.reshape(-1, 1, 3).astype("float32") - colours[None].astype("float32")
    return (apart**2 * np.array([0.3, 0.59, 0.11])).sum(-1).argmin(1).reshape(SIDE, SIDE)


def tokenizer(names: list[str], colours: np.ndarray) -> Any:
    """One token for a name, a line break, a colour; a name that is not known becomes `<|any|>`."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.decoders import Fuse
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase, Replace, Sequence, Strip
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

    written = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours.tolist()]
    vocabulary = {token: i for i, token in enumerate([END, ANY, BREAK, *written, *names])}
    made = Tokenizer(WordLevel(vocabulary, unk_token=ANY))
    made.normalizer = Sequence([Lowercase(), Replace(Regex(r"^(an?|the) "), ""), Replace(Regex("[ \t]+\n"), "\n"),
                                Strip(left=True, right=False), Replace(Regex(" +$"), "")])  # fmt: skip
    made.pre_tokenizer = Split(Regex("\n|#[0-9a-f]{6}"), "isolated")
    made.decoder = Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, unk_token=ANY, model_max_length=LENGTH)


def build(vocab_size: int, first_name: int) -> Any:
    """5.8 M parameters in six layers."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(vocab_size=vocab_size, first_name=first_name, n_positions=LENGTH + 1, n_embd=256, n_layer=6,
                   n_head=4, bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    )  # fmt: skip


def error(model: Any, ids: torch.Tensor, drawn: int) -> torch.Tensor:
    """Cross entropy in nats a token of `ids` (batch, LENGTH).

    Nothing after a name is a name, and names are most of the vocabulary: what is left is predicted everywhere, and at
    FEW places (which ones `drawn` says) the share that names get in spite of it.
    """
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.transformer(input_ids=ids[:, :-1]).last_hidden_state.flatten(0, 1)
        written = int(model.config.first_name)
        logits = nn.functional.linear(hidden, model.lm_head.weight[:written]).float()
        places = torch.randint(len(hidden), (FEW,), generator=torch.Generator().manual_seed(drawn))
        names = nn.functional.linear(hidden[places], model.lm_head.weight[written:]).float()
    wasted = nn.functional.softplus(names.logsumexp(-1) - logits[places].logsumexp(-1))
    return nn.functional.cross_entropy(logits, ids[:, 1:].flatten()) + wasted.mean()


class Texts:
    """Draws pictures as token ids."""

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "pictures.npz") as kept:
            self.rgba, about = kept["rgba"], json.loads(str(kept["about"]))
        self.names = [list(dict.fromkeys([one["label"], *(t for t in one["tags"] if t)])) for one in about]
        self.colours = palette([small(rgba, SIDE, 0, 0, False) for rgba in self.rgba])
        trained = {name for number, some in enumerate(self.names) if number % HELD for name in some}
        self.tokenizer = tokenizer(sorted(trained), self.colours)  # a name of held-out ones alone is not known
        self.ids = self.tokenizer.get_vocab()

    def draw(self, chance: np.random.Generator, held_out: bool = False) -> list[int]:
        """The ids of one picture; one in twenty emoji is held out."""
        while True:
            number = int(chance.integers(len(self.rgba)))
            if (number % HELD == 0) == held_out:
                break
        size = int(chance.integers(SIZES.start, SIZES.stop))
        dx, dy = (int(by) for by in chance.integers(-1, 2, 2))
        picture = small(self.rgba[number], size, dx, dy, bool(chance.random() < 0.5))
        some = self.names[number]
        name = some[0] if chance.random() < 0.6 else str(chance.choice(some))
        return self.written(picture, ANY if chance.random() < 1 / 7 else name)

    def written(self, picture: np.ndarray, name: str) -> list[int]:
        """A picture (16, 16, 3) and its name as token ids."""
        places = nearest(picture, self.colours)
        rows = [[*(3 + row).tolist(), self.ids[BREAK]] for row in places]
        return [self.ids.get(name, self.ids[ANY]), self.ids[BREAK], *(n for row in rows for n in row), self.ids[END]]


def seen(texts: Texts, folder: Path) -> None:
    """Write the pictures that were trained on, in the colours and sizes in which they were seen."""
    numbers = [n for n in range(len(texts.rgba)) if n % HELD]
    rows = [[texts.colours[nearest(small(texts.rgba[n], size, 0, 0, False), texts.colours)] for n in numbers]
            for size in SIZES]  # fmt: skip
    _pixel_neighbours.save(folder, np.array(rows), [texts.names[n][0] for n in numbers])


def main() -> None:
    """Train and write the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seen", type=Path, help="only write the pictures it was trained on, into this folder")
    given = parser.parse_args()
    torch.manual_seed(0)
    texts = Texts(given.folder)
    if given.seen:
        seen(texts, given.seen)
        return
    model = build(len(texts.tokenizer), 3 + len(texts.colours))
    average = Average(model, 0.999)
    both = optimizers(model.named_parameters(), lambda name: ".h." in name, RATES, 0.05, (0.9, 0.98))
    parts = {"model": model, "average": average.module, **both}
    held = torch.tensor([texts.draw(np.random.default_rng(n), held_out=True) for n in range(128)])
    said = {"loss": 0.0}

    def look(step: int) -> str:
        with torch.no_grad():
            new = float(torch.stack([error(average.module, part, 0) for part in held.split(32)]).mean())
        with (given.folder / "pixels.csv").open("a") as file:
            file.write(f"{step},{said['loss']:.5f},{new:.5f}\n")
        return f"loss {said['loss']:.4f}, held out {new:.4f} nats a token"

    for step in steps(given.folder / "pixels", Config(given.steps), parts, given.minutes, 250, look):
        chance = np.random.default_rng([7, step])
        set_rates(both, RATES, step, given.steps, WARM)
        loss = error(model, torch.tensor([texts.draw(chance) for _ in range(BATCH)]), step)
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in both.values():
            optimizer.step()
        average.follow(model, step)
        said["loss"] = 0.98 * said["loss"] + 0.02 * float(loss.detach()) if said["loss"] else float(loss.detach())
    if given.out:
        average.module.half().save_pretrained(given.out, safe_serialization=True)
        shrunk(given.out)
        texts.tokenizer.save_pretrained(given.out)
        seen(texts, given.out)
        print(f"{sum(p.numel() for p in average.module.parameters()):,} parameters in {given.out}")


if __name__ == "__main__":
    main()
