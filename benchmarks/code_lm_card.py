"""Writes the model card of `code` from measured figures and from the configuration it was trained with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.training.gpt import Config

if TYPE_CHECKING:
    from benchmarks.code_lm import Completion

ROOT = Path(__file__).parents[1]

HEAD = """---
license: mit
library_name: transformers
pipeline_tag: text-generation
tags:
- small-language-model
- code
- teaching
---
"""


def recipe() -> str:
    """The script that trains the model again, without its head."""
    script = (ROOT / "tools" / "train_code.sh").read_text(encoding="utf-8")
    return script[script.index("set -euo") :].strip()


def card(
    rows: Sequence[tuple[str, str, str]], completions: Sequence["Completion"], training: dict[str, Any],
    parameters: int, python: str,
) -> str:  # fmt: skip
    """The text of the card."""
    config = Config(**training["config"])
    tokens = training["step"] * config.batch_size * config.block_size
    figures = "\n".join("| " + " | ".join(row) + " |" for row in [("what", "figure", "asked for"), ("---",) * 3, *rows])
    samples = "\n\n".join(
        f"**{i}**, {c.verdict}\n\n```python\n{c.prompt}{c.text.rstrip()}\n```"
        for i, c in enumerate(completions[:20], 1)
    )
    return f"""{HEAD}
# code

A small language model that writes Python functions in the manner of the standard library. The playground's Code tab
opens on it. It was trained from nothing by the playground's own lesson, `playground/training/gpt.py`, and is a
transformers `GPT2LMHeadModel`.

{parameters / 1e6:.1f} M parameters: {config.n_layer} blocks of width {config.n_embd} with {config.n_head} heads, a
context of {config.block_size} tokens, its own byte-level BPE vocabulary of {config.vocab_size} tokens in which a line
break is one token and an indentation another. fp16 safetensors. Every text begins with the end-of-text token (id 0),
which also ends it.

## What it is for, and what not

For looking at how a language model chooses its next token where most tokens are nearly certain: brackets, indents,
`self`. It has learned what programs look like, and not what they do: what it writes parses more often than not,
seldom means what the name says, and is shown and never run. It knows no library but the one it read, and does not
follow instructions.

## Data

Functions and short classes of the standard library of CPython {python} (Python Software Foundation; PSF-2.0), with
its test suite, as `tools/code_corpus.py` cuts them: each text one function at the left margin, printed by
`ast.unparse`, without comments, docstrings and decorators; functions of fewer than three statements are left out, of
long ones the first statements that fit into 700 characters stay. The library's functions are read four times for
each time the tests' are. One function in {1 / config.held_out:.0f} was held out, chosen by a hash of its text; methods
that are held out were taken out of the classes too. The texts are not part of this folder.

## Recipe

```
{recipe()}
```

This is `tools/train_code.sh`. {training["step"]:,} steps of {config.batch_size} × {config.block_size} tokens:
{tokens / 1e6:.1f} M tokens. A run that was interrupted goes on from its checkpoint as if it had not been.

## Figures

Measured by `python -m benchmarks.code_lm --training … --card`, which also wrote this card.

{figures}

A prompt is the first line of a held-out function with its line break; signatures that stand in a training text were
left out. One completion for each, by the page's own decoding loop at temperature 0.5 with no other filter. It passes
if the model ended it itself, the whole parses with `ast`, and the body has at least three statements, those inside
an `if` or a loop not counted.

## Licence

MIT, like the playground. The functions it learned from are under the PSF licence version 2; a function that it writes
word for word from there (the table says how many) stays under that.

## The first {min(20, len(completions))} completions, unselected

{samples}
"""


def write_card(
    folder: Path, rows: Sequence[tuple[str, str, str]], completions: Sequence["Completion"], training: Path, texts: Path
) -> None:
    """Write `folder`/README.md."""
    from playground.models._weights import count_parameters

    saved = json.loads(training.read_text(encoding="utf-8"))
    python = (texts / "python.version").read_text(encoding="utf-8").strip()
    text = card(rows, completions, saved, count_parameters(folder), python)
    (folder / "README.md").write_text(text, encoding="utf-8")
