"""How good is `sounds`? Everything that its model card states, measured again.

    python -m benchmarks.sounds                                       prints the table
    python -m benchmarks.sounds --training …/training.json --card     and writes assets/models/sounds/README.md

The words are those of the CMU Pronouncing Dictionary in assets/data/cmudict. One in fifty was never trained on, chosen
by a hash of the word (`is_held_out` of the lessons). A word counts as exact where all its phonemes, stress left out,
are those of one of the ways in which the dictionary speaks it. Phonemes are written by transformers' own `generate`,
greedily and with four beams; the phoneme error rate is the edit distance to the nearest of these ways, divided by its
length. The n-gram guesses each phoneme from the letters around its place and the phoneme before, and is given the true
phoneme before each, as is the model where it is compared.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from playground.errors import PlaygroundError
from playground.training._pairs import EOS, PAD, SPECIAL, NGram, Pair, Pronunciations, collate
from playground.training.t5 import Config

FOLDER = Path(__file__).parents[1] / "assets" / "models" / "sounds"
HELD_OUT = 0.02  # of the words, as in tools/train_sounds.sh
LONGEST, BATCH = 40, 128


@dataclass(frozen=True)
class Spoken:
    """A word and what was made of it: the phonemes said, and the dictionary's ways."""

    word: str
    said: tuple[str, ...]
    ways: tuple[tuple[str, ...], ...]

    @property
    def exact(self) -> bool:
        return self.said in self.ways

    @property
    def errors(self) -> tuple[int, int]:
        """(edits to the nearest way, its length)."""
        return min(((distance(self.said, way), len(way)) for way in self.ways), key=lambda e: e[0] / e[1])


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """The least number of insertions, deletions and replacements that turn `a` into `b` (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def load(folder: Path = FOLDER) -> tuple[Any, Any]:
    """The model in float32 and its tokenizer, by transformers alone."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if not (folder / "config.json").exists():
        raise PlaygroundError(f"There is no model in {folder}: train one, or give its folder with --model.")
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def speak(model: Any, tokenizer: Any, words: Sequence[str], spoken: dict[str, list[str]], beams: int) -> list[Spoken]:
    """Each word spoken by `generate`, greedily or with beams."""
    found: dict[str, Spoken] = {}
    order = sorted(words, key=len)  # like lengths together, so that little padding is computed
    for at in range(0, len(order), BATCH):
        batch = order[at : at + BATCH]
        inputs = tokenizer(batch, return_tensors="pt", padding=True)
        out = model.generate(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, do_sample=False,
                             num_beams=beams, max_new_tokens=LONGEST)  # fmt: skip
        for word, row in zip(batch, out.tolist(), strict=True):
            said = tuple(tokenizer.convert_ids_to_tokens([t for t in row if t >= len(SPECIAL)]))
            found[word] = Spoken(word, said, tuple(tuple(way.split()) for way in spoken[word]))
    return [found[word] for word in words]


@torch.no_grad()
def next_right(model: Any, pairs: Sequence[Pair]) -> float:
    """The part of the phonemes that the model guesses, each after the true ones before it."""
    hits = count = 0
    for at in range(0, len(pairs), BATCH):
        inputs, outputs = collate(pairs[at : at + BATCH])
        before = torch.nn.functional.pad(outputs[:, :-1], (1, 0), value=PAD)
        logits = model(input_ids=inputs, attention_mask=inputs != PAD, decoder_input_ids=before).logits
        asked = (outputs != PAD) & (outputs != EOS)
        hits += int((logits.argmax(-1) == outputs)[asked].sum())
        count += int(asked.sum())
    return hits / count


def share(words: Sequence[Spoken]) -> float:
    """The part that is exact."""
    return sum(w.exact for w in words) / len(words)


def error_rate(words: Sequence[Spoken]) -> float:
    """Edits per phoneme."""
    edits, length = map(sum, zip(*(w.errors for w in words), strict=True))
    return edits / length


@dataclass
class Figures:
    """What was measured; shares from 0 to 1."""

    greedy: list[Spoken]
    beams: list[Spoken]
    trained: list[Spoken]
    model_next: float
    ngram_next: float

    def table(self) -> list[tuple[str, str, str]]:
        """(what, figure, what is asked for)."""
        n = len(self.greedy)
        return [
            (f"held-out words exact, greedy ({n:,})", f"{share(self.greedy):.1%}", "at least 50 %"),
            (f"held-out words exact, 4 beams ({n:,})", f"{share(self.beams):.1%}", "at least 50 %"),
            ("phoneme error rate, greedy", f"{error_rate(self.greedy):.1%}", "reported"),
            ("phoneme error rate, 4 beams", f"{error_rate(self.beams):.1%}", "reported"),
            (f"words it was trained on exact, greedy ({len(self.trained):,})", f"{share(self.trained):.1%}",
             "reported"),
            ("next phoneme right, held-out words", f"{self.model_next:.1%}", "above the n-gram"),
            ("next phoneme right, n-gram", f"{self.ngram_next:.1%}", ""),
        ]  # fmt: skip


def measure(model: Any, tokenizer: Any, most: int | None = None) -> Figures:
    """All figures, over all held-out words or the first `most` of a fixed shuffling."""
    task = Pronunciations(Config(task="pronunciation", held_out=HELD_OUT))
    rng = np.random.default_rng(0)
    held = [task.held_words[i] for i in rng.permutation(len(task.held_words))[:most]]
    others = sorted(task.spoken.keys() - set(task.held_words))
    trained = [others[i] for i in rng.permutation(len(others))[: len(held)]]
    pairs = [task._pair(word, task.spoken[word][0]) for word in held]
    if tokenizer.get_vocab() != task.tokenizer.get_vocab():
        raise PlaygroundError("The model's tokens are not those of the dictionary: it was made from another one.")
    return Figures(
        speak(model, tokenizer, held, task.spoken, 1), speak(model, tokenizer, held, task.spoken, 4),
        speak(model, tokenizer, trained, task.spoken, 1), next_right(model, pairs),
        NGram(task.counted()).accuracy([e for pair in pairs for e in task.examples(pair)]),
    )  # fmt: skip


def main() -> None:
    """Measure from the command line; errors are one sentence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sounds", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model")
    parser.add_argument("--words", type=int, help="so many held-out words at most; without it all of them")
    parser.add_argument("--training", type=Path, help="training.json of its checkpoint: what it was trained with")
    parser.add_argument("--card", action="store_true", help="write the model card into the model's folder")
    arguments = parser.parse_args()
    if arguments.card and (arguments.words or not arguments.training):
        parser.error("--card needs --training, and all words: the card says how the model was trained, and how well")
    begun = time.perf_counter()
    try:
        model, tokenizer = load(arguments.model)
        figures = measure(model, tokenizer, arguments.words)
    except PlaygroundError as error:
        print(f"sounds: {error}", file=sys.stderr)
        sys.exit(2)
    for what, figure, asked in figures.table():
        print(f"{what:56} {figure:>8}   {asked}")
    print(f"({time.perf_counter() - begun:.0f} s)")
    if arguments.card:
        from benchmarks.sounds_card import write_card

        write_card(arguments.model, figures, json.loads(arguments.training.read_text()), model)


if __name__ == "__main__":
    main()
