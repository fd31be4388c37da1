"""What a run of the loop needs: a vocabulary, a stepper, and a plan made from settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from playground.decoding.search._choice import Choice, Ending
from playground.errors import PlaygroundError
from playground.plugins import discover

if TYPE_CHECKING:
    from torch import Tensor


class Vocabulary(Protocol):
    """Text to tokens and back."""

    vocab_size: int

    def encode(self, text: str) -> list[int]: ...
    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; special tokens left out, the bytes of split characters as U+FFFD."""
        ...

    def piece(self, token_id: int) -> str:
        r"""One token alone; bytes of a split character as \xNN."""
        ...

    def is_special(self, token_id: int) -> bool: ...


class Stepper(Protocol):
    """A model with its place in a text: hides cache, device and batching.

    `cache` and `bytes` are what a kept state holds (no reference to the model). One that also has `looked`
    (B, L, S) tells where each row's newest position looked, in L layers and among S tokens of a source.
    """

    vocab_size: int
    context_window: int
    cache: Any
    bytes: int

    def prefill(self, input_ids: "Tensor") -> "tuple[Tensor, Tensor]":
        """(1, T) ids -> logits of the next token (1, V) float32, log-probabilities (T - 1,) of ids 1…"""
        ...

    def step(self, token_ids: "Tensor", parents: "Tensor | None" = None) -> "Tensor":
        """(B,) ids, row i going on from row parents[i] -> logits (B, V) float32."""
        ...

    def fork(self) -> "Stepper":
        """Another stepper at the same place; the cache is shared until either goes on."""
        ...

    def crop(self, length: int) -> bool:
        """Forget all but the first `length` positions; False (and nothing done) where that is not possible.
        `crop(0)` always is."""
        ...


class Filter(Protocol):
    """What reshapes the distribution; see `decoding/filters`."""

    @property
    def active(self) -> bool: ...
    def __call__(self, logits: "Tensor", input_ids: "Tensor") -> "Tensor": ...


class Search(Protocol):
    """What chooses; see `decoding/search`."""

    samples: bool
    several: bool

    def scores(self, logits: "Tensor") -> "Tensor": ...
    def choose(self, scores: "Tensor", uniform: float, state: Any, ending: Ending) -> Choice: ...


@dataclass(frozen=True)
class Plan:
    """One run of the loop.

    `filters` are bound to the vocabulary, in order. `max_new_tokens` counts all new tokens of the text,
    those of a kept state it goes on from included. `time_limit_s` (0: none) is computing time. `places`: the new
    tokens do not follow the prompt, they take these places in it, one after the other (the stepper knows them, too).
    """

    input_ids: tuple[int, ...]
    filters: tuple[Filter, ...]
    search: Search
    max_new_tokens: int
    eos_token_ids: tuple[int, ...] = ()
    stop_strings: tuple[str, ...] = ()
    context_window: int = 2**31
    time_limit_s: float = 0
    seed: int = 0
    lane: int = 0
    places: tuple[int, ...] | None = None

    def position(self, index: int) -> int:
        """Where new token number `index` stands in the text."""
        return len(self.input_ids) + index if self.places is None else self.places[index]

    @property
    def sampling(self) -> bool:
        """Whether a random number chooses (a temperature of 0 leaves it nothing to choose)."""
        return self.search.samples and not self._greedy

    @property
    def _greedy(self) -> bool:
        parts = (*self.filters, self.search) if self.search.samples else (self.search,)
        return any(getattr(part, "greedy", False) for part in parts)

    @property
    def acting(self) -> tuple[Filter, ...]:
        """The filters that act in this run: sampling filters only where a random number chooses."""
        return tuple(f for f in self.filters if f.active and (self.sampling or _is_penalty(f)))

    @property
    def chooser(self) -> Search:
        """The search that chooses; greedy where that is what sampling at temperature 0 or one beam comes to."""
        if self._greedy:
            return discover("playground.decoding.search")["greedy"].Search()
        return self.search

    @property
    def token_biases(self) -> dict[int, float]:
        """Added to single logits by the filters; a snapshot must show these tokens."""
        return {i: b for f in self.filters for i, b in getattr(f, "token_biases", {}).items()}


def name_of(filter: Filter) -> str:
    """A filter's name is that of its file."""
    return type(filter).__module__.rpartition(".")[2]


def _is_penalty(filter: Filter) -> bool:
    import sys

    return bool(getattr(sys.modules[type(filter).__module__], "PENALTY", False))


def filters_from(settings: Any, vocabulary: Vocabulary) -> tuple[Filter, ...]:
    """All filters with their values from `settings` (object or mapping), bound, in order.

    Raises:
        PlaygroundError: a logit bias that cannot be read.
    """
    made = [_made(module.Filter, settings) for module in discover("playground.decoding.filters").values()]
    return tuple(f.bind(vocabulary) if hasattr(f, "bind") else f for f in made)


def search_from(settings: Any) -> Search:
    """The search that the setting `search` names, with its own values.

    Raises:
        PlaygroundError: there is no such search.
    """
    name, found = _value(settings, "search", "sample"), discover("playground.decoding.search")
    if name not in found:
        raise PlaygroundError(f"search must be one of {', '.join(found)}, got {name!r}.")
    return _made(found[name].Search, settings)


def _made(cls: type, settings: Any) -> Any:
    return cls(**{f.name: _value(settings, f.name, f.default) for f in fields(cls)})


def _value(settings: Any, name: str, default: Any) -> Any:
    if isinstance(settings, Mapping):
        return settings.get(name, default)
    return getattr(settings, name, default)
