"""How good is `gaps`? Everything that its model card states, measured again.

    python -m benchmarks.gaps --corpus TEXTS                                   prints the table
    python -m benchmarks.gaps --corpus TEXTS --training …/training.json --card and writes assets/models/gaps/README.md

TEXTS is what the model was trained on, as `--corpus` of the BERT lesson takes it: its split tells which texts were
held out. These are cut into rows of the model's context, 15 % of the tokens are hidden, all as [MASK], always the
same ones, and every gap is asked at once, as in training. Measured are

- the part of the hidden tokens that the model's likeliest guess hits, in stories and in the everyday texts;
- the same for an n-gram that counted, in all of the training texts, which token stood between which two (the
  lesson's `NGram`): it sees the neighbours of a gap, and nothing else;
- the same for the commonest token of all;
- the model's loss at the gaps, and the forty everyday pairs of assets/data/everyday/cloze.json (and forty blind
  ones): is the right word likelier than the wrong one in "… [MASK]."? Pairs of words that are one token each.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from playground.errors import PlaygroundError
from playground.training._texts import EVERYDAY, documents
from playground.training.bert import HIDDEN, Config, NGram, blocks, encode, mask_tokens

FOLDER = Path(__file__).parents[1] / "assets" / "models" / "gaps"
HELD_OUT = 0.02  # of the texts, as in tools/train_gaps.sh
BATCH, SAMPLES = 64, 12


@dataclass(frozen=True)
class Part:
    """Figures of one kind of held-out texts: shares of hidden tokens guessed, from 0 to 1, and nats."""

    texts: int
    gaps: int
    model: float
    ngram: float
    commonest: float
    loss: float


@dataclass
class Figures:
    """What was measured; `pairs` and `blind` as (prompt, right, wrong, P(right) / P(wrong))."""

    parts: dict[str, Part]
    pairs: list[tuple[str, str, str, float]]
    blind: list[tuple[str, str, str, float]]
    samples: list[str] = field(default_factory=list)

    def table(self) -> list[tuple[str, str, str]]:
        """(what, figure, what is asked for)."""
        rows = []
        for name, part in self.parts.items():
            asked = ("at least 35 %, above the n-gram", "") if name == "all held-out texts" else ("reported", "")
            rows += [
                (f"gaps filled right, {name} ({part.gaps:,} gaps)", f"{part.model:.1%}", asked[0]),
                ("… by the n-gram of both neighbours", f"{part.ngram:.1%}", asked[1]),
                ("… by the commonest token", f"{part.commonest:.1%}", ""),
                ("… loss (nats a gap)", f"{part.loss:.2f}", ""),
            ]
        for name, pairs in (("everyday", self.pairs), ("blind", self.blind)):
            right = sum(ratio > 1 for *_, ratio in pairs)
            rows.append((f"{name} pairs, right word likelier", f"{right} of {len(pairs)}", "reported"))
        return rows


def load(folder: Path = FOLDER) -> tuple[Any, Any]:
    """The model in float32 and its tokenizer, by transformers alone."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if not (folder / "config.json").exists():
        raise PlaygroundError(f"There is no model in {folder}: train one, or give its folder with --model.")
    model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def gaps_of(docs: Sequence[np.ndarray], width: int, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows with gaps, and what stood in them (HIDDEN elsewhere): both (n, width), the same at every call."""
    rows = blocks(list(docs), width, 0, 0)
    return mask_tokens(rows, 0.15, vocab_size, np.random.default_rng(0), shares=(1.0, 0.0))


@torch.no_grad()
def answers(model: Any, inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """The model's guess at every gap, in the order of the rows, and its mean loss there (nats)."""
    guesses, loss = [], 0.0
    for at in range(0, len(inputs), BATCH):
        x, y = (torch.from_numpy(a[at : at + BATCH]) for a in (inputs, labels))
        logits = model(input_ids=x).logits[y != HIDDEN].float()  # (gaps, V)
        loss += float(F.cross_entropy(logits, y[y != HIDDEN], reduction="sum"))
        guesses.append(logits.argmax(-1).numpy())
    found = np.concatenate(guesses)
    return found, loss / len(found)


def part_of(model: Any, docs: Sequence[np.ndarray], ngram: NGram, commonest: int) -> Part:
    """The figures of one kind of texts."""
    inputs, labels = gaps_of(docs, int(model.config.max_position_embeddings), int(model.config.vocab_size))
    truth = labels[labels != HIDDEN]
    guesses, loss = answers(model, inputs, labels)
    return Part(len(docs), len(truth), float((guesses == truth).mean()), ngram.accuracy(inputs, labels),
                float((truth == commonest).mean()), loss)  # fmt: skip


@torch.no_grad()
def pairs_of(model: Any, tokenizer: Any, name: str) -> list[tuple[str, str, str, float]]:
    """The pairs of a file whose words are one token each, with P(right) / P(wrong) in the prompt's gap."""
    found = []
    for pair in json.loads((EVERYDAY / name).read_text()):
        words = [tokenizer.encode(pair[k], add_special_tokens=False) for k in ("right", "wrong")]
        if any(len(word) != 1 for word in words):
            continue
        inputs = tokenizer(f"{pair['prompt']} {tokenizer.mask_token}.", return_tensors="pt")
        place = inputs.input_ids[0].tolist().index(tokenizer.mask_token_id)
        logprobs = model(**inputs).logits[0, place].log_softmax(-1)
        ratio = float((logprobs[words[0][0]] - logprobs[words[1][0]]).exp())
        found.append((pair["prompt"], pair["right"], pair["wrong"], ratio))
    return found


def told(tokenizer: Any, model: Any, docs: Sequence[np.ndarray]) -> list[str]:
    """A few held-out rows in words; at a gap the guess, and the truth after it where they differ."""
    inputs, labels = gaps_of(docs, int(model.config.max_position_embeddings), int(model.config.vocab_size))
    inputs, labels = inputs[:SAMPLES], labels[:SAMPLES]
    guesses = iter(answers(model, inputs, labels)[0].tolist())
    name = tokenizer.convert_ids_to_tokens
    rows = []
    for row, truth in zip(inputs.tolist(), labels.tolist(), strict=True):
        words = []
        for token, label in zip(row, truth, strict=True):
            if label == HIDDEN:
                words.append({"[CLS]": "", "[SEP]": "/"}.get(name(token), name(token)))
                continue
            guess = next(guesses)
            words.append(f"[{name(guess)}]" if guess == label else f"[{name(guess)}, not {name(label)}]")
        rows.append(" ".join(words).replace(" ##", "").strip())
    return rows


def measure(model: Any, tokenizer: Any, config: Config) -> Figures:
    """All figures."""
    train, held = documents(config)
    own = set(documents(Config(held_out=config.held_out))[1])
    backend = tokenizer.backend_tokenizer
    ngram = NGram(encode(backend, train), int(model.config.vocab_size))
    commonest = ngram.count.most_common(2)  # [SEP] is no word
    word = next(t for t, _ in commonest if t != tokenizer.sep_token_id)
    kinds = {
        "all held-out texts": held,
        "held-out stories": [d for d in held if d not in own],
        "held-out everyday texts": [d for d in held if d in own],
    }
    encoded = {name: encode(backend, docs) for name, docs in kinds.items() if docs}
    parts = {name: part_of(model, docs, ngram, word) for name, docs in encoded.items()}
    return Figures(
        parts, pairs_of(model, tokenizer, "cloze.json"), pairs_of(model, tokenizer, "cloze_blind.json"),
        told(tokenizer, model, encoded["all held-out texts"]),
    )  # fmt: skip


def main() -> None:
    """Measure from the command line; errors are one sentence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gaps", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model")
    parser.add_argument("--corpus", default="", help="texts it was trained on; none: the everyday texts alone")
    parser.add_argument("--training", type=Path, help="training.json of its checkpoint: what it was trained with")
    parser.add_argument("--card", action="store_true", help="write the model card into the model's folder")
    arguments = parser.parse_args()
    if arguments.card and not (arguments.corpus and arguments.training):
        parser.error("--card needs --corpus and --training: the card says what the model was trained on, and how")
    begun = time.perf_counter()
    try:
        saved: dict[str, Any] = {"config": {"held_out": HELD_OUT, "repeats": 4}, "step": 0}
        if arguments.training:
            saved = json.loads(arguments.training.read_text())
        model, tokenizer = load(arguments.model)
        figures = measure(model, tokenizer, Config(**{**saved["config"], "corpus": arguments.corpus}))
    except PlaygroundError as error:
        print(f"gaps: {error}", file=sys.stderr)
        sys.exit(2)
    for what, figure, asked in figures.table():
        print(f"{what:56} {figure:>9}   {asked}")
    print(f"({time.perf_counter() - begun:.0f} s)")
    if arguments.card:
        from benchmarks.gaps_card import write_card

        write_card(arguments.model, figures, saved, model)


if __name__ == "__main__":
    main()
