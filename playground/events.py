"""What flows through the house: frozen snapshots of one step each.

A modality yields these events; command line, API and page show them. `to_json()`
is their only outside form: `{"event": name, …}` with plain JSON values.

A `TokenStep` carries what a browser needs to recompute the whole pipeline (raw →
penalties → temperature → top-k → top-p → renormalised) with other settings and no
forward pass: exact raw logits of the candidates, of every distinct token of the
context and of the chosen token, and for the rest of the vocabulary a summary in
groups of neighbouring rank. A group of n logits with mean m and variance v adds
n · exp(m/T) · (1 + v/(2T²)) to the normaliser at temperature T.
"""

import dataclasses
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any


class Reason(str, Enum):
    """Why a run ended."""

    EOS = "eos"
    STOP_STRING = "stop_string"
    MAX_NEW_TOKENS = "max_new_tokens"
    CONTEXT_FULL = "context_full"
    FILLED = "filled"  # no gap is left
    TIME_LIMIT = "time_limit"
    USER = "user"
    STOPPED = "stopped"  # by the rules of a shared page, or its teacher; a Notice before it says why
    NEW_INPUT = "new_input"
    ERROR = "error"


class Event:
    """Base of all events: names itself and turns itself into JSON values."""

    def to_json(self) -> dict[str, Any]:
        """`{"event": …, field: value, …}`; fields marked private to the process are left out."""
        raise TypeError(f"{type(self).__name__} has no outside form")

    def to_stream(self) -> dict[str, Any]:
        """What command line and API stream: `to_json()`, without what only the page's own view needs."""
        return self.to_json()


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible next token.

    `logit` is the model's own; `raw_probability` its softmax over the whole
    vocabulary; `probability` what is left after all filters (0 where one removed it);
    `removed_by` the name of that filter, or None.
    """

    token_id: int
    text: str
    logit: float
    raw_probability: float
    probability: float
    removed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Known(Event):
    """Exact raw logits of tokens outside the candidates (context, biased, chosen), in one order."""

    token_ids: tuple[int, ...]
    logits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tail(Event):
    """The other logits, in groups of neighbouring rank (descending): how many, mean, variance."""

    counts: tuple[int, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PromptToken:
    """One token of the prompt; `logprob` (nats) is None for the first, which nothing precedes, and wherever the model
    sees the token itself. `hidden` is the id of the token that a mask stands for, where that is known."""

    token_id: int
    text: str
    logprob: float | None = None
    special: bool = False
    hidden: int | None = None


@dataclass(frozen=True, slots=True)
class Started(Event):
    """A run begins: what the model sees before its first step.

    An encoder-decoder reads `source_tokens`, and `prompt_tokens` are what its output begins with. For a model that
    fills gaps, `places` are the numbers of the prompt tokens that are hidden, in the order they are filled; None for
    others.
    """

    run_id: str
    modality: str
    model: str
    prompt: str  # what the person wrote
    prompt_tokens: tuple[PromptToken, ...]
    settings: dict[str, Any]
    vocab_size: int
    context_window: int
    eos_token_ids: tuple[int, ...] = ()
    logit_bias: dict[int, float] = field(default_factory=dict)
    filters: tuple[str, ...] = ()  # in the order they run
    parent: str | None = None  # run this one goes on from, and the step it left it at
    parent_index: int | None = None
    source_tokens: tuple[PromptToken, ...] = ()
    places: tuple[int, ...] | None = None
    seq: int = 0

    def to_json(self) -> dict[str, Any]:
        return {"event": "started", **_plain(self)}


@dataclass(frozen=True, slots=True)
class TokenStep(Event):
    """One token was chosen.

    `index` counts new tokens from 0; `position` counts in the whole context.
    `probability` is that of the chosen token after all filters; `logprob` (nats) that of
    the unfiltered model; `entropy_bits` is of the unfiltered distribution; `rank` is 0 for
    the model's favourite. `random` is the number in [0, 1) that chose, None unless sampled;
    `uniform` is the same number for (seed, lane, index) whether it was used or not.
    `text` is what this token adds to the streamed text: never half a character (the bytes of
    a split character all come with its last token; `piece` is the token's own text).
    `tokens_per_s`, `elapsed_s`: from the run's start, waiting excluded.
    `exact` is False where an outside server gave only some of the numbers.
    `place` is the number of the prompt token whose gap it fills, None where it stands at the end of the text.
    `looked`: for an encoder-decoder, how much each token of the source counted (cross-attention, mean over heads), one
    row of S numbers after the other for each layer.
    """

    run_id: str
    seq: int
    index: int
    position: int
    lane: int
    token_id: int
    text: str
    piece: str
    probability: float
    logprob: float
    random: float | None
    uniform: float
    rank: int
    entropy_bits: float
    candidates: tuple[Candidate, ...]
    known: Known
    tail: Tail
    special: bool = False
    elapsed_s: float = 0.0
    exact: bool = True
    place: int | None = None
    looked: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"event": "token", **_plain(self)}


@dataclass(frozen=True, slots=True)
class Beam:
    """One hypothesis after a step: `parent` is its row in the step before, `score` its summed
    log-probability (nats; divided by length**length_penalty once finished)."""

    parent: int
    token_id: int
    text: str  # what the token adds
    score: float
    finished: bool
    tokens: tuple[int, ...] = ()  # all new tokens so far
    so_far: str = ""  # their text


@dataclass(frozen=True, slots=True)
class BeamStep(Event):
    """All hypotheses after one step of beam search, best first; finished ones stay in the list.

    `candidates[i]` are the next-token candidates that row i of the step *before* offered
    (what each parent could have become).
    """

    run_id: str
    seq: int
    step: int
    beams: tuple[Beam, ...]
    candidates: tuple[tuple[Candidate, ...], ...] = ()
    elapsed_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {"event": "beam", **_plain(self)}

    def to_stream(self) -> dict[str, Any]:
        """Without lists inside lists: Gradio 6.31 sends what changed, and miscounts where such a list shrinks."""
        values = self.to_json()
        del values["candidates"]
        for beam in values["beams"]:
            del beam["tokens"]
        return values


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Something long goes on: `done` of `total` (0: unknown) `unit`s of `stage`."""

    stage: str
    done: float = 0
    total: float = 0
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"event": "progress", **_plain(self)}


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """Waiting for a turn; `place` 1 is next."""

    place: int

    def to_json(self) -> dict[str, Any]:
        return {"event": "queued", **_plain(self)}


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something a person should know (a value was clamped, the prompt was cut): said, not fatal."""

    text: str

    def to_json(self) -> dict[str, Any]:
        return {"event": "notice", **_plain(self)}


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The end of a run. `text` is without the prompt; `tokens` a count; `first_token_s` None where
    no token came; `state` is what the run can go on from (never leaves the process). `filled` is the whole text with
    its gaps filled in, for a model that does so."""

    run_id: str
    seq: int
    reason: Reason
    text: str
    tokens: int
    first_token_s: float | None = None
    tokens_per_s: float = 0.0
    prompt_tokens: int = 0
    context_window: int = 0
    stop_string: str | None = None
    message: str | None = None
    filled: str | None = None
    state: Any = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"event": "finished", **{k: v for k, v in _plain(replace(self, state=None)).items() if k != "state"}}


# ── training ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TrainStep(Event):
    """One update of the weights. `panels` are named pictures of it (`Text`, `Bars`, `Curve`, `Points`,
    `Field`, `Pictures`, `Strip`); `live` holds model, optimizer and batch for as long as the next step
    has not begun."""

    step: int
    scalars: dict[str, float]
    panels: dict[str, Any] = field(default_factory=dict)
    live: Any = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        panels = {"panels": _plain(self.panels)} if self.panels else {}
        return {"event": "train", "step": self.step, **self.scalars, **panels}
