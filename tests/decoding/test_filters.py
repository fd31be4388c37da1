import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from playground.decoding.filtering import filtered
from playground.decoding.filters import (
    logit_bias,
    min_p,
    no_repeat_ngram,
    repetition_penalty,
    temperature,
    top_k,
    top_p,
    typical,
)
from playground.decoding.plan import Plan, filters_from, name_of, search_from
from playground.decoding.snapshot import Pieces, look
from playground.errors import PlaygroundError
from playground.plugins import discover
from tests.decoding.reference import NumberVocabulary

NOTHING = torch.zeros(1, 0, dtype=torch.long)
OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0}


def random_case(rng, V):
    """Logits (1, V), a context (1, T), and settings, each of them on or off."""
    logits = torch.from_numpy((rng.normal(size=(1, V)) * rng.choice([0.5, 2, 5]) + rng.normal() * 5).astype(np.float32))
    context = torch.from_numpy(rng.integers(0, max(2, V // 3), size=(1, int(rng.integers(1, 40)))))
    on = lambda value: value if rng.random() < 0.6 else None
    chosen = {
        "logit_bias": on("".join(f"{i} = {rng.normal() * 5:.3f}\n" for i in rng.choice(V, 3, replace=False))),
        "repetition_penalty": on(float(rng.uniform(0.5, 2))),
        "no_repeat_ngram_size": on(int(rng.integers(1, 4))),
        "temperature": on(float(rng.uniform(0.1, 5))),
        "top_k": on(int(rng.integers(1, V + 20))),
        "top_p": on(float(rng.uniform(0.05, 0.999))),
        "min_p": on(float(rng.uniform(0.001, 0.5))),
        "typical_p": on(float(rng.uniform(0.05, 0.99))),
    }
    return logits, context, {k: v for k, v in chosen.items() if v is not None}


def theirs(chosen):
    """The same settings as transformers' own classes, in transformers' order."""
    biases = {(i,): b for i, b in logit_bias.parse(chosen.get("logit_bias", "")) for i in [int(i)]}
    made = [
        SequenceBiasLogitsProcessor(sequence_bias=biases) if biases else None,
        RepetitionPenaltyLogitsProcessor(chosen["repetition_penalty"]) if "repetition_penalty" in chosen else None,
        NoRepeatNGramLogitsProcessor(chosen["no_repeat_ngram_size"]) if "no_repeat_ngram_size" in chosen else None,
        TemperatureLogitsWarper(chosen["temperature"]) if "temperature" in chosen else None,
        TopKLogitsWarper(chosen["top_k"]) if "top_k" in chosen else None,
        TopPLogitsWarper(chosen["top_p"]) if "top_p" in chosen else None,
        MinPLogitsWarper(chosen["min_p"]) if "min_p" in chosen else None,
        TypicalLogitsWarper(chosen["typical_p"]) if "typical_p" in chosen else None,
    ]
    return LogitsProcessorList([p for p in made if p is not None])


def ours(logits, context, chosen):
    vocabulary = NumberVocabulary(logits.shape[-1])
    values = OFF | chosen
    plan = Plan(tuple(context[0].tolist()), filters_from(values, vocabulary), search_from({"search": "sample"}), 1)
    return filtered(plan, logits, context)


@pytest.mark.parametrize(("V", "cases"), [(7, 150), (97, 300), (4096, 150), (49_152, 40)])
def test_the_final_distribution_is_that_of_transformers_over_the_whole_vocabulary(V, cases):
    rng = np.random.default_rng(V)
    compared = 0
    for _ in range(cases):
        logits, context, chosen = random_case(rng, V)
        before = logits.clone()
        stages = ours(logits, context, chosen)
        assert torch.equal(logits, before), "filters must not change their input"
        final = stages[-1][1] if stages else logits
        if not final.isfinite().any():
            continue  # every token was banned: the loop ends such a run
        expected = theirs(chosen)(context, logits.clone()).softmax(-1)
        assert float((final.softmax(-1) - expected).abs().max()) <= 1e-5, chosen
        compared += 1
    assert compared > 0.9 * cases


def test_filters_run_in_the_order_of_transformers():
    names = [name_of(f) for f in filters_from({}, NumberVocabulary(9))]
    assert names == [
        "logit_bias",
        "repetition_penalty",
        "no_repeat_ngram",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "typical",
    ]


def test_off_values_leave_the_logits_alone():
    logits = torch.randn(2, 30)
    for made in (
        logit_bias.Filter(""), repetition_penalty.Filter(1.0), no_repeat_ngram.Filter(0), top_k.Filter(0),
        top_p.Filter(1.0), min_p.Filter(0.0), typical.Filter(1.0), temperature.Filter(1.0),
    ):  # fmt: skip
        assert not made.active
        out = made(logits, torch.zeros(2, 3, dtype=torch.long))
        torch.testing.assert_close(out.softmax(-1), logits.softmax(-1))
        assert out.data_ptr() != logits.data_ptr(), "a copy, so that nobody changes the model's logits"


def test_every_filter_survives_an_empty_context_and_a_vocabulary_of_one():
    one = torch.tensor([[3.0]])
    for module in discover("playground.decoding.filters").values():
        for values in ({}, {"temperature": 0.0}, {"top_k": 99}, {"top_p": 0.0}, {"min_p": 1.0}, {"typical_p": 0.0},
                       {"repetition_penalty": 2.0}, {"no_repeat_ngram_size": 2}):  # fmt: skip
            names = module.Filter.__dataclass_fields__
            if set(values) <= set(names):
                assert module.Filter(**values)(one, NOTHING).isfinite().all(), (module, values)


logit_lists = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=60)


@given(logit_lists, st.floats(0, 0.999))
@settings(max_examples=200, deadline=None)
def test_top_p_keeps_the_smallest_set_of_likeliest_tokens_that_holds_p(values, p):
    logits = torch.tensor([values])
    kept = top_p.Filter(p)(logits, NOTHING)[0].isfinite()
    probs = logits[0].double().softmax(-1)
    assert kept.any()
    if (~kept).any():
        assert probs[kept].min() >= probs[~kept].max(), "no removed token is likelier than a kept one"
        assert probs[kept].sum() >= p - 1e-6, "enough is kept (probabilities are float32, as those of transformers)"
    if kept.sum() > 1:
        assert probs[kept].sum() - probs[kept].min() < p + 1e-6, "not more than enough is kept"


@given(logit_lists, st.integers(1, 80))
@settings(max_examples=100, deadline=None)
def test_top_k_keeps_k_tokens_and_those_equal_to_the_last(values, k):
    logits = torch.tensor([values])
    kept = top_k.Filter(k)(logits, NOTHING)[0].isfinite()
    edge = sorted(values, reverse=True)[min(k, len(values)) - 1]
    assert kept.tolist() == [v >= edge for v in values]


@given(logit_lists, st.floats(0.001, 1))
@settings(max_examples=100, deadline=None)
def test_min_p_keeps_what_has_its_share_of_the_favourite(values, share):
    logits = torch.tensor([values])
    kept = min_p.Filter(share)(logits, NOTHING)[0].isfinite()
    ratio = (logits[0] - logits[0].max()).double().exp()
    assert kept[ratio > share * 1.0001].all() and not kept[ratio < share * 0.9999].any() and kept.any()


@given(logit_lists, st.floats(0, 0.999))
@settings(max_examples=100, deadline=None)
def test_typical_keeps_the_tokens_nearest_to_the_entropy(values, mass):
    logits = torch.tensor([values])
    kept = typical.Filter(mass)(logits, NOTHING)[0].isfinite()
    logprobs = logits[0].double().log_softmax(-1)
    distance = (-logprobs - -(logprobs * logprobs.exp()).sum()).abs()
    assert kept.any() and logprobs[kept].exp().sum() >= mass - 1e-6
    if (~kept).any():
        assert distance[kept].max() <= distance[~kept].min() + 1e-4


@given(logit_lists, st.floats(0.01, 10))
@settings(max_examples=100, deadline=None)
def test_temperature_keeps_the_order_and_moves_entropy_in_its_direction(values, T):
    logits = torch.tensor([values], dtype=torch.float64)
    out = temperature.Filter(T)(logits, NOTHING)
    assert torch.equal(out[0].argsort(stable=True), (logits[0] / T).argsort(stable=True))
    entropy = lambda x: float(torch.distributions.Categorical(logits=x[0]).entropy())
    assert (entropy(out) - entropy(logits)) * (T - 1) >= -1e-9


def test_temperature_zero_leaves_the_first_favourite_alone():
    assert temperature.Filter(0.0)(torch.tensor([[1.0, 3, 3, 2]]), NOTHING).softmax(-1).tolist() == [[0, 1, 0, 0]]


def test_a_tiny_temperature_does_not_overflow():
    assert temperature.Filter(1e-30)(torch.tensor([[80.0, 81.0]]), NOTHING).softmax(-1).tolist() == [[0, 1]]


def test_a_penalty_divides_positive_logits_and_multiplies_negative_ones():
    logits, context = torch.tensor([[2.0, -2.0, 5.0, 0.0]]), torch.tensor([[0, 1, 1, 3]])
    assert repetition_penalty.Filter(2.0)(logits, context).tolist() == [[1.0, -4.0, 5.0, 0.0]]


def test_context_ids_that_the_model_cannot_write_change_nothing():
    logits, context = torch.tensor([[2.0, -2.0]]), torch.tensor([[7, 7, 7]])
    assert torch.equal(repetition_penalty.Filter(2.0)(logits, context), logits)
    assert torch.equal(no_repeat_ngram.Filter(1)(logits, context), logits)


def test_no_repeat_ngram_bans_each_row_by_its_own_context():
    logits = torch.zeros(2, 5)
    out = no_repeat_ngram.Filter(2)(logits, torch.tensor([[1, 2, 1], [3, 4, 4]]))
    assert [[i for i, x in enumerate(row) if x == -math.inf] for row in out.tolist()] == [[2], [4]]


def test_top_p_in_a_large_flat_vocabulary_looks_past_the_first_thousand():
    logits = torch.linspace(0, 0.1, 49_152)[None]
    kept = top_p.Filter(0.5)(logits, NOTHING)[0].isfinite()
    probs = logits[0].double().softmax(-1)
    assert 20_000 < kept.sum() < 25_000 and kept.tolist() == sorted(kept.tolist())
    assert 0.5 <= probs[kept].sum() < 0.5001


def test_removed_by_names_the_filter_that_removed_a_token():
    logits = torch.tensor([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]])
    context = torch.tensor([[0]])
    chosen = {"no_repeat_ngram_size": 1, "top_k": 4, "top_p": 0.9, "min_p": 0.2}
    stages = [(name, s[0]) for name, s in ours(logits, context, chosen)]
    view = look(logits[0], stages, (1,), np.zeros(6, bool), Pieces(str))
    by_hand = torch.tensor([4.0, 3.0, 2.0, 1.0]).softmax(-1)  # after top_k: 0.644, 0.237, 0.087, 0.032
    assert by_hand[:3].sum() > 0.9 > by_hand[:2].sum()
    assert [c.removed_by for c in view.candidates] == ["no_repeat_ngram", None, None, "min_p", "top_p", "top_k"]


# ── the syntax of logit_bias ─────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "pairs"),
    [
        ("", []),
        (" \n , \n", []),
        (" potato=5", [(" potato", 5.0)]),
        (" potato = 5\nblue = -2.5", [(" potato", 5.0), ("blue", -2.5)]),
        ("a=1, b=2", [("a", 1.0), (" b", 2.0)]),
        ('" potato" = 5', [(" potato", 5.0)]),
        ('"a,b=c" = 1, "\\n" = -100', [("a,b=c", 1.0), ("\n", -100.0)]),
        ("a=1e1\r\nb=2", [("a", 10.0), ("b", 2.0)]),
    ],
)
def test_logit_bias_reads(written, pairs):
    assert logit_bias.parse(written) == pairs


@pytest.mark.parametrize(
    "written", ["potato", "potato=", "potato=five", "=5", "a=nan", "a=inf", "a=1=2", "a=5000", '"\\q"=1']
)
def test_logit_bias_refuses_what_it_cannot_read_and_shows_how_to_write_it(written):
    with pytest.raises(PlaygroundError, match="text = number"):
        logit_bias.parse(written)


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_logit_bias_never_fails_in_another_way(written):
    try:
        pairs = logit_bias.parse(written)
    except PlaygroundError:
        return
    assert all(piece and math.isfinite(bias) for piece, bias in pairs)


def test_logit_bias_on_several_tokens_names_them():
    with pytest.raises(PlaygroundError, match=r"'1 2' is 2 for this model \('1 ', '2 '\)"):
        filters_from({"logit_bias": "1 2 = 5"}, NumberVocabulary(9))


def test_logit_bias_adds_to_its_tokens_only():
    bound = filters_from({"logit_bias": "3 = 5\n3 = 1\n4 = -2"}, NumberVocabulary(6))[0]
    assert bound.token_biases == {3: 6.0, 4: -2.0}
    assert bound(torch.zeros(2, 6), NOTHING).tolist() == [[0, 0, 0, 6, -2, 0]] * 2
