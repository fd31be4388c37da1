"""The Text modality with the embedded `gaps` (masked) and `sounds` (encoder-decoder): events, kept runs, refusals."""

import json
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer

from playground.errors import PlaygroundError
from playground.events import BeamStep, Event, Finished, Notice, Reason, Started
from playground.modalities import text
from playground.models._places import ASSETS
from tests.modalities.driven import drive, ids
from tests.modalities.driven import tokens as steps

SKY = "The sky is [MASK], and the grass is [MASK]."


@pytest.fixture
def write(manager: Any) -> Any:
    """Runs the modality to its end, or stops it after `stop_after` tokens."""

    def write(start: Any = None, stop_after: int = 1000, **values: Any) -> list[Event]:
        return drive(manager, start, stop_after, values)

    return write


def started(events: list[Event]) -> Started:
    return next(e for e in events if isinstance(e, Started))


def end(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def notices(events: list[Event]) -> str:
    return " ".join(e.text for e in events if isinstance(e, Notice))


# ── gaps ─────────────────────────────────────────────────────────────────────


def test_every_gap_has_the_probabilities_of_transformers(write: Any) -> None:
    folder = ASSETS / "models" / "gaps"
    model, tokenizer = (
        AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32),
        AutoTokenizer.from_pretrained(folder),
    )
    events = write(prompt=SKY, model="gaps", search="greedy")
    read = tokenizer(SKY, return_tensors="pt").input_ids
    assert [t.token_id for t in started(events).prompt_tokens] == read[0].tolist()
    assert started(events).places == tuple((read[0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist())
    for step in steps(events):
        with torch.no_grad():
            probs = model(input_ids=read).logits[0, step.place].softmax(-1)
        for candidate in step.candidates:
            assert candidate.raw_probability == pytest.approx(float(probs[candidate.token_id]), abs=1e-4)
        assert step.token_id == int(probs.argmax())
        read[0, step.place] = step.token_id
    filled = tokenizer.decode(read[0], skip_special_tokens=True)
    assert end(events).filled.lower().replace(" ", "") == filled.replace(" ", "")
    assert end(events).filled.startswith("The sky is ") and end(events).filled.endswith(".")
    assert end(events).reason is Reason.FILLED


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_the_numbers_of_the_events_fit_together(write: Any, search: str) -> None:
    events = write(prompt="The little [MASK] sat on a [MASK] and said [MASK].", model="gaps", search=search, seed=3)
    numbered = [e for e in events if hasattr(e, "seq")]
    assert [e.seq for e in numbered] == list(range(len(numbered)))
    assert [e.index for e in steps(events)] == [0, 1, 2]
    assert tuple(e.place for e in steps(events)) == started(events).places
    assert end(events).text == "".join(e.text for e in steps(events))
    assert end(events).tokens == 3
    assert any(isinstance(e, BeamStep) for e in events) == (search == "beam")
    json.dumps([e.to_json() for e in events])


def test_words_are_hidden_by_number_and_known_afterwards(write: Any) -> None:
    events = write(prompt="The sky is blue.", masks="4", model="gaps", search="greedy")
    (place,) = started(events).places
    token = started(events).prompt_tokens[place]
    assert (place, token.text) == (4, " blue")
    written = write(prompt="The sky is [MASK].", model="gaps", search="greedy")
    assert [e.candidates for e in steps(written)] == [e.candidates for e in steps(events)]
    vocabulary = AutoTokenizer.from_pretrained(ASSETS / "models" / "gaps").get_vocab()
    assert token.hidden == vocabulary["blue"]
    assert token.token_id == vocabulary["[MASK]"]


def test_gaps_are_filled_step_by_step_and_another_fill_changes_only_what_follows(write: Any) -> None:
    whole = write(prompt=SKY, model="gaps", search="greedy")
    first = write(prompt=SKY, model="gaps", search="greedy", max_new_tokens=1)
    assert end(first).reason is Reason.MAX_NEW_TOKENS
    assert end(first).filled.count("[MASK]") == 1
    second = write(end(first).state, prompt=SKY, model="gaps", search="greedy", max_new_tokens=1)
    assert ids(first) + ids(second) == ids(whole)
    other = next(c.token_id for c in steps(whole)[0].candidates if c.token_id != ids(whole)[0])
    fork = write(end(whole).state.rewind(0, other), prompt=SKY, model="gaps", search="greedy")
    assert ids(fork)[0] == other
    vocabulary = AutoTokenizer.from_pretrained(ASSETS / "models" / "gaps")
    direct = write(prompt=f"The sky is {vocabulary.decode([other])}, and the grass is [MASK].", model="gaps")
    expected = {c.token_id: c.raw_probability for c in steps(direct)[0].candidates}
    for candidate in steps(fork)[1].candidates:
        assert candidate.raw_probability == pytest.approx(expected.get(candidate.token_id, 0), abs=1e-4)


def test_a_run_of_which_only_its_events_are_left_goes_on(write: Any) -> None:
    for values in ({"prompt": SKY, "model": "gaps"}, {"prompt": "playground", "model": "sounds"}):
        whole = write(**values, search="greedy")
        told = [json.loads(json.dumps(e.to_json())) for e in whole]
        state = text.rebuild(next(e for e in told if e["event"] == "started"), told, 1)
        again = write(state, **values, search="greedy")
        assert ids(again) == ids(whole)[1:]
        assert [e.looked for e in steps(again)] == [pytest.approx(e.looked, abs=2e-3) for e in steps(whole)[1:]]


def test_a_text_without_gaps_is_shown_and_says_how_to_hide_a_word(write: Any) -> None:
    events = write(prompt="The sky is blue.", model="gaps")
    assert "click a word" in notices(events)
    assert not steps(events)
    assert [t.text for t in started(events).prompt_tokens] == ["[CLS]", "The", " sky", " is", " blue", ".", "[SEP]"]
    assert end(events).filled == "The sky is blue."
    assert end(events).reason is Reason.FILLED


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"masks": "99"}, r"1 to 5\), got 99"),
        ({"masks": "0"}, "got 0"),
        ({"masks": "sky"}, "like 2, 5, got 'sky'"),
        ({"mode": "chat"}, "gaps does not chat"),
    ],
)
def test_what_does_not_fit_a_text_with_gaps_is_refused_in_a_sentence(write: Any, values: Any, words: str) -> None:
    with pytest.raises(PlaygroundError, match=words):
        write(prompt="The sky is blue.", model="gaps", **values)


