"""No repeated n-grams: a token that would complete an n-gram of the context a second time is removed.

Source: Paulus et al. 2017, section 2.5; `NoRepeatNGramLogitsProcessor` of transformers. n = 1 forbids
every token of the context; the prompt counts, too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playground.fields import slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 30
PENALTY = True


@dataclass(frozen=True)
class Filter:
    """Removes every token that would repeat n tokens in a row which the context already has."""

    no_repeat_ngram_size: int = slider(
        0, 0, 10, 1, label="No repeated n-grams", group="penalties",
        help="0 is off. 3: no three tokens in a row come twice.",
    )  # fmt: skip

    @property
    def active(self) -> bool:
        return self.no_repeat_ngram_size > 0

    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor":
        n, T = self.no_repeat_ngram_size, input_ids.shape[-1]
        out = logits.clone()
        if n < 1 or n > T:
            return out
        windows = input_ids.unfold(-1, n, 1)  # (B, T - n + 1, n)
        suffix = input_ids[:, T - n + 1 :]  # (B, n - 1): what the next token would complete
        matches = (windows[..., :-1] == suffix[:, None]).all(-1)  # (B, T - n + 1)
        for row, (window, match) in enumerate(zip(windows, matches, strict=True)):
            banned = window[match, -1]
            out[row, banned[banned < logits.shape[-1]]] = -float("inf")
        return out
