import numpy as np
import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from playground.decoding.plan import search_from
from playground.decoding.randomness import uniform
from playground.decoding.search import sample
from playground.errors import PlaygroundError
from playground.events import Reason
from tests.decoding.reference import GPT2Stepper, NumberVocabulary, plan_of, run, tiny_gpt2


def generated(model, prompt, **rest):
    """New tokens of transformers' own generate."""
    ids = torch.tensor([prompt])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, **({"pad_token_id": 0, "eos_token_id": None} | rest)
    )
    return out[0, len(prompt) :].tolist()


def written(model, vocabulary, prompt, **rest):
    steps, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, prompt, **rest))
    assert end.tokens == len(steps)
    return [s.token_id for s in steps]


def chi_square_p(counts, expected):
    """The probability of counts at least as far from `expected`."""
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float(torch.special.gammaincc(torch.tensor((len(counts) - 1) / 2), torch.tensor(statistic / 2)))


# ── greedy ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.4}, {"no_repeat_ngram_size": 2}])
def test_greedy_is_generate_on_random_models(settings):
    for seed in range(4):
        model = tiny_gpt2(seed=seed)
        prompt = np.random.default_rng(seed).integers(0, 97, 6).tolist()
        ours = written(model, NumberVocabulary(97), prompt, max_new_tokens=40, search="greedy", **settings)
        assert ours == generated(model, prompt, max_new_tokens=40, **settings)


@pytest.mark.parametrize("text", ["The sky is", "Once upon a time", "Tom and Lily went to the"])
@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.2}, {"no_repeat_ngram_size": 3}])
def test_greedy_is_generate_on_tales(tales, text, settings):
    model, vocabulary = tales
    prompt = [0, *vocabulary.encode(text)]
    rest = {"context_window": 512, "search": "greedy", "eos_token_ids": (0,)} | settings
    ours = written(model, vocabulary, prompt, max_new_tokens=60, **rest)
    assert ours == generated(model, prompt, max_new_tokens=60, eos_token_id=0, **settings)


def test_sampling_filters_do_not_act_in_greedy_search_and_penalties_do(tiny):
    model, vocabulary = tiny
    steps, _, _ = run(GPT2Stepper(model), vocabulary, plan_of(
        vocabulary, search="greedy", temperature=0.3, top_k=2, top_p=0.5, no_repeat_ngram_size=1))  # fmt: skip
    assert {c.removed_by for s in steps for c in s.candidates} == {None, "no_repeat_ngram"}
    assert all(s.random is None for s in steps)


def test_temperature_zero_is_greedy_search_event_for_event(tiny):
    model, vocabulary = tiny
    both = [
        run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **s), clock=lambda: 0.0)[0]
        for s in ({"search": "sample", "temperature": 0.0, "top_p": 0.5}, {"search": "greedy"})
    ]
    assert both[0] == both[1]


# ── beams ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("early_stopping", ["false", "true", "never"])
@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 1.0, 2.0])
def test_beam_search_is_generate_on_random_models(early_stopping, length_penalty):
    stop = {"false": False, "true": True, "never": "never"}[early_stopping]
    endings = set()
    for seed in range(16):
        rng = np.random.default_rng(seed)
        V = int(rng.choice([5, 30, 97]))
        model = tiny_gpt2(V, seed=seed, scale=float(rng.choice([1, 2, 4])))
        prompt = rng.integers(0, V, 5).tolist()
        num_beams = int(rng.integers(2, 6))
        eos = tuple(sorted({int(i) for i in rng.integers(0, V, int(rng.integers(0, 4)))}))
        rest = {"num_beams": num_beams, "length_penalty": length_penalty, "max_new_tokens": int(rng.integers(1, 30))}
        ours = written(model, NumberVocabulary(V), prompt, search="beam", early_stopping=early_stopping,
                       eos_token_ids=eos, **rest)  # fmt: skip
        theirs = generated(model, prompt, early_stopping=stop, eos_token_id=list(eos) or None, **rest)
        assert ours == theirs, (seed, V, num_beams, eos, rest)
        endings.add(bool(ours and ours[-1] in eos))
    assert endings == {True, False}, "some runs end at eos, some do not"


