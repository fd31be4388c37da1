"""Frames for the views' tests: a small seeded language model, decoded step by step with exact numbers.

The "model" is a bigram table over a few hundred words with Gaussian logits; its tokens come from
true sampling (temperature, top-k, top-p by inverse CDF), so probabilities, ranks, entropies and
the random number all fit together.
"""

import itertools
import json
import math
from typing import Any

import numpy as np

WORDS = [f" {word}" for word in (
    "the a little fox owl bird tree was is very happy sad and then they went to of in her his mother said I am not big "
    "red sun moon river walked ran home day one once upon time friend play with old wise forest king bread water "
    "blue sky apple cat dog house small could would"
).split()] + [".", ",", "!", "?", "\n", ' "']  # fmt: skip
VOCAB_SIZE = 600
EOS = 599


def text_of(token_id: int) -> str:
    """The token's text: a real word, a made-up one beyond the list, the end tag last."""
    if token_id == EOS:
        return "<|endoftext|>"
    return WORDS[token_id] if token_id < len(WORDS) else f" w{token_id}"


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of (V,) logits."""
    e = np.exp(logits - logits.max())
    return e / e.sum()


def warp(logits: np.ndarray, settings: dict[str, Any]) -> tuple[np.ndarray, list[str | None]]:
    """Final probabilities (V,) and for every token the filter that removed it."""
    removed: list[str | None] = [None] * len(logits)
    scores = logits / (settings["temperature"] or 1.0)
    order = np.lexsort((np.arange(len(scores)), -scores))
    if settings["top_k"]:
        for i in order[settings["top_k"] :]:
            removed[i], scores[i] = "top_k", -np.inf
    if settings["top_p"] < 1:
        probs = softmax(scores)
        for i, before in zip(order, np.cumsum(probs[order]) - probs[order], strict=True):
            if before >= settings["top_p"] and removed[i] is None:
                removed[i], scores[i] = "top_p", -np.inf
    return softmax(scores), removed


def tail(logits: np.ndarray, groups: int = 12) -> dict[str, list[float]]:
    """Logits (descending) in rank groups that grow geometrically: counts, means, variances."""
    edges = np.unique(np.geomspace(1, len(logits) + 1, groups + 1).astype(int)) - 1
    parts = [logits[a:b] for a, b in itertools.pairwise(edges) if b > a]
    return {
        "counts": [len(p) for p in parts],
        "means": [float(p.mean()) for p in parts],
        "variances": [float(p.var()) for p in parts],
    }


SETTINGS = {
    "prompt": "Once upon a time", "model": "tales", "search": "sample", "temperature": 0.9, "top_k": 0, "top_p": 0.95,
    "min_p": 0.0, "typical_p": 1.0, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "logit_bias": "", "seed": 7,
    "max_new_tokens": 60,
}  # fmt: skip
FILTERS = ["logit_bias", "repetition_penalty", "no_repeat_ngram", "temperature", "top_k", "top_p", "min_p", "typical"]


def candidate(token_id: int, logprobs: np.ndarray) -> dict[str, Any]:
    """A candidate that no filter touched, from (V,) log-probabilities."""
    logprob = float(logprobs[token_id])
    return {
        "token_id": token_id, "text": text_of(token_id), "logit": logprob, "raw_probability": math.exp(logprob),
        "probability": math.exp(logprob), "removed_by": None,
    }  # fmt: skip


class Writer:
    """Writes a run; `events()` are what a modality yields, as JSON values."""

    def __init__(self, seed: int = 7, run_id: str = "run-1", **settings: Any) -> None:
        self.run_id, self.settings = run_id, {**SETTINGS, **settings, "seed": seed}
        self.table = np.random.default_rng(3).normal(0, 1, (VOCAB_SIZE, VOCAB_SIZE)) * 1.0
        self.table[:, : len(WORDS)] += 3.4
        self.table[np.arange(VOCAB_SIZE), np.random.default_rng(5).permutation(VOCAB_SIZE) % len(WORDS)] += 4.5
        self.table[:, EOS] = -9
        self.uniforms = np.random.default_rng(seed).random(5000)
        self.ids = [WORDS.index(f" {word}") for word in ("once", "upon", "a", "time")]

    def started(self) -> dict[str, Any]:
        """The first event."""
        pairs = itertools.pairwise(self.ids)
        logprobs = [None] + [float(np.log(softmax(self.table[a])[b])) for a, b in pairs]
        prompt = [
            {"token_id": i, "text": text_of(i).lstrip() if n == 0 else text_of(i), "logprob": lp, "special": False}
            for n, (i, lp) in enumerate(zip(self.ids, logprobs, strict=True))
        ]
        return {
            "event": "started", "run_id": self.run_id, "modality": "text", "model": "tales",
            "prompt": self.settings["prompt"],
            "prompt_tokens": prompt, "settings": self.settings, "vocab_size": VOCAB_SIZE, "context_window": 512,
            "eos_token_ids": [EOS], "logit_bias": {}, "parent": None, "parent_index": None, "seq": 0,
            "filters": FILTERS,
        }  # fmt: skip

    def step(self, index: int) -> dict[str, Any]:
        """One token step."""
        logits = self.table[self.ids[-1]].copy()
        raw = softmax(logits)
        final, removed = warp(logits.copy(), self.settings)
        order = np.lexsort((np.arange(VOCAB_SIZE), -logits))
        by_final = np.lexsort((np.arange(VOCAB_SIZE), -final))
        uniform = float(self.uniforms[index])
        greedy = self.settings["search"] == "greedy"
        pick = 0 if greedy else int(np.searchsorted(np.cumsum(final[by_final]), uniform, side="right"))
        token = int(by_final[min(pick, VOCAB_SIZE - 1)])
        shown = [int(i) for i in order[:50]] + ([token] if token not in order[:50] else [])
        known = sorted(set(self.ids) - set(shown))
        rest = np.array([logits[i] for i in order if int(i) not in shown and int(i) not in known])
        self.ids.append(token)
        return {
            "event": "token",
            "run_id": self.run_id,
            "seq": index + 1,
            "index": index,
            "position": len(self.ids) - 1,
            "lane": 0,
            "token_id": token,
            "text": text_of(token),
            "piece": text_of(token),
            "probability": float(final[token]),
            "logprob": float(math.log(raw[token])),
            "random": None if greedy else uniform,
            "uniform": uniform,
            "rank": int(np.flatnonzero(order == token)[0]),
            "entropy_bits": float(-(raw * np.log2(raw)).sum()),
            "candidates": [
                {
                    "token_id": i,
                    "text": text_of(i),
                    "logit": float(logits[i]),
                    "raw_probability": float(raw[i]),
                    "probability": float(final[i]),
                    "removed_by": removed[i],
                }
                for i in shown
            ],
            "known": {"token_ids": known, "logits": [float(logits[i]) for i in known]},
            "tail": tail(rest),
            "special": token == EOS,
            "elapsed_s": 0.02 * (index + 1),
            "exact": True,
        }

    def beams(self, n: int, width: int = 3) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """(started, n beam steps): true beam search over the table, as `BeamStep.to_json` tells it."""
        live: list[tuple[float, list[int], int]] = [(0.0, [], 0)]  # score, new tokens, parent
        events = []
        for step in range(n):
            rows = [np.log(softmax(self.table[(self.ids + tokens)[-1]])) for _, tokens, _ in live]
            grown = [
                (live[parent][0] + float(row[i]), [*live[parent][1], int(i)], parent)
                for parent, row in enumerate(rows) for i in np.argsort(-row)[:width]
            ]  # fmt: skip
            live = sorted(grown, key=lambda g: -g[0])[:width]
            events.append({
                "event": "beam", "run_id": self.run_id, "seq": step + 1, "step": step, "elapsed_s": 0.03 * (step + 1),
                "beams": [
                    {"parent": parent, "token_id": tokens[-1], "text": text_of(tokens[-1]), "score": score,
                     "finished": False, "tokens": tokens, "so_far": "".join(map(text_of, tokens))}
                    for score, tokens, parent in live
                ],
                "candidates": [[candidate(int(i), row) for i in np.argsort(-row)[:20]] for row in rows],
            })  # fmt: skip
        return self.started(), events

    def run(self, n: int) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
        """(started, n token steps, finished)."""
        started, steps = self.started(), [self.step(i) for i in range(n)]
        finished = {
            "event": "finished",
            "run_id": self.run_id,
            "seq": n + 1,
            "reason": "max_new_tokens",
            "text": "".join(s["text"] for s in steps),
            "tokens": n,
            "first_token_s": 0.08,
            "tokens_per_s": 41.2,
            "prompt_tokens": 4,
            "context_window": 512,
            "stop_string": None,
            "message": None,
        }
        return started, steps, finished


def frame(started: Any, events: list[Any], total: int, finished: Any = None, **status: Any) -> str:
    """One frame as the page sends it; `history` and further keywords go to its status."""
    state = "finished" if finished else "running"
    history = status.pop("history", [])
    said = {"state": state, "progress": None, "queued": None, "notices": [], "error": None, **status}
    return json.dumps({
        "run": started["run_id"] if started else None, "started": started, "events": events, "total": total,
        "status": said, "finished": finished, "history": history,
    })  # fmt: skip
