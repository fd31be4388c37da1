"""Masked language models: the adapter between a transformers model (BERT and its kin) and the decoding loop.

The model reads a whole text, in which some tokens are hidden, and says for each hidden place how likely every token
of the vocabulary is there. Each pass fills one gap, from left to right; the gaps after it are still hidden, the ones
before it show what was chosen. So the loop's "next token" is the next gap:

    log p(fills) = Σ_i log p(fill_i | the text, fill_1 … fill_{i-1}, gaps i+1 … hidden)

Source: Devlin et al. 2018, section 3.1.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError
from playground.events import PromptToken
from playground.models._causal import weight_bytes
from playground.models._kinds import MASKED
from playground.models._spec import Spec
from playground.models._vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from playground.events import Progress

MASK = "[MASK]"  # how a person writes a gap, whatever the model calls it
LOGIT_BYTES = 64_000_000  # of one pass, in float32
WINDOW = 512


@dataclass(frozen=True)
class Gaps:
    """A text as the model reads it: its tokens, which of them are hidden, and how many had no room."""

    tokens: tuple[PromptToken, ...]
    places: tuple[int, ...]
    left_out: int = 0


class MaskedLM:
    """A loaded masked language model. `context_window` is in tokens, those around the text included."""

    kind = MASKED
    chat = False
    eos_token_ids: tuple[int, ...] = ()

    def __init__(self, spec: Spec, module: Any, tokenizer: Any, path: Path) -> None:
        if tokenizer.mask_token_id is None or not tokenizer.is_fast:
            raise PlaygroundError(f"{spec.title} has no token that hides a word: choose another masked language model.")
        self.spec, self.module, self.path = spec, module, path
        self.vocabulary = Vocabulary(tokenizer, int(module.config.vocab_size))
        longest = min(int(tokenizer.model_max_length), 2**20)  # "no limit" is a very large number
        positions = int(getattr(module.config, "max_position_embeddings", 0) or longest)
        self.context_window = min(positions, longest) if positions < 2**20 else spec.context_window or WINDOW
        self.device, self.dtype = module.device, module.dtype
        self.bytes = weight_bytes(module)

    def gaps(self, text: str, hidden: Sequence[int] = ()) -> Gaps:
        """The tokens of a text; hidden are those written as [MASK], and the token numbers in `hidden`.

        Raises:
            PlaygroundError: a number of `hidden` is no token of the text.
        """
        tokenizer, mask = self.vocabulary.tokenizer, int(self.vocabulary.tokenizer.mask_token_id)
        text = text.replace(MASK, tokenizer.mask_token)
        whole = tokenizer(text, return_offsets_mapping=True, verbose=False)
        cut = tokenizer(text, return_offsets_mapping=True, truncation=True, max_length=self.context_window)
        tokens, end = [], 0
        for token_id, (_, stop) in zip(cut["input_ids"], cut["offset_mapping"], strict=True):
            special = self.vocabulary.is_special(token_id) and stop == 0
            shown = self.vocabulary.piece(token_id) if special else text[end : max(end, stop)]
            tokens.append(PromptToken(token_id, shown, special=special))
            end = max(end, stop)
        wrong = next((n for n in hidden if not 0 <= n < len(tokens) or tokens[n].special), None)
        if wrong is not None:
            words = [i for i, token in enumerate(tokens) if not token.special]
            told = f"{words[0]} to {words[-1]}" if words else "none: it is empty"
            raise PlaygroundError(f"masks must be numbers of tokens of the text ({told}), got {wrong}.")
        for n in hidden:
            if tokens[n].token_id != mask:
                tokens[n] = PromptToken(mask, tokens[n].text, hidden=tokens[n].token_id)
        places = tuple(i for i, token in enumerate(tokens) if token.token_id == mask)
        return Gaps(tuple(tokens), places, len(whole["input_ids"]) - len(tokens))

    def filled(self, tokens: Sequence[PromptToken], fills: Sequence[tuple[int, int]]) -> str:
        """The text with (place, token id) of `fills` put in; gaps that are left are written as [MASK]."""
        chosen, parts = dict(fills), []
        for place, token in enumerate(tokens):
            if token.special:
                continue
            text = token.text
            lead = text[: len(text) - len(text.lstrip())]
            if place in chosen:
                piece = self.vocabulary.piece(chosen[place])
                text = piece[2:] if piece.startswith("##") else lead + piece.strip()
            elif token.token_id == self.vocabulary.tokenizer.mask_token_id:
                text = lead + MASK
            parts.append(text)
        return "".join(parts)

    def stepper(
        self, cache: "Filling | None" = None, length: int = 0, places: Sequence[int] = (), **_: Any
    ) -> "MaskedStepper":
        """For a text of `length` tokens with gaps at `places`, from its beginning or from a kept state."""
        mask = int(self.vocabulary.tokenizer.mask_token_id)
        return MaskedStepper(
            self.module, self.vocabulary.vocab_size, self.context_window, length, places, mask, cache
        )  # fmt: skip


@dataclass(frozen=True)
class Filling:
    """Texts with some gaps filled: ids (B, T), and how many of the gaps. Holds no model."""

    ids: "Tensor"
    filled: int = 0

    @property
    def bytes(self) -> int:
        return int(self.ids.numel() * self.ids.element_size())


class MaskedStepper:
    """One run's computing; rows (B) are hypotheses of one text. Its positions are the tokens of the text, then the
    fills, in the order of `places`."""

    def __init__(
        self, module: Any, vocab_size: int, context_window: int, length: int, places: Sequence[int], mask: int,
        cache: Filling | None = None,
    ) -> None:  # fmt: skip
        self._module = module
        self.vocab_size, self.context_window = vocab_size, context_window
        self._length, self._places, self._mask = length, tuple(places), mask
        self._state = cache

    @property
    def cache(self) -> Filling | None:
        """The state so far: what comes later does not change it."""
        return self._state

    @property
    def bytes(self) -> int:
        """What the state takes."""
        return self._state.bytes if self._state else 0

    def prefill(self, input_ids: "Tensor") -> "tuple[Tensor, Tensor]":
        """Read the text, and what its first gaps are filled with, (1, T + n): the logits at gap n (1, V), float32.

        The second tensor, log-probabilities of the given tokens, is empty: a text that is seen has none.
        """
        import torch

        T = self._length
        ids = input_ids[:, :T].clone()
        for place, token_id in zip(self._places, input_ids[0, T:].tolist(), strict=False):
            ids[0, place] = token_id
        self._state = Filling(ids, input_ids.shape[1] - T)
        return self._look(), torch.empty(0)

    def prefill_chunks(self, input_ids: "Tensor") -> "Generator[int, None, tuple[Tensor, Tensor]]":
        """`prefill` as one piece: yields the number of tokens read, returns what `prefill` returns."""
        result = self.prefill(input_ids)
        yield input_ids.shape[1]
        return result

    def step(self, token_ids: "Tensor", parents: "Tensor | None" = None) -> "Tensor":
        """Fill the next gap of each of B rows, row i going on from row parents[i]: logits (B, V) at the gap after."""
        assert self._state is not None
        ids, place = self._state.ids, self._places[self._state.filled]
        ids = ids.clone() if parents is None else ids.index_select(0, parents)
        ids[:, place] = token_ids
        self._state = Filling(ids, self._state.filled + 1)
        return self._look()

    def fork(self) -> "MaskedStepper":
        """A second stepper at the same place."""
        return MaskedStepper(
            self._module, self.vocab_size, self.context_window, self._length, self._places, self._mask, self._state
        )

    def crop(self, length: int) -> bool:
        """Hide again what was filled after the first `length` positions."""
        if length == 0 or self._state is None:
            self._state = None
            return length == 0
        filled = length - self._length
        if not 0 <= filled <= self._state.filled:
            return False
        ids = self._state.ids.clone()
        ids[:, list(self._places[filled:])] = self._mask
        self._state = Filling(ids, filled)
        return True

    def _look(self) -> "Tensor":
        """The logits (B, V) at the next gap (at the last token, where nothing is hidden)."""
        import torch

        assert self._state is not None
        ids, filled = self._state.ids, self._state.filled
        place = self._places[filled] if filled < len(self._places) else self._length - 1
        rows = max(1, LOGIT_BYTES // (4 * self.vocab_size * max(1, self._length)))
        with torch.inference_mode():
            parts = [self._module(input_ids=part.to(self._module.device)).logits[:, place].float().cpu()
                     for part in ids.split(rows)]  # fmt: skip
            logits = torch.cat(parts)
        return logits.clone()


def load(spec: Spec, folder: Path, device: str, dtype: str) -> "Generator[Progress, None, MaskedLM]":
    """Read a checked folder of config.json, tokenizer and safetensors; may be closed between any two tensors.

    Raises:
        PlaygroundError: the folder is not such a model, or a file is broken.
    """
    from playground.models._weights import read_module, read_tokenizer

    module = yield from read_module(folder, device, dtype)
    return MaskedLM(spec, module, read_tokenizer(folder), folder)
