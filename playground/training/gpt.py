"""GPT: a decoder-only Transformer that learns to predict the next token.

What it is. Text becomes tokens t_1 … t_n (byte-pair encoding). For every
position the model gives a probability to each possible next token, and the loss
is the average surprise at the token that really came:

    loss = -1/n · Σ_i log p(t_{i+1} | t_1 … t_i)

Backpropagation turns the loss into a gradient for every weight, the optimizer
moves each weight a little against it, and this repeats.

Sources: Vaswani et al. 2017, "Attention Is All You Need" (attention, §3.2);
Radford et al. 2019, "Language Models are Unsupervised Multitask Learners" (this
layer order, learned positions); Sennrich et al. 2016 (BPE). Optimizers:
AdamW (Loshchilov & Hutter 2019), Muon (Jordan et al. 2024).

What to watch. The loss starts at log(vocabulary size), because every token is
equally likely. First the model learns which tokens are frequent, then which
follow which, then what a sentence is about: "The sky is" makes *blue* likelier
than *potato*.

Try it:  python -m playground.training.gpt --steps 200
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

END, EVERYDAY = _texts.END, _texts.EVERYDAY
WATCHED = ("The sky is", (" blue", " potato"))  # one prompt, and the words to compare after it


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
        "files or folders of .txt or .txt.xz, separated by commas, read with the embedded texts; "
        "hub:ID@REVISION:FILE reads a data set of the Hugging Face Hub"))  # fmt: skip
    repeats: int = slider(1, 0, 20, label="Repeats", help="how often the embedded texts return in one pass of all")
    vocab_size: int = slider(1024, 257, 16384, label="Vocabulary", help="tokens the tokenizer may learn")
    lines: bool = switch(False, label="Lines apart", help=(
        "line breaks and indentation are tokens of their own, as programs want it"))  # fmt: skip
    n_layer: int = slider(4, 1, 12, label="Layers", help="depth: blocks one after another")
    n_head: int = slider(4, 1, 16, label="Heads", help="attention heads a block")
    n_embd: int = slider(128, 16, 768, 16, label="Width", help="numbers per token inside the model")
    block_size: int = slider(128, 8, 1024, label="Context", help="tokens the model can look back at")
    batch_size: int = slider(16, 1, 128, label="Batch", help="sequences per step")
    steps: int = slider(1000, 1, 100_000, label="Steps", help="weight updates")
    learning_rate: float = slider(2e-3, 0, 1, 1e-4, label="Learning rate", help="length of a step", typed=True)
    warmup: int = slider(50, 0, 2000, label="Warm-up", help="steps until the learning rate is reached")
    decay: float = slider(0.4, 0, 1, 0.05, label="Decay", help="last part of the steps, where the learning rate falls")
    weight_decay: float = slider(0.1, 0, 1, 0.01, label="Weight decay", help="pull of every matrix towards 0")
    clip: float = slider(1.0, 0.01, 100, 0.01, label="Gradient clipping", help="longest gradient that is followed")
    optimizer: str = choice("adamw", ("adamw", "muon"), label="Optimizer", help="muon: steps orthogonalised")
    bf16: bool = switch(False, label="bf16", help="multiply matrices in bfloat16")
    held_out: float = slider(0.02, 0, 0.5, 0.01, label="Held out", help="part of the texts that is never trained on")
    eval_every: int = slider(100, 1, 10_000, label="Evaluate every", help="steps between two looks at its samples")
    seed: int = slider(0, 0, 2**31, label="Seed", help="of the weights and of the order of the texts", open_ended=True)


# ── data: texts → tokens ─────────────────────────────────────────────────────


def documents(config: Config) -> tuple[list[str], list[str]]:
    """The texts as (training, held out), split by a hash of each text, so that the split never changes.

    Raises:
        PlaygroundError: the corpus is not there, or there is nothing to train on.
    """
    foreign = _from_hub(config.corpus) if config.corpus.startswith("hub:") else _texts.corpus(config.corpus)
    own = _texts.read(EVERYDAY) if config.repeats else []
    docs = [(d, 1) for d in foreign] + [(d, config.repeats) for d in own]
    return _texts.split(docs, config.held_out, config.corpus)


def _from_hub(corpus: str) -> list[str]:
    from huggingface_hub import snapshot_download

    name, _, wanted = corpus.removeprefix("hub:").partition("@")
    revision, _, file = wanted.partition(":")
    patterns = [file] if file else ["*-train.txt", "*.txt.xz"]
    folder = snapshot_download(name, repo_type="dataset", revision=revision or None, allow_patterns=patterns)
    return _texts.read(Path(folder))


def train_tokenizer(docs: Sequence[str], vocab_size: int, lines: bool = False) -> Any:
    """A byte-level BPE tokenizer (`tokenizers.Tokenizer`) with the end-of-text token as id 0.

    With `lines`, a line break is one token and the indentation after it another, so that a prompt may end in
    either and the model has seen its like.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if lines:
        apart = pre_tokenizers.Split(Regex(r"\n|(?<=\n) +"), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([apart, tokenizer.pre_tokenizer])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(docs, trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False))  # fmt: skip
    return tokenizer


