"""Questions about a lesson and its run: the functions of `playground/lessons/`, by name, with answers as JSON text.

Some look at the run itself (`live`) and are answered between two of its steps; the others need a configuration only.
Two give more than one answer: merges and families, each a picture of everything so far.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any

from playground import panels
from playground.errors import PlaygroundError
from playground.json_text import dumps
from playground.lessons import catalogue
from playground.trainings._series import panel_json

OFTEN_S = 0.1  # between two pictures of the merges
DEFECT = "The program made a mistake of its own (its log says which). The training is as it was."
LIVE = ("wrong", "follow", "fill", "answer", "words")
WHATS = ("browse", "merges", "architecture", "encode", *LIVE, "families")
log = logging.getLogger(__name__)


def plain(value: Any) -> Any:
    """JSON values of dataclasses, panels and what holds them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value).__module__ == panels.__name__:
            return panel_json(value)
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def answers(what: str, number: int, found: Callable[[], Any]) -> Iterator[str]:
    """The answers as they travel: `{"what", "number", "value"}` or `{"what", "number", "error"}`."""
    head = {"what": what, "number": number}
    try:
        result = found()
        for value in result if isinstance(result, Iterator) else (result,):
            yield dumps({**head, "value": plain(value)})
    except PlaygroundError as error:
        yield dumps({**head, "error": str(error)})
    except MemoryError:
        yield dumps({**head, "error": "The memory ran out while this was computed: ask for less, or unload a model."})
    except Exception:
        log.exception("question %s", what)
        yield dumps({**head, "error": DEFECT})


def of_live(name: str, what: str, asked: dict[str, Any]) -> Callable[[Any], Any]:
    """The function of `live` that answers a question about a run.

    Raises:
        PlaygroundError: the lesson has no such question, or what it needs is not there.
    """
    from playground.lessons import error_back, probes

    fitting = {"fill": ("bert",), "answer": ("t5",), "words": ("gpt",)}.get(what, catalogue.NAMES)
    if name not in fitting:
        names = " and ".join(catalogue.title(n) for n in fitting)
        raise PlaygroundError(f"{catalogue.title(name)} has no answer to that; it is a question for {names}.")
    if what == "wrong":
        return lambda live: {"wrong": error_back.wrong(name, live, _whole(asked, "most", 8))}
    if what == "follow":
        return lambda live: error_back.follow(name, live, str(asked.get("wrong_id", "")), asked.get("weight"))
    text = str(asked.get("text", ""))
    if what == "fill":
        return lambda live: {"text": text, "gaps": probes.fill(live, text)}
    if what == "answer":
        return lambda live: probes.answer(live, text)
    words = [str(word) for word in asked.get("words") or ()]
    prompt = str(asked.get("prompt", ""))
    return lambda live: {"prompt": prompt, "p": probes.words(live, prompt, words)}


def of_config(name: str, what: str, config: Any, asked: dict[str, Any], timer: Callable[[], float]) -> Any:
    """The answer to a question about a configuration; an iterator, where there is more than one.

    Raises:
        PlaygroundError: data that cannot be used, sizes that do not go together, no such question.
    """
    if what == "browse":
        from playground.lessons import data

        return data.browse(name, config, _whole(asked, "start", 0), _whole(asked, "count", 24))
    if what == "architecture":
        from playground.lessons import architecture

        return architecture.architecture(name, config)
    if what == "encode":
        from playground.lessons import tokens

        return tokens.encode_strip(name, config, _whole(asked, "picture", 0))
    if what == "merges":
        return _merges(name, config, asked, timer)
    raise PlaygroundError(f"There is no question called {what!r:.60}; there are: {', '.join(WHATS)}.")


def _merges(name: str, config: Any, asked: dict[str, Any], timer: Callable[[], float]) -> Iterator[dict[str, Any]]:
    """The merges learned so far and a text cut by them, about ten times a second and at the end."""
    from playground.lessons import tokens

    if name not in catalogue.TEXT or getattr(config, "task", "") == "pronunciation":
        raise PlaygroundError("Merges are learned from texts only: choose a lesson and a data set with texts.")
    texts, _ = catalogue.lesson(name).documents(config)
    text, most = str(asked.get("text", "")), min(_whole(asked, "most", 200), 5000)
    found: list[Any] = []
    shown_at = timer()
    for merge in tokens.merges(texts, int(config.vocab_size), most, name):
        found.append(merge)
        if len(found) <= 5 or timer() - shown_at >= OFTEN_S:
            yield {"merges": found, "text": text, "segments": tokens.segment(text, found, name), "done": False}
            shown_at = timer()
    yield {"merges": found, "text": text, "segments": tokens.segment(text, found, name), "done": True}


def _whole(asked: dict[str, Any], name: str, default: int) -> int:
    value = asked.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise PlaygroundError(f"{name} must be a whole number, got {value!r:.40}.")
    return int(value)
