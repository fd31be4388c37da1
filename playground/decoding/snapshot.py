"""What one step shows: candidates, other known tokens, and a summary of the rest.

The 50 likeliest tokens and the chosen one come with everything known of them; the raw logits of tokens
that penalties may need come as they are; the rest of the vocabulary as 32 groups of neighbouring rank,
small at first (a cut there moves likely tokens) and growing geometrically. From these a browser finds any
temperature's normaliser and any cut within 1e-3 (`pipeline.js`). It all costs less than one sort of the
values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from playground.events import Candidate, Known, Tail

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

TOP = 50
GROUPS = 32
FINEST = 4  # groups begin as narrow as if the first four tokens were known
SORTED = 8192  # so many values are sorted faster than put in bins
BINS = 8192
WIDEST = 64.0  # logits from the highest to the lowest, where bins are narrow enough
DECIMALS = 6  # of known logits and group means: float32 holds no more


class Pieces:
    """Texts of single tokens, each asked for once."""

    def __init__(self, piece: Callable[[int], str]):
        self._piece = piece
        self._found: dict[int, str] = {}

    def __getitem__(self, token_id: int) -> str:
        text = self._found.get(token_id)
        if text is None:
            text = self._found[token_id] = self._piece(token_id)
        return text


@dataclass(frozen=True)
class View:
    """One row's distribution before and after the filters, as a step shows it."""

    candidates: tuple[Candidate, ...]  # by raw logit, descending
    known: Known
    tail: Tail
    entropy_bits: float
    ranks: dict[int, int]  # of the tokens that had to be among the candidates
    log_normaliser: float  # log Σ exp(logit)
    looked: tuple[float, ...] = ()  # where an encoder-decoder looked in its source

    def candidate(self, token_id: int) -> Candidate:
        """One of the tokens that had to be among the candidates."""
        return next(c for c in self.candidates if c.token_id == token_id)

    def logprob(self, token_id: int) -> float:
        """Log-probability (nats) of such a token under the unfiltered model."""
        return self.candidate(token_id).logit - self.log_normaliser


def look(
    logits: "Tensor",
    stages: "Sequence[tuple[str, Tensor]]",
    must: Sequence[int],
    seen: "np.ndarray",
    pieces: Pieces,
    top: int = TOP,
) -> View:
    """The view of one row.

    `logits` (V,) are the model's own; `stages` the scores (V,) after each filter, by its name; `must` tokens
    that have to be candidates; `seen` (V, bool) those whose logits have to be known.
    """
    import numpy as np

    raw = logits.numpy(force=True)
    highest = float(raw.max())
    from_top = raw - highest
    weights = np.exp(from_top)
    total = float(weights.sum(dtype=np.float64))
    entropy = np.log(total) - float(weights.dot(from_top)) / total  # nats

    ids = logits.topk(min(top, len(raw))).indices.numpy(force=True)
    ids = np.unique(np.concatenate([ids, np.asarray(must, dtype=np.int64)]))
    ids = ids[np.argsort(-raw[ids], kind="stable")]  # ties by id
    candidates = _candidates(ids, raw, np.exp((raw[ids] - highest).astype(np.float64)) / total, stages, pieces)
    known, rest = _split(raw, ids, seen)
    ranks = {t: int(np.count_nonzero(raw > raw[t]) + np.count_nonzero(raw[:t] == raw[t])) for t in must}
    bits = float(max(0.0, entropy) / np.log(2.0))
    return View(candidates, known, _tail(rest), bits, ranks, highest + float(np.log(total)))


def _candidates(
    ids: "np.ndarray",
    raw: "np.ndarray",
    raw_probs: "np.ndarray",
    stages: "Sequence[tuple[str, Tensor]]",
    pieces: Pieces,
) -> tuple[Candidate, ...]:
    import numpy as np

    probs = raw_probs
    removed_by: list[str | None] = [None] * len(ids)
    for name, scores in stages:
        at = scores.numpy(force=True)[ids]
        for i in np.flatnonzero(at == -np.inf).tolist():
            removed_by[i] = removed_by[i] or name
    if stages:
        scores = stages[-1][1].numpy(force=True)
        highest = scores.max()
        probs = np.exp((scores[ids] - highest).astype(np.float64)) / np.exp(scores - highest).sum(dtype=np.float64)
    columns = (ids.tolist(), raw[ids].tolist(), raw_probs.tolist(), probs.tolist(), removed_by)
    return tuple(Candidate(i, pieces[i], logit, rp, p, r) for i, logit, rp, p, r in zip(*columns, strict=True))


def _split(raw: "np.ndarray", candidates: "np.ndarray", seen: "np.ndarray") -> "tuple[Known, np.ndarray]":
    """Tokens outside the candidates: those that have to be known, and the logits of all others."""
    import numpy as np

    others = seen.copy()
    others[candidates] = False
    ids = np.flatnonzero(others)
    rest = np.ones(len(raw), dtype=bool)
    rest[candidates] = False
    rest[ids] = False
    return Known(tuple(ids.tolist()), _rounded(raw[ids])), raw[rest]


def _tail(rest: "np.ndarray") -> Tail:
    """Groups of neighbouring rank: a token or two each at first, each group a little larger than the last."""
    import numpy as np

    if not len(rest):
        return Tail((), (), ())
    starts, counts = _groups(len(rest))
    if len(rest) > SORTED:
        highest, lowest = float(rest.max()), float(rest.min())
        if 0 < highest - lowest <= WIDEST:  # else bins would be too coarse where it matters
            return _binned(rest, starts, highest, lowest)
    ordered = np.sort(rest)[::-1].astype(np.float64)
    means = np.add.reduceat(ordered, starts) / counts
    variances = np.add.reduceat((ordered - np.repeat(means, counts)) ** 2, starts) / counts
    return Tail(tuple(counts.tolist()), _rounded(means), _rounded(variances))


def _binned(rest: "np.ndarray", starts: "np.ndarray", highest: float, lowest: float) -> Tail:
    """The same from a histogram with narrow bins, three times faster than a sort of a large vocabulary: groups
    begin where a bin does, so their ranks are nearly `starts`, and each token is in exactly one."""
    import numpy as np

    below = highest - rest  # float32, ascending with rank
    bins = (below * ((BINS - 1) / (highest - lowest))).astype(np.int32)
    counts = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, weights=below, minlength=BINS)
    squares = np.bincount(bins, weights=below * below, minlength=BINS)
    filled = np.flatnonzero(counts)
    counts, sums, squares = counts[filled], sums[filled], squares[filled]
    group = np.searchsorted(starts, np.cumsum(counts) - counts, side="right")
    first = np.flatnonzero(np.diff(group, prepend=-1))
    counts, sums, squares = (np.add.reduceat(x, first) for x in (counts, sums, squares))
    means = sums / counts
    variances = np.maximum(squares / counts - means**2, 0.0)
    return Tail(tuple(counts.tolist()), _rounded(highest - means), _rounded(variances))


@lru_cache(maxsize=256)
def _groups(n: int) -> Any:
    """Where each group of n descending values begins, and how many it holds."""
    import numpy as np

    edges = FINEST * ((FINEST + n) / FINEST) ** (np.arange(GROUPS + 1) / GROUPS) - FINEST
    starts = np.unique(np.round(edges[:-1]).astype(np.int64).clip(0, n - 1))
    return starts, np.diff(np.append(starts, n))


def _rounded(values: "np.ndarray") -> tuple[float, ...]:
    return tuple(values.astype(float).round(DECIMALS).tolist())