def encode(tokenizer: Any, docs: Sequence[str]) -> list[np.ndarray]:
    """Each text as token ids (uint16), the end-of-text token first, so that the model learns how texts begin."""
    return [np.array([0, *e.ids], dtype=np.uint16) for e in tokenizer.encode_batch(list(docs))]


def blocks(docs: list[np.ndarray], block_size: int, seed: int, epoch: int) -> np.ndarray:
    """One pass over all texts in a new order, cut into rows: (n, block_size + 1)."""
    order = np.random.default_rng([seed, epoch]).permutation(len(docs))
    flat = np.concatenate([docs[i] for i in order])
    while len(flat) <= block_size:  # a text shorter than one row is read again
        flat = np.concatenate([flat, flat])
    n = (len(flat) - 1) // block_size
    starts = np.arange(n) * block_size
    rows = np.stack([flat[s : s + block_size + 1] for s in starts])
    return rows[np.random.default_rng([seed, epoch, 1]).permutation(n)]


# ── the model ────────────────────────────────────────────────────────────────


class Attention(nn.Module):
    """Each token asks (q) all earlier ones (k) and takes a weighted mean of what they offer (v)."""

    def __init__(self, c: Config):
        super().__init__()
        self.n_head = c.n_head
        self.qkv = nn.Linear(c.n_embd, 3 * c.n_embd)
        self.out = nn.Linear(c.n_embd, c.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_head, C // self.n_head).permute(2, 0, 3, 1, 4)  # each (B, H, T, C/H)
        # softmax(q·kᵀ / √d) · v, with everything to the right of a token masked out
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, C/H)
        return self.out(y.transpose(1, 2).reshape(B, T, C))  # (B, T, C)


class Block(nn.Module):
    """Attention lets tokens talk; the MLP lets each think. Both add to the residual stream."""

    def __init__(self, c: Config):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(c.n_embd), Attention(c)
        self.ln_2 = nn.LayerNorm(c.n_embd)
        self.up, self.down = nn.Linear(c.n_embd, 4 * c.n_embd), nn.Linear(4 * c.n_embd, c.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class GPT(nn.Module):
    """Token and position embeddings, `n_layer` blocks, and the embedding matrix again as output (tied)."""

    def __init__(self, c: Config):
        super().__init__()
        if c.n_embd % c.n_head:
            raise PlaygroundError(f"The width ({c.n_embd}) must be a multiple of the heads ({c.n_head}).")
        self.block_size = c.block_size
        self.tokens = nn.Embedding(c.vocab_size, c.n_embd)
        self.positions = nn.Embedding(c.block_size, c.n_embd)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.n_layer))
        self.ln = nn.LayerNorm(c.n_embd)
        for name, p in self.named_parameters():
            if p.dim() == 2:  # GPT-2: N(0, 0.02), what feeds the residual stream scaled by its depth
                narrow = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * c.n_layer) if narrow else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids: Tensor) -> Tensor:
        """Next-token logits at every position: (B, T) -> (B, T, V)."""
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.ln(x), self.tokens.weight)  # (B, T, V)


@torch.no_grad()
def sample(model: GPT, ids: list[int], rng: torch.Generator, count: int = 40, temperature: float = 0.7) -> list[int]:
    """`count` more token ids, each drawn from the model's distribution; stops at the end of text."""
    ids = list(ids)
    for _ in range(count):
        logits = model(torch.tensor([ids[-model.block_size :]]))[0, -1].float()
        ids.append(int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=rng)))
        if ids[-1] == 0:
            break
    return ids


# ── training ─────────────────────────────────────────────────────────────────


@dataclass
class Live:
    """What exists while training goes on; valid until the next step."""

    config: Config
    model: GPT
    tokenizer: Any
    optimizers: list[torch.optim.Optimizer]
    batch: Tensor  # (B, T + 1)
    step: int
    held: np.ndarray | None = None  # rows that are never trained on (n, T + 1)


