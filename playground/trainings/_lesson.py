"""A lesson as a training sees it: its module, its configuration, what a run of it needs."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from playground import fields
from playground.errors import PlaygroundError

NAMES = ("gpt", "bert", "t5", "vae", "gan", "diffusion")
SERVER = ("corpus", "folder", "points")  # paths of the server, or what a drawing becomes: never from a page's values
MOST_WORDS, LONGEST_WORD, LONGEST_PROMPT = 8, 60, 400
WATCHED = ("The sky is", (" blue", " potato"))


@dataclass(frozen=True)
class Needs:
    """What a run takes: bytes at most, seconds in all, and with how many threads (None: all there are)."""

    bytes: int
    seconds: float
    threads: int | None = None


class Lesson:
    """One lesson by name."""

    advice = "choose a smaller batch, width or context, or unload a model"

    def __init__(self, name: str, module: ModuleType | Any | None = None) -> None:
        if module is None and name not in NAMES:
            raise PlaygroundError(f"There is no lesson called {name!r:.60}; there are: {', '.join(NAMES)}.")
        self.name, self._module = name, module

    @property
    def module(self) -> Any:
        """The file of `playground/training/`; imports torch the first time."""
        if self._module is None:
            self._module = importlib.import_module(f"playground.training.{self.name}")
        return self._module

    @property
    def title(self) -> str:
        """As a person reads it."""
        return {"gpt": "GPT", "bert": "BERT", "t5": "T5", "vae": "VAE", "gan": "GAN"}.get(
            self.name, self.name.capitalize()
        )

    def config(self, values: Mapping[str, Any], own: Any = None) -> Any:
        """The configuration that a page's values and a visitor's own data make.

        Raises:
            PlaygroundError: a value out of its range, or a field that is not a page's to set.
        """
        taken = [name for name in values if name in SERVER]
        if taken:
            raise PlaygroundError(f"{taken[0]} is not set by hand: bring your own data with the tools for it.")
        return fields.build(self.module.Config, {**values, **(own.config_values() if own is not None else {})})

    def needs(self, config: Any) -> Needs:
        """What a run takes, found without allocating it."""
        found = self.module.estimate(config) if hasattr(self.module, "estimate") else None
        return Needs(found.memory_bytes, found.seconds) if found else Needs(0, 0.0)

    def look_every(self, config: Any) -> int:
        """The steps between two looks that somebody has chosen; 0: nobody has."""
        name = "eval_every" if hasattr(config, "eval_every") else "look_every"
        value = int(getattr(config, name, 0))
        return 0 if value == fields.defaults(type(config)).get(name) else value

    def restore(self, config: Any, folder: Any) -> Any:
        """The state of a checkpoint, to look at without another step."""
        restore = getattr(self.module, "finished", None) or self.module.restore
        return restore(config, folder)

    def check_words(self, prompt: str, words: tuple[str, ...]) -> None:
        """Refuse what cannot be followed.

        Raises:
            PlaygroundError: says what.
        """
        if not hasattr(self.module, "word_probability"):
            raise PlaygroundError(f"{self.title} gives no probabilities to words that follow a text: choose GPT.")
        if len(words) > MOST_WORDS:
            raise PlaygroundError(f"At most {MOST_WORDS} words are followed, got {len(words)}.")
        for text, longest in [(prompt, LONGEST_PROMPT), *((word, LONGEST_WORD) for word in words)]:
            if not isinstance(text, str) or len(text) > longest or (text is not prompt and not text):
                raise PlaygroundError(f"A word has 1 to {LONGEST_WORD} characters, a prompt at most {LONGEST_PROMPT}.")

    def words(self, live: Any, prompt: str, words: tuple[str, ...]) -> dict[str, float]:
        """p(word | prompt) of each."""
        return {w: self.module.word_probability(live.model, live.tokenizer, prompt, w) for w in words}
