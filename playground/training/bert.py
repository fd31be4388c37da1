"""BERT: an encoder-only Transformer that learns to fill in words that were hidden.

What it is. Some of the tokens t_1 … t_n of a text are hidden, and the model says
what stood there, reading to the left and to the right. With M the hidden places:

    loss = -1/|M| · Σ_{i in M} log p(t_i | the text with M hidden)

How they are hidden is the lesson (`mask_tokens`). Some tokens are chosen, 15 % in the
paper, 30 % here, so that a step teaches more; of these 80 % become [MASK], 10 % some
other token, 10 % stay as they are. If all became [MASK], the model could rest wherever
it sees none; so it can never be sure that what it sees is true, and keeps a view on
every word. Unlike GPT nothing is causal: every token looks at all others, so the model
can fill a gap but has no order in which to write a text.

Sources: Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers"
(masking: §3.1 and appendix A.1; without its second task, next-sentence prediction,
which Liu et al. 2019 found unnecessary); Wettig et al. 2023 (more than 15 %); Wu et
al. 2016 (WordPiece). Optimizers: AdamW (Loshchilov & Hutter 2019), Muon (Jordan et
al. 2024).

What to watch. At first every mask is filled with the commonest tokens, the full
stop and *the*. Then come words that fit between the two neighbours: that much an
n-gram model can do too, which only counts which word stood between which (`NGram`,
the bar beside the model's). Only what reads further passes it: in "the [MASK] is blue"
and "the [MASK] is sweet" the neighbours are the same.

Try it:  python -m playground.training.bert --steps 600
"""

import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.errors import PlaygroundError
from playground.events import TrainStep
from playground.fields import choice, slider, switch, text
from playground.panels import Bars, Text
from playground.training import _command, _estimate, _loop, _texts

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # the first token ids, in this order
PAD, UNK, CLS, SEP, MASK = range(5)
HIDDEN = -100  # a label that no loss is computed for
WATCHED = "The sky is [MASK]."  # the gap that is filled in at every look


SAME = (
    "n_layer",
    "n_head",
    "n_embd",
    "block_size",
    "optimizer",
)  # what a checkpoint and the run that goes on from it must agree in


@dataclass(frozen=True)
class Config:
    """What a run is made of; with the same configuration, texts and thread count it gives the same model."""

    corpus: str = text("", label="Folder of texts", help=(
        "files or folders of .txt or .txt.xz, separated by commas, read with the embedded texts"))  # fmt: skip
    repeats: int = slider(1, 0, 20, label="Repeats", help="how often the embedded texts return in one pass of all")
    vocab_size: int = slider(2048, 64, 16384, label="Vocabulary", help="word pieces the tokenizer may learn")
    n_layer: int = slider(3, 1, 12, label="Layers", help="depth: blocks one after another")
    n_head: int = slider(4, 1, 16, label="Heads", help="attention heads a block")
    n_embd: int = slider(128, 16, 768, 16, label="Width", help="numbers per token inside the model")
    block_size: int = slider(48, 8, 512, label="Context", help="tokens the model reads at once")
    batch_size: int = slider(32, 1, 256, label="Batch", help="sequences per step")
    mask_rate: float = slider(0.3, 0.01, 0.9, 0.01, label="Hidden", help="part of the tokens to be filled in")
    steps: int = slider(1000, 1, 100_000, label="Steps", help="weight updates")
    learning_rate: float = slider(2e-3, 0, 1, 1e-4, label="Learning rate", help="length of a step", typed=True)
    warmup: int = slider(50, 0, 2000, label="Warm-up", help="steps until the learning rate is reached")
    decay: float = slider(0.4, 0, 1, 0.05, label="Decay", help="last part of the steps, where the learning rate falls")
    weight_decay: float = slider(0.1, 0, 1, 0.01, label="Weight decay", help="pull of every matrix towards 0")
    clip: float = slider(1.0, 0.01, 100, 0.01, label="Gradient clipping", help="longest gradient that is followed")
    optimizer: str = choice("muon", ("adamw", "muon"), label="Optimizer", help="muon: steps orthogonalised")
    bf16: bool = switch(False, label="bf16", help="multiply matrices in bfloat16")
    held_out: float = slider(0.1, 0, 0.5, 0.01, label="Held out", help="part of the texts that is never trained on")
    eval_every: int = slider(100, 1, 10_000, label="Evaluate every", help="steps between two looks at its answers")
    seed: int = slider(0, 0, 2**31, label="Seed", help="of weights, order of texts and masks", open_ended=True)


