"""Pairs for the T5 lesson: letters and phonemes from the CMU dictionary; batches of pairs; and an n-gram to pass.

Token ids begin alike for every task: padding, the end, the unknown, then the sentinels that mark gaps.
"""

import lzma
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from playground.training import _texts

DICTIONARY = _texts.EVERYDAY.parent / "cmudict" / "cmudict.txt.xz"
SENTINELS = 32
SPECIAL = ("<pad>", "</s>", "<unk>", *(f"<extra_id_{i}>" for i in range(SENTINELS)))  # the first token ids
PAD, EOS, UNK, SENTINEL = range(4)  # SENTINEL + i is <extra_id_i>

Pair = tuple[list[int], list[int]]  # token ids of an input and its output, each ended by EOS


class Wanted(Protocol):
    """What a configuration says about its pairs."""

    @property
    def held_out(self) -> float: ...


def is_sentinel(token: int) -> bool:
    """Whether a token marks a gap."""
    return SENTINEL <= token < SENTINEL + SENTINELS


def batches(pairs: list[Pair], size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of one pass in a new order, in batches of like lengths, so that little padding is computed."""
    rng = np.random.default_rng([seed, epoch, 1])
    order = rng.permutation(len(pairs))
    if len(order) < size:
        return [order.tolist()]
    found = []
    for part in np.array_split(order, max(1, len(order) // (size * 32))):
        pool = sorted(part.tolist(), key=lambda i: (len(pairs[i][0]), len(pairs[i][1])))
        found += [pool[at : at + size] for at in range(0, len(pool) - size + 1, size)]
    return [found[i] for i in rng.permutation(len(found))]


def collate(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Inputs (B, T) and outputs (B, U), short ones padded at the end."""
    sides = []
    for side in (0, 1):
        width = max(len(pair[side]) for pair in pairs)
        sides.append(torch.tensor([pair[side] + [PAD] * (width - len(pair[side])) for pair in pairs]))
    return sides[0], sides[1]


def dictionary() -> list[str]:
    """Lines of a word in small letters and its phonemes, spaces between them."""
    return lzma.decompress(DICTIONARY.read_bytes()).decode().split("\n")


def train_tokenizer(docs: Sequence[str], vocab_size: int) -> Any:
    """A byte-level BPE tokenizer (`tokenizers.Tokenizer`) in which the special tokens come first."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special, alphabet = list(SPECIAL), pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(docs, trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=special, initial_alphabet=alphabet, show_progress=False))  # fmt: skip
    return tokenizer


def letters_and_phonemes(spoken: dict[str, list[str]]) -> Any:
    """A tokenizer (`tokenizers.Tokenizer`) whose tokens are letters (small) and phonemes (capitals)."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    letters = sorted({letter for word in spoken for letter in word})
    phonemes = sorted({p for ways in spoken.values() for way in ways for p in way.split()})
    vocab = {token: i for i, token in enumerate([*SPECIAL, *letters, *phonemes])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token=SPECIAL[UNK]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("[A-Z]+|."), "isolated")])  # fmt: skip
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


class Pronunciations:
    """The words of the CMU dictionary as pairs: letters, and phonemes without stress."""

    def __init__(self, config: Wanted, tokenizer: Any = None):
        self.config = config
        self.spoken: dict[str, list[str]] = {}  # a word may be spoken in several ways
        for word, _, phonemes in (line.partition(" ") for line in dictionary() if line):
            self.spoken.setdefault(word, []).append(phonemes)
        self.tokenizer = tokenizer or letters_and_phonemes(self.spoken)
        self.held_words = [w for w in self.spoken if _texts.is_held_out(w, config.held_out)]
        held = set(self.held_words)
        self._ids = self.tokenizer.get_vocab()
        self._pairs = [self._pair(w, p) for w, ways in self.spoken.items() if w not in held for p in ways]

    def _pair(self, word: str, phonemes: str) -> Pair:
        return [*map(self._ids.__getitem__, word), EOS], [*map(self._ids.__getitem__, phonemes.split()), EOS]

    def pairs(self, epoch: int) -> list[Pair]:
        """Every word that is not held out."""
        return self._pairs

    def held(self, most: int = 500) -> list[Pair]:
        """Held-out words, always the same ones, with the first of their pronunciations."""
        order = np.random.default_rng(0).permutation(len(self.held_words))[:most]
        return [self._pair(w, self.spoken[w][0]) for w in (self.held_words[i] for i in order)]

    def examples(self, pair: Pair) -> list[tuple[tuple[int, ...], int]]:
        """What n-grams learn: (letter at the phoneme's place, phoneme before, next letter, letter before), phoneme."""
        letters, phonemes = pair[0][:-1], pair[1][:-1]
        at = lambda i: letters[i] if 0 <= i < len(letters) else PAD
        before = [PAD, *phonemes]
        return [((at(i), before[i], at(i + 1), at(i - 1)), p) for i, p in enumerate(phonemes)]

    def counted(self) -> list[tuple[tuple[int, ...], int]]:
        """All that n-grams may learn from: every phoneme of every word that is not held out."""
        return [example for pair in self._pairs for example in self.examples(pair)]

    def ask(self, text: str) -> list[int]:
        """A word as an input."""
        return [*self.tokenizer.encode(text.lower()).ids[:64], EOS]

    def show(self, inputs: list[int], outputs: list[int]) -> str:
        """A word, and what it was made to sound like."""
        name = self.tokenizer.id_to_token
        word = "".join(name(t) for t in inputs if t >= len(SPECIAL))
        return f"{word}: {' '.join(name(t) for t in outputs if t >= len(SPECIAL))}"

    def exact(self, inputs: Sequence[list[int]], outputs: Sequence[list[int]]) -> float:
        """The part of the words that is spoken exactly as in one of the dictionary's ways."""
        said = [self.show(x, y).split(": ") for x, y in zip(inputs, outputs, strict=True)]
        return sum(phonemes in self.spoken[word] for word, phonemes in said) / len(said)


class NGram:
    """Guesses a token by counting: the one seen oftenest after this context, or after its longest known beginning.

    A context lists what is nearest first; a task says what that is (`examples`).
    """

    def __init__(self, examples: Sequence[tuple[tuple[int, ...], int]]):
        self.seen: dict[tuple[int, ...], Counter[int]] = {}
        for (context, token), times in Counter(examples).items():
            for n in range(len(context) + 1):
                self.seen.setdefault(context[:n], Counter())[token] += times

    def guess(self, context: tuple[int, ...]) -> int:
        """The likeliest token; ties go to the smaller id."""
        known = next(self.seen[context[:n]] for n in range(len(context), -1, -1) if context[:n] in self.seen)
        return min(known, key=lambda t: (-known[t], t))

    def accuracy(self, examples: Sequence[tuple[tuple[int, ...], int]]) -> float:
        """The part of the tokens that it guesses."""
        return sum(self.guess(context) == token for context, token in examples) / max(1, len(examples))
