import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.decoding.snapshot import GROUPS, TOP, Pieces, look
from tests.decoding.reference import GPT2Stepper, plan_of, run


def view_of(logits, must=(), seen=(), stages=()):
    mask = np.zeros(logits.shape[-1], dtype=bool)
    mask[list(seen)] = True
    return look(logits, stages, must, mask, Pieces(str))


def random_logits(V, seed=0, scale=3.0):
    return torch.from_numpy((np.random.default_rng(seed).normal(size=V) * scale).astype(np.float32))


@given(st.integers(1, 400), st.integers(0, 10**6), st.data())
@settings(max_examples=150, deadline=None)
def test_every_token_stands_in_exactly_one_place(V, seed, data):
    logits = random_logits(V, seed)
    ids = st.lists(st.integers(0, V - 1), max_size=20)
    must, seen = data.draw(ids), data.draw(ids)
    view = view_of(logits, must, seen)
    candidates = [c.token_id for c in view.candidates]
    assert len(set(candidates)) == len(candidates) and set(must) <= set(candidates)
    assert set(logits.topk(min(V, TOP)).indices.tolist()) <= set(candidates)
    assert set(view.known.token_ids) == set(seen) - set(candidates)
    assert len(candidates) + len(view.known.token_ids) + sum(view.tail.counts) == V
    assert len(view.tail.counts) <= GROUPS and all(n > 0 for n in view.tail.counts)
    assert list(view.tail.means) == sorted(view.tail.means, reverse=True)
    assert [c.logit for c in view.candidates] == sorted((float(logits[i]) for i in candidates), reverse=True)


def test_entropy_rank_and_log_probability_are_those_of_the_unfiltered_model():
    logits = random_logits(4096)
    distribution = torch.distributions.Categorical(logits=logits.double())
    chosen = int(logits.argsort(descending=True)[700])
    view = view_of(logits, [chosen], stages=[("top_k", logits.masked_fill(logits < logits.max(), -math.inf))])
    assert view.entropy_bits == pytest.approx(float(distribution.entropy()) / math.log(2), abs=1e-4)
    assert view.ranks[chosen] == 700
    assert view.logprob(chosen) == pytest.approx(float(distribution.log_prob(torch.tensor(chosen))), abs=1e-5)
    assert view.candidate(chosen).removed_by == "top_k" and view.candidates[0].probability == 1.0


@pytest.mark.parametrize("V", [300, 4096, 49_152])
@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 2.0, 5.0])
def test_the_groups_give_the_normaliser_of_any_temperature(V, temperature):
    for seed in range(4):
        logits = random_logits(V, seed, scale=2.5)
        view = view_of(logits, [], range(0, V, 97))
        top = view.candidates[0].logit
        exact = [c.logit for c in view.candidates] + list(view.known.logits)
        total = sum(math.exp((x - top) / temperature) for x in exact) + sum(
            n * math.exp((m - top) / temperature) * (1 + v / (2 * temperature**2))
            for n, m, v in zip(view.tail.counts, view.tail.means, view.tail.variances, strict=True)
        )
        probs = (logits.double() / temperature).softmax(-1)
        ours = [math.exp((c.logit - top) / temperature) / total for c in view.candidates]
        theirs = [float(probs[c.token_id]) for c in view.candidates]
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_step_is_plain_json_and_names_every_number_that_was_promised(tiny):
    model, vocabulary = tiny
    steps, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="sample", logit_bias="90 = 1"))
    step = json.loads(json.dumps(steps[3].to_json()))
    promised = "event run_id seq index position lane token_id text probability logprob random entropy_bits candidates"
    assert set(promised.split()) <= set(step)
    assert set(step["candidates"][0]) == {"token_id", "text", "logit", "raw_probability", "probability", "removed_by"}
    assert (step["event"], step["index"], step["position"]) == ("token", 3, 6)
    shown = {c["token_id"] for c in step["candidates"]} | set(step["known"]["token_ids"])
    assert {1, 5, 9, 90, *(s.token_id for s in steps[:3])} <= shown, "context and biased tokens are known exactly"
    done = json.loads(json.dumps(end.to_json()))
    assert done["reason"] == "max_new_tokens" and done["tokens"] == 12 and "state" not in done
