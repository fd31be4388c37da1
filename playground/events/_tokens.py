"""Snapshots of a model that writes tokens."""

from dataclasses import dataclass, field
from typing import Any

from playground.events._base import Event, plain


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
        return {"event": "started", **plain(self)}


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
        return {"event": "token", **plain(self)}


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
        return {"event": "beam", **plain(self)}

    def to_stream(self) -> dict[str, Any]:
        """Without lists inside lists: Gradio 6.31 sends what changed, and miscounts where such a list shrinks."""
        values = self.to_json()
        del values["candidates"]
        for beam in values["beams"]:
            del beam["tokens"]
        return values
