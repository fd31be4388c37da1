"""Encoder-decoder models: the adapter between a transformers model (T5, BART) and the decoding loop.

The encoder reads the source once. The decoder writes token by token, as a causal model does, and at every
token looks at what the encoder made of the source (cross-attention; Vaswani et al. 2017, section 3.2.3):

    softmax(q·kᵀ) over the S tokens of the source, in every layer and head

These weights, meaned over a layer's heads, are kept for every position (`looked`).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError
from playground.models._cache import KeyValues
from playground.models._causal import cache_argument, eos_token_ids, weight_bytes
from playground.models._kinds import ENCODER_DECODER
from playground.models._spec import Spec
from playground.models._vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from playground.events import Progress

WINDOW = 512  # tokens, where neither configuration nor Spec says how far positions reach (T5's reach any distance)


class EncoderDecoder:
    """A loaded encoder-decoder model.

    `context_window` is in tokens of the decoder, its first included; `source_window` in tokens of the source.
    """

    kind = ENCODER_DECODER
    chat = False

    def __init__(self, spec: Spec, module: Any, tokenizer: Any, path: Path) -> None:
        self.spec, self.module, self.path = spec, module, path
        config = module.config
        positions = int(getattr(config, "max_position_embeddings", 0) or spec.context_window or WINDOW)
        self.context_window = self.source_window = positions
        self.vocabulary = Vocabulary(tokenizer, int(module.get_output_embeddings().weight.shape[0]))
        self.eos_token_ids = eos_token_ids(module, tokenizer)
        self.begin_ids = _begin_ids(module)
        self.device, self.dtype = module.device, module.dtype
        self.bytes = weight_bytes(module)
        module.set_attn_implementation("eager")  # the fused ones do not tell where they looked

    def source_ids(self, text: str) -> list[int]:
        """The ids that the encoder reads: the text with the tokens that the tokenizer puts around it.

        Raises:
            PlaygroundError: not a text that this model can read.
        """
        return list(self.vocabulary.tokenizer.encode(text))

    def stepper(self, cache: "Reading | None" = None, source: Sequence[int] = (), **_: Any) -> "EncoderDecoderStepper":
        """A decoder before a source, or one that goes on from a kept state (which stays as it is)."""
        return EncoderDecoderStepper(self.module, self.vocabulary.vocab_size, self.context_window, source, cache)


def _begin_ids(module: Any) -> tuple[int, ...]:
    """What every output begins with: the decoder's start token, and the one that is forced after it, if any."""
    settings = [getattr(module.generation_config, n, None) for n in ("decoder_start_token_id", "forced_bos_token_id")]
    start = settings[0] if settings[0] is not None else getattr(module.config, "decoder_start_token_id", None)
    if start is None:
        start = getattr(module.config, "bos_token_id", None)
    return tuple(int(i) for i in (start if start is not None else 0, settings[1]) if i is not None)


@dataclass
class Reading:
    """A decoder's place: what the encoder made of the source (1, S, C), keys and values of what was written and of
    the source, and where every position looked, (B, T, L, S). Holds no model."""

    hidden: "Tensor | None"
    written: KeyValues
    source: KeyValues
    looked: "Tensor | None" = None

    @classmethod
    def empty(cls, hidden: "Tensor | None" = None) -> "Reading":
        """A decoder that has written nothing."""
        from transformers import DynamicCache

        return cls(hidden, KeyValues(DynamicCache()), KeyValues(DynamicCache()))

    @property
    def length(self) -> int:
        """Tokens written."""
        return self.written.length

    @property
    def bytes(self) -> int:
        tensors = [t for t in (self.hidden, self.looked) if t is not None]
        return self.written.bytes + self.source.bytes + sum(t.numel() * t.element_size() for t in tensors)

    def fork(self) -> "Reading":
        """A second one that shares every tensor with this one until either goes on."""
        return replace(self, written=self.written.fork(), source=self.source.fork())

    def select(self, rows: "Tensor") -> None:
        """Make row i a continuation of old row `rows[i]`."""
        self.written.select(rows)
        self.source.select(rows)
        if self.looked is not None:
            self.looked = self.looked.index_select(0, rows.to(self.looked.device))


