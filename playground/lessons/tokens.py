"""From text to tokens, merge by merge; from pictures to numbers, and to a code where there is one.

Byte-pair encoding as the lessons' tokenizers learn it (the `tokenizers` library's trainer): words are counted once,
each merge joins the pair of neighbours that is most frequent in them, and of equal ones the pair that became tokens
first. Sennrich et al. 2016, section 3.2, algorithm 1.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from playground.errors import PlaygroundError
from playground.lessons import catalogue
from playground.panels import Bars, Field, Pictures, Points, Strip

MOST_TEXT, MOST_MERGES = 4_000_000, 20_000  # characters, merges
MOST_SHOWN = 20_000  # characters of a text to be cut


@dataclass(frozen=True)
class Merge:
    """Merge `number` (from 1) joins `left` and `right`, seen `count` times side by side, into `token`.

    These three are to be read; `pair` is what the tokenizer itself calls them (byte-level: Ġ is a space, and a letter
    that needs two bytes is two signs).
    """

    number: int
    left: str
    right: str
    token: str
    count: int
    pair: tuple[str, str]


def merges(texts: Sequence[str], vocab_size: int, most: int = 1000, name: str = "gpt") -> Iterator[Merge]:
    """The merges that a lesson's tokenizer learns from `texts`, one after another: at most `most`, and no more than
    fit into a vocabulary of `vocab_size`.

    Raises:
        PlaygroundError: texts that are too long, or without a word.
    """
    from playground.training._pairs import SPECIAL

    size = sum(map(len, texts))
    if size > MOST_TEXT:
        raise PlaygroundError(f"The texts have {size:,} characters; at most {MOST_TEXT:,} can be watched.")
    bytes_ = name != "bert"
    counts = Counter(word for text in texts for word in _words(text, bytes_))
    if not counts:
        raise PlaygroundError("The texts hold no word that could be cut into tokens: add some.")
    signs = set(_alphabet()) if bytes_ else set()
    special = {"bert": 0, "t5": len(SPECIAL)}.get(name, 1)  # tokens before the first sign
    ids = {sign: special + i for i, sign in enumerate(sorted(signs.union(*counts), key=ord))}
    learner = _Learner(counts, ids)
    for number in range(1, min(most, MOST_MERGES) + 1):
        if len(ids) + special >= vocab_size:
            return
        found = learner.join()
        if found is None:
            return
        left, right, count = found
        show = readable if bytes_ else str
        yield Merge(number, show(left), show(right), show(left + right), count, (left, right))


class _Learner:
    """Words as lists of tokens with how often each occurs, and the pairs in them by frequency.

    The heap holds a pair's count as it was when it was pushed; what is out of date is pushed again when it comes up.
    """

    def __init__(self, counts: Counter[str], ids: dict[str, int]):
        self.ids = ids  # grows with every merge
        self._next = max(ids.values()) + 1
        self._times = list(counts.values())
        self._words = [list(word) for word in counts]
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._where: dict[tuple[str, str], set[int]] = defaultdict(set)
        for i, word in enumerate(self._words):
            self._add(i, word, +1)
        self._heap = [self._entry(pair) for pair in self._pairs]
        heapq.heapify(self._heap)

    def _add(self, i: int, word: list[str], sign: int) -> set[tuple[str, str]]:
        pairs = list(zip(word, word[1:], strict=False))
        for pair in pairs:
            self._pairs[pair] += sign * self._times[i]
            if sign > 0:
                self._where[pair].add(i)
        return set(pairs)

    def _entry(self, pair: tuple[str, str]) -> tuple[int, int, int, tuple[str, str]]:
        return -self._pairs[pair], self.ids[pair[0]], self.ids[pair[1]], pair

    def join(self) -> tuple[str, str, int] | None:
        """Make one merge; (left, right, count), or None where no pair is left."""
        while self._heap:
            entry = heapq.heappop(self._heap)
            pair, count = entry[3], self._pairs[entry[3]]
            if count < 1:
                continue
            if -entry[0] != count:
                heapq.heappush(self._heap, self._entry(pair))
                continue
            if self.ids.setdefault("".join(pair), self._next) == self._next:
                self._next += 1
            changed: set[tuple[str, str]] = set()
            for i in sorted(self._where.pop(pair)):
                word = self._words[i]
                self._add(i, word, -1)
                self._words[i] = _joined(word, pair)
                changed |= self._add(i, self._words[i], +1)
            for other in changed - {pair}:
                heapq.heappush(self._heap, self._entry(other))
            return *pair, count
        return None


def _joined(word: list[str], pair: tuple[str, str]) -> list[str]:
    """The word with every occurrence of the pair joined, from left to right."""
    found, i = [], 0
    while i < len(word):
        if tuple(word[i : i + 2]) == pair:
            found.append(word[i] + word[i + 1])
            i += 2
        else:
            found.append(word[i])
            i += 1
    return found


def segment(text: str, merges_so_far: Sequence[Merge], name: str = "gpt") -> list[str]:
    """`text` cut into the tokens that the merges make, to be read: their concatenation is the text, where no letter
    is torn apart. Of the pairs in a word, the one merged first is joined first."""
    if len(text) > MOST_SHOWN:
        raise PlaygroundError(f"The text has {len(text):,} characters; at most {MOST_SHOWN:,} are cut.")
    bytes_ = name != "bert"
    rank = {merge.pair: merge.number for merge in reversed(merges_so_far)}
    known: dict[str, list[str]] = {}
    found: list[str] = []
    for word in _words(text, bytes_):
        if word not in known:
            pieces = list(word)
            while True:
                pairs = [p for p in zip(pieces, pieces[1:], strict=False) if p in rank]
                if not pairs:
                    break
                pieces = _joined(pieces, min(pairs, key=rank.__getitem__))
            known[word] = pieces
        found += known[word]
    return [readable(piece) for piece in found] if bytes_ else found


@cache
def _tools(bytes_: bool) -> tuple[Any, Any]:
    from tokenizers import normalizers, pre_tokenizers

    if bytes_:
        return None, pre_tokenizers.ByteLevel(add_prefix_space=False)
    return normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()


def _words(text: str, bytes_: bool) -> list[str]:
    normalizer, cutter = _tools(bytes_)
    text = normalizer.normalize_str(text) if normalizer else text
    return [word for word, _ in cutter.pre_tokenize_str(text)]


@cache
def _alphabet() -> dict[str, int]:
    """The sign that stands for each byte (Radford et al. 2019's code): what can be printed stands for itself."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    found = {chr(byte): byte for byte in own}
    others = (byte for byte in range(256) if byte not in own)
    return found | {chr(256 + i): byte for i, byte in enumerate(others)}


def readable(token: str) -> str:
    r"""A byte-level token as what it stands for; bytes that are no whole letter become \x.."""
    known = _alphabet()
    if any(sign not in known for sign in token):  # a special token
        return token
    return bytes(known[sign] for sign in token).decode("utf-8", "backslashreplace")


# ── pictures ─────────────────────────────────────────────────────────────────


def encode_strip(name: str, live_or_config: Any, picture: int = 0) -> Strip:
    """Training example `picture` (its number) on its way into the model: the picture, its pixels as numbers, its
    three colours; with a VAE's `live` also its code, and what the decoder makes of that.

    Raises:
        PlaygroundError: a lesson without pictures or points, or no such example.
    """
    if catalogue.known(name) in catalogue.TEXT:
        raise PlaygroundError(f"{catalogue.title(name)} reads text: there is no picture to encode.")
    from playground.training import _estimate, _sets

    data = getattr(live_or_config, "data", None)
    if not isinstance(data, _sets.Data):
        _estimate.refuse_if_too_large(_estimate.estimate(
            _estimate.Plan({}, lambda: (), 0, _estimate.data_bytes(live_or_config))))  # fmt: skip
        data = _sets.load(live_or_config)
    if not 0 <= picture < len(data.train):
        raise PlaygroundError(f"There is no example {picture}: there are 0 to {len(data.train) - 1}.")
    x = data.train[picture]
    parts = _plane_parts(data, x) if data.plane else _picture_parts(x)
    if name == "vae" and hasattr(live_or_config, "model"):
        parts |= _code_parts(live_or_config, data, x)
    return Strip(tuple(parts.values()), tuple(parts))


def _plane_parts(data: Any, x: Any) -> dict[str, Any]:
    point = tuple(round(v, 3) for v in x.tolist())
    return {"the point": Points({"point": (point,)}, data.bounds), "its two numbers": Bars(("x", "y"), point)}


def _picture_parts(x: Any) -> dict[str, Any]:
    """x (3, H, W) in -1 … 1."""
    from playground.training import _pictures

    colours = []
    for k in range(3):
        one = x.new_full(x.shape, -1.0)
        one[k] = x[k]
        colours.append(_pictures.png(one.numpy()))
    rows = tuple(tuple(round(v, 2) for v in row) for row in x.mean(0).flip(0).tolist())  # row 0 of a Field is below
    side = x.shape[-1]
    return {
        "the picture": _pictures.panel(x[None].numpy()),
        "red, green, blue": Pictures(tuple(colours), ("red", "green", "blue")),
        f"{side} × {side} numbers (mean of the three)": Field(rows, (0, side, 0, side), "-1 black … 1 white"),
    }


def _code_parts(live: Any, data: Any, x: Any) -> dict[str, Any]:
    import torch

    from playground.training import _pictures, _sets

    with torch.no_grad():
        mu, logvar = live.model.encode(x[None])
        back = live.model.decode(mu)
    names = tuple(f"z{i + 1}" for i in range(mu.shape[1]))
    sigma = (0.5 * logvar[0]).exp()
    out = {
        "code: the means": Bars(names, tuple(round(v, 3) for v in mu[0].tolist())),
        "code: how unsure": Bars(names, tuple(round(v, 3) for v in sigma.tolist())),
    }
    if data.plane:
        return out | {"decoded": _sets.points_panel(data.bounds, point=x[None], decoded=back)}
    return out | {"decoded": _pictures.panel(back.numpy())}
