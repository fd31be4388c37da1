"""Let a model write a program, one token at a time.

The same engine as for text: code is text whose next token is often nearly certain
(a closing bracket, an indent) and sometimes wide open (a name). Watch where the
entropy jumps. What is written here is shown and never run.
"""

from collections.abc import Generator
from typing import Any

from playground.events import Event, Reason
from playground.modalities import _tokens
from playground.models import code

TITLE = "Code"
ORDER = 20
LANGUAGE = "python"  # how the page highlights the output

CHATS = "smollm2-135m-instruct"
Settings = _tokens.settings_class(
    prompt="def fibonacci(n):\n", model="code" if code.SPECS else CHATS, max_new_tokens=80, search="greedy"
)
limits = _tokens.limits
rebuild = _tokens.rebuild

PRESETS: dict[str, dict[str, Any]] = {
    "Greedy": {"search": "greedy"},
    "Careful": {"search": "sample", "temperature": 0.3, "top_k": 0, "top_p": 0.95, "min_p": 0.0},
    "Inventive": {"search": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.05},
}

EXAMPLES: tuple[dict[str, Any], ...] = (
    {"prompt": "def fibonacci(n):\n", "mode": "completion"},
    {
        "prompt": "# the even numbers of a list\nevens = [",
        "mode": "completion",
        "max_new_tokens": 30,
        "stop_strings": r"\n",
    },
    {"prompt": "class Stack:\n    def __init__(self):\n", "mode": "completion", "max_new_tokens": 120},
    {
        "prompt": "Write a Python function that says whether a word is a palindrome.",
        "model": CHATS,
        "mode": "chat",
        "max_new_tokens": 150,
    },
)


def generate(settings: Any, manager: Any, start: Any = None, **identity: str) -> Generator[Event, Reason | None, None]:
    """Go on with a program, or write one that was asked for: `_tokens.generate` says how."""
    return _tokens.generate(settings, manager, start, modality="code", **identity)
