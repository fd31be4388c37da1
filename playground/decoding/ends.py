"""When a run is over, and which text may already be shown.

Two things hold text back: the bytes of a character that later tokens complete, and the beginning of what
may become a stop string. What is shown never has to be taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from playground.decoding.plan import Plan, Vocabulary
from playground.events import Reason

HALF = "\ufffd"  # what decoding gives for bytes that are no whole character
BEFORE = 4  # tokens of the context that are decoded along: some tokenizers drop a leading space
WINDOW = 24  # tokens decoded at once
PATIENCE = 12  # tokens after which bytes that are no character yet are taken for none


@dataclass(frozen=True)
class Added:
    """What one token adds to the shown text, and the stop string that it completes."""

    text: str
    stop_string: str | None = None


class Stream:
    """Tokens in, text out."""

    def __init__(self, vocabulary: Vocabulary, prompt_ids: Sequence[int], stop_strings: Sequence[str] = ()):
        self._vocabulary = vocabulary
        self._stop_strings = tuple(s for s in stop_strings if s)
        self._window = self._cut(list(prompt_ids))
        self._base = vocabulary.decode(self._window).rstrip(HALF)  # text of the window that is out already
        self._waiting = 0  # tokens since the last whole character
        self._decoded = ""  # whole characters so far, the stop strings' beginnings included
        self._shown = 0
        self._searched = 0

    @property
    def text(self) -> str:
        """Everything shown so far."""
        return self._decoded[: self._shown]

    def add(self, token_id: int, last: bool = False) -> Added:
        """One more token. `last`: nothing follows, so that nothing needs to wait for a stop string."""
        self._window.append(token_id)
        decoded = self._vocabulary.decode(self._window)
        text = decoded.rstrip(HALF) if self._waiting < PATIENCE else decoded
        if len(text) > len(self._base):
            self._decoded += text[len(self._base) :]
            self._base, self._waiting = text, 0
        elif text != decoded:
            self._waiting += 1
        if len(self._window) > WINDOW and decoded == self._base:
            self._window = self._cut(self._window)
            self._base = self._vocabulary.decode(self._window)
        return self._show(last)

    def _cut(self, ids: list[int]) -> list[int]:
        """The last few of ids, beginning with a whole character."""
        for n in range(BEFORE, WINDOW):
            if not self._vocabulary.decode(ids[-n:]).startswith(HALF):
                return ids[-n:]
        return ids[-WINDOW:]

    @property
    def held(self) -> str:
        """Whole characters that wait, because they may begin a stop string."""
        return self._decoded[self._shown :]

    def resume(self, tokens: Sequence[int], text: str, stopped: bool) -> None:
        """Take up a text of which `text` was shown; `stopped`: its stop string was found and stays hidden."""
        stop_strings, self._stop_strings = self._stop_strings, ()
        for token_id in tokens:
            self.add(token_id)
        self._stop_strings = stop_strings
        if stopped:
            self._decoded = text
        self._shown = self._searched = len(text)

    def _show(self, last: bool) -> Added:
        hits = [(self._decoded.find(s, self._searched), s) for s in self._stop_strings]
        hits = sorted((at, s) for at, s in hits if at >= 0)
        shown = self._shown
        if hits:
            self._decoded = self._decoded[: max(shown, hits[0][0])]
            self._shown = len(self._decoded)
            return Added(self._decoded[shown:], hits[0][1])
        self._shown = len(self._decoded) if last else max(shown, self._safe())
        return Added(self._decoded[shown : self._shown])

    def _safe(self) -> int:
        """How much can be shown: all but the longest end that begins a stop string."""
        text = self._decoded[self._searched :]
        held = [n for s in self._stop_strings for n in range(1, len(s)) if text.endswith(s[:n])]
        return len(self._decoded) - max(held, default=0)


def limit(plan: Plan, tokens: int, elapsed_s: float) -> Reason | None:
    """The limit that forbids another token after `tokens` new ones, if any."""
    if plan.places is not None and tokens >= len(plan.places):
        return Reason.FILLED
    if tokens >= plan.max_new_tokens:
        return Reason.MAX_NEW_TOKENS
    if plan.places is None and len(plan.input_ids) + tokens >= plan.context_window:
        return Reason.CONTEXT_FULL
    if plan.time_limit_s > 0 and elapsed_s >= plan.time_limit_s:
        return Reason.TIME_LIMIT
    return None


def max_length(plan: Plan) -> int:
    """The number of new tokens a run can reach."""
    room = plan.context_window - len(plan.input_ids) if plan.places is None else len(plan.places)
    return min(plan.max_new_tokens, room)


def written(vocabulary: Vocabulary, before: Sequence[int], tokens: Sequence[int]) -> str:
    """The text of `tokens` after the ids `before`, without a half character at its end."""
    tail = list(before[-BEFORE:])
    return vocabulary.decode([*tail, *tokens])[len(vocabulary.decode(tail)) :].rstrip(HALF)
