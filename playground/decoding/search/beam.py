"""Beam search: follow the num_beams most likely sequences at once, and take the best in the end.

    score = Σ log p(token_i | before) / length ** length_penalty

Step for step what `generate(num_beams=…)` of transformers does (Vaswani et al. 2017, section 6.1; Wu et
al. 2016, section 7, for the length penalty): of all continuations of all rows the best (1 + number of eos
tokens) · num_beams are looked at; those that end among the first num_beams are put aside, the best that
do not end go on. To try: the text it finds is more likely than the greedy one, and duller.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from playground.decoding.search._choice import Choice, Ending, Hypothesis
from playground.fields import choice, slider

if TYPE_CHECKING:
    from torch import Tensor

ORDER = 30
NEVER = -1.0e9  # the score of what must not be chosen, as in transformers


@dataclass(frozen=True)
class Search:
    """Follows several hypotheses at once and returns the one with the best score."""

    num_beams: int = slider(
        4, 1, 8, 1, label="Beams", group="beam", open_ended=True, help="How many hypotheses live at once."
    )  # fmt: skip
    length_penalty: float = slider(
        1.0, -2, 2, 0.1, label="Length penalty", group="beam",
        help="Finished hypotheses are compared by score / length^penalty: above 0 helps long ones.",
    )  # fmt: skip
    early_stopping: str = choice(
        "false", ("false", "true", "never"), label="Early stopping", group="beam",
        help="true: stop when as many hypotheses are finished as there are beams. false: stop when a better one "
        "is unlikely. never: stop when there can be no better one.",
    )  # fmt: skip

    samples = False
    several = True

    @property
    def greedy(self) -> bool:
        """One beam is greedy search."""
        return self.num_beams == 1

    def scores(self, logits: "Tensor") -> "Tensor":
        """Filters work on log-probabilities (B, V), as in transformers."""
        return logits.log_softmax(-1)

    def choose(self, scores: "Tensor", uniform: float, state: "State | None", ending: Ending) -> Choice:
        """Continue the best rows; `scores` (B, V) has one row in the first step, num_beams later."""
        import torch

        state = state or State(tuple(Hypothesis((), (), 0.0 if i == 0 else NEVER) for i in range(self.num_beams)))
        rows = scores.expand(self.num_beams, -1)  # first step: one row stands for all
        before = torch.tensor([h.score for h in state.running], dtype=torch.float32, device=scores.device)
        total = rows + before[:, None]
        keep = max(2, 1 + len(ending.eos_token_ids)) * self.num_beams
        best, at = total.flatten().topk(min(keep, total.numel()))
        grown = [self._grow(state.running, i, rows.shape[-1]) for i in at.tolist()]
        ends = torch.tensor([ending.over(h.tokens) for h in grown], device=best.device)

        # to(best): what ended cannot go on; what goes on are the best num_beams of the rest
        open_scores = best + ends.to(best) * NEVER
        order = open_scores.topk(self.num_beams).indices.tolist()
        running = tuple(replace(grown[i], score=float(open_scores[i])) for i in order)
        finished = self._finish(state, grown, best, ends)
        hopeful = state.hopeful and self._hopeful(running, finished, ending)
        state = State(running, finished, self._best(running, finished), hopeful)

        done = [h for h in finished if h.finished]
        alive = tuple(h for h in running if h.score > NEVER / 2)
        full = len(done) == self.num_beams and self.early_stopping == "true"
        over = not state.hopeful or full or bool(ends.all())
        parents = tuple(min(h.parents[-1], len(scores) - 1) for h in running)
        return Choice(
            parents, tuple(h.tokens[-1] for h in running), state, alive, tuple(done),
            winner=finished[0] if over else None,
        )  # fmt: skip

    def _grow(self, running: "tuple[Hypothesis, ...]", at: int, vocab_size: int) -> Hypothesis:
        row, token_id = divmod(at, vocab_size)
        return Hypothesis((*running[row].tokens, token_id), (*running[row].parents, row), 0.0)

    def _finish(
        self, state: "State", grown: list[Hypothesis], best: "Tensor", ends: "Tensor"
    ) -> tuple[Hypothesis, ...]:
        """The best num_beams of what was finished before and what ends now."""
        import torch

        now = ends.clone()
        now[self.num_beams :] = False  # the rest only stands by so that enough rows can go on
        length = len(grown[0].tokens)
        scored = best / (length**self.length_penalty)
        full = bool(state.finished) and all(h.finished for h in state.finished)
        if full and self.early_stopping == "true":
            scored = scored + NEVER
        scored = scored + (~now).to(scored) * NEVER
        old = state.finished or (Hypothesis((), (), NEVER),) * self.num_beams
        merged = [*old, *(replace(h, finished=bool(f)) for h, f in zip(grown, now.tolist(), strict=True))]
        values = torch.cat([torch.tensor([h.score for h in old], dtype=torch.float32, device=scored.device), scored])
        chosen = values.topk(self.num_beams).indices.tolist()
        return tuple(replace(merged[i], score=float(values[i])) for i in chosen)

    def _best(self, running: tuple[Hypothesis, ...], finished: tuple[Hypothesis, ...]) -> Hypothesis:
        """What to show of a run that is stopped now."""
        open_ones = [replace(h, score=h.score / len(h.tokens) ** self.length_penalty) for h in running]
        return max([h for h in finished if h.finished] + open_ones, key=lambda h: h.score)

    def _hopeful(self, running: tuple[Hypothesis, ...], finished: tuple[Hypothesis, ...], ending: Ending) -> bool:
        """Whether the best running row could still beat the worst finished one."""
        never = self.early_stopping == "never" and self.length_penalty > 0
        length = ending.max_length if never else len(running[0].tokens)
        possible = running[0].score / (length**self.length_penalty)
        worst = min(h.score for h in finished)
        return any(possible > (worst if h.finished else NEVER) for h in finished)


@dataclass(frozen=True)
class State:
    """Between two steps: the rows that run (best first), the best finished ones (fillers at -1e9 where
    there are fewer than beams), the best of all so far, and whether a running one could still win."""

    running: tuple[Hypothesis, ...]
    finished: tuple[Hypothesis, ...] = ()
    best: Hypothesis | None = None
    hopeful: bool = True