def learning_rate(config: Config, step: int) -> float:
    """Linear warm-up, a plateau, and a linear fall to 0 (trapezoid; Hägele et al. 2024)."""
    rise = (step + 1) / max(1, config.warmup)
    fall = (config.steps - step) / max(1.0, config.decay * config.steps)
    return config.learning_rate * min(1.0, rise, fall)


def make_optimizers(config: Config, model: GPT) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the blocks' matrices and AdamW for the rest."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    others = [p for n, p in model.named_parameters() if p.dim() < 2 or not n.startswith("blocks")]
    groups = [
        {"params": [p for p in others if p.dim() == 2], "weight_decay": config.weight_decay},
        {"params": [p for p in others if p.dim() < 2], "weight_decay": 0.0},
    ]
    if config.optimizer == "muon":
        muon = torch.optim.Muon(matrices, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw")
        return [muon, torch.optim.AdamW(groups, betas=(0.9, 0.95))]
    groups.append({"params": matrices, "weight_decay": config.weight_decay})
    return [torch.optim.AdamW(groups, betas=(0.9, 0.95))]


def plan(config: Config) -> _estimate.Plan:
    """One step of the run on the meta device: shapes, and no memory."""
    with torch.device("meta"):
        model = GPT(config)
        batch = torch.zeros(config.batch_size, config.block_size + 1, dtype=torch.long)
    data_bytes = _texts.memory_bytes(config.corpus, config.repeats)
    losses = lambda: iter([_loss(model, batch, bf16=False)])
    return _estimate.Plan({"": model}, losses, config.steps, data_bytes, optimizers=make_optimizers(config, model))


def estimate(config: Config) -> _estimate.Estimate:
    """Memory and seconds that the whole run will take, found without allocating anything."""
    return _estimate.estimate(plan(config))


def train(config: Config, rng: torch.Generator, start: Path | None = None) -> _loop.Steps:
    """Train step by step; the caller draws, stops, saves, and may send how many steps lie between two looks from now
    on. `start` is a folder of `save_checkpoint`.

    The order of the texts depends on `config.seed` and the step alone, so a resumed run goes on as
    if it had never stopped.

    Raises:
        PlaygroundError: no text, sizes that do not fit, or a loss that is no longer a number.
    """
    train_docs, held_docs = documents(config)
    tokenizer = (
        _loop.tokenizer(start, config, SAME) if start else train_tokenizer(train_docs, config.vocab_size, config.lines)
    )
    config = replace(config, vocab_size=tokenizer.get_vocab_size())
    docs = encode(tokenizer, train_docs)
    torch.manual_seed(config.seed)  # the weights' first values
    model = GPT(config)
    optimizers = make_optimizers(config, model)
    first = _loop.load_checkpoint(start, _loop.parts(model, optimizers))[0] if start else 0
    held_rows = held_out(tokenizer, held_docs, config)

    epoch, rows, begun = -1, np.empty((0, 0)), time.perf_counter()
    every = config.eval_every
    per_epoch = max(1, len(blocks(docs, config.block_size, config.seed, 0)) // config.batch_size)
    for step in range(first, config.steps):
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            rows = blocks(docs, config.block_size, config.seed, epoch)
        at = step % per_epoch * config.batch_size
        batch = torch.from_numpy(rows[at : at + config.batch_size].astype(np.int64))  # (B, T + 1)

        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config, step)
        loss = _loss(model, batch, config.bf16)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        values = {"loss": loss.item(), "gradient": float(norm)}
        _loop.stop_if_diverged(step + 1, learning_rate(config, step), values)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        seconds, begun = time.perf_counter() - begun, time.perf_counter()
        scalars = {"loss": loss.item(), "learning_rate": learning_rate(config, step), "grad_norm": float(norm),
                   "tokens_per_s": batch[:, 1:].numel() / seconds}  # fmt: skip
        panels: dict[str, Any] = {}
        live = Live(config, model, tokenizer, optimizers, batch, step + 1, held_rows)
        if (step + 1) % every == 0 or step + 1 == config.steps:
            if held_rows is not None:
                scalars["held_out_loss"] = evaluate(model, held_rows, config)
            panels = look(live, rng)
            begun = time.perf_counter()
        every = (yield TrainStep(step=step + 1, scalars=scalars, panels=panels, live=live)) or every


def held_out(tokenizer: Any, docs: list[str], config: Config) -> np.ndarray | None:
    """Rows of texts that are never trained on, always the same: (n, T + 1), or None where there are no such texts."""
    return blocks(encode(tokenizer, docs), config.block_size, 0, 0)[:64] if docs else None


def _loss(model: GPT, batch: Tensor, bf16: bool) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = model(batch[:, :-1])  # (B, T, V)
    return F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())


