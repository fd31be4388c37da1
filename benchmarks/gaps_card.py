"""Writes the model card of `gaps` from measured figures and from the configuration it was trained with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.tales_card import data_table, quoted
from playground.training.bert import Config

if TYPE_CHECKING:
    from benchmarks.gaps import Figures

HEAD = """---
license: mit
language: en
library_name: transformers
pipeline_tag: fill-mask
datasets:
- roneneldan/TinyStories
tags:
- small-language-model
- teaching
---
"""


def recipe() -> str:
    """The script that trains the model again, without its head."""
    script = (Path(__file__).parents[1] / "tools" / "train_gaps.sh").read_text(encoding="utf-8")
    return script[script.index("set -euo") :].strip()


def missed(pairs: list[tuple[str, str, str, float]]) -> str:
    """The pairs whose wrong word was likelier."""
    found = [f"*{prompt}* {right} / {wrong} ({ratio:.2g})" for prompt, right, wrong, ratio in pairs if ratio <= 1]
    return "; ".join(found) or "none"


def card(figures: "Figures", training: dict[str, Any], parameters: int) -> str:
    """The text of the card."""
    config = Config(**training["config"])
    tokens = training["step"] * config.batch_size * config.block_size
    rows = [("what", "figure", "asked for"), ("---",) * 3, *figures.table()]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    samples = "\n\n".join(f"**{i}**\n\n{quoted(text)}" for i, text in enumerate(figures.samples, 1))
    whole = figures.parts["all held-out texts"]
    return f"""{HEAD}
# gaps

A small masked language model: it says which words could stand at hidden places of a simple English text. It is there
for looking at how a model reads in both directions. It was trained from nothing by the playground's own lesson,
`playground/training/bert.py`, and is a transformers `BertForMaskedLM`.

{parameters / 1e6:.1f} M parameters: {config.n_layer} blocks of width {config.n_embd} with {config.n_head} heads, a
context of {config.block_size} tokens, its own WordPiece vocabulary of {config.vocab_size} lower-case pieces. fp16
safetensors. A text stands between [CLS] and [SEP].

## What it is for, and what not

For filling a few gaps in a few simple sentences. It reads {config.block_size} tokens at most, knows no capitals, and
knows of the world what children's stories say: what it fills in is likely there, and not true on purpose. Its texts
come partly from books before 1930 and partly from stories that other language models wrote, with the habits of both.

## Data

{data_table(training)}

Books are Project Gutenberg texts without its name and licence text, as GITenberg and LCATS keep them. One text in
{1 / config.held_out:.0f} was held out, chosen by a hash of the text, so that the same text is never on both sides.

## Recipe

```
{recipe()}
```

This is `tools/train_gaps.sh`: {training["step"]:,} steps of {config.batch_size} × {config.block_size} tokens,
{tokens / 1e6:.1f} M in all. The run was begun with 4,000 steps and a decay of 0.4, and shortened after 1,800 steps to
these figures. The order of the texts, the gaps and the first weights follow from the seed, and a run that was
interrupted goes on from its checkpoint as if it had not been.

## Figures

Measured by `python -m benchmarks.gaps --corpus … --training … --card`, which also wrote this card.

{table}

The {whole.texts} held-out texts are cut into rows of {config.block_size} tokens; 15 % of their tokens are hidden, all
as [MASK], always the same ones. A token is a word or a piece of one. The n-gram counted, in all of the training
texts, which token stood between which two; where the two were never seen together it multiplies what follows the one
with what precedes the other. The pairs are those of `assets/data/everyday` whose words are one token each, asked as
"The sky is [MASK]."; the everyday ones with the wrong word likelier: {missed(figures.pairs)}.

## Licence

MIT, like the playground. The weights are what CDLA-Sharing-1.0 calls Results (section 1.10: what a computation on the
data gives, holding no more than a negligible part of it), and it puts no obligation on those (section 3.4).
The books are in the public domain, and the everyday texts are the project's own. The texts themselves
stay under their own terms and are not part of this folder.

## The first {len(figures.samples)} held-out rows, unselected

In square brackets what the model fills in, and the truth after it where it is another; `/` is the end of a text.

{samples}
"""


def write_card(folder: Path, figures: "Figures", training: dict[str, Any], model: Any) -> None:
    """Write `folder`/README.md."""
    text = card(figures, training, sum(p.numel() for p in model.parameters()))
    (folder / "README.md").write_text(text, encoding="utf-8")
