"""The embedded model through the manager's real loader: exact, distribution by distribution and token by token."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
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
from playground.decoding.randomness import uniform
from playground.decoding.search._choice import Ending
from playground.manager import ModelManager
from playground.models._places import ASSETS
from tests.decoding.reference import plan_of, run
from tests.decoding.test_searches import chi_square_p

FOLDER = ASSETS / "models" / "tales"
PROMPTS = (
    "The sky is", "Once upon a time there was a little", "The dog saw the dog and the dog saw the", '"Who', "1 2 3 1 2",
)  # fmt: skip
WORDS = (" dog", " blue", " the", " little", ".")
OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0,
       "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}  # fmt: skip


def finish(work: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    """The adapter, as a run gets it."""
    manager = ModelManager("class", dtype="float32")
    with finish(manager.acquire("tales")) as lease:
        yield lease.model
    manager.close()


@pytest.fixture(scope="module")
def reference() -> Any:
    """The same folder through transformers alone."""
    return AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def logits(loaded: Any) -> list[tuple[list[int], torch.Tensor]]:
    """Ids of each prompt and the logits (1, V) that follow it."""
    made = []
    for prompt in PROMPTS:
        ids = loaded.prompt_ids(prompt)
        made.append((ids, loaded.stepper().prefill(torch.tensor([ids]))[0]))
    return made


def theirs(chosen: dict[str, Any], biases: dict[str, float]) -> LogitsProcessorList:
    """The settings as transformers' own classes, in the order in which generate applies them."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    ids = {tuple(tokenizer.encode(word, add_special_tokens=False)): bias for word, bias in biases.items()}
    makers = {
        "repetition_penalty": RepetitionPenaltyLogitsProcessor, "no_repeat_ngram_size": NoRepeatNGramLogitsProcessor,
        "temperature": TemperatureLogitsWarper, "top_k": TopKLogitsWarper, "top_p": TopPLogitsWarper,
        "min_p": MinPLogitsWarper, "typical_p": TypicalLogitsWarper,
    }  # fmt: skip
    made = [SequenceBiasLogitsProcessor(sequence_bias=ids)] if ids else []
    return LogitsProcessorList([*made, *(make(chosen[name]) for name, make in makers.items() if name in chosen)])


some_settings = st.fixed_dictionaries({}, optional={
    "repetition_penalty": st.floats(0.5, 2), "no_repeat_ngram_size": st.integers(1, 4),
    "temperature": st.floats(0.1, 5), "top_k": st.integers(1, 5000), "top_p": st.floats(0.05, 0.999),
    "min_p": st.floats(0.001, 0.5), "typical_p": st.floats(0.05, 0.99),
})  # fmt: skip
some_biases = st.dictionaries(st.sampled_from(WORDS), st.floats(-20, 20).map(lambda b: round(b, 3)), max_size=3)


def test_the_loader_gives_the_logits_of_transformers(loaded: Any, reference: Any, logits: Any) -> None:
    assert loaded.bytes == 4 * reference.num_parameters()
    for ids, ours in logits:
        with torch.no_grad():
            expected = reference(torch.tensor([ids])).logits[0, -1]
        assert ids[0] == reference.config.eos_token_id, "its texts begin with the token that ends them"
        assert (ours[0] - expected).abs().max() < 1e-4
        assert (ours[0].softmax(-1) - expected.softmax(-1)).abs().max() <= 1e-5


@given(st.integers(0, len(PROMPTS) - 1), some_settings, some_biases)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_final_distribution_is_that_of_transformers_for_any_settings(
    loaded: Any, logits: Any, which: int, chosen: dict[str, Any], biases: dict[str, float]
) -> None:
    ids, raw = logits[which]
    written = "".join(f'"{word}" = {bias}\n' for word, bias in biases.items())
    plan = plan_of(loaded.vocabulary, ids, 1, 512, search="sample", logit_bias=written, **OFF | chosen)
    stages = filtered(plan, raw, torch.tensor([ids]))
    final = stages[-1][1] if stages else raw
    expected = theirs(chosen, biases)(torch.tensor([ids]), raw.clone())
    assert (final.softmax(-1) - expected.softmax(-1)).abs().max() <= 1e-5
    assert torch.equal(final.isfinite(), expected.isfinite()), "the same tokens are left"


