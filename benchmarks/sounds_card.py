"""Writes the model card of `sounds` from measured figures and from the configuration it was trained with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.training.t5 import Config

if TYPE_CHECKING:
    from benchmarks.sounds import Figures, Spoken

HEAD = """---
license: mit
language: en
library_name: transformers
tags:
- grapheme-to-phoneme
- teaching
---
"""


def recipe() -> str:
    """The script that trains the model again, without its head."""
    script = (Path(__file__).parents[1] / "tools" / "train_sounds.sh").read_text(encoding="utf-8")
    return script[script.index("set -euo") :].strip()


def line(word: "Spoken") -> str:
    """A word as a row of a Markdown table."""
    ways = " or ".join(f"`{' '.join(way)}`" for way in word.ways)
    return f"| {word.word} | `{' '.join(word.said)}` | {'yes' if word.exact else 'no: ' + ways} |"


def card(figures: "Figures", training: dict[str, Any], parameters: int) -> str:
    """The text of the card."""
    config = Config(**training["config"])
    rows = [("what", "figure", "asked for"), ("---",) * 3, *figures.table()]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    samples = "\n".join(line(word) for word in figures.greedy[:30])
    return f"""{HEAD}
# sounds

A small encoder-decoder that says how an English word is spoken: letters go in, phonemes come out. It is there for
looking at cross-attention, since for nearly every phoneme one can see which letters it comes from. It was trained
from nothing by the playground's own lesson, `playground/training/t5.py`, and is a transformers
`T5ForConditionalGeneration`.

{parameters / 1e6:.1f} M parameters: {config.n_layer} blocks in the encoder and {config.n_layer} in the decoder, of
width {config.n_embd} with {config.n_head} heads. A token is a letter or a phoneme; `</s>` ends both sides, `<pad>`
begins every output. fp16 safetensors.

## What it is for, and what not

For one English word at a time, in the letters a to z. It knows nothing of stress, of the sentence around a
word (`read` has one sound for it), or of other kinds of English than the American one of the dictionary. Many of the
dictionary's words are names, whose spelling says least. It is no dictionary: look a word up where it matters.

## Data

`assets/data/cmudict`: 133,667 pronunciations of 124,926 words of the CMU Pronouncing Dictionary (Carnegie Mellon
University; its licence, BSD with two clauses, lies beside the file), stress left out. One word in
{1 / config.held_out:.0f} was held out with all its pronunciations, chosen by a hash of the word.

## Recipe

```
{recipe()}
```

This is `tools/train_sounds.sh`, run with {training["step"]:,} steps of {config.batch_size} words. The order of the
words and the first weights follow from the seed, and a run that was interrupted goes on from its checkpoint as if it
had not been.

## Figures

Measured by `python -m benchmarks.sounds --training … --card`, which also wrote this card.

{table}

A word is exact where its phonemes, stress left out, are those of one of the dictionary's pronunciations. The phoneme
error rate is the number of insertions, deletions and replacements to the nearest pronunciation, per phoneme of it.
"Next phoneme right" is asked after the true phonemes before it; the n-gram guesses from the letters around the place
and the phoneme before. The dictionary's own mistakes count as the model's.

The first {min(30, len(figures.greedy))} held-out words of a fixed shuffling, greedy, none left out:

| word | said | as in the dictionary |
|---|---|---|
{samples}

## Licence

MIT, like the playground, for the weights. The dictionary stays under its own licence.
"""


def write_card(folder: Path, figures: "Figures", training: dict[str, Any], model: Any) -> None:
    """Write `folder`/README.md."""
    text = card(figures, training, sum(p.numel() for p in model.parameters()))
    (folder / "README.md").write_text(text, encoding="utf-8")
