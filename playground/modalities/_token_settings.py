"""The settings of every modality that writes tokens.

A handful of own fields, then the fields of every filter and of every search that
is found: a new file in `decoding/filters` or `decoding/search` is a new setting on
the page, the command line and the API.
"""

import dataclasses
import json
import re
from typing import Any, Protocol

from playground import fields
from playground.errors import PlaygroundError
from playground.fields import Range
from playground.plugins import discover

FILTERS = "playground.decoding.filters"
SEARCHES = "playground.decoding.search"
MODES = ("completion", "chat")
ROLES = ("user", "assistant")
MAX_CHARACTERS = 400_000  # of prompt, history and system text together; the longest context window holds fewer
MAX_ROWS = 32
MASKS = re.compile(r"\s*(\d{1,6}\s*(,\s*\d{1,6}\s*)*)?")
ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}
Part = tuple[str, type, Any]  # name, type, field


class Spec(Protocol):
    """What `limits` asks of a catalogue entry."""

    context_window: int


def settings_class(prompt: str, model: str, max_new_tokens: int = 100, search: str = "sample", **defaults: Any) -> type:
    """A frozen dataclass `Settings` whose defaults are the given ones; `defaults` are those of filters and searches
    that are to be others than their own.

    Raises:
        TypeError: two filters or searches use one name for their settings, or none has a name of `defaults`.
    """
    searches = tuple(discover(SEARCHES))
    parts = [*_before(prompt, model, search, searches)]
    parts += [part for name in discover(FILTERS) for part in _parts(FILTERS, name, "Filter")]
    parts += [part for name in searches for part in _parts(SEARCHES, name, "Search")]
    parts += _after(max_new_tokens)
    names = [name for name, _, _ in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TypeError(f"two filters or searches call a setting {', '.join(twice)}")
    if strange := sorted(set(defaults) - set(names)):
        raise TypeError(f"no filter or search has a setting {', '.join(strange)}")
    for at, (name, kind, field) in enumerate(parts):
        if name in defaults:
            parts[at] = name, kind, dataclasses.field(default=defaults[name], metadata=field.metadata)
    return dataclasses.make_dataclass("Settings", parts, frozen=True)


def _before(prompt: str, model: str, search: str, searches: tuple[str, ...]) -> list[Part]:
    mode_help = "completion goes on with the text; chat answers it, with models that were trained to"
    history_help = 'in chat: what was said before, as JSON: [{"role": "user", "content": "…"}, …]'
    search_help = "how the next token is chosen from the distribution"
    return [
        ("prompt", str, fields.text(prompt, label="Prompt", lines=3, help="what the model goes on from")),
        ("model", str, fields.choice(model, (), label="Model", help="its name in the list of models")),
        ("mode", str, fields.choice("completion", MODES, label="Mode", help=mode_help)),
        ("system", str, fields.text("", label="System message", lines=2, group="chat", help="in chat: how to behave")),
        ("history", str, fields.text("[]", label="Conversation", hidden=True, help=history_help)),
        ("search", str, fields.choice(search, searches, label="Search", help=search_help)),
    ]


def _after(max_new_tokens: int) -> list[Part]:
    length = fields.slider(
        max_new_tokens, 1, 512, 1, label="Length", group="end", open_ended=True, help="new tokens at most"
    )
    stop_help = r"ends the text when one of these appears: one a line, \n stands for a line break"
    masks_help = "for a model that fills gaps: numbers of the tokens to hide, from 0; [MASK] in the prompt hides, too"
    limit = fields.slider(
        120.0, 1, 600, 1, label="Time limit (s)", group="end", help="seconds of computing at most, waiting excluded"
    )
    seed = fields.slider(1, 0, 2**32 - 1, 1, label="Seed", group="seed", help="the same seed draws the same numbers")
    return [
        ("max_new_tokens", int, length),
        ("stop_strings", str, fields.text("", label="Stop at", lines=2, group="end", help=stop_help)),
        ("time_limit_s", float, limit),
        ("seed", int, seed),
        ("masks", str, fields.text("", label="Masks", hidden=True, help=masks_help)),
    ]


def _parts(package: str, name: str, what: str) -> list[Part]:
    plugin = getattr(discover(package)[name], what)
    kinds = fields.types(plugin)
    return [
        (f.name, kinds[f.name], dataclasses.field(default=f.default, metadata=f.metadata))
        for f in dataclasses.fields(plugin)
        if f.name in kinds
    ]


def limits(settings: Any, spec: Spec, vocab_size: int | None = None) -> dict[str, Range]:
    """What depends on the model: how much fits into its context window, how many tokens it has; and how many
    rows one step may compute at once. A model that fills gaps writes no text in which tokens could repeat."""
    ranges = {"num_beams": Range(1, MAX_ROWS)}
    if getattr(spec, "kind", "") == "masked":
        ranges["no_repeat_ngram_size"] = Range(0, 0)
    elif spec.context_window:  # 0: not known before its configuration is read
        ranges["max_new_tokens"] = Range(1, max(1, spec.context_window - 1))
    if vocab_size:
        ranges["top_k"] = Range(0, vocab_size)
    return {name: allowed for name, allowed in ranges.items() if hasattr(settings, name)}


def stop_strings(text: str) -> tuple[str, ...]:
    r"""One stop string a line; `\n`, `\t` and `\\` stand for line break, tab and backslash."""
    return tuple(_unescaped(line) for line in text.split("\n") if line)


def _unescaped(line: str) -> str:
    out, rest = "", iter(line)
    for character in rest:
        if character != "\\":
            out += character
            continue
        following = next(rest, "")
        out += ESCAPES.get(following, "\\" + following)
    return out


def masks(text: str) -> tuple[int, ...]:
    """The numbers of tokens that the setting `masks` names, ascending.

    Raises:
        PlaygroundError: something else stands there.
    """
    if not MASKS.fullmatch(text):
        raise PlaygroundError(f"masks must be numbers of tokens with commas between, like 2, 5, got {text[:60]!r}.")
    return tuple(sorted({int(number) for number in text.split(",") if number.strip()}))


def messages(settings: Any) -> list[dict[str, str]]:
    """The conversation that a chat model is shown: system message, history, the new message.

    Raises:
        PlaygroundError: history that is no such list, or an empty message.
    """
    if not settings.prompt.strip():
        raise PlaygroundError(
            "The message is empty: write something, or choose mode completion to let the model begin by itself."
        )
    system = [{"role": "system", "content": settings.system}] if settings.system.strip() else []
    return [*system, *_history(settings.history), {"role": "user", "content": settings.prompt}]


def _history(text: str) -> list[dict[str, str]]:
    try:
        turns = json.loads(text or "[]")
    except (ValueError, RecursionError) as error:
        raise PlaygroundError(f"history must be JSON, got {text[:60]!r} ({error}).") from error
    if not isinstance(turns, list):
        raise PlaygroundError(f"history must be a JSON list of messages, got {text[:60]!r}.")
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise PlaygroundError(
                'each message of history must be {"role": "user" or "assistant", "content": text}, '
                f"got {str(turn)[:60]!r}."
            )
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def check_text(settings: Any) -> None:
    """Refuse text that no tokenizer can take.

    Raises:
        PlaygroundError: half characters (bytes that are not UTF-8), or far more than any model reads.
    """
    length = len(settings.prompt) + len(settings.system) + len(settings.history)
    if length > MAX_CHARACTERS:
        raise PlaygroundError(
            f"Prompt, system message and conversation have {length:,} characters together, "
            f"and at most {MAX_CHARACTERS:,} are read: shorten them."
        )
    for name in ("prompt", "system", "history", "stop_strings", "model"):
        try:
            getattr(settings, name).encode("utf-8")
        except UnicodeEncodeError as error:
            raise PlaygroundError(
                f"{name} holds a half character at place {error.start}: write it as UTF-8."
            ) from error