@torch.no_grad()
def evaluate(model: GPT, rows: np.ndarray, config: Config) -> float:
    """Mean loss per token of rows (n, T + 1), in nats."""
    starts = range(0, len(rows), config.batch_size)
    parts = [torch.from_numpy(rows[i : i + config.batch_size].astype(np.int64)) for i in starts]
    return sum(_loss(model, p, config.bf16).item() * len(p) for p in parts) / len(rows)


@torch.no_grad()
def look(live: Live, rng: torch.Generator) -> dict[str, Any]:
    """A sample, and the probabilities of the watched words."""
    prompt, words = WATCHED
    ids = [0, *live.tokenizer.encode(prompt).ids]
    probs = {w: word_probability(live.model, live.tokenizer, prompt, w) for w in words}
    text = live.tokenizer.decode(sample(live.model, ids, rng)[1:])
    return {"sample": Text(text), "next word": Bars(tuple(probs), tuple(probs.values()))}


@torch.no_grad()
def word_probability(model: GPT, tokenizer: Any, prompt: str, word: str) -> float:
    """p(word | prompt), the product over the word's tokens; of a long prompt the end is read."""
    before, after = [0, *tokenizer.encode(prompt).ids], tokenizer.encode(word).ids
    ids = (before + after[:-1])[-model.block_size :]
    logp = model(torch.tensor([ids])).float().log_softmax(-1)[0, -len(after) :]  # (tokens of the word, V)
    return math.exp(sum(float(logp[i, t]) for i, t in enumerate(after)))


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
    model = GPT(config)
    optimizers = make_optimizers(config, model)
    step, _ = _loop.load_checkpoint(folder, _loop.parts(model, optimizers))
    held = held_out(tokenizer, documents(config)[1], config) if _texts.there(config.corpus) else None
    return Live(config, model, tokenizer, optimizers, torch.empty(0), step, held)


def export(folder: Path, live: Live, dtype: torch.dtype = torch.float16) -> None:
    """Write the model as a `transformers.GPT2LMHeadModel` folder (safetensors, files below 9 MB)."""
    from tokenizers import Tokenizer, processors
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    c = live.config
    model = GPT2LMHeadModel(GPT2Config(
        vocab_size=c.vocab_size, n_positions=c.block_size, n_embd=c.n_embd, n_layer=c.n_layer, n_head=c.n_head,
        bos_token_id=0, eos_token_id=0, pad_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0))  # fmt: skip
    model.load_state_dict(to_gpt2(live.model.state_dict()), strict=False)
    model.to(dtype).save_pretrained(folder, max_shard_size="9MB")
    begun = Tokenizer.from_str(live.tokenizer.to_str())  # its texts begin with the end-of-text token, so prompts do too
    begun.post_processor = processors.TemplateProcessing(single=f"{END} $A", special_tokens=[(END, 0)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=begun, bos_token=END, eos_token=END, pad_token=END, model_max_length=c.block_size
    )
    tokenizer.save_pretrained(folder)


def to_gpt2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our parameter names in GPT-2's; its Conv1D keeps matrices transposed (in, out)."""
    names = {"tokens.weight": "wte.weight", "positions.weight": "wpe.weight"}
    names |= {"ln.weight": "ln_f.weight", "ln.bias": "ln_f.bias"}
    parts = {"attn.qkv": "attn.c_attn", "attn.out": "attn.c_proj", "up": "mlp.c_fc", "down": "mlp.c_proj"}
    out: dict[str, Tensor] = {"lm_head.weight": state["tokens.weight"]}
    for key, value in state.items():
        if not key.startswith("blocks."):
            out["transformer." + names[key]] = value
            continue
        _, i, rest = key.split(".", 2)
        module, _, kind = rest.rpartition(".")
        matrix = module in parts and kind == "weight"
        out[f"transformer.h.{i}.{parts.get(module, module)}.{kind}"] = value.T.contiguous() if matrix else value
    return out


def main() -> None:
    """Train from the command line."""
    _command.main(sys.modules[__name__], "gpt")


if __name__ == "__main__":
    main()
