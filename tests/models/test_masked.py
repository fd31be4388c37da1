"""Masked language models in the loop: every gap's distribution is transformers' own, whatever fills it."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, FillMaskPipeline

from playground.decoding.plan import Plan, filters_from, search_from
from playground.errors import PlaygroundError
from playground.events import Reason
from playground.models._masked import MaskedLM
from tests.decoding.reference import run
from tests.models import tiny_seq
from tests.models.test_tales import OFF, theirs

TEXT = "The [MASK] is blue, and the cat [MASK] on a [MASK]."


@pytest.fixture(params=tiny_seq.MASKED)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[MaskedLM, Any]:
    """The adapter of a folder, and transformers' own model of it."""
    path = tiny_seq.folder(tmp_path / "model", request.param)
    return tiny_seq.adapter(path), AutoModelForMaskedLM.from_pretrained(str(path), dtype=torch.float32).eval()


@torch.no_grad()
def probabilities(reference: Any, ids: list[int], place: int) -> torch.Tensor:
    """(V,) at one place of one text."""
    return reference(input_ids=torch.tensor([ids])).logits[0, place].float()


def fill(model: MaskedLM, text: str = TEXT, hidden: tuple[int, ...] = (), **settings: Any) -> Any:
    """(gaps, steps, finished) of a run that fills all of them."""
    gaps, chosen = model.gaps(text, hidden), OFF | settings
    ids = tuple(token.token_id for token in gaps.tokens)
    plan = Plan(ids, filters_from(chosen, model.vocabulary), search_from(chosen), 50, places=gaps.places,
                context_window=model.context_window, seed=settings.get("seed", 0))  # fmt: skip
    steps, _, end = run(model.stepper(length=len(ids), places=gaps.places), model.vocabulary, plan)
    return gaps, steps, end


def test_a_folder_of_the_kind_is_known_by_its_configuration(pair: tuple[MaskedLM, Any]) -> None:
    model, reference = pair
    assert isinstance(model, MaskedLM)
    assert type(model.module) is type(reference)
    assert model.context_window == 32


def test_a_single_gap_has_the_distribution_of_the_fill_mask_pipeline(pair: tuple[MaskedLM, Any]) -> None:
    model, reference = pair
    _, (step,), end = fill(model, "The [MASK] is blue.", search="greedy")
    pipeline = FillMaskPipeline(model=reference, tokenizer=model.vocabulary.tokenizer, device="cpu")
    for said in pipeline("The [MASK] is blue.", top_k=20):
        ours = next(c for c in step.candidates if c.token_id == said["token"])
        assert ours.raw_probability == pytest.approx(said["score"], abs=1e-4)
    assert step.token_id == pipeline("The [MASK] is blue.", top_k=1)[0]["token"]
    assert end.reason is Reason.FILLED


@pytest.mark.parametrize(
    "settings", [{"search": "greedy"}, {"search": "sample", "temperature": 1.3, "top_k": 30, "top_p": 0.9, "seed": 5}]
)
def test_several_gaps_are_filled_one_by_one_each_as_transformers_says(
    pair: tuple[MaskedLM, Any], settings: dict[str, Any]
) -> None:
    """At gap i those before it show what was chosen, those after it are still hidden."""
    model, reference = pair
    gaps, steps, end = fill(model, **settings)
    ids = [token.token_id for token in gaps.tokens]
    chosen = {k: v for k, v in settings.items() if k not in ("search", "seed")}
    assert [s.place for s in steps] == [s.position for s in steps] == list(gaps.places)
    assert len(steps) == end.tokens == 3
    for step, place in zip(steps, gaps.places, strict=True):
        row = probabilities(reference, ids, place)
        warped = theirs(chosen, {})(torch.tensor([ids]), row[None].clone())[0].softmax(-1)
        for candidate in step.candidates:
            assert candidate.raw_probability == pytest.approx(float(row.softmax(-1)[candidate.token_id]), abs=1e-4)
            assert candidate.probability == pytest.approx(float(warped[candidate.token_id]), abs=1e-4)
        if settings["search"] == "greedy":
            assert step.token_id == int(row.argmax())
        ids[place] = step.token_id


def test_with_as_many_beams_as_tokens_the_likeliest_fills_of_two_gaps_are_found(pair: tuple[MaskedLM, Any]) -> None:
    """All pairs of tokens, each scored by transformers, one after the other."""
    model, reference = pair
    gaps, steps, _ = fill(model, "The [MASK] is [MASK].", search="beam", num_beams=tiny_seq.VOCAB)
    ids = [token.token_id for token in gaps.tokens]
    first = probabilities(reference, ids, gaps.places[0]).log_softmax(-1)
    rows = torch.tensor([ids] * tiny_seq.VOCAB)
    rows[:, gaps.places[0]] = torch.arange(tiny_seq.VOCAB)
    with torch.no_grad():
        second = reference(input_ids=rows).logits[:, gaps.places[1]].log_softmax(-1)
    total = first[:, None] + second  # (V, V)
    best = divmod(int(total.argmax()), tiny_seq.VOCAB)
    assert tuple(s.token_id for s in steps) == best
    assert sum(s.logprob for s in steps) == pytest.approx(float(total.max()), abs=1e-4)


