"""Writes the card of the embedded model of pixels from measured figures and the training's own files."""

import json
import math
from pathlib import Path
from typing import Any

from playground.models._places import ASSETS
from tools import pixels

HEAD = """---
license: mit
language: en
library_name: transformers
tags:
- image-generation
- autoregressive
- teaching
---
"""
CURVE_LINES = 12


def curve(file: Path) -> tuple[int, str]:
    """(the last step, some lines of the training's curve: step, loss, held-out loss)."""
    lines = [line.split(",") for line in file.read_text("utf-8").split()]
    every = max(1, len(lines) // CURVE_LINES)
    some = [*lines[every - 1 :: every], *([] if len(lines) % every == 0 else [lines[-1]])]
    return int(lines[-1][0]), "\n".join(
        f"| {int(step):,} | {float(loss):.4f} | {float(new):.4f} |" for step, loss, new in some
    )


def card(figures: dict[str, Any], training: Path, texts: pixels.Texts, said: str) -> str:
    """The text of the card; `said` is a sentence about this training."""
    from safetensors import safe_open

    folder = ASSETS / "models" / "pixels"
    config = json.loads((folder / "config.json").read_text("utf-8"))
    with safe_open(folder / "model.safetensors", "pt") as file:
        parameters = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118 it is no dict
    last, lines = curve(training)
    of = figures["of"]
    return f"""{HEAD}
# pixels

A small GPT that writes pictures of emoji, pixel by pixel, 16 × 16 of them, each one of {len(texts.colours)} colours.
It is there for watching that a picture can be written like a text: with a probability for every colour, the same
filters, the same searches, and going on from any pixel with another one.

{parameters / 1e6:.1f} M parameters: a transformers `GPT2LMHeadModel` of {config["n_layer"]} layers of width
{config["n_embd"]} with {config["n_head"]} heads over {config["vocab_size"]:,} tokens: a name, a line break, a colour.
Matrices are stored in 8 bits (float8_e4m3fn), the rest in 16, and computed in float32.

## What it is for, and what not

A prompt is one name of an emoji (`cat`, `a red apple`); what it does not know it takes for no name, and draws anything.
Its pictures are tiny, and each pixel is chosen once and for good, from the top left: what is drawn below has to fit.

## Data

{len(texts.rgba):,} pictures of Microsoft's Fluent emoji (MIT licence; npm package `@lobehub/fluent-emoji-3d`) with the
labels and tags of `emojibase-data` (MIT), made small, moved by up to one pixel, mirrored in one case of two, in colours
of a palette of their own. One emoji in {pixels.HELD} was held out.

## Recipe

```
python -m tools.pictures.data FOLDER
python -m tools.pixels FOLDER --steps {last} --out assets/models/pixels
```

{pixels.BATCH} pictures a step; Muon for the matrices of the layers, AdamW for the rest, an average of the weights.

| step of {last:,} | training loss | held-out loss |
|---|---|---|
{lines}

(nats a token; the training loss is a running mean, the held-out one of the averaged weights, on 128 pictures of emoji
that were not trained on. Where the second one rises, pictures are learned by heart, and what a name shows gets clearer.
{said})

## Figures

Measured by `python -m benchmarks.pixels FOLDER --card`, which wrote this card. Pictures are for {of} names
of one word, which a checksum chooses, with the settings that the page begins with and seed 1.

| what | figure | beside it |
|---|---|---|
{_table(figures, texts)}

Distances are mean absolute differences of colours, 0 to 1, over the places where either picture is not white.

![{of} pictures with their prompts](sheet.png)

## Licence

MIT, like the playground, for the weights.
"""


def _table(figures: dict[str, Any], texts: pixels.Texts) -> str:
    """The figures as rows of a Markdown table."""
    of, alike = figures["of"], math.log(len(texts.colours))
    counted = "colours counted after the same left and upper neighbours"
    usual = "how far a training picture usually is from the nearest other one"
    rows = (
        ("nats a pixel, held-out emoji", f"{figures['model']:.2f}",
         f"{figures['count']:.2f}: {counted}; {alike:.2f}: all alike"),
        ("pictures of sixteen lines of sixteen", f"{figures['whole']} of {of}", ""),
        ("the nearest training picture has the word among its names", f"{figures['right']} of {of}",
         f"one in {len(texts.rgba):,} by chance"),
        ("one of the nearest ten has it", f"{figures['among']} of {of}", ""),
        ("distance to the nearest training picture, median (least)",
         f"{figures['distance']:.2f} ({figures['least']:.2f})", f"{figures['typical']:.2f}: {usual}"),
        ("nearly copies (nearer than half of what the nearest is from the next)", f"{figures['copies']} of {of}", ""),
    )  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
