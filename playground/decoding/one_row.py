"""One sequence that grows token by token: greedy search, sampling, and every search with one row."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from playground.decoding.computing import Computing, Pending
from playground.decoding.ends import Stream, limit
from playground.decoding.filtering import Context, filtered, trouble
from playground.decoding.kept import Kept
from playground.decoding.plan import Plan, Vocabulary
from playground.decoding.randomness import uniform
from playground.decoding.search._choice import Ending
from playground.decoding.snapshot import Pieces, look
from playground.events import Reason, TokenStep

if TYPE_CHECKING:
    from torch import Tensor


class OneRow:
    """Turns logits (1, V) into TokenSteps; `reason` is set once the run is over."""

    def __init__(self, vocabulary: Vocabulary, plan: Plan, computing: Computing, start: Kept, run_id: str, seq: int):
        self.seq, self.begun = seq, start.index
        self.reason = limit(plan, start.index, 0.0)
        self.stop_string: str | None = None
        self.message: str | None = None
        self.pending: Pending | None = None
        self._vocabulary, self._plan, self._computing, self._run_id = vocabulary, plan, computing, run_id
        self._chooser = plan.chooser
        self._start, self._forced = start, start.forced
        self._tokens, self._texts = list(start.tokens), list(start.texts)
        self._first_logits = start.first_logits
        self._context = Context((*start.input_ids, *start.tokens), vocabulary.vocab_size, plan.token_biases)
        self._pieces = Pieces(vocabulary.piece)
        self._stream = Stream(vocabulary, start.input_ids if plan.places is None else (), plan.stop_strings)
        self._stream.resume(start.tokens, start.text, start.stopped)

    @property
    def index(self) -> int:
        """New tokens so far."""
        return len(self._tokens)

    def step(self, logits: "Tensor") -> Iterator[TokenStep]:
        """Choose the next token."""
        plan, index = self._plan, self.index
        if index == 0:
            self._first_logits = logits
        number = uniform(plan.seed, plan.lane, index)
        stages = [] if trouble(logits) else filtered(plan, self._chooser.scores(logits), self._context.input_ids)
        self.message = trouble(logits, stages, index)
        if self.message:
            self.reason = Reason.ERROR
            return
        if self._forced is not None:
            token_id, random = self._forced, None
        else:
            scores = stages[-1][1] if stages else self._chooser.scores(logits)
            token_id = self._chooser.choose(scores, number, None, Ending(plan.max_new_tokens)).token_ids[0]
            random = number if plan.sampling else None
        self._forced = None
        view = look(logits[0], [(name, s[0]) for name, s in stages], (token_id,), self._context.seen, self._pieces)

        ends = token_id in plan.eos_token_ids
        over = limit(plan, index + 1, self._computing.elapsed_s)
        added = self._stream.add(token_id, last=ends or over is not None)
        self.stop_string = added.stop_string
        self.reason = Reason.EOS if ends else Reason.STOP_STRING if added.stop_string else over
        self._tokens.append(token_id)
        self._texts.append(added.text)
        self._context.add(token_id)
        self.pending = ((token_id,), (0,))
        chosen = view.candidate(token_id)
        self.seq += 1
        yield TokenStep(
            run_id=self._run_id, seq=self.seq - 1, index=index, position=plan.position(index), lane=plan.lane,
            token_id=token_id, text=added.text, piece=chosen.text, probability=chosen.probability,
            logprob=view.logprob(token_id), random=random, uniform=number, rank=view.ranks[token_id],
            entropy_bits=view.entropy_bits, candidates=view.candidates, known=view.known, tail=view.tail,
            special=self._vocabulary.is_special(token_id), elapsed_s=self._computing.elapsed_s,
            place=plan.places[index] if plan.places is not None else None, looked=self._computing.looked(),
        )  # fmt: skip

    def final_text(self, reason: Reason) -> str:
        """The whole text; what waited for a stop string is shown now."""
        return self._stream.text if reason is Reason.STOP_STRING else self._stream.text + self._stream.held

    def kept(self) -> Kept:
        """Where this run stands."""
        computing = self._computing
        if not computing.positions:
            return self._start
        return replace(
            self._start, tokens=tuple(self._tokens), texts=tuple(self._texts), cache=computing.stepper.cache,
            cached=computing.positions, cache_bytes=computing.stepper.bytes, first_logits=self._first_logits,
            forced=self._forced, beams=None, stopped=self.reason is Reason.STOP_STRING,
        )  # fmt: skip