# ── data: texts → word pieces ────────────────────────────────────────────────


def train_tokenizer(docs: Sequence[str], vocab_size: int) -> Any:
    """A WordPiece tokenizer (`tokenizers.Tokenizer`) of lower-case words; rare ones fall into pieces (##ing).

    Merges of frequent neighbours (BPE) say how the words fall apart; the commonest pieces become the vocabulary,
    after all characters. Characters that find no room there become [UNK].
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    bpe = Tokenizer(models.BPE())
    bpe.normalizer, bpe.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = Counter(w for d in docs for w, _ in bpe.pre_tokenizer.pre_tokenize_str(bpe.normalizer.normalize_str(d)))
    bpe.train_from_iterator(docs, trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False))
    characters: Counter[str] = Counter()
    pieces: Counter[str] = Counter()
    for word, n in words.items():
        for marks, parts in ((characters, list(word)), (pieces, bpe.encode(word).tokens)):
            for i, part in enumerate(parts):
                marks["##" * (i > 0) + part] += n
    vocab = list(SPECIAL)
    for marks, most in ((characters, vocab_size // 2), (pieces, vocab_size)):
        new = sorted(marks.keys() - set(vocab), key=lambda piece: (-marks[piece], piece))
        vocab += new[: most - len(vocab)]

    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(vocab)}, unk_token=SPECIAL[UNK]))
    tokenizer.normalizer, tokenizer.pre_tokenizer = bpe.normalizer, bpe.pre_tokenizer
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return tokenizer


def encode(tokenizer: Any, docs: Sequence[str]) -> list[np.ndarray]:
    """Each text as token ids (uint16), a [SEP] after it; texts without a character that counts are left out.

    Raises:
        PlaygroundError: no text is left.
    """
    ids = [e.ids for e in tokenizer.encode_batch(list(docs), add_special_tokens=False)]
    return [np.array([*row, SEP], dtype=np.uint16) for row in ids if row]


def blocks(docs: list[np.ndarray], block_size: int, seed: int, epoch: int) -> np.ndarray:
    """One pass over all texts in a new order, cut into rows that begin with [CLS]: (n, block_size)."""
    order = np.random.default_rng([seed, epoch]).permutation(len(docs))
    flat = np.concatenate([docs[i] for i in order])
    width = block_size - 1
    flat = np.tile(flat, -(-width // len(flat)))  # a text shorter than one row is read again
    n = len(flat) // width
    rows = np.full((n, block_size), CLS, dtype=np.int64)
    rows[:, 1:] = flat[: n * width].reshape(n, width)
    return rows[np.random.default_rng([seed, epoch, 1]).permutation(n)]


def mask_tokens(
    ids: np.ndarray, rate: float, vocab_size: int, rng: np.random.Generator, shares: tuple[float, float] = (0.8, 0.1)
) -> tuple[np.ndarray, np.ndarray]:
    """Hide part of the tokens: (B, T) -> what the model reads and what it must say, both (B, T).

    Each token but the special ones is chosen with probability `rate`. Of the chosen, `shares[0]` become [MASK],
    `shares[1]` a token drawn evenly from all that are not special, and the rest stay. The answer is `HIDDEN`
    wherever none is asked. One token at least is chosen, where there is one to choose.
    """
    eligible = ids >= len(SPECIAL)
    chosen = eligible & (rng.random(ids.shape) < rate)
    if not chosen.any():
        place = rng.integers(max(1, eligible.sum()))
        chosen.flat[np.flatnonzero(eligible)[place : place + 1]] = True
    lot = rng.random(ids.shape)
    masked = chosen & (lot < shares[0])
    swapped = chosen & (shares[0] <= lot) & (lot < shares[0] + shares[1])
    inputs = np.where(masked, MASK, ids)
    inputs = np.where(swapped, rng.integers(len(SPECIAL), max(len(SPECIAL) + 1, vocab_size), ids.shape), inputs)
    return inputs, np.where(chosen, ids, HIDDEN)


# ── the model ────────────────────────────────────────────────────────────────


class Attention(nn.Module):
    """Each token asks (q) all tokens, before and after it (k), and takes a weighted mean of what they offer (v)."""

    def __init__(self, c: Config):
        super().__init__()
        self.n_head = c.n_head
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.out = nn.Linear(c.n_embd, c.n_embd)

    def forward(self, x: Tensor, real: Tensor | None) -> Tensor:
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head).permute(2, 0, 3, 1, 4)  # each (B, H, T, C/H)
        # softmax(q·kᵀ / √d) · v over all places; only padding is left out. GPT has is_causal=True here
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=real)  # (B, H, T, C/H)
        return self.out(y.transpose(1, 2).reshape(B, T, C))  # (B, T, C)


class Block(nn.Module):
    """Attention and MLP as in GPT, but the norm comes after the sum (post-norm, the layer order of 2017)."""

    def __init__(self, c: Config):
        super().__init__()
        self.attn, self.ln_1 = Attention(c), nn.LayerNorm(c.n_embd, eps=1e-12)
        self.up, self.down = nn.Linear(c.n_embd, 4 * c.n_embd), nn.Linear(4 * c.n_embd, c.n_embd)
        self.ln_2 = nn.LayerNorm(c.n_embd, eps=1e-12)

    def forward(self, x: Tensor, real: Tensor | None) -> Tensor:
        x = self.ln_1(x + self.attn(x, real))
        return self.ln_2(x + self.down(F.gelu(self.up(x))))


def waves(count: int, width: int) -> Tensor:
    """Sines and cosines of every position at `width` / 2 wave lengths (Vaswani et al. 2017, §3.5): (count, width)."""
    angles = torch.arange(count)[:, None] * 10_000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class BERT(nn.Module):
    """Token and position embeddings, `n_layer` blocks, and a head that ends in the embedding matrix (tied)."""

    def __init__(self, c: Config):
        super().__init__()
        if c.n_embd % c.n_head:
            raise PlaygroundError(f"The width ({c.n_embd}) must be a multiple of the heads ({c.n_head}).")
        self.block_size = c.block_size
        self.tokens = nn.Embedding(c.vocab_size, c.n_embd)
        self.positions = nn.Embedding(c.block_size, c.n_embd)
        self.ln = nn.LayerNorm(c.n_embd, eps=1e-12)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.n_layer))
        self.transform, self.head_ln = nn.Linear(c.n_embd, c.n_embd), nn.LayerNorm(c.n_embd, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(c.vocab_size))
        self._begin(c)

    @torch.no_grad()
    def _begin(self, c: Config) -> None:
        """First values. With BERT's own, a model this small had not found out after 700 steps that neighbours matter;
        here every token begins by looking around itself, and training goes on from there."""
        std = 0.5 / math.sqrt(c.n_embd)  # BERT's 0.02 is for a width of 768; narrower sums need larger terms
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=std)
            elif name.endswith("bias"):
                nn.init.zeros_(p)
        # positions begin as waves, four times as loud as the words: the nearer two are, the more they are alike …
        self.positions.weight.copy_(waves(c.block_size, c.n_embd) * math.sqrt(2) * 4 * std)
        for block in self.blocks:  # … and q and k begin as what a token holds, so that q·k is how alike two are
            q_and_k = block.attn.qkv.weight[: 2 * c.n_embd].view(2, c.n_embd, c.n_embd)
            q_and_k.mul_(0.02 / std).add_(torch.eye(c.n_embd))

    def read(self, ids: Tensor) -> Tensor:
        """What the blocks make of every token: (B, T) -> (B, T, C). Padding is read by nobody."""
        padding = ids == PAD
        padded = not ids.is_meta and bool(padding.any())  # on the meta device there are shapes and no numbers
        real = ~padding[:, None, None, :] if padded else None  # (B, 1, 1, T)
        x = self.ln(self.tokens(ids) + self.positions.weight[: ids.shape[1]])
        for block in self.blocks:
            x = block(x, real)
        return x

    def head(self, x: Tensor) -> Tensor:
        """Logits of the token that belongs there: (…, C) -> (…, V)."""
        return F.linear(self.head_ln(F.gelu(self.transform(x))), self.tokens.weight, self.bias)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits at every place: (B, T) -> (B, T, V)."""
        return self.head(self.read(ids))


