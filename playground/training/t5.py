"""T5: an encoder-decoder Transformer that turns one sequence into another.

What it is. The encoder reads the input x as BERT does, all of it at once; the
decoder writes the output y as GPT does, token after token, and at every token it
may look at what the encoder made of x (cross-attention). The loss is the average
surprise at the tokens of y:

    loss = -1/n · Σ_i log p(y_i | y_1 … y_{i-1}, x)

Any task that has an input and an output fits. Two are here (`task`):

  spans           gaps of a text, without a label in sight: pieces are cut out, a
                  sentinel marks each gap, and the output says what stood there
                      x = the sky <extra_id_0> and the <extra_id_1> green
                      y = <extra_id_0> is blue <extra_id_1> grass is <extra_id_2>
                  Unlike BERT's [MASK] a gap hides how long it is.
  pronunciation   letters to phonemes, from the CMU dictionary (stress left out)
                      x = p h o n e      y = F OW N

T5 has no positions in its embeddings: what attention adds to a score depends on the
distance between two tokens (`RelativeBias`), exact for near ones, coarser with the
distance. Norms only scale (RMSNorm), nothing has a bias, one embedding matrix serves
encoder, decoder and output.

Sources: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified
Text-to-Text Transformer" (model §2.1, span corruption §3.1.4); Shaw et al. 2018
(relative positions); Zhang & Sennrich 2019 (RMSNorm); Sennrich et al. 2016 (BPE).
Optimizers: AdamW (Loshchilov & Hutter 2019), Muon (Jordan et al. 2024).

What to watch. The decoder learns first what GPT learns, to go on from its own last
tokens; that much counting can do too (`NGram`, the bar beside the model's). The loss
falls again when cross-attention finds where to look: the words around the gap, the
letter that is being spoken. In a word, `ph` is one sound and `x` is two, so it cannot
simply walk along.

Try it:  python -m playground.training.t5 --steps 400
         python -m playground.training.t5 --task spans
"""

import math
import sys
import time
from collections.abc import Sequence
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
from playground.training._pairs import (
    EOS,
    PAD,
    SENTINEL,
    SENTINELS,
    SPECIAL,
    NGram,
    Pair,
    Pronunciations,
    batches,
    collate,
    is_sentinel,
    train_tokenizer,
)

BUCKETS, FARTHEST = 32, 128  # of relative positions
WATCHED = {"spans": "The sky is<extra_id_0>.", "pronunciation": "playground"}  # answered at every look

SAME = (
    "task",
    "n_layer",
    "n_head",
    "n_embd",
    "block_size",
    "optimizer",
)  # what a checkpoint and the run that goes on from it must agree in


@dataclass(frozen=True)
class Config:
    """What a run is made of; with the same configuration, texts and thread count it gives the same model."""

    task: str = choice("pronunciation", ("spans", "pronunciation"), label="Task", help="what is learned")
    corpus: str = text("", label="Folder of texts", help=(
        "for spans: files or folders of .txt or .txt.xz, commas between, read with the embedded texts"))  # fmt: skip
    repeats: int = slider(1, 0, 20, label="Repeats", help="how often the embedded texts return in one pass of all")
    vocab_size: int = slider(1024, 300, 16384, label="Vocabulary", help="for spans: tokens the tokenizer may learn")
    n_layer: int = slider(2, 1, 12, label="Layers", help="depth of the encoder, and as much of the decoder")
    n_head: int = slider(4, 1, 16, label="Heads", help="attention heads a block")
    n_embd: int = slider(128, 16, 768, 16, label="Width", help="numbers per token inside the model")
    block_size: int = slider(64, 8, 512, label="Context", help="for spans: tokens of a text before gaps are cut")
    span_rate: float = slider(0.3, 0.01, 0.9, 0.01, label="Hidden", help="for spans: part that is cut out")
    span_length: float = slider(3, 1, 20, 0.5, label="Span length", help="for spans: mean tokens of a gap")
    batch_size: int = slider(32, 1, 256, label="Batch", help="pairs per step")
    steps: int = slider(1500, 1, 100_000, label="Steps", help="weight updates")
    learning_rate: float = slider(2e-3, 0, 1, 1e-4, label="Learning rate", help="length of a step", typed=True)
    warmup: int = slider(50, 0, 2000, label="Warm-up", help="steps until the learning rate is reached")
    decay: float = slider(0.4, 0, 1, 0.05, label="Decay", help="last part of the steps, where the learning rate falls")
    weight_decay: float = slider(0.1, 0, 1, 0.01, label="Weight decay", help="pull of every matrix towards 0")
    clip: float = slider(1.0, 0.01, 100, 0.01, label="Gradient clipping", help="longest gradient that is followed")
    optimizer: str = choice("muon", ("adamw", "muon"), label="Optimizer", help="muon: steps orthogonalised")
    bf16: bool = switch(False, label="bf16", help="multiply matrices in bfloat16")
    held_out: float = slider(0.05, 0, 0.5, 0.01, label="Held out", help="part of the data that is never trained on")
    eval_every: int = slider(100, 1, 10_000, label="Evaluate every", help="steps between two looks at its answers")
    seed: int = slider(0, 0, 2**31, label="Seed", help="of weights, order of the data and gaps", open_ended=True)