def test_tokens_are_hidden_by_their_numbers_and_the_text_keeps_its_spaces_and_capitals(tmp_path: Path) -> None:
    model = tiny_seq.adapter(tiny_seq.folder(tmp_path / "model", "bert"))
    gaps = model.gaps("The  Sky is playing, blue.", (2, 5))
    assert [t.text for t in gaps.tokens] == ["[CLS]", "The", "  Sky", " is", " play", "ing", ",", " blue", ".", "[SEP]"]
    assert gaps.places == (2, 5)
    vocab = model.vocabulary.tokenizer.get_vocab()
    assert [t.hidden for t in gaps.tokens if t.hidden is not None] == [vocab["sky"], vocab["##ing"]]
    assert {gaps.tokens[p].token_id for p in gaps.places} == {vocab["[MASK]"]}
    fills = [(2, vocab["sea"]), (5, vocab["##s"])]
    assert model.filled(gaps.tokens, fills) == "The  sea is plays, blue."
    assert model.filled(gaps.tokens, fills[:1]) == "The  sea is play[MASK], blue."


def test_a_written_mask_and_a_hidden_word_are_the_same_gap(pair: tuple[MaskedLM, Any]) -> None:
    model, _ = pair
    written, hidden = model.gaps("the [MASK] is blue"), model.gaps("the sky is blue", (2,))
    assert [t.token_id for t in written.tokens] == [t.token_id for t in hidden.tokens]
    assert written.places == hidden.places == (2,)


def test_a_number_that_is_no_word_of_the_text_is_refused(pair: tuple[MaskedLM, Any]) -> None:
    model, _ = pair
    for number in (0, 5, 99):
        with pytest.raises(PlaygroundError, match=rf"1 to 4\), got {number}"):
            model.gaps("the sky is blue", (number,))


def test_a_text_that_is_too_long_loses_its_end_and_says_how_much(pair: tuple[MaskedLM, Any]) -> None:
    model, reference = pair
    gaps = model.gaps("[MASK] " + "sky " * 100)
    assert (len(gaps.tokens), gaps.left_out) == (32, 71)
    _, steps, _ = fill(model, "[MASK] " + "sky " * 100, search="greedy")
    row = probabilities(reference, [t.token_id for t in gaps.tokens], 1).softmax(-1)
    assert steps[0].probability == pytest.approx(float(row.max()), abs=1e-4)


def test_kept_states_forks_and_crops_go_on_exactly(pair: tuple[MaskedLM, Any]) -> None:
    model, reference = pair
    gaps = model.gaps(TEXT)
    ids = [t.token_id for t in gaps.tokens]
    stepper = model.stepper(length=len(ids), places=gaps.places)
    stepper.prefill(torch.tensor([ids]))
    stepper.step(torch.tensor([7]))
    kept, other = stepper.cache, stepper.fork()
    stepper.step(torch.tensor([8, 9]), torch.tensor([0, 0]))
    for first, second in itertools.product((kept, other.cache), (11, 12)):
        row = list(ids)
        row[gaps.places[0]], row[gaps.places[1]] = 7, second
        again = model.stepper(first, length=len(ids), places=gaps.places)
        expected = probabilities(reference, row, gaps.places[2])
        torch.testing.assert_close(again.step(torch.tensor([second]))[0], expected, rtol=1e-4, atol=1e-4)
        assert again.crop(len(ids) + 1)
        torch.testing.assert_close(again.step(torch.tensor([second]))[0], expected, rtol=1e-4, atol=1e-4)
    assert other.crop(len(ids)) and not other.crop(len(ids) + 1) and other.crop(0)
    logits, _ = other.prefill(torch.tensor([[*ids, 7, 11]]))
    row = list(ids)
    row[gaps.places[0]], row[gaps.places[1]] = 7, 11
    torch.testing.assert_close(logits[0], probabilities(reference, row, gaps.places[2]), rtol=1e-4, atol=1e-4)


def test_a_model_without_a_mask_token_is_refused(tmp_path: Path) -> None:
    path = tiny_seq.folder(tmp_path / "model", "bert")
    tiny_seq.letters().save_pretrained(str(path))
    with pytest.raises(PlaygroundError, match="no token that hides a word"):
        tiny_seq.adapter(path)