@torch.no_grad()
def fill(model: BERT, tokenizer: Any, text: str, top: int = 6) -> list[tuple[tuple[str, ...], tuple[float, ...]]]:
    """For each [MASK] of a text the `top` likeliest tokens and their probabilities, likeliest first.

    Raises:
        PlaygroundError: no [MASK], or none within what the model reads at once.
    """
    ids = tokenizer.encode(text).ids
    if len(ids) > model.block_size:  # keep what stands around the first gap
        at = max(0, min(ids.index(MASK) - model.block_size // 2, len(ids) - model.block_size)) if MASK in ids else 0
        ids = ids[at : at + model.block_size]
    if MASK not in ids:
        raise PlaygroundError(f"There is no [MASK] in {text[:60]!r}: write [MASK] where a word is to be filled in.")
    probs = model(torch.tensor([ids]))[0].float().softmax(-1)  # (T, V)
    found = []
    for place in [i for i, token in enumerate(ids) if token == MASK]:
        p, tokens = probs[place].topk(min(top, probs.shape[-1]))
        found.append((tuple(tokenizer.id_to_token(int(t)) for t in tokens), tuple(p.tolist())))
    return found


# ── the baseline: which word stood between which ─────────────────────────────


class NGram:
    """Fills a gap by counting: the token seen oftenest between these two neighbours.

    Where the pair was never seen, the token t with the greatest p(t | left) · p(right | t), each count one tenth
    too high (add-k smoothing); where a neighbour is hidden itself or the text ends, that factor is left out.
    """

    def __init__(self, docs: Sequence[np.ndarray], vocab_size: int):
        self.vocab_size = vocab_size
        self.between: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.after: dict[int, Counter[int]] = defaultdict(Counter)  # left -> tokens after it
        self.before: dict[int, Counter[int]] = defaultdict(Counter)  # right -> tokens before it
        self.count: Counter[int] = Counter()
        for doc in docs:
            row = [SEP, *doc.tolist()]
            self.count.update(row[1:])
            for left, token in zip(row[:-1], row[1:], strict=True):
                self.after[left][token] += 1
                self.before[token][left] += 1
            for left, token, right in zip(row[:-2], row[1:-1], row[2:], strict=True):
                self.between[left, right][token] += 1
        self.total = self.count.total()

    def guess(self, left: int, right: int) -> int:
        """The likeliest token between two others; ties go to the smaller id."""
        known = {t: n for t, n in self.between.get((left, right), {}).items() if t >= len(SPECIAL)}
        if known and MASK not in (left, right):
            return min(known, key=lambda t: (-known[t], t))
        follows, leads = self.after.get(left, Counter()), self.before.get(right, Counter())
        possible = {*follows, *leads} or set(self.count)
        seen_left = follows.total()

        def score(token: int) -> float:
            n, k = self.count[token], 0.1
            p = (n + k) / (self.total + k * self.vocab_size)
            if left != MASK:
                p = (follows[token] + k) / (seen_left + k * self.vocab_size)
            if right != MASK:
                p *= (leads[token] + k) / (n + k * self.vocab_size)
            return p

        return min((t for t in possible if t >= len(SPECIAL)), key=lambda t: (-score(t), t), default=UNK)

    def accuracy(self, inputs: np.ndarray, labels: np.ndarray) -> float:
        """The part of the hidden tokens that it guesses, from the neighbours the model sees too: (B, T) both."""
        rows, places = np.nonzero(labels != HIDDEN)
        right = 0
        for row, i in zip(rows, places, strict=True):
            left = int(inputs[row, i - 1])
            following = int(inputs[row, i + 1]) if i + 1 < inputs.shape[1] else MASK
            right += self.guess(SEP if left == CLS else left, following) == labels[row, i]
        return right / max(1, len(rows))


# ── training ─────────────────────────────────────────────────────────────────


@dataclass
class Live:
    """What exists while training goes on; valid until the next step."""

    config: Config
    model: BERT
    tokenizer: Any
    optimizers: list[torch.optim.Optimizer]
    batch: tuple[Tensor, Tensor]  # what the model reads and what it must say, each (B, T)
    step: int
    held: tuple[np.ndarray, np.ndarray] | None = None  # the same of rows that are never trained on


def learning_rate(config: Config, step: int) -> float:
    """Linear warm-up, a plateau, and a linear fall to 0 (trapezoid; Hägele et al. 2024)."""
    rise = (step + 1) / max(1, config.warmup)
    fall = (config.steps - step) / max(1.0, config.decay * config.steps)
    return config.learning_rate * min(1.0, rise, fall)


def make_optimizers(config: Config, model: BERT) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the blocks' matrices and AdamW for the rest."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    others = [p for n, p in model.named_parameters() if p.dim() < 2 or not n.startswith("blocks")]
    groups = [
        {"params": [p for p in others if p.dim() == 2], "weight_decay": config.weight_decay},
        {"params": [p for p in others if p.dim() < 2], "weight_decay": 0.0},
    ]
    if config.optimizer == "muon":
        muon = torch.optim.Muon(matrices, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
        return [muon, torch.optim.AdamW(groups, betas=(0.9, 0.98))]
    groups.append({"params": matrices, "weight_decay": config.weight_decay})
    return [torch.optim.AdamW(groups, betas=(0.9, 0.98))]


def plan(config: Config) -> _estimate.Plan:
    """One step of the run on the meta device: shapes, and no memory."""
    with torch.device("meta"):
        model = BERT(config)
        ids = torch.zeros(config.batch_size, config.block_size, dtype=torch.long)
    gaps = max(1, round(ids.numel() * config.mask_rate))

    def losses() -> Iterator[Tensor]:
        read = model.read(ids).flatten(0, 1)[:gaps]
        yield F.cross_entropy(model.head(read), ids.flatten()[:gaps])

    data_bytes = _texts.memory_bytes(config.corpus, config.repeats)
    return _estimate.Plan({"": model}, losses, config.steps, data_bytes, optimizers=make_optimizers(config, model))


def estimate(config: Config) -> _estimate.Estimate:
    """Memory and seconds that the whole run will take, found without allocating anything."""
    return _estimate.estimate(plan(config))


def train(config: Config, rng: torch.Generator, start: Path | None = None) -> _loop.Steps:
    """Train step by step; the caller draws, stops, saves, and may send how many steps lie between two looks from now
    on. `start` is a folder of `save_checkpoint`.

    Order of texts and masks depend on `config.seed` and the step alone, so a resumed run goes on as if it had
    never stopped. `rng` is there for lessons that draw samples; filling a gap draws nothing.

    Raises:
        PlaygroundError: no text, sizes that do not fit, or a loss that is no longer a number.
    """
    train_docs, held_docs = _texts.documents(config)
    tokenizer = _loop.tokenizer(start, config, SAME) if start else train_tokenizer(train_docs, config.vocab_size)
    config = replace(config, vocab_size=tokenizer.get_vocab_size())
    docs, held = encode(tokenizer, train_docs), encode(tokenizer, held_docs)
    if not docs:
        raise PlaygroundError("The texts hold no character that a word could be made of: add some with words.")
    torch.manual_seed(config.seed)  # the weights' first values
    model = BERT(config)
    optimizers = make_optimizers(config, model)
    first = _loop.load_checkpoint(start, _loop.parts(model, optimizers))[0] if start else 0
    test = held_out_gaps(held, config) if held else None
    ngram = NGram(docs, config.vocab_size).accuracy(*test) if test else math.nan

    epoch, rows, begun = -1, np.empty((0, 0)), time.perf_counter()
    every = config.eval_every
    per_epoch = max(1, len(blocks(docs, config.block_size, config.seed, 0)) // config.batch_size)
    for step in range(first, config.steps):
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            rows = blocks(docs, config.block_size, config.seed, epoch)
        at = step % per_epoch * config.batch_size
        masks = np.random.default_rng([config.seed, step, 2])  # other masks at every step, whenever it was begun
        inputs, labels = map(torch.from_numpy, mask_tokens(
            rows[at : at + config.batch_size], config.mask_rate, config.vocab_size, masks))  # fmt: skip

        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config, step)
        loss, accuracy = _loss(model, inputs, labels, config.bf16)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        values = {"loss": loss.item(), "gradient": float(norm)}
        _loop.stop_if_diverged(step + 1, learning_rate(config, step), values)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        seconds, begun = time.perf_counter() - begun, time.perf_counter()
        scalars = {"loss": loss.item(), "accuracy": accuracy, "learning_rate": learning_rate(config, step),
                   "grad_norm": float(norm), "tokens_per_s": inputs.numel() / seconds}  # fmt: skip
        panels: dict[str, Any] = {}
        live = Live(config, model, tokenizer, optimizers, (inputs, labels), step + 1, test)
        if (step + 1) % every == 0 or step + 1 == config.steps:
            panels = look(live)
            if test:
                scalars["held_out_loss"], scalars["held_out_accuracy"] = evaluate(model, *test, config)
                scalars["ngram_accuracy"] = ngram
                panels["gaps filled"] = Bars(("this model", "n-gram"), (scalars["held_out_accuracy"], ngram))
                panels["held-out text"] = Text(filled_in(live, test[0][0], test[1][0]))
            begun = time.perf_counter()
        every = (yield TrainStep(step=step + 1, scalars=scalars, panels=panels, live=live)) or every


def held_out_gaps(held: list[np.ndarray], config: Config, most: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Always the same rows with the same gaps, so that figures can be compared; every chosen token is a [MASK]."""
    rows = blocks(held, config.block_size, 0, 0)[:most]
    return mask_tokens(rows, 0.15, config.vocab_size, np.random.default_rng(0), shares=(1.0, 0.0))


def _loss(model: BERT, inputs: Tensor, labels: Tensor, bf16: bool) -> tuple[Tensor, float]:
    """Mean surprise at the hidden tokens, in nats, and the part of them that the likeliest guess hits."""
    asked = labels != HIDDEN
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model.head(model.read(inputs)[asked]).float()  # (number of gaps, V): the head works only there
    hits = (logits.argmax(-1) == labels[asked]).float().mean().item()
    return F.cross_entropy(logits, labels[asked]), hits


@torch.no_grad()
def evaluate(model: BERT, inputs: np.ndarray, labels: np.ndarray, config: Config) -> tuple[float, float]:
    """Loss (nats) and accuracy over all gaps of rows (n, T)."""
    loss, hits, gaps = 0.0, 0.0, 0
    for i in range(0, len(inputs), config.batch_size):
        x, y = (torch.from_numpy(a[i : i + config.batch_size]) for a in (inputs, labels))
        n = int((y != HIDDEN).sum())
        if n:
            part, accuracy = _loss(model, x, y, config.bf16)
            loss, hits, gaps = loss + part.item() * n, hits + accuracy * n, gaps + n
    return loss / max(1, gaps), hits / max(1, gaps)


@torch.no_grad()
def look(live: Live) -> dict[str, Any]:
    """The watched gap with its likeliest words."""
    words, probs = fill(live.model, live.tokenizer, WATCHED)[0]
    answer = WATCHED.replace(SPECIAL[MASK], words[0].upper())
    return {"sample": Text(answer), "gap": Bars(words, probs)}


@torch.no_grad()
def filled_in(live: Live, inputs: np.ndarray, labels: np.ndarray) -> str:
    """A row (T,) as text, in which every gap shows the guess, and the truth after it where they differ."""
    guesses = live.model(torch.from_numpy(inputs)[None])[0].argmax(-1).tolist()
    words = []
    for token, label, guess in zip(inputs.tolist(), labels.tolist(), guesses, strict=True):
        name = live.tokenizer.id_to_token
        gap = f"[{name(guess)}]" if guess == label else f"[{name(guess)}, not {name(label)}]" if label != HIDDEN else ""
        words.append(gap if label != HIDDEN else {SEP: "/", CLS: ""}.get(token, name(token)))
    return " ".join(words).replace(" ##", "").strip()


# ── checkpoints, export, the command line ────────────────────────────────────


def save_checkpoint(folder: Path, live: Live) -> None:
    """Everything a run needs to go on as if it had never stopped."""
    parts, texts = _loop.parts(live.model, live.optimizers), {"tokenizer.json": live.tokenizer.to_str(pretty=True)}
    _loop.save_checkpoint(folder, live.config, live.step, None, parts, texts)


def restore(config: Config, folder: Path) -> Live:
    """The state of a checkpoint.

    Raises:
        PlaygroundError: no checkpoint, or one of another model.
    """
    tokenizer = _loop.tokenizer(folder, config, SAME)
    config = replace(config, vocab_size=tokenizer.get_vocab_size())
    model = BERT(config)
    optimizers = make_optimizers(config, model)
    step, _ = _loop.load_checkpoint(folder, _loop.parts(model, optimizers))
    docs = encode(tokenizer, _texts.documents(config)[1]) if _texts.there(config.corpus) else []
    held, empty = held_out_gaps(docs, config) if docs else None, torch.empty(0, dtype=torch.long)
    return Live(config, model, tokenizer, optimizers, (empty, empty), step, held)


def export(folder: Path, live: Live, dtype: torch.dtype = torch.float16) -> None:
    """Write the model as a `transformers.BertForMaskedLM` folder (safetensors, files below 9 MB)."""
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    c = live.config
    model = BertForMaskedLM(BertConfig(
        vocab_size=c.vocab_size, hidden_size=c.n_embd, num_hidden_layers=c.n_layer, num_attention_heads=c.n_head,
        intermediate_size=4 * c.n_embd, max_position_embeddings=c.block_size, type_vocab_size=1, pad_token_id=PAD,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))  # fmt: skip
    model.load_state_dict(to_bert(live.model.state_dict()))
    model.to(dtype).save_pretrained(folder, max_shard_size="9MB")
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=live.tokenizer, model_max_length=c.block_size, **names).save_pretrained(
        folder
    )


def to_bert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our parameter names in BERT's, which keeps q, k and v apart and tells two segments of a text apart."""
    width = state["tokens.weight"].shape[1]
    names = {"tokens": "bert.embeddings.word_embeddings", "positions": "bert.embeddings.position_embeddings",
             "ln": "bert.embeddings.LayerNorm", "transform": "cls.predictions.transform.dense",
             "head_ln": "cls.predictions.transform.LayerNorm"}  # fmt: skip
    parts = {"attn.out": "attention.output.dense", "ln_1": "attention.output.LayerNorm", "up": "intermediate.dense",
             "down": "output.dense", "ln_2": "output.LayerNorm"}  # fmt: skip
    out = {"bert.embeddings.token_type_embeddings.weight": torch.zeros(1, width),
           "cls.predictions.bias": state["bias"], "cls.predictions.decoder.bias": state["bias"],
           "cls.predictions.decoder.weight": state["tokens.weight"]}  # fmt: skip
    for key, value in state.items():
        module, _, kind = key.rpartition(".")
        if module in names:
            out[f"{names[module]}.{kind}"] = value
        elif module:
            _, i, module = module.split(".", 2)
            layer = f"bert.encoder.layer.{i}."
            if module == "attn.qkv":
                for name, part in zip(("query", "key", "value"), value.chunk(3), strict=True):
                    out[f"{layer}attention.self.{name}.{kind}"] = part.contiguous()
            else:
                out[f"{layer}{parts[module]}.{kind}"] = value
    return out


def main() -> None:
    """Train from the command line."""
    _command.main(sys.modules[__name__], "bert")


if __name__ == "__main__":
    main()
