"""Small states of all six lessons, each trained for a few steps."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from playground.lessons import catalogue
from playground.training import bert, gpt, t5
from tests.training.lessons import SMALL

TEXT = {
    "gpt": gpt.Config(n_layer=2, n_head=2, n_embd=16, block_size=32, batch_size=4, steps=6, vocab_size=300),
    "bert": bert.Config(n_layer=2, n_head=2, n_embd=16, block_size=24, batch_size=4, steps=6, vocab_size=300),
    "t5": t5.Config(task="spans", n_layer=1, n_head=2, n_embd=16, block_size=24, batch_size=4, steps=6, vocab_size=320),
}
KINDS = [*((name, "") for name in TEXT), *((n, d) for n in ("vae", "gan", "diffusion") for d in ("moons", "shapes"))]


def config(name: str, data: str = "", **changes: Any) -> Any:
    """The lesson's small configuration with changes."""
    made = TEXT.get(name) or replace(SMALL[name], data=data or "moons")
    return replace(made, **changes)


@cache
def corpus() -> str:
    """A folder of a few texts, so that n-grams and tokenizers are quick."""
    import atexit
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, True)
    animals, places = ("cat", "dog", "hen", "fox", "owl"), ("barn", "wood", "yard", "pond", "tree", "hill")
    docs = [f"The {a} sat in the {p}. It was a good {a}, and it liked the {p}." for a in animals for p in places]
    (folder / "own.txt").write_text("\n<|endoftext|>\n".join(docs))
    return str(folder)


def train(name: str, data: str = "", **changes: Any) -> Any:
    """A training of the small configuration, to be stepped by the caller."""
    own = {"corpus": corpus(), "repeats": 0, "held_out": 0.2} if name in TEXT else {}
    made = config(name, data, **{**own, **changes})
    return catalogue.lesson(name).train(made, torch.Generator().manual_seed(0))


def live(name: str, data: str = "", steps: int = 3, **changes: Any) -> Any:
    """The state after a few steps."""
    for step in train(name, data, **changes):
        if step.step == steps:
            return step.live
    raise AssertionError(steps)
