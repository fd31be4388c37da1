"""Write with a language model, one token at a time.

A prompt goes in; the model gives every token of its vocabulary a probability; the
settings reshape that distribution; one token is chosen, joins the text, and the
next step begins. Click any word of the answer to see what else it could have been.

Two models read otherwise: `gaps` fills in hidden words of a text, and `sounds` turns a
word into the sounds it is spoken with.
"""

from collections.abc import Generator
from typing import Any

from playground.events import Event, Reason
from playground.modalities import _tokens

TITLE = "Text"
ORDER = 10

Settings = _tokens.settings_class(prompt="Once upon a time", model="tales")
limits = _tokens.limits
rebuild = _tokens.rebuild

PRESETS: dict[str, dict[str, Any]] = {
    "Greedy": {"search": "greedy"},
    "Balanced": {
        "search": "sample",
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.95,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    },
    "Wild": {"search": "sample", "temperature": 1.5, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0},
}

EXAMPLES: tuple[dict[str, Any], ...] = (
    {"prompt": "The sky is", "search": "sample", "max_new_tokens": 30},
    {"prompt": "The [MASK] is blue, and the grass is [MASK].", "model": "gaps", "search": "greedy"},
    {"prompt": "playground", "model": "sounds", "search": "greedy", "max_new_tokens": 40},
    {"prompt": "Once upon a time there was a little", "search": "sample", "max_new_tokens": 120},
    {"prompt": "In winter it is cold, and in summer it is", "search": "greedy", "max_new_tokens": 20},
    {"prompt": "The king had three daughters. The first", "search": "beam", "max_new_tokens": 40},
)


def generate(settings: Any, manager: Any, start: Any = None, **identity: str) -> Generator[Event, Reason | None, None]:
    """Go on with a text, or answer a message: `_tokens.generate` says how."""
    return _tokens.generate(settings, manager, start, modality="text", **identity)
