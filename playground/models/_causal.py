"""Causal language models: the adapter between a transformers model and the decoding loop.

The loop never sees the module. It asks a `CausalStepper` for the logits after a prompt
(`prefill`) and after one more token per row (`step`); key/value cache, device, dtype and
attention mask stay in here. All rows of a batch have one length, so no mask is needed.
"""

import inspect
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError
from playground.models._cache import KeyValues
from playground.models._spec import Spec
from playground.models._vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from playground.events import Progress

CHUNK_BYTES = 64_000_000  # logits of one prefill chunk, in float32


class CausalLM:
    """A loaded causal language model.

    `context_window` is in tokens, `bytes` what the weights take in memory. `module` is the
    transformers module, for lenses that look inside a step.
    """

    kind = "causal"

    def __init__(self, spec: Spec, module: Any, tokenizer: Any, path: Path) -> None:
        self.spec = spec
        self.module = module
        self.path = path
        text_config = module.config.get_text_config(decoder=True)
        self.context_window = int(getattr(text_config, "max_position_embeddings", 0) or spec.context_window or 1024)
        self.vocabulary = Vocabulary(tokenizer, int(text_config.vocab_size))
        self.eos_token_ids = eos_token_ids(module, tokenizer)
        self.chat = bool(spec.chat and spec.trusted and tokenizer.chat_template)
        self.device, self.dtype = module.device, module.dtype
        self.bytes = weight_bytes(module)

    def stepper(self, cache: KeyValues | None = None) -> "CausalStepper":
        """A fresh row of computing, or one that goes on from a kept cache (which stays as it is)."""
        return CausalStepper(self.module, self.vocabulary.vocab_size, self.context_window, cache)

    def prompt_ids(self, text: str) -> list[int]:
        """The ids a completion of `text` starts from: at least one, with the token that begins a text where
        the model was trained with one."""
        tokenizer = self.vocabulary.tokenizer
        ids = list(tokenizer.encode(text)) if text else []
        begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if begin is not None and (not ids or (self.spec.prefix_eos and ids[0] != begin)):
            ids = [begin, *ids]
        return ids or [0]

    def chat_ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """The ids of a conversation, ready for the assistant's answer.

        Raises:
            PlaygroundError: the model has no chat template.
        """
        if not self.chat:
            raise PlaygroundError(
                f"{self.spec.title} was not made for conversations: switch to completion, or choose a model whose "
                "name says Instruct."
            )
        return list(
            self.vocabulary.tokenizer.apply_chat_template(
                [dict(m) for m in messages],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
                **dict(self.spec.chat_options),
            )
        )


def eos_token_ids(module: Any, tokenizer: Any) -> tuple[int, ...]:
    """Every token that ends a text: the generation config's, else the config's, and the tokenizer's."""
    configured = getattr(module.generation_config, "eos_token_id", None)
    if configured is None:
        configured = module.config.eos_token_id
    ids = configured if isinstance(configured, (list, tuple)) else [configured]
    return tuple(sorted({int(i) for i in (*ids, tokenizer.eos_token_id) if i is not None}))


def weight_bytes(module: Any) -> int:
    """What the weights take in memory; shared ones count once."""
    return sum(t.numel() * t.element_size() for t in {*module.parameters(), *module.buffers()})


