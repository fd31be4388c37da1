"""The browser's arithmetic against Python's, in a real browser."""

from pathlib import Path

import numpy as np
import pytest
import torch

from playground.decoding.filtering import filtered
from playground.decoding.loop import decode
from playground.events import Started
from playground.plugins import discover
from tests.decoding.reference import GPT2Stepper, NumberVocabulary, plan_of

pytestmark = pytest.mark.browser
DECODING = Path(__file__).parents[2] / "playground" / "decoding"
SCRIPTS = [DECODING / "pipeline.js", *sorted((DECODING / "filters").glob("*.js"))]
EPSILON = 3e-4  # a cut nearer to a token than this may fall on its other side: a snapshot is a summary
NEUTRAL = {"search": "sample", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0,
           "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}  # fmt: skip
PIPELINE = """cases => cases.map(([step, started, settings, written]) => {
    const out = playground.pipeline(step, started, settings, written);
    const tokens = atoms => atoms.filter(a => a.token_id !== null);
    return {...out, stages: out.stages.map(({atoms, ...rest}) => ({...rest, atoms: tokens(atoms)})),
            total: out.atoms.reduce((sum, a) => sum + a.probability, 0)};
})"""


@pytest.fixture(scope="module")
def tab(browser):
    """A blank page with nothing but the twins."""
    context = browser.new_context()
    page = context.new_page()
    for script in SCRIPTS:
        page.add_script_tag(path=script)
    yield page
    context.close()


class OneDistribution:
    """A stepper whose model always gives the same logits."""

    context_window = 10**6
    cache, bytes = (), 0

    def __init__(self, logits):
        self.logits, self.vocab_size = logits, logits.shape[-1]

    def prefill(self, input_ids):
        return self.logits, torch.zeros(input_ids.shape[1] - 1)


def snapshot(logits, context, seed=0, **recorded):
    """One step's JSON and its run's, as the page gets them."""
    vocabulary = NumberVocabulary(logits.shape[-1])
    settings = NEUTRAL | recorded
    plan = plan_of(vocabulary, context, 1, context_window=10**6, seed=seed, **settings)
    step = next(decode(OneDistribution(logits), vocabulary, plan, run_id="run"))
    started = Started("run", "text", "model", "", (), settings, logits.shape[-1], 10**6, logit_bias=plan.token_biases,
                      filters=tuple(discover("playground.decoding.filters"))).to_json()  # fmt: skip
    started["logit_bias"] = {str(i): b for i, b in started["logit_bias"].items()}  # as JSON has it
    started["prompt_tokens"] = [{"token_id": i, "text": vocabulary.piece(i)} for i in context]
    return step.to_json(), started


def exact(logits, context, settings):
    """Final probabilities (V,) by Python, over the whole vocabulary; None where nothing is left."""
    plan = plan_of(NumberVocabulary(logits.shape[-1]), context, 1, **(NEUTRAL | settings))
    stages = filtered(plan, logits, torch.tensor([context]))
    final = stages[-1][1] if stages else logits
    return final[0].double().softmax(-1) if final.isfinite().any() else None


def draw_logits(rng, V):
    """Model-like logits (1, V): a bulk, and a few favourites."""
    logits = rng.normal(size=V) * rng.choice([0.3, 1.5, 3.0]) + rng.normal() * 8
    favourites = rng.choice(V, int(rng.integers(0, min(V, 30))), replace=False)
    logits[favourites] += rng.exponential(rng.choice([1, 4]), len(favourites)) + 2
    return torch.from_numpy(logits.astype(np.float32))[None]


def draw_settings(rng, V, names=None):
    on = lambda name, value: {name: value} if (rng.random() < 0.5 if names is None else name in names) else {}
    return {
        **on("temperature", float(np.exp(rng.uniform(np.log(0.1), np.log(5))))),
        **on("top_k", int(np.exp(rng.uniform(0, np.log(V * 1.2))))),
        **on("top_p", float(rng.choice([rng.uniform(0, 1), rng.uniform(0.85, 0.999)]))),
        **on("min_p", float(np.exp(rng.uniform(np.log(1e-4), 0)))),
        **on("typical_p", float(rng.uniform(0.05, 0.99))),
        **on("repetition_penalty", float(rng.uniform(0.5, 2))),
        **on("no_repeat_ngram_size", int(rng.integers(1, 4))),
    }


def near_a_cut(logits, context, settings, ids):
    """Whether some candidate stays or goes with a change of p that a summary cannot see."""
    fates = []
    for sign in (-1, 1):
        moved = {
            k: float(np.clip(settings[k] + sign * EPSILON, 1e-6, 1 - 1e-6))
            for k in ("top_p", "typical_p")
            if k in settings
        }
        found = exact(logits, context, settings | moved)
        fates.append(None if found is None else (found[ids] > 0).tolist())
    return fates[0] != fates[1]


def check(tab, cases):
    """Compare the pipeline with Python on (logits, context, recorded, settings); the largest difference."""
    sent, expected = [], []
    for logits, context, recorded, settings in cases:
        step, started = snapshot(logits, context, **recorded)
        ids = [c["token_id"] for c in step["candidates"]]
        biased = {"logit_bias": recorded.get("logit_bias", "")} | settings
        sent.append((step, started, NEUTRAL | settings, []))
        expected.append((ids, exact(logits, context, biased), near_a_cut(logits, context, biased, ids)))
    worst = skipped = far = 0
    for (ids, found, near), got, case in zip(expected, tab.evaluate(PIPELINE, sent), cases, strict=True):
        if found is None or near:
            skipped += near
            continue
        probs = {a["token_id"]: a["probability"] for a in got["stages"][-1]["atoms"]}
        difference = max(abs(probs[i] - float(found[i])) for i in ids)
        typical = "typical_p" in case[3]  # its cut hangs on the entropy: one token at the edge may differ
        far += typical and difference > 1e-3
        assert difference <= (0.05 if typical else 1e-3), (
            difference,
            case[2:],
            [(i, probs[i], float(found[i])) for i in ids[:8]],
        )
        assert got["total"] == pytest.approx(1, abs=1e-9)
        worst = max(worst, difference)
    assert far <= 0.1 * len(cases), "and only now and then"
    assert skipped <= 0.1 * len(cases), "the comparison must not leave out what is hard"
    return worst


@pytest.mark.parametrize(("V", "count"), [(8, 40), (60, 50), (400, 50), (4096, 50), (49_152, 15)])
def test_the_whole_pipeline_agrees_with_python_for_any_settings(tab, V, count):
    rng = np.random.default_rng(V)
    cases = []
    for _ in range(count):
        context = rng.integers(0, V, int(rng.integers(1, 40))).tolist()
        bias = (
            "".join(f"{i} = {rng.normal() * 4:.3f}\n" for i in rng.choice(V, 2, replace=False))
            if rng.random() < 0.3
            else ""
        )
        recorded = draw_settings(rng, V) | {
            "no_repeat_ngram_size": 0,
            "logit_bias": bias,
            "seed": int(rng.integers(99)),
        }
        cases.append((draw_logits(rng, V), context, recorded, draw_settings(rng, V)))
    print("largest difference", check(tab, cases))


@pytest.mark.parametrize("name", sorted({*NEUTRAL} - {"search"}))
def test_each_twin_agrees_with_its_python_filter_alone(tab, name):
    rng = np.random.default_rng(len(name))
    cases = []
    for _ in range(15):
        V = int(rng.choice([30, 300, 4096]))
        context = rng.integers(0, V, 12).tolist() * 2
        settings = draw_settings(rng, V, {name})
        assert set(settings) == {name}
        cases.append((draw_logits(rng, V), context, {}, settings))
    check(tab, cases)


def test_every_filter_has_a_twin_that_says_the_same_of_itself(tab):
    for name, module in discover("playground.decoding.filters").items():
        twin = tab.evaluate("name => (({penalty, fields}) => ({penalty, fields}))(playground.filters[name])", name)
        assert twin["penalty"] == module.PENALTY
        assert twin["fields"] == [f for f in module.Filter.__dataclass_fields__ if f != "logit_bias"]


@pytest.mark.parametrize("temperature", [0.1, 0.3, 1.0, 1.5, 2.0, 5.0])
def test_real_distributions_of_tales_agree_at_every_temperature(tab, tales, temperature):
    model, vocabulary = tales
    cases = []
    for text in ("The sky is", "Once upon a time there was a little", "Tom said:"):
        ids = [0, *vocabulary.encode(text)]
        logits, _ = GPT2Stepper(model).prefill(torch.tensor([ids]))
        others = ({}, {"top_k": 7}, {"top_k": 400}, {"top_p": 0.9}, {"top_p": 0.997}, {"min_p": 0.05},
                  {"repetition_penalty": 1.7})  # fmt: skip
        cases += [(logits, ids, {}, {"temperature": temperature, **more}) for more in others]
    assert check(tab, cases) < 1e-3


def test_the_chosen_token_is_the_servers_whenever_the_number_points_at_a_candidate(tab):
    rng = np.random.default_rng(3)
    sent, expected = [], []
    for seed in range(120):
        V = int(rng.choice([40, 500, 4096]))
        logits, context = draw_logits(rng, V), rng.integers(0, V, 5).tolist()
        settings = draw_settings(rng, V) | {"typical_p": 1.0}
        step, started = snapshot(logits, context, seed)
        if exact(logits, context, settings) is None:
            continue
        if near_a_cut(logits, context, settings, [c["token_id"] for c in step["candidates"]]):
            continue
        theirs, _ = snapshot(logits, context, seed, **settings)
        assert theirs["uniform"] == step["uniform"]
        sent.append((step, started, NEUTRAL | settings, []))
        expected.append(theirs["token_id"])
    same = groups = 0
    for got, token_id, (step, *_) in zip(tab.evaluate(PIPELINE, sent), expected, sent, strict=True):
        chosen = got["chosen"]
        known = {c["token_id"] for c in step["candidates"][:50]}  # a token below them lies within a group's range
        right = token_id not in known if chosen["group"] else chosen["token_id"] == token_id
        if not right:
            edges = [segment[side] for segment in got["cumulative"] for side in ("from", "to")]
            assert min(abs(edge - step["uniform"]) for edge in edges) < 1e-3, "only on the edge of two tokens"
        groups += bool(chosen["group"])
        same += right
    assert same > 0.9 * len(sent) and groups > 5


def test_the_runs_own_settings_give_the_recorded_token_even_deep_in_the_tail(tab):
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 4096)).astype(np.float32))
    seed = next(s for s in range(99) if snapshot(logits, [1], s)[0]["rank"] > 1000)
    step, started = snapshot(logits, [1], seed)
    same, other = tab.evaluate(PIPELINE, [(step, started, {}, []), (step, started, {"temperature": 1.01}, [])])
    assert same["chosen"]["token_id"] == step["token_id"] and same["chosen"]["recorded"]
    assert other["chosen"]["recorded"] is False


