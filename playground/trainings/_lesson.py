"""A lesson as a training sees it: its module, its configuration, what a run of it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground import fields
from playground.errors import PlaygroundError
from playground.lessons import catalogue

MOST_WORDS, LONGEST_WORD, LONGEST_PROMPT = 8, 60, 400
WATCHED = ("The sky is", (" blue", " potato"))
SHORT_STEP_S = 0.01  # a step of less is too short to be shared out among cores


@dataclass(frozen=True)
class Needs:
    """What a run takes: bytes at most, seconds in all, and with how many threads (None: all there are)."""

    bytes: int
    seconds: float
    threads: int | None = None


class Lesson:
    """One lesson by name."""

    advice = "choose a smaller batch, width, context or picture size, or unload a model"

    def __init__(self, name: str) -> None:
        self.name = catalogue.known(name)
        self.title = catalogue.title(name)

    @property
    def module(self) -> Any:
        """The file of `playground/training/`; imports torch the first time."""
        return catalogue.lesson(self.name)

    def config(self, values: Mapping[str, Any], own: Any = None) -> Any:
        """The configuration that a page's values and a visitor's own data make.

        Raises:
            PlaygroundError: a value out of its range, or a field that is not a page's to set.
        """
        return catalogue.config(self.name, values, own)

    def defaults(self) -> dict[str, Any]:
        """The configuration's fields, where nothing was chosen."""
        return fields.defaults(self.module.Config)

    def needs(self, config: Any) -> Needs:
        """What a run takes beside the libraries, which are there anyway; found without allocating it.

        Raises:
            PlaygroundError: sizes that make no model.
        """
        from playground.training._estimate import LIBRARY_BYTES

        found = self.module.estimate(config)
        short = found.seconds / config.steps < SHORT_STEP_S
        return Needs(max(0, found.memory_bytes - LIBRARY_BYTES), found.seconds, 1 if short else None)

    def look_every(self, config: Any) -> int:
        """The steps between two looks that somebody has chosen; 0: nobody has."""
        name = "eval_every" if hasattr(config, "eval_every") else "look_every"
        value = int(getattr(config, name, 0))
        return 0 if value == fields.defaults(type(config)).get(name) else value

    def restore(self, config: Any, folder: Any) -> Any:
        """The state of a checkpoint, to look at without another step."""
        return self.module.restore(config, folder)

    @property
    def watched(self) -> tuple[str, tuple[str, ...]] | None:
        """A prompt and the words that are followed from the start, where the lesson writes words."""
        return WATCHED if self.name == "gpt" else None

    def check_words(self, prompt: str, words: tuple[str, ...]) -> None:
        """Refuse what cannot be followed.

        Raises:
            PlaygroundError: says what.
        """
        if self.watched is None:
            raise PlaygroundError(f"{self.title} gives no probabilities to words that follow a text: choose GPT.")
        if words and isinstance(prompt, str) and not prompt.strip():
            raise PlaygroundError("Write a text that the words could follow.")
        if len(words) > MOST_WORDS or len(set(words)) < len(words):
            raise PlaygroundError(f"At most {MOST_WORDS} different words are followed, got {len(words)}.")
        for text, longest in [(prompt, LONGEST_PROMPT), *((word, LONGEST_WORD) for word in words)]:
            if not isinstance(text, str) or len(text) > longest or (text is not prompt and not text):
                raise PlaygroundError(f"A word has 1 to {LONGEST_WORD} characters, a prompt at most {LONGEST_PROMPT}.")

    def words(self, live: Any, prompt: str, words: tuple[str, ...]) -> dict[str, float]:
        """p(word | prompt) of each."""
        from playground.lessons import probes

        return probes.words(live, prompt, words)

    def norms(self, live: Any) -> Any:
        """What catches the gradient norms by layer, for this run's networks."""
        from playground.lessons.gradients import LayerNorms

        return LayerNorms(self.name, live)

    def data(self, config: Any, own: Any = None) -> str:
        """What it is trained on, for the card."""
        from playground.lessons import data

        if isinstance(own, data.Own):
            return f"{own.examples:,} examples ({own.kind}) that a visitor brought, who knows their terms"
        if own is not None:
            return "what a visitor brought, who knows its terms"
        chosen = [s for s in data.sets(self.name) if all(getattr(config, k) == v for k, v in s.values.items())]
        return f"{chosen[0].title} ({chosen[0].licence}; {chosen[0].source})" if chosen else "not known"
