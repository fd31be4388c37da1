"""Encoder-decoders in the same loop as causal models: `generate`, warpers and full passes of transformers agree."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from playground.decoding.plan import Plan, filters_from, search_from
from playground.errors import PlaygroundError
from playground.models._encoder_decoder import EncoderDecoder
from tests.decoding.reference import run
from tests.models import tiny_seq
from tests.models.test_tales import OFF, theirs

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
SOURCE = "the cat sat."


@pytest.fixture(params=tiny_seq.BOTH)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[EncoderDecoder, Any]:
    """The adapter of a folder, and transformers' own model of it."""
    path = tiny_seq.folder(tmp_path / "model", request.param)
    return tiny_seq.adapter(path), AutoModelForSeq2SeqLM.from_pretrained(str(path), dtype=torch.float32).eval()


@torch.no_grad()
def full(reference: Any, source: list[int], written: list[int]) -> Any:
    """One pass without a cache: all logits (T, V), and the attention to the source (L, H, T, S)."""
    reference.set_attn_implementation("eager")
    out = reference(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([written]), use_cache=False,
                    output_attentions=True)  # fmt: skip
    return out.logits[0].float(), torch.cat(out.cross_attentions)


def plan_for(model: EncoderDecoder, count: int, **settings: Any) -> Plan:
    chosen = OFF | settings
    return Plan(model.begin_ids, filters_from(chosen, model.vocabulary), search_from(chosen), count,
                eos_token_ids=model.eos_token_ids, context_window=model.context_window,
                seed=settings.get("seed", 0))  # fmt: skip


def test_a_folder_of_the_kind_is_known_by_its_configuration(pair: tuple[EncoderDecoder, Any]) -> None:
    model, reference = pair
    assert isinstance(model, EncoderDecoder)
    assert type(model.module) is type(reference)
    assert model.bytes == 4 * sum(t.numel() for t in {*reference.parameters(), *reference.buffers()})
    assert model.source_ids("ab") == [4, 5, 1]


def test_steps_with_parents_equal_a_full_pass_of_every_row(pair: tuple[EncoderDecoder, Any]) -> None:
    model, reference = pair
    source, begin = model.source_ids(SOURCE), list(model.begin_ids)
    stepper = model.stepper(source=source)
    logits, logprobs = stepper.prefill(torch.tensor([[*begin, 7, 9]]))
    expected, _ = full(reference, source, [*begin, 7, 9])
    torch.testing.assert_close(logits[0], expected[-1], **CLOSE)
    said = expected[:-1].log_softmax(-1).gather(1, torch.tensor([*begin, 7, 9])[1:, None])[:, 0]
    torch.testing.assert_close(logprobs, said, **CLOSE)
    rows = [[*begin, 7, 9]]
    plan = [([9, 4, 7], [0, 0, 0]), ([1, 2, 3], [2, 0, 2]), ([8, 8], [1, 0]), ([5, 6], None), ([7, 7, 7], [1, 1, 0])]
    for tokens, parents in plan:
        rows = [[*rows[p], t] for t, p in zip(tokens, parents or range(len(tokens)), strict=True)]
        logits = stepper.step(torch.tensor(tokens), None if parents is None else torch.tensor(parents))
        assert logits.dtype == torch.float32
        for i, (row, ids) in enumerate(zip(logits, rows, strict=True)):
            expected, looked = full(reference, source, ids)
            torch.testing.assert_close(row, expected[-1], **CLOSE)
            torch.testing.assert_close(stepper.looked[i], looked[:, :, -1].mean(1), **CLOSE)


def test_where_it_looked_is_one_row_of_shares_for_each_layer(pair: tuple[EncoderDecoder, Any]) -> None:
    model, reference = pair
    source = model.source_ids(SOURCE)
    steps, _, _ = run(model.stepper(source=source), model.vocabulary, plan_for(model, 6, search="greedy"))
    ids = [*model.begin_ids, *(s.token_id for s in steps)]
    _, looked = full(reference, source, ids[:-1])
    for i, step in enumerate(steps):
        rows = torch.tensor(step.looked).view(-1, len(source))
        assert rows.sum(1) == pytest.approx(torch.ones(len(rows)).numpy(), abs=2e-3)
        torch.testing.assert_close(rows, looked[:, :, len(model.begin_ids) - 1 + i].mean(1), rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    "search",
    [
        {"search": "greedy"},
        {"search": "greedy", "repetition_penalty": 1.3},
        {"search": "greedy", "no_repeat_ngram_size": 2},
        {"search": "beam", "num_beams": 4, "length_penalty": 1.0, "early_stopping": "false"},
        {"search": "beam", "num_beams": 3, "length_penalty": 2.0, "early_stopping": "true"},
        {"search": "beam", "num_beams": 2, "length_penalty": -1.0, "early_stopping": "never"},
        {"search": "beam", "num_beams": 3, "early_stopping": "false", "no_repeat_ngram_size": 2},
    ],
    ids=lambda s: "-".join(map(str, s.values())),
)
@pytest.mark.parametrize("kind", tiny_seq.BOTH)
def test_greedy_and_beam_sequences_are_those_of_generate(tmp_path: Path, kind: str, search: dict[str, Any]) -> None:
    stop = {"false": False, "true": True, "never": "never"}
    for seed in range(2):
        path = tiny_seq.folder(tmp_path / str(seed), kind, seed)
        model = tiny_seq.adapter(path)
        reference = AutoModelForSeq2SeqLM.from_pretrained(str(path), dtype=torch.float32).eval()
        source = model.source_ids(SOURCE)
        options = {k: stop.get(v, v) if k == "early_stopping" else v for k, v in search.items() if k != "search"}
        count = 20 + len(model.begin_ids) - 1
        whole = reference.generate(torch.tensor([source]), do_sample=False, max_new_tokens=count, **options)[0].tolist()
        steps, beams, _ = run(model.stepper(source=source), model.vocabulary, plan_for(model, 20, **search))
        assert [*model.begin_ids, *(s.token_id for s in steps)] == whole
        assert bool(beams) == (search["search"] == "beam")
        assert all(len(s.looked) == len(steps[0].looked) > 0 for s in steps)


