"""What a picture model makes of words: the text encoders of a folder of diffusers components."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from playground.building import BUILDING
from playground.errors import PlaygroundError
from playground.models._weights import variant

if TYPE_CHECKING:
    from torch import Tensor

LONGEST, LONGEST_WHOLE = 300, 256  # tokens, for encoders without a limit of their own
NEVER = -10_000.0  # added to a score so that nothing looks there, as diffusers does


class Piece(NamedTuple):
    """What stands at one place: the letters of the prompt that its token is, and of which word (from 0) they are; none
    (−1) where it is a sign that is no word."""

    text: str
    word: int


NOTHING = Piece("", -1)


@dataclass(frozen=True)
class Words:
    """Prompts as a denoiser reads them: `hidden` (B, T, D), `mask` (B, T) or None where every place counts (where
    words are mixed it is (B, 1, T), and added to the attention's scores),
    `pooled` (B, P) or None, and per prompt the pieces that stand at the places of `hidden`."""

    hidden: "Tensor"
    mask: "Tensor | None"
    pooled: "Tensor | None"
    pieces: tuple[tuple[Piece, ...], ...]
    cut: tuple[str, ...] = ()  # what of each prompt was beyond the encoder's limit


class Encoders:
    """The tokenizers and text encoders of one model: CLIP, CLIP twice (SDXL), or T5 with a mask.

    `whole`: a denoiser that is given no mask reads T5's words at their full length, with zeros where there are none;
    others read them in small letters, as PixArt was trained.
    """

    def __init__(
        self, tokenizers: Sequence[Any], modules: Sequence[Any], zero_empty: bool = False, whole: bool = False
    ) -> None:
        self.tokenizers, self.modules, self._zero_empty = list(tokenizers), list(modules), zero_empty
        self._masked = type(modules[0]).__name__.startswith(("T5", "UMT5"))
        self._whole = whole
        limit = int(tokenizers[0].model_max_length)
        if limit > LONGEST and not self._masked:  # a tokenizer that names none
            limit = int(modules[0].config.max_position_embeddings)
        self.longest = min(limit, LONGEST_WHOLE if whole else LONGEST) if self._masked else limit

    def encode(self, prompts: Sequence[str], unwanted: bool = False) -> Words:
        """Read the prompts, all of one length; `unwanted`: they are negative ones, and an empty one is none at all."""
        import torch

        with torch.inference_mode():
            if not self._masked:
                return self._clip(prompts, unwanted)
            return self._t5(prompts if self._whole else [prompt.lower().strip() for prompt in prompts])

    def _t5(self, prompts: Sequence[str]) -> Words:
        tokenizer, module = self.tokenizers[0], self.modules[0]
        inputs = tokenizer(list(prompts), padding="max_length" if self._whole else True, truncation=True,
                           max_length=self.longest, return_tensors="pt",
                           return_offsets_mapping=tokenizer.is_fast)  # fmt: skip
        mask = inputs["attention_mask"].to(module.device)
        hidden = module(inputs["input_ids"].to(module.device), attention_mask=mask)[0]
        mask = mask.to(hidden.device)  # the module may have come there only to compute
        pieces, cut = self._pieces(inputs, prompts), self._cut(prompts)
        if self._whole:
            return Words(hidden * mask[..., None], None, None, pieces, cut)
        return Words(hidden, mask, None, pieces, cut)

    def _clip(self, prompts: Sequence[str], unwanted: bool) -> Words:
        import torch

        pooled: Any = None
        parts, pieces = list[Any](), None
        for tokenizer, module in zip(self.tokenizers, self.modules, strict=True):
            inputs = tokenizer(list(prompts), padding="max_length", truncation=True, return_tensors="pt",
                               max_length=self.longest,
                               return_offsets_mapping=tokenizer.is_fast)  # fmt: skip
            pieces = self._pieces(inputs, prompts) if pieces is None else pieces
            mask = inputs["attention_mask"] if getattr(module.config, "use_attention_mask", False) else None
            two = len(self.modules) > 1
            out = module(inputs["input_ids"].to(module.device), attention_mask=mask, output_hidden_states=two)
            parts.append(out.hidden_states[-2] if two else out[0])
            pooled = out[0] if two else None  # of the last one, which has a projection
        hidden = torch.cat(parts, dim=-1)
        if self._zero_empty and unwanted:  # SDXL was trained so: no words are zeros
            for row, prompt in enumerate(prompts):
                if not prompt and pooled is not None:
                    hidden[row], pooled[row] = 0, 0
        assert pieces is not None
        return Words(hidden, None, pooled, pieces, self._cut(prompts))

    def _pieces(self, inputs: Any, prompts: Sequence[str]) -> tuple[tuple[Piece, ...], ...]:
        """What the tokens of each prompt are letters of; where several stand for parts of one sign, the first is it."""
        tokenizer, special = self.tokenizers[0], set(self.tokenizers[0].all_special_ids)
        rows = []
        for number, prompt in enumerate(prompts):
            ids = inputs["input_ids"][number].tolist()
            if not tokenizer.is_fast:
                rows.append(tuple(NOTHING if i in special else Piece(tokenizer.decode([i]).strip(), place)
                                  for place, i in enumerate(ids)))  # fmt: skip
                continue
            row, end = list[Piece](), 0
            for word, (start, stop) in zip(
                inputs.word_ids(number), inputs["offset_mapping"][number].tolist(), strict=True
            ):
                row.append(NOTHING if word is None else Piece(prompt[max(start, end) : stop].strip(), word))
                end = end if word is None else max(end, stop)
            rows.append(tuple(row))
        return tuple(rows)

    def _cut(self, prompts: Sequence[str]) -> tuple[str, ...]:
        left = []
        for prompt in prompts:
            ids = self.tokenizers[0](prompt, truncation=False, add_special_tokens=False, verbose=False)["input_ids"]
            room = self.longest - self.tokenizers[0].num_special_tokens_to_add()
            left.append(self.tokenizers[0].decode(ids[room:]) if len(ids) > room else "")
        return tuple(left)


def joined(first: Words, second: Words) -> Words:
    """A batch of twice the size; the shorter one is padded where a mask says so.

    Raises:
        PlaygroundError: the two are of different encoders.
    """
    import torch
    from torch.nn.functional import pad

    hidden, masks = [first.hidden, second.hidden], [first.mask, second.mask]
    if (first.mask is None) != (second.mask is None):
        raise PlaygroundError("These words were read by two kinds of encoders.")
    if first.mask is not None and second.mask is not None:
        length = max(h.shape[1] for h in hidden)
        hidden = [pad(h, (0, 0, 0, length - h.shape[1])) for h in hidden]
        pair = (first.mask, second.mask)
        if any(m.ndim == 3 for m in pair):
            pair = (added(first.mask), added(second.mask))
        masks = [pad(m, (0, length - m.shape[-1]), value=0 if m.ndim == 2 else NEVER) for m in pair]
    mask = None if masks[0] is None else torch.cat([m for m in masks if m is not None])
    pooled = None
    if first.pooled is not None and second.pooled is not None:
        pooled = torch.cat([first.pooled, second.pooled])
    return Words(torch.cat(hidden), mask, pooled, first.pieces + second.pieces, first.cut + second.cut)


def added(mask: "Tensor") -> "Tensor":
    """A mask as what is added to the attention's scores, (B, 1, T)."""
    return mask if mask.ndim == 3 else (1 - mask.float())[:, None] * NEVER


def mixed(first: Words, other: Words, shares: Sequence[float]) -> Words:
    """Words of one prompt on the way to those of another, a row per share of the other (0 to 1).

    Where every place counts, what the encoders said is interpolated (and so is `pooled`). Where a mask says which
    places count, both prompts stand beside each other, and their share is added to the attention's scores (its
    logarithm), so that at 0 and at 1 the words are exactly those of one of them.
    """
    import torch

    if first.mask is None or other.mask is None:
        share = torch.tensor(shares).reshape(-1, 1, 1).to(first.hidden)
        pooled = None
        if first.pooled is not None and other.pooled is not None:
            pooled = torch.lerp(first.pooled, other.pooled, share[:, 0])
        pieces = tuple((other if share > 0.5 else first).pieces[0] for share in shares)
        return Words(torch.lerp(first.hidden, other.hidden, share), None, pooled, pieces, first.cut + other.cut)
    hidden = torch.cat([first.hidden, other.hidden], dim=1).expand(len(shares), -1, -1)
    one, two = added(first.mask), added(other.mask)
    weights = [torch.cat([one + log(1 - share), two + log(share)], dim=2) for share in shares]
    after = 1 + max((piece.word for piece in first.pieces[0]), default=-1)
    others = (p if p.word < 0 else Piece(p.text, p.word + after) for p in other.pieces[0])
    pieces = ((*first.pieces[0], *others),) * len(shares)
    return Words(hidden, torch.cat(weights), None, pieces, first.cut + other.cut)


def log(share: float) -> float:
    """The logarithm of a share, as far as attention needs it."""
    return math.log(share) if share > 0 else NEVER


def repeated(words: Words, count: int) -> Words:
    """One prompt for `count` pictures."""
    many = [None if x is None else x.repeat_interleave(count, 0) for x in (words.hidden, words.mask, words.pooled)]
    assert many[0] is not None
    return Words(many[0], many[1], many[2], words.pieces * count, words.cut * count)


def row(words: Words, number: int) -> Words:
    """The words of one picture."""
    one = slice(number, number + 1)
    mask, pooled = (None if x is None else x[one] for x in (words.mask, words.pooled))
    return Words(words.hidden[one], mask, pooled, words.pieces[one], words.cut[one])


def whole(pieces: Sequence[Piece]) -> list[tuple[str, list[int]]]:
    """The words that pieces make, each with its places."""
    found: dict[int, list[int]] = {}
    for place, piece in enumerate(pieces):
        if piece.word >= 0:
            found.setdefault(piece.word, []).append(place)
    named = [("".join(pieces[place].text for place in places), places) for places in found.values()]
    return [(text, places) for text, places in named if text]


def read(folder: Path, index: dict[str, Any], dtype: Any, whole: bool = False) -> Encoders:
    """The encoders that a checked folder's model_index.json names; `whole` as in `Encoders`.

    Raises:
        PlaygroundError: kinds of encoders that are not known here, or broken files.
    """
    import transformers
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    names = [n for n in ("text_encoder", "text_encoder_2", "text_encoder_3") if index.get(n, [None, None])[1]]
    kinds = [str(index[name][1]) for name in names]
    known = (["CLIPTextModel"], ["CLIPTextModel", "CLIPTextModelWithProjection"], ["CLIPTextModelWithProjection"],
             ["T5EncoderModel"], ["UMT5EncoderModel"])  # fmt: skip
    if kinds not in known:
        raise PlaygroundError(
            f"{folder.name} reads its words with {' and '.join(kinds) or 'no text encoder'}, which is not supported."
        )
    try:
        with BUILDING:
            modules = [
                getattr(transformers, kind)
                .from_pretrained(str(folder / name), dtype=dtype, use_safetensors=True, local_files_only=True,
                                 variant=variant(folder / name))
                .eval()
                for name, kind in zip(names, kinds, strict=True)
            ]  # fmt: skip
        tokenizers = [
            AutoTokenizer.from_pretrained(
                str(folder / name.replace("text_encoder", "tokenizer")), local_files_only=True, trust_remote_code=False
            )
            for name in names
        ]
    except Exception as error:  # noqa: BLE001 the library raises whatever its parsers raise
        raise PlaygroundError(f"The text encoder of {folder.name} cannot be read: {str(error)[:200]}") from error
    zero_empty = bool(index.get("force_zeros_for_empty_prompt", False)) and len(names) > 1
    return Encoders(tokenizers, modules, zero_empty, whole)
