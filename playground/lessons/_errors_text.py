"""Errors of the text lessons: a next token, a gap, a token of an output. The loss of one is -log p(what was true)."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.errors import PlaygroundError
from playground.lessons._errors import Wrong, gone, numbers
from playground.lessons.tokens import readable

ROWS = 32  # of what is held out, looked through for errors
NO_STEP = PlaygroundError("There is no prediction before the first step: let it train a little.")


def _worst(logp: Tensor, truth: Tensor, asked: Tensor, most: int) -> list[tuple[int, int, int, float, float]]:
    """Of log-probabilities (R, T, V) the places whose likeliest token is not the true one, at most one a row, the
    most surprising first: (row, place, guess, p of the truth, p of the guess)."""
    best, guess = logp.max(-1)  # (R, T) both
    true = logp.gather(-1, truth.clamp(min=0)[..., None])[..., 0]
    surprise = (-true).masked_fill(~asked | (guess == truth), -1.0)
    worst, place = surprise.max(1)
    rows = [int(r) for r in worst.argsort(descending=True, stable=True) if worst[r] >= 0][:most]
    at = [(r, int(place[r])) for r in rows]
    return [(r, t, int(guess[r, t]), math.exp(true[r, t]), math.exp(best[r, t])) for r, t in at]


def _of_token(logits: Tensor, truth: Tensor) -> tuple[Tensor, float]:
    """Loss and probability of a true token: (V,), ()."""
    loss = F.cross_entropy(logits.float()[None], truth[None])
    return loss, math.exp(-loss.item())


class NextToken:
    """GPT: a token that did not come as expected. An id is row:place among the held-out rows."""

    def _rows(self, live: Any) -> Tensor:
        rows = live.batch if live.held is None else torch.from_numpy(live.held[:ROWS].astype("int64"))
        if not rows.numel():
            raise NO_STEP
        return rows

    def wrong(self, live: Any, most: int) -> list[Wrong]:
        """The most surprising tokens after at least a few others."""
        rows = self._rows(live)
        truth = rows[:, 1:]
        asked = torch.arange(truth.shape[1]).expand(truth.shape) >= min(8, truth.shape[1] - 1)
        logp = live.model(rows[:, :-1]).float().log_softmax(-1)
        name = lambda t: readable(live.tokenizer.id_to_token(int(t)))
        found = []
        for r, t, guess, p, p_guess in _worst(logp, truth, asked, most):
            context = live.tokenizer.decode(rows[r, : t + 1].tolist(), skip_special_tokens=False)[-200:]
            found.append(Wrong(f"{r}:{t}", context, name(truth[r, t]), name(guess), p, p_guess, -math.log(p)))
        return found

    def measure(self, live: Any, nets: dict[str, nn.Module], wrong_id: str) -> tuple[Tensor, float | None]:
        """-log p(token) and p(token)."""
        rows, (r, t) = self._rows(live), numbers(wrong_id, 2)
        if r >= len(rows) or t >= rows.shape[1] - 1:
            raise gone(wrong_id)
        return _of_token(nets[""](rows[r : r + 1, : t + 1])[0, t], rows[r, t + 1])

    def moved(self, wrong_id: str) -> int | None:
        """All optimizers."""
        return None


class Gap:
    """BERT: a gap that was filled in wrongly. An id is row:place."""

    def _rows(self, live: Any) -> tuple[Tensor, Tensor]:
        inputs, labels = live.batch
        if live.held is not None:
            inputs, labels = (torch.from_numpy(a[:ROWS]) for a in live.held)
        if not inputs.numel():
            raise NO_STEP
        return inputs, labels

    def wrong(self, live: Any, most: int) -> list[Wrong]:
        """The most surprising of the hidden tokens."""
        inputs, labels = self._rows(live)
        logp = live.model(inputs).float().log_softmax(-1)
        name = live.tokenizer.id_to_token
        found = []
        for r, t, guess, p, p_guess in _worst(logp, labels, labels >= 0, most):
            context = self._context(live, inputs[r].tolist(), t)
            found.append(Wrong(f"{r}:{t}", context, name(int(labels[r, t])), name(guess), p, p_guess, -math.log(p)))
        return found

    def _context(self, live: Any, row: list[int], place: int) -> str:
        """The words around a gap, which is marked; other gaps stay [MASK]."""
        names = [live.tokenizer.id_to_token(token) for token in row]
        names[place] = "____"
        near = " ".join(names[max(0, place - 20) : place + 21])
        return near.replace(" ##", "").replace("[CLS] ", "").replace("[SEP]", "/")

    def measure(self, live: Any, nets: dict[str, nn.Module], wrong_id: str) -> tuple[Tensor, float | None]:
        """-log p(token) and p(token)."""
        (inputs, labels), (r, t) = self._rows(live), numbers(wrong_id, 2)
        if r >= len(inputs) or t >= inputs.shape[1] or labels[r, t] < 0:
            raise gone(wrong_id)
        return _of_token(nets[""](inputs[r : r + 1])[0, t], labels[r, t])

    def moved(self, wrong_id: str) -> int | None:
        """All optimizers."""
        return None


class Output:
    """T5: a token of an output, asked after the true ones before it. An id is pair:place among the held-out pairs."""

    def _pairs(self, live: Any) -> list[tuple[list[int], list[int]]]:
        pairs: list[tuple[list[int], list[int]]] = live.task.held()[: 4 * ROWS] if live.task else []
        if pairs:
            return pairs
        inputs, outputs = live.batch
        if not inputs.numel():
            raise NO_STEP
        short = lambda row: [t for t in row.tolist() if t != 0]  # 0 is padding
        return [(short(x), short(y)) for x, y in zip(inputs, outputs, strict=True)]

    def wrong(self, live: Any, most: int) -> list[Wrong]:
        """The most surprising tokens of outputs."""
        from playground.training._pairs import SPECIAL, collate

        pairs, task = self._pairs(live), live.task
        inputs, outputs = collate(pairs)
        logp = live.model(inputs, outputs).float().log_softmax(-1)
        name = lambda t: readable(live.tokenizer.id_to_token(int(t)))
        found = []
        for r, t, guess, p, p_guess in _worst(logp, outputs, outputs >= len(SPECIAL), most):
            context = task.show(pairs[r][0], outputs[r, :t].tolist()) + " ____"
            found.append(Wrong(f"{r}:{t}", context, name(outputs[r, t]), name(guess), p, p_guess, -math.log(p)))
        return found

    def measure(self, live: Any, nets: dict[str, nn.Module], wrong_id: str) -> tuple[Tensor, float | None]:
        """-log p(token) and p(token)."""
        pairs, (r, t) = self._pairs(live), numbers(wrong_id, 2)
        if r >= len(pairs) or t >= len(pairs[r][1]):
            raise gone(wrong_id)
        inputs, outputs = (torch.tensor([side]) for side in pairs[r])
        return _of_token(nets[""](inputs, outputs)[0, t], outputs[0, t])

    def moved(self, wrong_id: str) -> int | None:
        """All optimizers."""
        return None