def test_the_distributions_of_a_sampled_run_are_those_of_transformers_warpers(pair: tuple[EncoderDecoder, Any]) -> None:
    model, reference = pair
    chosen = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "temperature": 1.3, "top_k": 40, "top_p": 0.95,
              "min_p": 0.002}  # fmt: skip
    source = model.source_ids(SOURCE)
    plan = plan_for(model, 15, search="sample", seed=4, **chosen)
    steps, _, _ = run(model.stepper(source=source), model.vocabulary, plan)
    ids = [*model.begin_ids, *(s.token_id for s in steps)]
    rows, _ = full(reference, source, ids[:-1])
    assert len(steps) > 3
    for i, step in enumerate(steps):
        n = len(model.begin_ids) + i
        expected = theirs(chosen, {})(torch.tensor([ids[:n]]), rows[n - 1][None].clone())[0].softmax(-1)
        for candidate in step.candidates:
            assert candidate.probability == pytest.approx(float(expected[candidate.token_id]), abs=1e-4)


def test_forks_kept_states_and_crops_go_on_exactly(pair: tuple[EncoderDecoder, Any]) -> None:
    model, reference = pair
    source, begin = model.source_ids(SOURCE), list(model.begin_ids)
    stepper = model.stepper(source=source)
    stepper.prefill(torch.tensor([begin]))
    stepper.step(torch.tensor([5]))
    kept, other = stepper.cache, stepper.fork()
    assert kept.bytes == stepper.bytes > 0
    stepper.step(torch.tensor([3]))
    for token in (4, 9):
        after, _ = full(reference, source, [*begin, 5, token])
        torch.testing.assert_close(model.stepper(kept).step(torch.tensor([token]))[0], after[-1], **CLOSE)
    after, looked = full(reference, source, [*begin, 5, 8])
    torch.testing.assert_close(other.step(torch.tensor([8]))[0], after[-1], **CLOSE)
    assert other.crop(len(begin)) and other.length == len(begin)
    _, looked = full(reference, source, begin)
    torch.testing.assert_close(other.looked[0], looked[:, :, -1].mean(1), **CLOSE)
    assert other.crop(0)
    logits, _ = other.prefill(torch.tensor([[*begin, 6]]))
    torch.testing.assert_close(logits[0], full(reference, source, [*begin, 6])[0][-1], **CLOSE)


def test_a_kept_state_does_not_hold_the_model(tmp_path: Path) -> None:
    model = tiny_seq.adapter(tiny_seq.folder(tmp_path / "model", "t5"))
    stepper = model.stepper(source=model.source_ids(SOURCE))
    stepper.prefill(torch.tensor([list(model.begin_ids)]))
    kept, gone = stepper.cache, weakref.ref(model.module)
    del model, stepper
    gc.collect()
    assert gone() is None
    assert kept.length == 1


def test_the_encoder_reads_once(pair: tuple[EncoderDecoder, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = pair
    encoder, passes = model.module.get_encoder(), []
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda *a, **k: passes.append(1) or forward(*a, **k))
    steps, _, _ = run(model.stepper(source=model.source_ids(SOURCE)), model.vocabulary,
                      plan_for(model, 8, search="beam", num_beams=3))  # fmt: skip
    assert steps
    assert len(passes) == 1


def test_more_than_the_window_is_refused_with_counts(tmp_path: Path) -> None:
    model = tiny_seq.adapter(tiny_seq.folder(tmp_path / "model", "bart"))
    assert model.context_window == model.source_window == 64
    with pytest.raises(PlaygroundError, match="64 tokens; 0 are written and 65"):
        model.stepper(source=[4, 1]).prefill(torch.ones(1, 65, dtype=torch.long))