def test_what_does_nothing_in_a_text_with_gaps_is_said(write: Any) -> None:
    events = write(prompt=SKY, model="gaps", stop_strings="a", no_repeat_ngram_size=2, max_new_tokens=400)
    assert "stop strings do nothing" in notices(events)
    assert "no_repeat_ngram_size was 2 and is now 0" in notices(events)
    assert len(steps(events)) == 2
    long = write(prompt="[MASK] " + "sky " * 100, model="gaps")
    assert "103 tokens and gaps reads 64: the last 39 were left out" in notices(long)
    assert "hides nothing here" in notices(write(prompt="The sky", masks="1", model="tales", max_new_tokens=2))


# ── sounds ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("word", ["phone", "Knight", "playground", "don't", "zzzxq"])
@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_word_is_spoken_as_by_generate_and_the_decoder_says_where_it_looked(
    write: Any, word: str, num_beams: int
) -> None:
    folder = ASSETS / "models" / "sounds"
    model, tokenizer = (
        AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32),
        AutoTokenizer.from_pretrained(folder),
    )
    read = tokenizer(word.lower(), return_tensors="pt")
    row = model.generate(input_ids=read.input_ids, do_sample=False, num_beams=num_beams, max_new_tokens=40)[0].tolist()
    events = write(prompt=word, model="sounds", search="beam", num_beams=num_beams, max_new_tokens=40)
    assert [*(t.token_id for t in started(events).prompt_tokens), *ids(events)] == row
    assert [t.token_id for t in started(events).source_tokens] == read.input_ids[0].tolist()
    assert end(events).text == tokenizer.decode(row, skip_special_tokens=True)
    for step in steps(events):
        shares = torch.tensor(step.looked).view(-1, len(started(events).source_tokens))
        assert len(shares) == model.config.num_decoder_layers
        assert shares.sum(1) == pytest.approx(torch.ones(len(shares)).numpy(), abs=0.01)


def test_a_stopped_word_goes_on_and_forks(write: Any) -> None:
    values = {"prompt": "playground", "model": "sounds", "search": "greedy"}
    whole = write(**values)
    first = write(**values, stop_after=3)
    second = write(end(first).state, **values)
    assert ids(first) + ids(second) == ids(whole)
    assert [e.looked for e in steps(first) + steps(second)] == [e.looked for e in steps(whole)]
    other = next(c.token_id for c in steps(whole)[2].candidates if c.token_id != ids(whole)[2])
    fork = write(end(whole).state.rewind(2, other), **values)
    assert ids(fork)[0] == other
    assert started(fork).source_tokens == started(whole).source_tokens
    beams = write(end(write(**{**values, "search": "beam"})).state.rewind(2, other), **values)
    assert ids(beams)[0] == other, "what a beam search left goes on, too"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("hello world", "got 'hello world': write a single word"), ("", "got nothing"), ("naïve", "got 'naïve'"),
     ("<pad>", "got '<pad>'"), ("123", "got '123'"), ("🙂", "got '🙂'")],
)  # fmt: skip
def test_a_prompt_that_is_no_word_is_refused_in_a_sentence(write: Any, prompt: str, words: str) -> None:
    with pytest.raises(PlaygroundError, match=f"sounds reads one English word.*{words}"):
        write(prompt=prompt, model="sounds")


def test_a_word_that_is_too_long_loses_its_end_and_says_so(write: Any) -> None:
    events = write(prompt="a" * 300, model="sounds", search="greedy", max_new_tokens=5)
    assert "301 tokens and sounds reads 128: the last 173 were left out" in notices(events)
    assert len(started(events).source_tokens) == 128
    assert started(events).source_tokens[-1].special
