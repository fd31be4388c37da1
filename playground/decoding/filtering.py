"""The filters in turn, over one context or several."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from playground.decoding.plan import Plan, name_of

if TYPE_CHECKING:
    from torch import Tensor


class Context:
    """All tokens of one row: `input_ids` (1, T), and `seen` (V, bool), those whose logits a step must show."""

    def __init__(self, ids: Sequence[int], vocab_size: int, biases: Mapping[int, float]):
        import numpy as np
        import torch

        self._ids = torch.empty(2 * len(ids) + 64, dtype=torch.long)
        self._ids[: len(ids)] = torch.tensor(ids, dtype=torch.long)
        self._length = len(ids)
        self.seen = np.zeros(vocab_size, dtype=bool)
        inside = [i for i in (*ids, *biases) if i < vocab_size]
        self.seen[inside] = True

    @property
    def input_ids(self) -> "Tensor":
        return self._ids[None, : self._length]

    def add(self, token_id: int) -> None:
        """One more token."""
        import torch

        if self._length == len(self._ids):
            self._ids = torch.cat([self._ids, torch.empty_like(self._ids)])
        self._ids[self._length] = token_id
        self._length += 1
        self.seen[token_id] = True


def filtered(plan: Plan, scores: "Tensor", input_ids: "Tensor") -> "list[tuple[str, Tensor]]":
    """The scores (B, V) after each acting filter, by the filter's name."""
    stages = []
    for filter in plan.acting:
        scores = filter(scores, input_ids)
        stages.append((name_of(filter), scores))
    return stages


def trouble(logits: "Tensor", stages: "Sequence[tuple[str, Tensor]]" = (), index: int = 0) -> str | None:
    """What makes a step impossible, in words: numbers that are none, or filters that left nothing."""
    import numpy as np

    raw = logits.numpy(force=True)
    if not np.isfinite(raw).all():
        bad = "NaN" if np.isnan(raw).any() else "infinite"
        count = int((~np.isfinite(raw)).sum())
        return (
            f"Step {index}: the model gave {bad} logits ({count:,} of {raw.size:,} numbers are not finite). "
            "Its weights or its number format are broken: choose another model, or load it again in float32."
        )
    for name, scores in stages:
        if not np.isfinite(scores.numpy(force=True).max(-1)).all():
            return f"Step {index}: {name} removed the last possible token. Weaken it and go on from the step before."
    return None
