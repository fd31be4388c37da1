"""Logit bias: add a number of your own to the logits of chosen tokens.

    logit'_i = logit_i + b_i

Reference: `SequenceBiasLogitsProcessor` of transformers, for single tokens. To try: ` potato = 5`
after "The sky is"; -100 forbids a token, also a special one: `<|endoftext|> = -100` keeps a text from ending.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError
from playground.fields import text

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 10
PENALTY = True
LARGEST = 1000.0
_QUOTED = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*=([^,\n]*)(?:[,\n]|$)')
_PLAIN = re.compile(r"([^=\n]*)=([^,\n]*)(?:[,\n]|$)")
SYNTAX = 'write one `text = number` per line, as in ` potato = 5` (a text with commas in "double quotes")'


@dataclass(frozen=True)
class Filter:
    """Adds a number of your own to the logits of chosen tokens, before anything else."""

    logit_bias: str = text(
        "", label="Logit bias", lines=2, group="penalties",
        help="One `text = number` per line: the number is added to that token's logit. A leading space "
        "belongs to the token: ` potato = 5`.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return bool(self.logit_bias.strip())

    def bind(self, vocabulary: Any) -> "Bound":
        """The same filter for one vocabulary.

        Raises:
            PlaygroundError: a line that is no `text = number`, or a text that is not one token.
        """
        biases: dict[int, float] = {}
        for piece, bias in parse(self.logit_bias):
            ids = vocabulary.encode(piece)
            if len(ids) != 1:
                parts = ", ".join(repr(vocabulary.piece(i)) for i in ids) or "no token"
                raise PlaygroundError(
                    f"logit_bias works on single tokens, and {piece!r} is {len(ids)} for this model ({parts}): "
                    "choose one of them, or another word."
                )
            biases[ids[0]] = biases.get(ids[0], 0.0) + bias
        return Bound(self.logit_bias, biases)

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        if self.active:
            raise RuntimeError("logit_bias needs a vocabulary first: bind(vocabulary)")
        return logits.clone()


@dataclass(frozen=True)
class Bound:
    """A logit bias whose texts have become token ids."""

    logit_bias: str
    token_biases: Mapping[int, float] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return bool(self.token_biases)

    def bind(self, vocabulary: Any) -> "Bound":
        return Filter(self.logit_bias).bind(vocabulary)

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        import torch

        ids = torch.tensor(list(self.token_biases), dtype=torch.long, device=logits.device)
        bias = torch.tensor(list(self.token_biases.values()), dtype=logits.dtype, device=logits.device)
        return logits.index_add(-1, ids, bias.expand(*logits.shape[:-1], -1))


def parse(written: str) -> list[tuple[str, float]]:
    """`text = number` pairs of a setting; spaces before a text belong to it, those around `=` do not.

    Raises:
        PlaygroundError: anything else.
    """
    pairs, at = [], 0
    while at < len(written):
        line = written[at:].split("\n", 1)[0]
        if not line.strip(" ,\t\r"):
            at += len(line) + 1
            continue
        quoted = _QUOTED.match(written, at)
        found = quoted or _PLAIN.match(written, at)
        if not found:
            raise PlaygroundError(f"logit_bias has no number for {line.strip()!r}: {SYNTAX}.")
        piece = _unquote(found[1]) if quoted else found[1].rstrip()
        if not piece:
            raise PlaygroundError(f"logit_bias has no text before {'=' + found[2].rstrip()!r}: {SYNTAX}.")
        pairs.append((piece, _number(found[2], piece)))
        at = found.end()
    return pairs


def _unquote(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except json.JSONDecodeError:
        raise PlaygroundError(f"logit_bias cannot read the quoted text {quoted}: {SYNTAX}.") from None


def _number(written: str, piece: str) -> float:
    try:
        bias = float(written)
    except ValueError:
        bias = math.nan
    if not math.isfinite(bias) or abs(bias) > LARGEST:
        raise PlaygroundError(
            f"logit_bias for {piece!r} must be a number from {-LARGEST:g} to {LARGEST:g}, "
            f"got {written.strip()!r}: {SYNTAX}."
        )
    return bias