def test_the_events_of_a_run_carry_these_figures(loaded: Any, reference: Any) -> None:
    """Every step of a run through the loop, under settings that all act, against one forward pass of transformers."""
    chosen = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "temperature": 1.2, "top_k": 200, "top_p": 0.95,
              "min_p": 0.002}  # fmt: skip
    ids = loaded.prompt_ids("Once upon a time there was a little")
    plan = plan_of(loaded.vocabulary, ids, 40, 512, search="sample", seed=3, logit_bias='" dog" = 2', **OFF | chosen)
    steps, _, _ = run(loaded.stepper(), loaded.vocabulary, plan)
    whole = torch.tensor([[*ids, *(s.token_id for s in steps)]])
    with torch.no_grad():
        rows = reference(whole).logits[0, len(ids) - 1 : -1]
    assert len(steps) == 40
    for i, (step, row) in enumerate(zip(steps, rows, strict=True)):
        expected = theirs(chosen, {" dog": 2.0})(whole[:, : len(ids) + i], row[None].clone())[0].softmax(-1)
        assert step.probability == pytest.approx(float(expected[step.token_id]), abs=1e-5)
        assert step.logprob == pytest.approx(float(row.log_softmax(-1)[step.token_id]), abs=1e-4)
        for candidate in step.candidates:
            assert candidate.probability == pytest.approx(float(expected[candidate.token_id]), abs=1e-5)


@pytest.mark.parametrize("prompt", PROMPTS[1:4])
@pytest.mark.parametrize(
    "search",
    [
        {"search": "greedy"},
        {"search": "greedy", "repetition_penalty": 1.3},
        {"search": "greedy", "no_repeat_ngram_size": 2},
        {"search": "beam", "num_beams": 2, "length_penalty": 1.0, "early_stopping": False, "repetition_penalty": 1.3},
        {"search": "beam", "num_beams": 3, "length_penalty": 1.0, "early_stopping": False, "no_repeat_ngram_size": 2},
        {"search": "beam", "num_beams": 4, "length_penalty": 1.0, "early_stopping": True},
        {"search": "beam", "num_beams": 5, "length_penalty": 2.0, "early_stopping": False},
        {"search": "beam", "num_beams": 3, "length_penalty": -1.0, "early_stopping": "never"},
    ],
    ids=lambda s: "-".join(map(str, s.values())),
)
def test_greedy_and_beam_sequences_are_those_of_generate(
    loaded: Any, reference: Any, prompt: str, search: dict[str, Any]
) -> None:
    ids = loaded.prompt_ids(prompt)
    told = torch.tensor([ids])
    options = {k: v for k, v in search.items() if k != "search"}
    with torch.no_grad():
        whole = reference.generate(
            told, attention_mask=torch.ones_like(told), do_sample=False, max_new_tokens=40, pad_token_id=0,
            eos_token_id=list(loaded.eos_token_ids), **options)  # fmt: skip
    stop = {False: "false", True: "true", "never": "never"}
    early = {"early_stopping": stop[search["early_stopping"]]} if "early_stopping" in search else {}
    plan = plan_of(loaded.vocabulary, ids, 40, loaded.context_window, eos_token_ids=loaded.eos_token_ids,
                   **search | early)  # fmt: skip
    steps, beams, _ = run(loaded.stepper(), loaded.vocabulary, plan)
    assert [s.token_id for s in steps] == whole[0, len(ids) :].tolist()
    assert len(steps) > 5
    assert bool(beams) == (search["search"] == "beam")


def test_the_tokens_that_sampling_draws_are_as_frequent_as_the_distribution_says(logits: Any, loaded: Any) -> None:
    """24,000 seeds, each the first step of a run of its own through loop, filters and search."""
    ids, raw = logits[1]
    chosen = {"repetition_penalty": 1.2, "temperature": 1.1, "top_k": 80, "top_p": 0.95, "min_p": 0.002}
    expected = theirs(chosen, {" dog": 1.0})(torch.tensor([ids]), raw.clone())[0].double().softmax(-1).numpy()
    plan = plan_of(loaded.vocabulary, ids, 1, 512, search="sample", logit_bias='" dog" = 1', **OFF | chosen)
    scores = filtered(plan, raw, torch.tensor([ids]))[-1][1]
    draws = 24_000
    drawn = [plan.chooser.choose(scores, uniform(s, 0, 0), None, Ending(1)).token_ids[0] for s in range(draws)]
    counts = np.bincount(drawn, minlength=len(expected))
    left = expected > 0
    assert left.sum() > 20
    assert counts[~left].sum() == 0
    assert chi_square_p(counts[left], draws * expected[left]) > 0.001
    cooler = expected[left] ** (1 / 0.97)
    assert chi_square_p(counts[left], draws * cooler / cooler.sum()) < 1e-3, "a temperature 3 % lower would be seen"
    for seed in range(0, draws, 2_000):  # and the whole run draws what the search alone did
        steps, _, _ = run(loaded.stepper(), loaded.vocabulary, replace(plan, seed=seed))
        assert [s.token_id for s in steps] == [drawn[seed]]