class CausalStepper:
    """One run's computing. Rows (B) are hypotheses of one prompt; they all have the same length."""

    def __init__(self, module: Any, vocab_size: int, context_window: int, cache: KeyValues | None = None) -> None:
        self._module = module
        self._cache_argument = cache_argument(module)
        self.vocab_size = vocab_size
        self.context_window = context_window
        self._cache = cache.fork() if cache is not None else KeyValues.empty(module.config)

    @property
    def cache(self) -> KeyValues:
        """The keys and values so far: holds no model, and what comes later does not change it."""
        return self._cache.fork()

    @property
    def bytes(self) -> int:
        """What the cache takes."""
        return self._cache.bytes

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return self._cache.length

    def prefill(self, input_ids: "Tensor") -> "tuple[Tensor, Tensor]":
        """Read a prompt (1, T): the logits after it (1, V) and log p(t_i | t_<i) for i = 1 … T-1, (T-1,), in float32.

        May be called again to read on; the first token of each call has no log-probability.
        """
        reading = self.prefill_chunks(input_ids)
        while True:
            try:
                next(reading)
            except StopIteration as done:
                logits, logprobs = done.value
                return logits, logprobs

    def prefill_chunks(self, input_ids: "Tensor") -> "Generator[int, None, tuple[Tensor, Tensor]]":
        """`prefill` in pieces: yields the number of tokens read after each, returns what `prefill` returns."""
        import torch

        T = input_ids.shape[1]
        self._check_room(T)
        size = max(16, min(512, CHUNK_BYTES // (4 * self.vocab_size)))
        pieces: list[Tensor] = []
        logits = torch.empty(0)
        for start in range(0, T, size):
            chunk = input_ids[:, start : start + size]
            targets = input_ids[0, start + 1 : start + 1 + chunk.shape[1]]
            with torch.inference_mode():
                out = self._forward(chunk)  # (1, C, V)
                said = out[0, : len(targets)]
                pieces.append(said.gather(1, targets.to(said.device)[:, None])[:, 0] - said.logsumexp(-1))
                logits = out[:, -1].cpu()
            yield start + chunk.shape[1]
        with torch.inference_mode():
            logprobs = torch.cat(pieces).cpu() if pieces else torch.empty(0)
        return logits.clone(), logprobs.clone()

    def step(self, token_ids: "Tensor", parents: "Tensor | None" = None) -> "Tensor":
        """One more token for each of B rows: logits (B, V), float32, on the CPU.

        `parents` (B,) names the old row that each new row continues; without it, row i continues row i.
        """
        import torch

        self._check_room(1)
        with torch.inference_mode():
            if parents is not None:
                self._cache.select(parents)
            out = self._forward(token_ids[:, None])
            logits = out[:, -1].cpu()
        return logits.clone()

    def fork(self) -> "CausalStepper":
        """A second stepper at the same place; the cache is shared until either goes on."""
        return CausalStepper(self._module, self.vocab_size, self.context_window, self._cache)

    def crop(self, length: int) -> bool:
        """Forget all but the first `length` tokens; False (and nothing done) where the model's sliding window
        has already dropped what would be needed."""
        if length == 0:  # always possible, and leaves no rows
            self._cache = KeyValues.empty(self._module.config)
            return True
        return self._cache.crop(length)

    def _forward(self, input_ids: "Tensor") -> "Tensor":
        cache = {self._cache_argument: self._cache.layers}
        out = self._module(input_ids=input_ids.to(self._module.device), use_cache=True, **cache)
        return out.logits.float()

    def _check_room(self, count: int) -> None:
        if self.length + count > self.context_window:
            raise PlaygroundError(
                f"The model can look at {self.context_window} tokens; {self.length} are used and {count} more "
                "were asked for: shorten the text."
            )


def cache_argument(module: Any) -> str:
    """What `module.forward` calls its cache: transformers renames `past_key_values` to `cache`, model by model."""
    return "cache" if "cache" in inspect.signature(module.forward).parameters else "past_key_values"


def load(spec: Spec, folder: Path, device: str, dtype: str) -> "Generator[Progress, None, CausalLM]":
    """Read a checked folder of config.json, tokenizer and safetensors; may be closed between any two tensors.

    Raises:
        PlaygroundError: the folder is not a causal language model that the library knows, or a file is broken.
    """
    from playground.models._weights import read_module, read_tokenizer

    module = yield from read_module(folder, device, dtype)
    tokenizer = read_tokenizer(folder)
    return CausalLM(spec, module, tokenizer, folder)