@pytest.mark.parametrize("settings", [{"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 2}])
def test_beam_search_with_penalties_is_generate(settings):
    for seed in range(4):
        model = tiny_gpt2(seed=seed)
        rest = {"num_beams": 3, "max_new_tokens": 25, **settings}
        ours = written(model, NumberVocabulary(97), [1, 2, 3, 2], search="beam", eos_token_ids=(7, 9), **rest)
        assert ours == generated(model, [1, 2, 3, 2], eos_token_id=[7, 9], **rest)


@pytest.mark.parametrize("text", ["The sky is", "Once upon a time", "The cat sat"])
@pytest.mark.parametrize(
    ("num_beams", "length_penalty", "early_stopping"),
    [(2, 1.0, "false"), (4, 1.0, "true"), (5, 2.0, "false"), (3, -1.0, "never")],
)
def test_beam_search_is_generate_on_tales(tales, text, num_beams, length_penalty, early_stopping):
    model, vocabulary = tales
    prompt = [0, *vocabulary.encode(text)]
    rest = {"num_beams": num_beams, "length_penalty": length_penalty, "max_new_tokens": 40}
    ours = written(model, vocabulary, prompt, context_window=512, search="beam", early_stopping=early_stopping,
                   eos_token_ids=(0,), **rest)  # fmt: skip
    stop = {"false": False, "true": True, "never": "never"}[early_stopping]
    assert ours == generated(model, prompt, early_stopping=stop, eos_token_id=0, **rest)


def test_one_beam_is_greedy_search(tiny):
    model, vocabulary = tiny
    assert written(model, vocabulary, [4, 5], search="beam", num_beams=1) == written(
        model, vocabulary, [4, 5], search="greedy"
    )


def test_beam_steps_tell_a_tree_whose_scores_are_summed_log_probabilities(tiny):
    model, vocabulary = tiny
    prompt = (1, 5, 9)
    plan = plan_of(vocabulary, prompt, max_new_tokens=8, search="beam", num_beams=3, eos_token_ids=(50, 51, 52, 53, 54))
    _, beams, _ = run(GPT2Stepper(model), vocabulary, plan)
    for i, step in enumerate(beams):
        assert step.step == i
        running = [b for b in step.beams if not b.finished]
        assert running == sorted(running, key=lambda b: -b.score)
        assert len(step.candidates) == (1 if i == 0 else len([b for b in beams[i - 1].beams if not b.finished]))
        for beam in step.beams:
            ids = torch.tensor([[*prompt, *beam.tokens]])
            with torch.no_grad():
                logprobs = model(ids).logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])[len(prompt) - 1 :]
            score = float(logprobs.sum()) / (len(beam.tokens) if beam.finished else 1)
            assert beam.score == pytest.approx(score, abs=1e-3)
            assert beam.so_far == vocabulary.decode(beam.tokens) and beam.so_far.endswith(beam.text)
            if i:
                parent = beams[i - 1].beams[beam.parent]
                assert beam.tokens in (parent.tokens, (*parent.tokens, beam.token_id))
            if i and not beam.finished:
                assert beam.token_id in {c.token_id for c in step.candidates[beam.parent]}


def test_the_winners_tokens_carry_the_numbers_of_their_own_context(tiny):
    model, vocabulary = tiny
    prompt = (1, 5, 9)
    steps, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, prompt, search="beam", num_beams=4))
    ids = torch.tensor([[*prompt, *(s.token_id for s in steps)]])
    with torch.no_grad():
        logprobs = model(ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    for i, step in enumerate(steps):
        assert step.index == i and step.logprob == pytest.approx(float(logprobs[i, step.token_id]), abs=1e-4)
        assert step.token_id in {c.token_id for c in step.candidates}
        for c in step.candidates:
            assert c.raw_probability == pytest.approx(float(logprobs[i, c.token_id].exp()), abs=1e-5)
    assert end.reason is Reason.MAX_NEW_TOKENS and end.text == "".join(s.text for s in steps)


def test_beams_as_many_as_the_vocabulary_are_defined():
    model = tiny_gpt2(3)
    rest = {"num_beams": 4, "max_new_tokens": 6}
    ours = written(model, NumberVocabulary(3), [1, 2], search="beam", eos_token_ids=(2,), **rest)
    assert ours == generated(model, [1, 2], eos_token_id=2, **rest)


def test_a_vocabulary_of_one_token_works_in_every_search():
    model, vocabulary = tiny_gpt2(1), NumberVocabulary(1)
    for settings in (
        {"search": "greedy"},
        {"search": "sample", "top_k": 5, "top_p": 0.5},
        {"search": "beam", "num_beams": 3},
    ):
        assert written(model, vocabulary, [0, 0], max_new_tokens=4, **settings) == [0] * 4


# ── sampling ─────────────────────────────────────────────────────────────────


def test_sampled_frequencies_are_those_of_transformers_warpers():
    rng = np.random.default_rng(5)
    logits = torch.from_numpy(rng.normal(size=(1, 300)).astype(np.float32) * 2)
    warpers = LogitsProcessorList(
        [TemperatureLogitsWarper(1.3), TopKLogitsWarper(60), TopPLogitsWarper(0.9), MinPLogitsWarper(0.01)]
    )
    expected = warpers(torch.zeros(1, 1, dtype=torch.long), logits)[0].double().softmax(-1).numpy()

    from playground.decoding.filtering import filtered

    vocabulary = NumberVocabulary(300)
    plan = plan_of(vocabulary, search="sample", temperature=1.3, top_k=60, top_p=0.9, min_p=0.01)
    scores = filtered(plan, logits, torch.zeros(1, 1, dtype=torch.long))[-1][1]
    draws = 20_000
    counts = np.bincount([sample.draw(scores[0], uniform(17, 0, i)) for i in range(draws)], minlength=300)
    assert counts[expected == 0].sum() == 0
    kept = expected > 0
    assert kept.sum() > 10
    assert chi_square_p(counts[kept], draws * expected[kept]) > 0.001
    assert chi_square_p(counts[kept], draws * expected[kept][::-1]) < 1e-9, "the test would see another distribution"


def test_the_chosen_token_is_the_inverse_cdf_in_descending_order():
    scores = torch.tensor([0.2, 0.5, 0.05, 0.25]).log()
    assert [sample.draw(scores, u) for u in (0, 0.49, 0.51, 0.74, 0.76, 0.94, 0.96, 0.999999)] == [
        1,
        1,
        3,
        3,
        0,
        0,
        2,
        2,
    ]


def test_equal_tokens_are_drawn_in_the_order_of_their_ids():
    scores = torch.tensor([0.0, 1.0, 1.0, 1.0, -float("inf")])
    assert [sample.draw(scores, u) for u in (0.1, 0.4, 0.7, 0.95)] == [1, 2, 3, 0]


def test_the_first_tokens_and_the_full_order_give_the_same_draw(monkeypatch):
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.integers(-6, 6, 3000).astype(np.float32))  # many ties
    numbers = rng.random(300)
    short = [sample.draw(scores, u) for u in numbers]
    monkeypatch.setattr(sample, "FIRST", (3000,))
    assert short == [sample.draw(scores, u) for u in numbers]
    by_hand = np.lexsort((np.arange(3000), -scores.numpy()))
    sums = np.exp(scores.numpy()[by_hand].astype(np.float64) - 5).cumsum()
    assert short == [int(by_hand[np.searchsorted(sums, u * sums[-1], side="right")]) for u in numbers]