class EncoderDecoderStepper:
    """One run's computing; rows (B) are hypotheses of one output and have one length."""

    def __init__(
        self, module: Any, vocab_size: int, context_window: int, source: Sequence[int], cache: Reading | None = None
    ) -> None:
        self._module, self._cache_argument = module, cache_argument(module)
        self.vocab_size, self.context_window = vocab_size, context_window
        self._source = tuple(source)
        self._reading = cache.fork() if cache is not None else Reading.empty()

    @property
    def cache(self) -> Reading:
        """The state so far: what comes later does not change it."""
        return self._reading.fork()

    @property
    def bytes(self) -> int:
        """What the state takes."""
        return self._reading.bytes

    @property
    def length(self) -> int:
        """Tokens the decoder has read."""
        return self._reading.length

    @property
    def looked(self) -> "Tensor":
        """Where the newest position of each row looked: (B, L, S), each (layer's) row sums to 1."""
        import torch

        looked = self._reading.looked
        return torch.empty(0) if looked is None else looked[:, -1]

    def prefill(self, input_ids: "Tensor") -> "tuple[Tensor, Tensor]":
        """Read the source, if need be, and the beginning (1, T) of the output: the logits after it (1, V), and
        log p(t_i | t_<i) for i = 1 … T-1, (T-1,), in float32."""
        import torch

        self._check_room(input_ids.shape[1])
        with torch.inference_mode():
            logits = self._forward(input_ids)[0]  # (T, V)
            targets = input_ids[0, 1:].to(logits.device)
            said = logits[:-1].gather(1, targets[:, None])[:, 0] - logits[:-1].logsumexp(-1)
        return logits[-1:].cpu().clone(), said.cpu().clone()

    def prefill_chunks(self, input_ids: "Tensor") -> "Generator[int, None, tuple[Tensor, Tensor]]":
        """`prefill` as one piece: yields the number of tokens read, returns what `prefill` returns."""
        result = self.prefill(input_ids)
        yield input_ids.shape[1]
        return result

    def step(self, token_ids: "Tensor", parents: "Tensor | None" = None) -> "Tensor":
        """One more token for each of B rows, row i going on from row parents[i]: logits (B, V), float32."""
        import torch

        self._check_room(1)
        with torch.inference_mode():
            if parents is not None:
                self._reading.select(parents)
            logits = self._forward(token_ids[:, None])[:, -1].cpu()
        return logits.clone()

    def fork(self) -> "EncoderDecoderStepper":
        """A second stepper at the same place; the state is shared until either goes on."""
        return EncoderDecoderStepper(
            self._module, self.vocab_size, self.context_window, self._source, self._reading
        )  # fmt: skip

    def crop(self, length: int) -> bool:
        """Forget all but the first `length` tokens of the output; what the encoder read stays."""
        if length == 0:
            self._reading = Reading.empty(self._reading.hidden)
            return True
        if not self._reading.written.crop(length):
            return False
        if self._reading.looked is not None:
            self._reading.looked = self._reading.looked[:, :length]
        return True

    def _forward(self, input_ids: "Tensor") -> "Tensor":
        """(B, T) -> logits (B, T, V)."""
        import torch
        from transformers import EncoderDecoderCache
        from transformers.modeling_outputs import BaseModelOutput

        reading, module = self._reading, self._module
        if reading.hidden is None:
            source = torch.tensor([self._source], device=module.device)
            reading.hidden = module.get_encoder()(input_ids=source).last_hidden_state  # (1, S, C)
        hidden = reading.hidden.expand(len(input_ids), -1, -1)
        out = module(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden), decoder_input_ids=input_ids.to(module.device),
            use_cache=True, output_attentions=True,
            **{self._cache_argument: EncoderDecoderCache(reading.written.layers, reading.source.layers)},
        )  # fmt: skip
        looked = torch.stack([layer.float().mean(1) for layer in out.cross_attentions], 2).cpu()  # (B, T, L, S)
        reading.looked = looked if reading.looked is None else torch.cat([reading.looked, looked], 1)
        logits: Tensor = out.logits.float()
        return logits

    def _check_room(self, count: int) -> None:
        if self.length + count > self.context_window:
            raise PlaygroundError(
                f"The model can write {self.context_window} tokens; {self.length} are written and {count} more "
                "were asked for: ask for fewer."
            )


def load(spec: Spec, folder: Path, device: str, dtype: str) -> "Generator[Progress, None, EncoderDecoder]":
    """Read a checked folder of config.json, tokenizer and safetensors; may be closed between any two tensors.

    Raises:
        PlaygroundError: the folder is not such a model, or a file is broken.
    """
    from playground.models._weights import read_module, read_tokenizer

    module = yield from read_module(folder, device, dtype)
    return EncoderDecoder(spec, module, read_tokenizer(folder), folder)
