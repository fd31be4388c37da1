"""Answers to what the Train tab asks about a lesson: JSON values, made from a configuration or from a run's `live`.

Nothing here knows Gradio. Whatever arrives is a stranger's: each value is looked at before it is used.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from playground.errors import PlaygroundError
from playground.lessons import catalogue

MOST_MERGES, LONGEST_TEXT, LONGEST_QUESTION = 2000, 400, 400
MOST_ITEMS = 120
REMEMBERED = 6  # lists of merges
SAMPLE = "The sky is blue and the potato is in the kitchen."

Ask = Callable[[Callable[[Any], Any]], Any]  # runs a function on the `live` of the visitor's run


def plain(value: Any) -> Any:
    """Dataclasses and tuples as JSON values; a panel says its kind."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        made = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if not f.name.startswith("_")}
        return {"kind": type(value).__name__.lower(), **made} if type(value).__module__.endswith(".panels") else made
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


class Questions:
    """One method for each question; `config` is what the page's controls say, `ask` reaches the run that is shown."""

    def __init__(self) -> None:
        self._merges: OrderedDict[Any, Any] = OrderedDict()

    def answer(self, what: str, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """The answer as JSON values.

        Raises:
            PlaygroundError: there is none; says why.
        """
        method = getattr(self, f"on_{what}", None)
        if method is None:
            raise PlaygroundError(f"There is no question called {str(what)[:40]!r}.")
        return plain(method(lesson, config, sent, ask))

    # ── about the data and the model that the settings make ──────────────────

    def on_sets(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """The sets to choose from."""
        from playground.lessons import data

        return data.sets(lesson)

    def on_browse(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """Some examples of the chosen set."""
        from playground.lessons import data

        count = min(_whole(sent.get("count"), 24), 600 if getattr(config, "data", "") else MOST_ITEMS)
        return data.browse(lesson, config, _whole(sent.get("start"), 0), count)

    def on_merges(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """The merges that a tokenizer learns, and how a text is cut after each that changes it."""
        from playground.lessons import tokens

        text = str(sent.get("text") or SAMPLE)[:LONGEST_TEXT]
        if lesson not in catalogue.TEXT:
            raise PlaygroundError(f"{catalogue.title(lesson)} reads no text.")
        if getattr(config, "task", "") == "pronunciation":
            return {"merges": [], "cuts": [[0, list(text)]], "text": text}
        merges = self._learned(lesson, config)
        cuts, now = [], tokens.segment(text, (), lesson)
        cuts.append([0, now])
        for merge in merges:
            if any((a, b) == (merge.left, merge.right) for a, b in zip(now, now[1:], strict=False)):
                after = tokens.segment(text, merges[: merge.number], lesson)
                if after != now:
                    now = after
                    cuts.append([merge.number, now])
        rows = [[m.left, m.right, m.token, m.count] for m in merges]
        return {"merges": rows, "cuts": cuts, "text": text, "vocab_size": config.vocab_size}

    def _learned(self, lesson: str, config: Any) -> list[Any]:
        from playground.lessons import tokens

        once = dataclasses.replace(config, repeats=min(1, config.repeats))
        key = (lesson, once.corpus, once.repeats, once.held_out, once.vocab_size)
        if key not in self._merges:
            from playground.training import _texts

            texts = _texts.documents(once)[0]
            self._merges[key] = list(tokens.merges(texts, once.vocab_size, MOST_MERGES, lesson))
            while len(self._merges) > REMEMBERED:
                self._merges.popitem(last=False)
        self._merges.move_to_end(key)
        found: list[Any] = self._merges[key]
        return found

    def on_encode(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """One picture or point on its way into the model."""
        from playground.lessons import tokens

        number = _whole(sent.get("picture"), 0)
        if ask is not None:
            return ask(lambda live: tokens.encode_strip(lesson, live, number))
        return tokens.encode_strip(lesson, config, number)

    def on_architecture(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """Layers, shapes, parameters, memory and time."""
        from playground.lessons import architecture
        from playground.training._estimate import free_memory

        found = plain(architecture.architecture(lesson, config))
        return {**found, "free_bytes": free_memory(), "steps": config.steps}

    # ── about a run ──────────────────────────────────────────────────────────

    def on_wrong(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """Wrong predictions of the model as it is now."""
        from playground.lessons import error_back

        return _asked(ask)(lambda live: error_back.wrong(lesson, live))

    def on_follow(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """One of them followed back."""
        from playground.lessons import error_back

        which = sent.get("wrong_id")
        if not isinstance(which, (int, str)) or isinstance(which, bool):
            raise PlaygroundError(f"Say which prediction to follow, got {str(which)[:40]!r}.")
        return _asked(ask)(lambda live: error_back.follow(lesson, live, str(which)))

    def on_fill(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """BERT: what stands at each [MASK]."""
        from playground.lessons import probes

        if lesson != "bert":
            raise PlaygroundError(f"{catalogue.title(lesson)} fills no masks: choose BERT.")
        return _asked(ask)(lambda live: probes.fill(live, _text(sent)))

    def on_answer(self, lesson: str, config: Any, sent: Mapping[str, Any], ask: Ask | None) -> Any:
        """T5: what it makes of an input."""
        from playground.lessons import probes

        if lesson != "t5":
            raise PlaygroundError(f"{catalogue.title(lesson)} answers no texts: choose T5.")
        return _asked(ask)(lambda live: probes.answer(live, _text(sent)))


def _asked(ask: Ask | None) -> Ask:
    if ask is None:
        raise PlaygroundError("This needs a training of your own: press Start.")
    return ask


def _text(sent: Mapping[str, Any]) -> str:
    return str(sent.get("text") or "")[:LONGEST_QUESTION]


def _whole(value: Any, default: int) -> int:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 10**7
    return int(value) if good else default