def test_a_number_just_below_one_never_draws_a_removed_token():
    scores = torch.full((5000,), -float("inf"))
    scores[[7, 900]] = torch.tensor([1.0, 0.5])
    assert sample.draw(scores, np.nextafter(1, 0)) == 900


def test_numbers_depend_on_seed_lane_and_index_alone_and_are_uniform():
    numbers = [uniform(3, 0, i) for i in range(20_000)]
    assert numbers[5] == uniform(3, 0, 5)
    assert len({numbers[5], uniform(4, 0, 5), uniform(3, 1, 5), uniform(3, 0, 6)}) == 4
    steps = np.arange(20_000) / 20_000
    distance = np.abs(np.sort(numbers) - steps).max()  # Kolmogorov and Smirnov's
    assert distance * np.sqrt(20_000) < 1.95  # p > 0.001
    assert all(0 <= uniform(seed, 0, 0) < 1 for seed in (-1, 2**70, 0))


def test_the_same_seed_writes_the_same_and_shows_its_numbers(tiny):
    model, vocabulary = tiny
    runs = [
        run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="sample", seed=s, temperature=2.0))[0]
        for s in (1, 1, 2)
    ]
    tokens = [[s.token_id for s in steps] for steps in runs]
    assert tokens[0] == tokens[1] != tokens[2]
    assert [s.random for s in runs[0]] == [uniform(1, 0, i) for i in range(12)] == [s.uniform for s in runs[0]]


def test_an_unknown_search_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(PlaygroundError, match="greedy, sample, beam, got 'best'"):
        search_from({"search": "best"})
