"""Make a picture of words, one denoising step at a time.

It begins with noise alone. At every step the model guesses the finished picture from the words and from what it sees,
and the scheduler takes away a part of the noise. Open any step to see the guess with and without the words, and which
word made which place; change the words or the guidance there, and go on.
"""

from collections.abc import Generator
from typing import Any

from playground.events import Event, Reason
from playground.modalities import _denoising, _denoising_looks
from playground.models import emoji

TITLE = "Image"
ORDER = 30
VIEW = "pictures"
READY = bool(emoji.SPECS)

Settings = _denoising.settings_class(prompt="a cat riding a skateboard", model="emoji", steps=16, guidance=4.0, seed=12)
limits = _denoising.limits
offered = _denoising.offered
one_step = _denoising.one_step
going_on = _denoising.going_on
rebuild = _denoising.rebuild
look = _denoising_looks.look
near = _denoising_looks.near

PRESETS: dict[str, dict[str, Any]] = {
    "Quick": {"steps": 6, "guidance": 3.0, "scheduler": "the model's own"},
    "Balanced": {"steps": 16, "guidance": 4.0, "scheduler": "the model's own"},
    "Literal": {"steps": 24, "guidance": 8.0, "scheduler": "the model's own"},
}

EXAMPLES: tuple[dict[str, Any], ...] = (
    {"prompt": "a cat riding a skateboard"},
    {"prompt": "a red apple", "number": 4},
    {"prompt": "a robot riding a bicycle"},
    {"prompt": "a green cat"},
    {"prompt": "an apple next to a strawberry"},
)


def generate(settings: Any, manager: Any, start: Any = None, **identity: str) -> Generator[Event, Reason | None, None]:
    """Make pictures of words, or go on with one: `_denoising.generate` says how."""
    return _denoising.generate(settings, manager, start, modality="image", **identity)
