"""Writes the model card of `tales` from measured figures and from the configuration it was trained with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.training.gpt import Config

if TYPE_CHECKING:
    from benchmarks.tales import Figures

# file of the training texts: what it is, its terms
SOURCES = {
    "tinystories_part.txt.xz": (
        "9,338 stories of TinyStories (Ronen Eldan and Yuanzhi Li, arXiv 2305.07759; written by GPT-3.5 and GPT-4), "
        "filtered",
        "CDLA-Sharing-1.0",
    ),
    "readers_rhymes.txt.xz": (
        "13 books: McGuffey's and other school readers, first story books, nursery rhymes",
        "public domain",
    ),
    "animal_tales.txt.xz": (
        "29 books of animal and toy stories (Beatrix Potter, Arthur Scott Bailey, Clara Dillingham Pierson, …)",
        "public domain",
    ),
    "fairy_tales.txt.xz": ("10 collections of fairy tales and fables", "public domain"),
    "classic_chapters.txt.xz": ("10 classic children's books, a chapter a piece", "public domain"),
    "facts.txt": ("GenericsKB (Allen Institute for AI), a filtered part", "CC-BY-4.0"),
}

HUB_STORIES = "hub:roneneldan/TinyStories@f54c09fd23315a6f9c86f9dc80f725de7d8f9c64:TinyStories-valid.txt"

HEAD = """---
license: mit
language: en
library_name: transformers
pipeline_tag: text-generation
datasets:
- roneneldan/TinyStories
tags:
- small-language-model
- teaching
---
"""


def recipe() -> str:
    """The script that trains the model again, without its head."""
    script = (Path(__file__).parents[1] / "tools" / "train_tales.sh").read_text(encoding="utf-8")
    return script[script.index("set -euo") :].strip()


def data_table(training: dict[str, Any]) -> str:
    """What it was trained on, as a Markdown table."""
    rows = ["| texts | what | terms |", "|---|---|---|"]
    for part in training["config"]["corpus"].split(","):
        what, terms = SOURCES[Path(part).name]
        rows.append(f"| `{Path(part).name}` | {what} | {terms} |")
    rows.append("| `assets/data/everyday` | the project's own everyday facts and small tales | MIT |")
    return "\n".join(rows)


def quoted(text: str) -> str:
    """A sample as a Markdown quotation in which nothing is markup."""
    for mark in "\\`*_[]<>#|~":
        text = text.replace(mark, "\\" + mark)
    return "\n".join("> " + line for line in text.strip().split("\n"))


def card(figures: "Figures", training: dict[str, Any], parameters: int) -> str:
    """The text of the card."""
    config = Config(**training["config"])
    tokens = training["step"] * config.batch_size * config.block_size
    figures_table = "\n".join(
        ["| what | figure | asked for |", "|---|---|---|"]
        + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in figures.table()]
    )
    pairs = sorted(figures.pairs, key=lambda pair: pair[3])
    weak = [f"*{prompt}* {right} / {wrong} ({ratio:.2g})" for prompt, right, wrong, ratio in pairs if ratio < 10]
    missed = "; ".join(weak) or "none"
    samples = "\n\n".join(f"**{i}**\n\n{quoted(text)}" for i, text in enumerate(figures.samples[:20], 1))
    unknown = ", ".join(figures.unknown[:40]) or "none"
    return f"""{HEAD}
# tales

A small language model that writes simple English stories. It is the playground's default: small enough to lie in
the repository and to run on any computer, good enough to know that the sky is blue. It was trained from nothing by
the playground's own lesson, `playground/training/gpt.py`, and is a transformers `GPT2LMHeadModel`.

{parameters / 1e6:.1f} M parameters: {config.n_layer} blocks of width {config.n_embd} with {config.n_head} heads,
a context of {config.block_size} tokens, its own byte-level BPE vocabulary of {config.vocab_size} tokens.
fp16 safetensors. Every text begins with the end-of-text token (id 0).

## What it is for, and what not

For looking at how a language model chooses its next token. It tells stories in plain words and knows a few everyday
things; it answers no questions, follows no instructions, and what it says is not true on purpose. Its texts come
partly from books before 1930 and partly from stories that other language models wrote, with the habits of both. It
was not checked for every unsuitable sentence that such a model can write: read along when children use it.

## Data

{data_table(training)}

Books are Project Gutenberg texts without its name and licence text, as GITenberg and LCATS keep them.

One text in {1 / config.held_out:.0f} was held out, chosen by a hash of the text, so that the same text is never on
both sides. The corpus mixes TinyStories' own training and validation parts: its validation part is no held-out text
for this model.

## Recipe

```
{recipe()}
```

This is `tools/train_tales.sh`. The project's own texts grew while the model was trained: the contrasts (which tell
apart words that often stand together) and the plain facts were written after it was seen which of the forty pairs
the run missed. So the forty pairs measure whether it learned what it was taught in other words. For what it knows
beyond, there are forty more, `cloze_blind.json`, written by somebody who had seen neither list nor texts, and used
once, here.

{training["step"]:,} steps of {config.batch_size} × {config.block_size} tokens: {tokens / 1e6:.1f} M tokens.
The order of the texts and the first weights follow from the seed, and a run that was interrupted goes on from
its checkpoint as if it had not been. TEXTS is a folder with the files above. Without them,
`--corpus {HUB_STORIES}`
reads 19 MB of such stories from the Hub (the figures below are not of such a run).

## Figures

Measured by `python -m benchmarks.tales --corpus … --training … --card`, which also wrote this card.

{figures_table}

A word's probability is the product over its tokens. The pairs are those of `assets/data/everyday/cloze.json`, fixed
before training; the ones below a ratio of 10: {missed}.

The {len(figures.samples)} samples were drawn with one seed at temperature 0.7, no other filter, from the
end-of-text token alone, at most 150 tokens, and none was left out. The judge is
SmolLM2-135M-Instruct; it reads each sample, and as many held-out stories cut to the same numbers of tokens.
Words not known to the training texts: {unknown}.
The longest run of words that also stands in a training text: "{figures.longest_copy}".

## Licence

MIT, like the playground. The weights are what CDLA-Sharing-1.0 calls Results (section 1.10: what a computation on the
data gives, holding no more than a negligible part of it), and it puts no obligation on those (section 3.4).
The books are in the public domain, and the everyday texts are the project's own. The texts themselves
stay under their own terms and are not part of this folder.

## The first {min(20, len(figures.samples))} samples, unselected

{samples}
"""


def write_card(folder: Path, figures: "Figures", training: dict[str, Any], model: Any) -> None:
    """Write `folder`/README.md."""
    text = card(figures, training, sum(p.numel() for p in model.parameters()))
    (folder / "README.md").write_text(text, encoding="utf-8")
