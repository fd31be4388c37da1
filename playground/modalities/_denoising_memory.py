"""When there is too little memory for a picture: what is said, and how errors of that kind are told from others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playground.errors import PlaygroundError

SIGNS = ("out of memory", "can't allocate", "not enough memory")


def no_memory(error: Exception) -> bool:
    """Whether an error says that there was no memory left."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in SIGNS)


def too_large(settings: Any, model: Any) -> str:
    """What a person can do then."""
    size = f"{settings.number} pictures of {settings.width} × {settings.height} pixels"
    return f"{size} need more memory than there is: make fewer at once, or smaller ones ({model.size} is its own size)."


@contextmanager
def enough(settings: Any, model: Any) -> Iterator[None]:
    """Within, want of memory ends with that sentence.

    Raises:
        PlaygroundError: there was none left.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not no_memory(error):
            raise
        raise PlaygroundError(too_large(settings, model)) from error
