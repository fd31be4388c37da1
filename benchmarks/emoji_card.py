"""Writes the card of the embedded picture model from measured figures and the training's own files."""

import json
from pathlib import Path
from typing import Any

from playground.modalities import image
from playground.models import _neighbours

HEAD = """---
license: mit
language: en
library_name: diffusers
pipeline_tag: text-to-image
tags:
- latent-diffusion
- teaching
---
"""
CURVE_LINES = 12


def curve(folder: Path) -> str:
    """Some lines of the training's curve: step, loss, held-out loss."""
    lines = [line.split(",") for line in (folder / "curve.csv").read_text("utf-8").split()]
    every = max(1, len(lines) // CURVE_LINES)
    some = [*lines[every - 1 :: every], *([] if len(lines) % every == 0 else [lines[-1]])]
    return "\n".join(f"| {int(step):,} | {float(loss):.4f} | {float(new):.4f} |" for step, loss, new in some)


def missed(figures: dict[str, Any]) -> str:
    return "; ".join(figures["wrong"]) or "none"


def few(quick: dict[str, Any]) -> str:
    """Rows for few steps; none where it was not asked."""
    if not quick:
        return ""
    preset, one, other = image.PRESETS["Quick"], quick["trained"], quick["kept back"]
    return "\n" + "\n".join(
        f"| {name} with {preset['steps']} steps (the preset Quick) | {kind['right']} of {kind['of']} | reported |"
        for name, kind in (("such words", one), ("such combinations", other))
    )


def card(
    figures: dict[str, Any], training: Path, folder: Path, quick: dict[str, Any] | None = None, said: str = ""
) -> str:
    """The text of the card; `quick`: the figures with few steps, `said`: sentences about the training."""
    about = json.loads((folder / "about.json").read_text("utf-8"))
    index = json.loads((folder / "transformer" / "config.json").read_text("utf-8"))
    known, new = figures["trained"], figures["kept back"]
    layers = index["num_mmdit_layers"] + index["num_single_dit_layers"]
    width = index["num_attention_heads"] * index["attention_head_dim"]
    pictures = len(json.loads((folder / _neighbours.NAMES).read_text("utf-8"))["names"])
    parameters = f"{about['parameters'] / 1e6:.1f} M"
    apart = [f"{one['nearest, median']:.2f} ({one['nearest, least']:.2f})" for one in (known, new)]
    copies = f"{known['nearer than half of typical']} of {known['of']}"
    return f"""{HEAD}
# emoji

A small text-to-image model: latent diffusion in diffusers' own classes, trained from nothing by the project on
pictures of emoji. It is there for watching a picture come out of noise on an ordinary computer.

{parameters} parameters: an `AutoencoderKL` (64 × 64 pixels to 16 × 16 × 4 latents), an
`AuraFlowTransformer2DModel` of {layers} layers of width {width} that reads words and picture as one sequence, and a
`T5EncoderModel` of two layers over frozen word vectors. Matrices are stored in 8 bits (float8_e4m3fn, off by
2.7 %), the rest in 16, and computed in float32; `AuraFlowPipeline.from_pretrained` of diffusers reads the folder, and
is called with `max_sequence_length=20`.

## What it is for, and what not

It draws what emoji show, in their manner, at 64 × 64 pixels: things, animals, food, faces, their colours, two of them
together. It knows no scenes, no writing, no real people and no style but this one. Where it is asked for what it never
saw it draws parts of what it knows. Hands, thin lines and small faces come out soft.

## Data

{pictures:,} pictures of Microsoft's Fluent emoji (MIT licence; npm package `@lobehub/fluent-emoji-3d`), without
flags, symbols, skin-tone variants and the men and women among occupations, with the labels and tags of
`emojibase-data` (MIT). From them scenes are drawn: one thing alone, small, in another colour, twice or three times, two
side by side, one on the other (`tools/pictures/_scenes.py`). About one combination in ten was kept back. Word vectors:
the hidden states of `all-MiniLM-L6-v2` (Apache-2.0) for 12,000 single words, reduced to 160 numbers, so that a word
without a picture lies near one that has one.

## Recipe

```
{_recipe()}
```

| step of {about["steps"]:,} | training loss | held-out loss |
|---|---|---|
{curve(training)}

(mean squared error of the velocity, 64 scenes a step; the training loss is a running mean, the held-out
one of the averaged weights, on 1,024 scenes that were not trained on.) {said}

## Figures

Measured by `python -m benchmarks.emoji`, which wrote this card. A reader who saw only the pictures chose one of eight
captions for each; one in eight is right by chance. Of a combination, its two parts and some others were combined in
every way, so that half a picture is not enough. Seed 1, otherwise the settings that the page begins with, no picture
chosen; the readers' answers are in `benchmarks/emoji_answers.json`.

| what | figure | asked for |
|---|---|---|
| single words that were trained | {known["right"]} of {known["of"]} | at least 70 % |
| combinations that were kept back | {new["right"]} of {new["of"]} | at least 35 % |{few(quick or {})}
| distance to the nearest training picture, trained words, median (least) | {apart[0]} | reported |
| the same, combinations | {apart[1]} | reported |
| how far a training picture usually is from the nearest other one | {figures["typical"]:.2f} | |
| nearly copies (nearer than half of that), of the trained words | {copies} | reported |

Distances are the root of the mean square of the difference of latents of variance 1. For a single word the model has
seen one picture, or few: where it draws that word well it draws something near that picture.

Not recognised, of the words: {missed(known)}. Of the combinations: {missed(new)}.

All 64 pictures, the words first:

![64 pictures with their prompts](sheet.png)

## Licence

MIT, like the playground, for the weights.
"""


def _recipe() -> str:
    """The commands, from the package that holds them."""
    import tools.pictures

    lines = (tools.pictures.__doc__ or "").split("\n")
    return "\n".join(line.strip() for line in lines if line.strip().startswith("python -m"))
