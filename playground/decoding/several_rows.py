"""Several hypotheses at once: beam search, and every search that follows more than one row.

Each step gives a `BeamStep`. What a row looked like is kept, so that in the end the winner's tokens can be
shown with all their numbers, as if it had been written alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from playground.decoding.computing import Computing, Pending
from playground.decoding.ends import Stream, limit, max_length, written
from playground.decoding.filtering import Context, filtered, trouble
from playground.decoding.kept import Kept
from playground.decoding.plan import Plan, Search, Vocabulary
from playground.decoding.randomness import uniform
from playground.decoding.search._choice import Choice, Ending, Hypothesis
from playground.decoding.snapshot import Pieces, View, look
from playground.events import Beam, BeamStep, Candidate, Event, Reason, TokenStep

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 20  # candidates of each row in a BeamStep; the winner's tokens come with all
VIEW_BYTES = 20_000  # about what one kept view takes


@dataclass(frozen=True)
class Beams:
    """A search of several rows between two steps: its last choice, and what every row looked like."""

    search: Search
    choice: Choice
    history: tuple[tuple[View, ...], ...]
    begun: int  # new tokens before the search began, common to all rows

    @property
    def bytes(self) -> int:
        return VIEW_BYTES * sum(len(views) for views in self.history)


class SeveralRows:
    """Turns logits (B, V) into BeamSteps, and the winner into TokenSteps; `reason` is set once it is over."""

    def __init__(self, vocabulary: Vocabulary, plan: Plan, computing: Computing, start: Kept, run_id: str, seq: int):
        beams: Beams | None = start.beams
        self.seq, self.begun = seq, start.index
        self.reason = limit(plan, start.index, 0.0)
        self.stop_string: str | None = None
        self.message: str | None = None
        self._vocabulary, self._plan, self._computing, self._run_id = vocabulary, plan, computing, run_id
        self._chooser = plan.chooser
        self._start = start
        self._common = start.tokens[: beams.begun] if beams else start.tokens
        self._before = (*start.input_ids, *self._common)
        self._text_before = self._before if plan.places is None else self._common  # a gap's fill does not follow it
        self._choice = beams.choice if beams else None
        self._history = list(beams.history) if beams else []
        self._forced = start.forced
        self._shown = self._choice.hypotheses + self._choice.finished if self._choice else ()
        self._first_logits = start.first_logits
        self._pieces = Pieces(vocabulary.piece)
        self._stream = Stream(vocabulary, start.input_ids if plan.places is None else (), plan.stop_strings)
        self._stream.resume(self._common, "".join(start.texts[: len(self._common)]), start.stopped)
        self._winner: tuple[int, ...] = start.tokens[len(self._common) :]
        self._texts: tuple[str, ...] | None = None  # what each token of the winner adds, once that is asked for
        self._over = False

    @property
    def index(self) -> int:
        """New tokens of the best hypothesis so far."""
        return len(self._common) + len(self._winner)

    @property
    def pending(self) -> Pending | None:
        """What comes next: tokens, and the rows they continue."""
        return (self._choice.token_ids, self._choice.parents) if self._choice else None

    def step(self, logits: "Tensor") -> Iterator[Event]:
        """Continue all rows by one token; the winner's tokens when that was the last step."""
        rows = self._choice.state.running if self._choice else (Hypothesis((), (), 0.0),)
        length = len(self._common) + len(rows[0].tokens)
        if length == 0:
            self._first_logits = logits[:1]
        stages = self._filtered(logits, rows, length)
        if self.message:
            self.reason = Reason.ERROR
            return
        over = limit(self._plan, length + 1, self._computing.elapsed_s)
        choice = self._choose(stages[-1][1], over is not None)
        self._history.append(self._views(logits, stages[1:], rows, choice))
        event = self._beam_step(choice, length)
        self._choice, self._shown = choice, choice.hypotheses + choice.finished
        self._winner = (choice.winner or choice.state.best).tokens
        if choice.winner:
            self.reason, self._over = self._why(over), True
        yield event
        if choice.winner:
            yield from self._tell(choice.winner)

    def _filtered(self, logits: "Tensor", rows: tuple[Hypothesis, ...], length: int) -> "list[tuple[str, Tensor]]":
        """What the search works on, then the same after each filter; sets `message` where no step is possible."""
        import torch

        self.message = trouble(logits, (), length)
        if self.message:
            return []
        scores = self._chooser.scores(logits)
        contexts = torch.tensor([(*self._before, *h.tokens) for h in rows[: len(logits)]])
        stages = filtered(self._plan, scores, contexts)
        self.message = trouble(logits, [(name, s.flatten()) for name, s in stages], length)
        return [("", scores), *stages]

    def _choose(self, scores: "Tensor", last: bool) -> Choice:
        import torch

        if self._forced is not None:
            only = torch.full_like(scores, -float("inf"))
            only[:, self._forced] = scores[:, self._forced]
            scores, self._forced = only, None
        ending = Ending(max_length(self._plan) - len(self._common), self._plan.eos_token_ids, last, self._stops)
        return self._chooser.choose(scores, 0.0, self._choice.state if self._choice else None, ending)

    def _views(
        self, logits: "Tensor", stages: "list[tuple[str, Tensor]]", rows: tuple[Hypothesis, ...], choice: Choice
    ) -> tuple[View, ...]:
        """What every row looked like; the tokens it went on with are among its candidates."""
        new = [h for h in choice.hypotheses + choice.finished if len(h.tokens) == len(rows[0].tokens) + 1]
        views = []
        for row in range(len(logits)):
            must = sorted({h.tokens[-1] for h in new if h.parents[-1] == row})
            seen = Context((*self._before, *rows[row].tokens), logits.shape[-1], self._plan.token_biases).seen
            view = look(logits[row], [(name, s[row]) for name, s in stages], must, seen, self._pieces)
            views.append(replace(view, looked=self._computing.looked(row)))
        return tuple(views)

    def _beam_step(self, choice: Choice, length: int) -> BeamStep:
        """Running hypotheses in the order of their rows, then the finished ones."""
        before = [h.tokens for h in self._shown]
        beams = []
        for h in choice.hypotheses + choice.finished:
            so_far = written(self._vocabulary, self._text_before, h.tokens)
            shorter = written(self._vocabulary, self._text_before, h.tokens[:-1])
            old = h.finished and h.tokens in before
            parent = before.index(h.tokens) if old else h.parents[-1]
            text = so_far[len(shorter) :]
            beams.append(Beam(parent, h.tokens[-1], text, h.score, h.finished, h.tokens, so_far))
        candidates = tuple(_shortened(view) for view in self._history[-1])
        self.seq += 1
        return BeamStep(self._run_id, self.seq - 1, length, tuple(beams), candidates, self._computing.elapsed_s)

    def _stops(self, tokens: tuple[int, ...]) -> bool:
        strings = self._plan.stop_strings
        return bool(strings) and any(s in written(self._vocabulary, self._text_before, tokens) for s in strings)

    def _why(self, over: Reason | None) -> Reason:
        if self._winner[-1] in self._plan.eos_token_ids:
            return Reason.EOS
        return Reason.STOP_STRING if self._stops(self._winner) else over or Reason.MAX_NEW_TOKENS

    def _tell(self, winner: Hypothesis) -> Iterator[TokenStep]:
        """The winner, token by token, each with what its row looked like then."""
        plan, texts = self._plan, self._told()
        for i, (token_id, row) in enumerate(zip(winner.tokens, winner.parents, strict=True)):
            view, index = self._history[i][row], len(self._common) + i
            chosen = view.candidate(token_id)
            self.seq += 1
            yield TokenStep(
                run_id=self._run_id, seq=self.seq - 1, index=index, position=plan.position(index), lane=plan.lane,
                place=plan.places[index] if plan.places is not None else None, looked=view.looked,
                token_id=token_id, text=texts[i], piece=chosen.text,
                probability=chosen.probability, logprob=view.logprob(token_id), random=None,
                uniform=uniform(plan.seed, plan.lane, index), rank=view.ranks[token_id],
                entropy_bits=view.entropy_bits, candidates=view.candidates, known=view.known, tail=view.tail,
                special=self._vocabulary.is_special(token_id), elapsed_s=self._computing.elapsed_s,
            )  # fmt: skip

    def _told(self) -> tuple[str, ...]:
        """What each token of the best hypothesis adds to the text."""
        if self._texts is None:
            texts = []
            for i, token_id in enumerate(self._winner):
                added = self._stream.add(token_id, last=i == len(self._winner) - 1)
                self.stop_string = added.stop_string
                texts.append(added.text)
            self._texts = tuple(texts)
        return self._texts

    def final_text(self, reason: Reason) -> str:
        """The text of the winner, or of the best hypothesis so far."""
        self._told()
        return self._stream.text

    def kept(self) -> Kept:
        """Where this run stands: all its rows, or the winner alone once it is over."""
        computing = self._computing
        if not computing.positions:
            return self._start
        texts = self._start.texts[: len(self._common)] + self._told()
        kept = replace(
            self._start, tokens=self._common + self._winner, texts=texts, first_logits=self._first_logits,
            forced=self._forced, stopped=self.reason is Reason.STOP_STRING,
        )  # fmt: skip
        if self._choice and (self._over or self.message):
            return replace(kept, cache=None, cached=0, cache_bytes=0, beams=None)
        beams = Beams(self._chooser, self._choice, tuple(self._history), len(self._common)) if self._choice else None
        cache, size = computing.stepper.cache, computing.stepper.bytes
        return replace(kept, cache=cache, cached=computing.positions, cache_bytes=size, beams=beams)


def _shortened(view: View) -> tuple[Candidate, ...]:
    return tuple(c for i, c in enumerate(view.candidates) if i < SHOWN or c.token_id in view.ranks)