# ── data ─────────────────────────────────────────────────────────────────────


class Spans:
    """The texts of a configuration as pairs: a text with gaps, and what stood in them."""

    def __init__(self, config: Config, tokenizer: Any = None):
        train, held = _texts.documents(config)
        self.config = config
        self.tokenizer = tokenizer or train_tokenizer(train, config.vocab_size)
        self.docs, self.held_docs = self._encode(train), self._encode(held)

    def _encode(self, docs: list[str]) -> list[np.ndarray]:
        return [np.array(e.ids, dtype=np.int64) for e in self.tokenizer.encode_batch([doc + "\n" for doc in docs])]

    def pairs(self, epoch: int) -> list[Pair]:
        """One pass over all texts in a new order with new gaps."""
        return self._cut(self.docs, np.random.default_rng([self.config.seed, epoch]))

    def held(self) -> list[Pair]:
        """Always the same texts with the same gaps, so that figures can be compared."""
        return self._cut(self.held_docs, np.random.default_rng(0)) if self.held_docs else []

    def _cut(self, docs: list[np.ndarray], rng: np.random.Generator) -> list[Pair]:
        flat = np.concatenate([docs[i] for i in rng.permutation(len(docs))])
        width = self.config.block_size
        flat = np.tile(flat, -(-width // len(flat)))  # a text shorter than one row is read again
        rows = flat[: len(flat) // width * width].reshape(-1, width)
        return [corrupt(row.tolist(), self.config.span_rate, self.config.span_length, rng) for row in rows]

    def examples(self, pair: Pair) -> list[tuple[tuple[int, ...], int]]:
        """What n-grams learn from a pair: (the two tokens before, nearest first) and a token of a gap."""
        gaps = split_spans(pair[1])
        text: list[int] = [PAD, PAD]
        found: list[tuple[tuple[int, ...], int]] = []
        for token in pair[0]:
            for said in gaps.get(token, []) if is_sentinel(token) else [None]:
                if said is not None:
                    found.append(((text[-1], text[-2]), said))
                text.append(token if said is None else said)
        return found

    def counted(self) -> list[tuple[tuple[int, ...], int]]:
        """All that n-grams may learn from: every token of the training texts, not only those that are hidden."""
        rows = [[PAD, PAD, *doc.tolist()] for doc in self.docs]
        return [((b, a), token) for row in rows for a, b, token in zip(row, row[1:], row[2:], strict=False)]

    def ask(self, text: str) -> list[int]:
        """A text with <extra_id_0> … for its gaps as an input."""
        return [*self.tokenizer.encode(text).ids[: self.config.block_size], EOS]

    def show(self, inputs: list[int], outputs: list[int]) -> str:
        """An input with every gap filled in from an output, in square brackets."""
        gaps = split_spans(outputs)
        pieces: list[str] = []
        kept: list[int] = []
        for token in inputs:
            if is_sentinel(token) or token == EOS:
                pieces.append(self.tokenizer.decode(kept))
                pieces += ["[", self.tokenizer.decode(gaps.get(token, [])), "]"] if token != EOS else []
                kept = []
            else:
                kept.append(token)
        return "".join(pieces).strip()


TASKS: dict[str, Any] = {"spans": Spans, "pronunciation": Pronunciations}


def parts(total: int, count: int, rng: np.random.Generator) -> list[int]:
    """`total` split at random into `count` numbers of 1 or more."""
    cuts = np.sort(rng.choice(total - 1, count - 1, replace=False)) + 1
    return np.diff([0, *cuts, total]).tolist()


def corrupt(ids: list[int], rate: float, length: float, rng: np.random.Generator) -> Pair:
    """Cut gaps into a text: (the text with a sentinel for each gap, each sentinel and what it stands for).

    `rate` of the tokens go (one at least, never all of more than one), in gaps of `length` tokens on average that
    never touch. The sentinel after the last gap ends the output (Raffel et al. 2020, figure 2).
    """
    n = len(ids)
    hidden = min(max(1, round(n * rate)), max(1, n - 1))
    count = max(1, min(round(hidden / length), hidden, n - hidden + 1, SENTINELS - 1))
    gaps = parts(hidden, count, rng)
    kept = parts(n - hidden + 2, count + 1, rng)  # the first and the last may be empty
    kept[0], kept[-1] = kept[0] - 1, kept[-1] - 1
    inputs, targets, at = list(ids[: kept[0]]), [], kept[0]
    for i, gap in enumerate(gaps):
        inputs += [SENTINEL + i, *ids[at + gap : at + gap + kept[i + 1]]]
        targets += [SENTINEL + i, *ids[at : at + gap]]
        at += gap + kept[i + 1]
    return [*inputs, EOS], [*targets, SENTINEL + count, EOS]


def split_spans(outputs: list[int]) -> dict[int, list[int]]:
    """An output as {sentinel: the tokens said for it}; what comes before any sentinel is dropped."""
    gaps: dict[int, list[int]] = {}
    now: list[int] = []
    for token in outputs:
        if token == EOS:
            break
        if is_sentinel(token):
            now = gaps.setdefault(token, [])
        elif token != PAD:
            now.append(token)
    return gaps


def mend(pair: Pair) -> list[int]:
    """The text that `corrupt` was given."""
    gaps = split_spans(pair[1])
    return [t for token in pair[0][:-1] for t in (gaps.get(token, []) if is_sentinel(token) else [token])]


# ── the model ────────────────────────────────────────────────────────────────


class RMSNorm(nn.Module):
    """Scales a token's numbers to a mean square of 1; no mean is taken away, no bias added."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), x.shape[-1:], self.weight, eps=1e-6)


class RelativeBias(nn.Module):
    """A number for each head and distance that is added to attention's scores; all blocks of a stack share it."""

    def __init__(self, c: Config, both_ways: bool):
        super().__init__()
        self.both_ways = both_ways
        self.table = nn.Embedding(BUCKETS, c.n_head)

    def forward(self, length: int) -> Tensor:
        """(1, H, T, T)."""
        places = torch.arange(length, device=self.table.weight.device)
        distance = places[None, :] - places[:, None]  # (T, T), key minus query
        return self.table(bucket(distance, self.both_ways)).permute(2, 0, 1)[None]


def bucket(distance: Tensor, both_ways: bool) -> Tensor:
    """The bucket of each distance: half of them for exact near ones, half for ranges that widen like logarithms.

    With `both_ways` (encoder) what comes after has its own half of all buckets; else (decoder) it counts as 0.
    """
    count = BUCKETS // 2 if both_ways else BUCKETS
    far = distance.abs() if both_ways else (-distance).clamp(min=0)
    exact = count // 2
    ratio = torch.log(far.clamp(min=1).float() / exact) / math.log(FARTHEST / exact)
    coarse = (exact + (ratio * (count - exact)).long()).clamp(max=count - 1)
    return torch.where(far < exact, far, coarse) + (count * (distance > 0) if both_ways else 0)


class Attention(nn.Module):
    """Each token of x asks (q) the tokens of `source` (k) and takes a weighted mean of what they offer (v)."""

    def __init__(self, c: Config):
        super().__init__()
        self.n_head = c.n_head
        self.q, self.k, self.v, self.o = (nn.Linear(c.n_embd, c.n_embd, bias=False) for _ in range(4))

    def forward(self, x: Tensor, source: Tensor, bias: Tensor) -> Tensor:
        B, T, C = x.shape
        heads = lambda y: y.view(B, -1, self.n_head, C // self.n_head).transpose(1, 2)  # (B, H, T, C/H)
        q, k, v = heads(self.q(x)), heads(self.k(source)), heads(self.v(source))
        # softmax(q·kᵀ + bias) · v; T5 leaves out 1/√d and begins with smaller q instead. -inf in bias forbids a place
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype), scale=1.0)
        return self.o(y.transpose(1, 2).reshape(B, T, C))


class Block(nn.Module):
    """Attention within the sequence, in the decoder also attention to the encoder's, and an MLP; norms come first."""

    def __init__(self, c: Config, decoder: bool):
        super().__init__()
        self.ln_1, self.attn = RMSNorm(c.n_embd), Attention(c)
        if decoder:
            self.ln_cross, self.cross = RMSNorm(c.n_embd), Attention(c)
        self.ln_2 = RMSNorm(c.n_embd)
        self.up = nn.Linear(c.n_embd, 4 * c.n_embd, bias=False)
        self.down = nn.Linear(4 * c.n_embd, c.n_embd, bias=False)

    def forward(self, x: Tensor, bias: Tensor, source: Tensor | None = None, real: Tensor | None = None) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, bias)
        if source is not None and real is not None:
            x = x + self.cross(self.ln_cross(x), source, real)
        return x + self.down(F.relu(self.up(self.ln_2(x))))


class Stack(nn.Module):
    """The blocks of the encoder or of the decoder, with what they share."""

    def __init__(self, c: Config, decoder: bool):
        super().__init__()
        self.decoder = decoder
        self.bias = RelativeBias(c, both_ways=not decoder)
        self.blocks = nn.ModuleList(Block(c, decoder) for _ in range(c.n_layer))
        self.ln = RMSNorm(c.n_embd)

    def forward(self, x: Tensor, real: Tensor, source: Tensor | None = None) -> Tensor:
        """x (B, T, C); `real` (B, 1, 1, S) is 0 where the input's token is one, -inf where it is padding."""
        T = x.shape[1]
        bias = self.bias(T)  # (1, H, T, T)
        if self.decoder:  # no token sees what comes after it
            bias = bias + torch.full((T, T), -math.inf).triu(1)
        else:
            bias = bias + real
        for block in self.blocks:
            x = block(x, bias, source, real)
        return self.ln(x)


class T5(nn.Module):
    """One embedding for all, an encoder, a decoder, and the embedding again as output (tied)."""

    def __init__(self, c: Config):
        super().__init__()
        if c.n_embd % c.n_head:
            raise PlaygroundError(f"The width ({c.n_embd}) must be a multiple of the heads ({c.n_head}).")
        self.tokens = nn.Embedding(c.vocab_size, c.n_embd)
        self.encoder, self.decoder = Stack(c, decoder=False), Stack(c, decoder=True)
        self._begin(c)

    @torch.no_grad()
    def _begin(self, c: Config) -> None:
        """First values: T5's, and two hints that shorten a small model's way: near tokens begin as heavier ones, and
        cross-attention begins by looking for the same token in the input."""
        if self.tokens.weight.is_meta:  # shapes, and no numbers
            return
        depth = (c.n_embd // c.n_head) ** -0.5
        for name, p in self.named_parameters():
            if p.dim() == 2:  # 1 for embeddings, else 1/√(inputs); q also takes the 1/√d that attention leaves out
                std = 1.0 if name == "tokens.weight" else p.shape[1] ** -0.5
                nn.init.normal_(p, std=std * depth if name.endswith("q.weight") else std)
        steep = 2.0 ** -torch.arange(c.n_head)  # every head in its own way (as the slopes of Press et al. 2022)
        for stack in (self.encoder, self.decoder):
            table, both_ways = stack.bias.table.weight, stack.bias.both_ways
            for distance in range(-FARTHEST, FARTHEST + 1 if both_ways else 1):
                table[bucket(torch.tensor(distance), both_ways)] = -2 * steep * math.log(1 + abs(distance))
        for block in self.decoder.blocks:
            block.cross.q.weight.mul_(0.5).add_(torch.eye(c.n_embd) * depth)
            block.cross.k.weight.mul_(0.5).add_(torch.eye(c.n_embd))

    def encode(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder makes of inputs (B, S): (B, S, C), and where they are real (B, 1, 1, S)."""
        real = torch.zeros(inputs.shape).masked_fill(inputs == PAD, -math.inf)[:, None, None, :]
        return self.encoder(self.tokens(inputs), real), real

    def decode(self, source: Tensor, real: Tensor, before: Tensor) -> Tensor:
        """Logits after each of the tokens written so far, which PAD begins: (B, U) -> (B, U, V)."""
        y = self.decoder(self.tokens(before), real, source)
        return F.linear(y * y.shape[-1] ** -0.5, self.tokens.weight)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Logits of every token of the outputs, given those before it: (B, S), (B, U) -> (B, U, V)."""
        before = F.pad(outputs[:, :-1], (1, 0), value=PAD)  # (B, U), moved right by one
        return self.decode(*self.encode(inputs), before)


@torch.no_grad()
def sample(
    model: T5, inputs: Tensor, rng: torch.Generator | None = None, count: int = 40, temperature: float = 0.0
) -> list[list[int]]:
    """Outputs for inputs (B, S), each of `count` tokens at most and without its end; at temperature 0 the likeliest."""
    source, real = model.encode(inputs)
    written = torch.full((len(inputs), 1), PAD)
    ended = torch.zeros(len(inputs), dtype=torch.bool)
    for _ in range(count):
        logits = model.decode(source, real, written)[:, -1].float()  # (B, V)
        token = logits.argmax(-1)
        if temperature > 0:
            token = torch.multinomial((logits / temperature).softmax(-1), 1, generator=rng)[:, 0]
        written = torch.cat([written, torch.where(ended, PAD, token)[:, None]], dim=1)
        ended |= token == EOS
        if ended.all():
            break
    return [row[: row.index(EOS)] if EOS in row else row for row in written[:, 1:].tolist()]


# ── training ─────────────────────────────────────────────────────────────────


@dataclass
class Live:
    """What exists while training goes on; valid until the next step."""

    config: Config
    model: T5
    tokenizer: Any
    optimizers: list[torch.optim.Optimizer]
    batch: tuple[Tensor, Tensor]  # inputs (B, T) and outputs (B, U)
    step: int
    task: Any = None  # Spans or Pronunciations


def learning_rate(config: Config, step: int) -> float:
    """Linear warm-up, a plateau, and a linear fall to 0 (trapezoid; Hägele et al. 2024)."""
    rise = (step + 1) / max(1, config.warmup)
    fall = (config.steps - step) / max(1.0, config.decay * config.steps)
    return config.learning_rate * min(1.0, rise, fall)


def make_optimizers(config: Config, model: T5) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the blocks' matrices and AdamW for the rest.

    `pace` multiplies the learning rate: T5's embeddings begin with a size of 1, many times a matrix's, and take
    longer steps (T5's own optimizer, Adafactor, measures every step by the size of what it moves).
    """
    matrices = [p for n, p in model.named_parameters() if "blocks" in n and p.dim() == 2]
    others = [p for n, p in model.named_parameters() if p.dim() < 2 or "table" in n]
    groups = [
        {"params": [model.tokens.weight], "weight_decay": 0.0, "pace": 20.0},
        {"params": others, "weight_decay": 0.0, "pace": 1.0},
    ]
    if config.optimizer == "muon":
        muon = torch.optim.Muon(matrices, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
        return [muon, torch.optim.AdamW(groups, betas=(0.9, 0.98))]
    groups.append({"params": matrices, "weight_decay": config.weight_decay, "pace": 1.0})
    return [torch.optim.AdamW(groups, betas=(0.9, 0.98))]


def plan(config: Config) -> _estimate.Plan:
    """One step of the run on the meta device: shapes, and no memory."""
    words = config.task == "pronunciation"
    with torch.device("meta"):
        model = T5(replace(config, vocab_size=len(SPECIAL) + 66) if words else config)  # 27 letters, 39 phonemes
        gaps = round(config.block_size * config.span_rate)
        lengths = (12, 11) if words else (config.block_size - gaps + gaps // 2, gaps + gaps // 2)
        inputs, outputs = (torch.zeros(config.batch_size, n + 1, dtype=torch.long) for n in lengths)
    losses = lambda: iter([F.cross_entropy(model(inputs, outputs).flatten(0, 1), outputs.flatten())])
    data_bytes = 200_000_000 if words else _texts.memory_bytes(config.corpus, config.repeats)
    return _estimate.Plan({"": model}, losses, config.steps, data_bytes, optimizers=make_optimizers(config, model))


def estimate(config: Config) -> _estimate.Estimate:
    """Memory and seconds that the whole run will take, found without allocating anything."""
    return _estimate.estimate(plan(config))


def train(config: Config, rng: torch.Generator, start: Path | None = None) -> _loop.Steps:
    """Train step by step; the caller draws, stops, saves, and may send how many steps lie between two looks from now
    on. `start` is a folder of `save_checkpoint`.

    The order of the data and the gaps depend on `config.seed` and the step alone, so a resumed run goes on as if
    it had never stopped. `rng` is there for lessons that draw samples; these answers are the likeliest ones.

    Raises:
        PlaygroundError: no text, sizes that do not fit, or a loss that is no longer a number.
    """
    task = TASKS[config.task](config, _loop.tokenizer(start, config, SAME) if start else None)
    tokenizer = task.tokenizer
    config = replace(config, vocab_size=tokenizer.get_vocab_size())
    torch.manual_seed(config.seed)  # the weights' first values
    model = T5(config)
    optimizers = make_optimizers(config, model)
    first = _loop.load_checkpoint(start, _loop.parts(model, optimizers))[0] if start else 0
    held = task.held()
    ngram = baseline(task, held) if held else math.nan

    epoch, pairs, order, begun = -1, task.pairs(0), [[0]], time.perf_counter()
    every = config.eval_every
    per_epoch = len(batches(pairs, config.batch_size, config.seed, 0))
    for step in range(first, config.steps):
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            pairs = task.pairs(epoch)
            order = batches(pairs, config.batch_size, config.seed, epoch)
        inputs, outputs = collate([pairs[i] for i in order[step % per_epoch]])  # (B, T), (B, U)

        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config, step) * group.get("pace", 1.0)
        loss, accuracy = _loss(model, inputs, outputs, config.bf16)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        values = {"loss": loss.item(), "gradient": float(norm)}
        _loop.stop_if_diverged(step + 1, learning_rate(config, step), values)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        seconds, begun = time.perf_counter() - begun, time.perf_counter()
        scalars = {"loss": loss.item(), "accuracy": accuracy, "learning_rate": learning_rate(config, step),
                   "grad_norm": float(norm), "tokens_per_s": (inputs.numel() + outputs.numel()) / seconds}  # fmt: skip
        panels: dict[str, Any] = {}
        live = Live(config, model, tokenizer, optimizers, (inputs, outputs), step + 1, task)
        if (step + 1) % every == 0 or step + 1 == config.steps:
            found, panels = look(live, held, ngram)
            scalars |= found
            begun = time.perf_counter()
        every = (yield TrainStep(step=step + 1, scalars=scalars, panels=panels, live=live)) or every


def baseline(task: Any, held: list[Pair]) -> float:
    """The n-gram's accuracy on the hidden tokens of the held-out pairs, after counting all of the training data."""
    return NGram(task.counted()).accuracy([e for pair in held for e in task.examples(pair)])


def _loss(model: T5, inputs: Tensor, outputs: Tensor, bf16: bool) -> tuple[Tensor, float]:
    """Mean surprise at the outputs' tokens, in nats, and the part of those that are no marks which it guesses."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model(inputs, outputs).float()  # (B, U, V)
    loss = F.cross_entropy(logits.flatten(0, 1), outputs.flatten(), ignore_index=PAD)
    hits = (logits.argmax(-1) == outputs)[outputs >= len(SPECIAL)].float()
    return loss, hits.mean().item() if len(hits) else 0.0


@torch.no_grad()
def evaluate(model: T5, held: list[Pair], config: Config) -> tuple[float, float]:
    """Loss per token (nats) and accuracy over pairs; every token is asked after the true ones before it."""
    loss, hits, tokens, words = 0.0, 0.0, 0, 0
    pairs = sorted(held, key=lambda pair: len(pair[0]))
    for i in range(0, len(pairs), config.batch_size):
        inputs, outputs = collate(pairs[i : i + config.batch_size])
        part, accuracy = _loss(model, inputs, outputs, config.bf16)
        n, m = int((outputs != PAD).sum()), int((outputs >= len(SPECIAL)).sum())
        loss, hits, tokens, words = loss + part.item() * n, hits + accuracy * m, tokens + n, words + m
    return loss / max(1, tokens), hits / max(1, words)


@torch.no_grad()
def look(live: Live, held: list[Pair], ngram: float) -> tuple[dict[str, float], dict[str, Any]]:
    """(scalars, panels): the watched question answered, and how well the held-out pairs are."""
    task, model = live.task, live.model
    watched = task.ask(WATCHED[live.config.task])
    panels: dict[str, Any] = {"sample": Text(task.show(watched, sample(model, torch.tensor([watched]))[0]))}
    if not held:
        return {}, panels
    loss, accuracy = evaluate(model, held, live.config)
    scalars = {"held_out_loss": loss, "held_out_accuracy": accuracy, "ngram_accuracy": ngram}
    panels["next token right"] = Bars(("this model", "n-gram"), (accuracy, ngram))
    shown = held[:8] if live.config.task == "pronunciation" else held[:1]
    answers = answer(model, [pair[0] for pair in shown])
    lines = [task.show(pair[0], said) for pair, said in zip(shown, answers, strict=True)]
    truth = [task.show(*pair) for pair in shown]
    notes = [line if line == true else f"{line}\n  not: {true}" for line, true in zip(lines, truth, strict=True)]
    panels["held-out answers"] = Text("\n".join(notes))
    if hasattr(task, "exact"):
        words = [pair[0] for pair in held[:100]]
        scalars["words_exact"] = task.exact(words, answer(model, words, count=24))
    return scalars, panels


def answer(model: T5, inputs: Sequence[list[int]], count: int = 40) -> list[list[int]]:
    """The likeliest outputs of inputs of any lengths, as they were asked."""
    padded, _ = collate([(ids, [EOS]) for ids in inputs])
    return sample(model, padded, count=count)


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
    model = T5(config)
    optimizers = make_optimizers(config, model)
    step, _ = _loop.load_checkpoint(folder, _loop.parts(model, optimizers))
    empty, task = torch.empty(0, dtype=torch.long), TASKS[config.task](config, tokenizer)
    return Live(config, model, tokenizer, optimizers, (empty, empty), step, task)


def export(folder: Path, live: Live, dtype: torch.dtype = torch.float16) -> None:
    """Write the model as a `transformers.T5ForConditionalGeneration` folder (safetensors, files below 9 MB)."""
    from tokenizers import Tokenizer, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    c = live.config
    model = T5ForConditionalGeneration(T5Config(
        vocab_size=c.vocab_size, d_model=c.n_embd, d_kv=c.n_embd // c.n_head, d_ff=4 * c.n_embd, num_layers=c.n_layer,
        num_heads=c.n_head, relative_attention_num_buckets=BUCKETS, relative_attention_max_distance=FARTHEST,
        dropout_rate=0.0, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=PAD))  # fmt: skip
    model.load_state_dict(to_t5(live.model.state_dict()))
    model.to(dtype).save_pretrained(folder, max_shard_size="9MB")
    names = dict(zip(("pad_token", "eos_token", "unk_token"), SPECIAL, strict=False))
    ended = Tokenizer.from_str(live.tokenizer.to_str())  # inputs were ended in training, so they are then
    ended.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", EOS)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=ended, model_max_length=c.block_size, **names)
    tokenizer.save_pretrained(folder)


def to_t5(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our parameter names in T5's, which numbers the parts of a block."""
    tokens = state["tokens.weight"]
    shared = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
    out = dict.fromkeys(shared, tokens)
    for key, value in state.items():
        stack, _, rest = key.partition(".")
        last = 2 if stack == "decoder" else 1
        parts = {"ln_1": "layer.0.layer_norm", "attn": "layer.0.SelfAttention", "ln_cross": "layer.1.layer_norm",
                 "cross": "layer.1.EncDecAttention", "ln_2": f"layer.{last}.layer_norm",
                 "up": f"layer.{last}.DenseReluDense.wi", "down": f"layer.{last}.DenseReluDense.wo"}  # fmt: skip
        if rest.startswith("blocks."):
            _, i, part, kind = rest.split(".", 3)
            out[f"{stack}.block.{i}.{parts[part]}.{kind}"] = value
        elif rest.startswith("ln."):
            out[f"{stack}.final_layer_norm.weight"] = value
        elif rest.startswith("bias."):
            out[f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = value
    return out


def main() -> None:
    """Train from the command line."""
    _command.main(sys.modules[__name__], "t5")


if __name__ == "__main__":
    main()