def test_greedy_and_temperature_zero_choose_the_favourite_and_leave_sampling_filters_out(tab):
    logits = torch.tensor([[1.0, 5.0, 4.0, 5.0, 0.0]])
    step, started = snapshot(logits, [1], 0)
    for settings in ({"search": "greedy", "top_k": 1, "temperature": 3}, {"temperature": 0, "top_p": 0.1}):
        got = tab.evaluate(PIPELINE, [(step, started, settings, [])])[0]
        assert got["chosen"]["token_id"] == 1 and not any(s["active"] for s in got["stages"][1:])
        assert [s["applies"] for s in got["stages"]][4:] == [False] * 5
    penalised = tab.evaluate(PIPELINE, [(step, started, {"temperature": 0, "repetition_penalty": 2}, [])])[0]
    assert penalised["chosen"]["token_id"] == 3


def test_stages_say_what_each_removed(tab):
    logits = torch.arange(200, 0, -1).float()[None] / 20
    step, started = snapshot(logits, [0, 1], 0)
    settings = {"top_k": 120, "no_repeat_ngram_size": 1, "min_p": 0.5}
    got = tab.evaluate(PIPELINE, [(step, started, settings, [])])[0]
    removed = {s["name"]: s["removed"] for s in got["stages"]}
    assert removed["no_repeat_ngram"] == 2 and removed["top_k"] == pytest.approx(78, abs=0.01)
    # favourite is token 2; half of its probability is reached log(2)·20 = 13.86 places further
    assert removed["min_p"] == pytest.approx(120 - 14, abs=0.01) and removed["raw"] == 0
    assert [a["token_id"] for a in got["stages"][-1]["atoms"] if a["removed_by"] is None] == list(range(2, 16))


def test_penalties_see_the_tokens_written_so_far(tab):
    logits = torch.tensor([[3.0, 2.9, 0.0]])
    step, started = snapshot(logits, [2], 0)
    step["index"] = 1
    settings = {"search": "greedy", "repetition_penalty": 1.5}
    chosen = [
        g["chosen"]["token_id"]
        for g in tab.evaluate(PIPELINE, [(step, started, settings, w) for w in ([], [0], [1, 0])])
    ]
    assert chosen == [0, 1, 0], "only what stands before the step counts"


def test_the_pipeline_changes_nothing_it_is_given(tab):
    step, started = snapshot(draw_logits(np.random.default_rng(0), 300), [1, 2], 0)
    same = tab.evaluate("""([step, started, settings]) => {
        const before = JSON.stringify([step, started, settings]);
        playground.pipeline(step, started, settings, [5]);
        return before === JSON.stringify([step, started, settings]);
    }""", [step, started, {"temperature": 2, "top_k": 9, "top_p": 0.5, "repetition_penalty": 1.2}])  # fmt: skip
    assert same
