import math

import numpy as np
import pytest
import torch

from playground.decoding.ends import HALF, Stream
from playground.decoding.loop import decode
from playground.errors import PlaygroundError
from playground.events import Reason, TokenStep
from tests.decoding.reference import GPT2Stepper, plan_of, run


class ByteVocabulary:
    """Token i is the byte i; 256 is special. As careless as real ones: `trims` drops a leading space."""

    vocab_size = 257

    def __init__(self, trims=False):
        self.trims = trims

    def encode(self, text):
        return list(text.encode())

    def decode(self, ids):
        text = bytes(i for i in ids if i < 256).decode("utf-8", errors="replace")
        return text[1:] if self.trims and text.startswith(" ") else text

    def piece(self, token_id):
        return bytes([token_id]).decode("utf-8", errors="backslashreplace") if token_id < 256 else "<end>"

    def is_special(self, token_id):
        return token_id == 256


class Script:
    """A stepper whose favourite is always the next of `token_ids`; it notes what it computed."""

    context_window = 1000
    cache, bytes, vocab_size = (), 0, 257

    def __init__(self, token_ids, broken_at=None, value=math.nan):
        self.token_ids, self.computed, self.broken_at, self.value = token_ids, 0, broken_at, value

    def _next(self):
        logits = torch.full((1, 257), -20.0)
        logits[0, self.token_ids[min(self.computed, len(self.token_ids) - 1)]] = 0.0
        if self.computed == self.broken_at:
            logits[0, 3] = self.value
        self.computed += 1
        return logits

    def prefill(self, input_ids):
        return self._next(), torch.zeros(input_ids.shape[1] - 1)

    def step(self, token_ids, parents=None):
        return self._next()

    def fork(self):
        return self


def script(text, vocabulary=None, **rest):
    """What a model that writes `text` streams: (pieces of text, finished)."""
    token_ids = text if isinstance(text, list) else list(text.encode())
    plan = {"prompt": list(b"Hi"), "max_new_tokens": len(token_ids), "search": "greedy", "context_window": 1000} | rest
    vocabulary = vocabulary or ByteVocabulary()
    steps, _, end = run(Script(token_ids), vocabulary, plan_of(vocabulary, **plan))
    return [s.text for s in steps], end


# ── every end has its reason ─────────────────────────────────────────────────


def test_eos_ends_and_its_token_is_counted_but_not_shown():
    texts, end = script([*b"ab", 256, *b"c"], eos_token_ids=(256,))
    assert (texts, end.reason, end.text, end.tokens) == (["a", "b", ""], Reason.EOS, "ab", 3)


def test_the_token_limit_ends():
    texts, end = script("abc", max_new_tokens=2)
    assert (texts, end.reason) == (["a", "b"], Reason.MAX_NEW_TOKENS)


def test_a_full_context_ends_and_is_never_passed():
    texts, end = script("abcdef", context_window=5)
    assert (len(texts), end.reason, end.context_window, end.prompt_tokens) == (3, Reason.CONTEXT_FULL, 5, 2)


@pytest.mark.parametrize(("rest", "reason"), [({"max_new_tokens": 0}, Reason.MAX_NEW_TOKENS),
                                              ({"context_window": 2}, Reason.CONTEXT_FULL)])  # fmt: skip
def test_a_run_without_room_ends_before_anything_is_computed(rest, reason):
    stepper = Script([65])
    plan = plan_of(ByteVocabulary(), **({"prompt": [72, 105], "search": "greedy"} | rest))
    (end,) = decode(stepper, ByteVocabulary(), plan, run_id="run")
    assert (end.reason, end.tokens, end.first_token_s, stepper.computed) == (reason, 0, None, 0)


def test_the_time_limit_counts_computing_and_no_waiting():
    now = [0.0]

    class Slow(Script):
        def step(self, token_ids, parents=None):
            now[0] += 1.0
            return super().step(token_ids)

    plan = plan_of(ByteVocabulary(), [72], 100, search="greedy", time_limit_s=4.5, context_window=1000)
    elapsed = []
    for event in decode(Slow([65]), ByteVocabulary(), plan, run_id="run", clock=lambda: now[0]):
        now[0] += 50  # the consumer takes its time
        if isinstance(event, TokenStep):
            elapsed.append(event.elapsed_s)
    assert event.reason is Reason.TIME_LIMIT and elapsed == [0, 1, 2, 3, 4, 5]
    assert event.first_token_s == 0 and event.tokens_per_s == pytest.approx(6 / 5)


@pytest.mark.parametrize("reason", [Reason.USER, Reason.NEW_INPUT])
@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_a_reason_that_is_sent_ends_within_the_step(reason, search):
    stepper = Script([65])
    stepper.step = lambda token_ids, parents=None: Script.step(stepper, token_ids).expand(len(token_ids), -1)
    events = decode(
        stepper, ByteVocabulary(), plan_of(ByteVocabulary(), [72], 50, search=search, context_window=999), run_id="r"
    )
    first = [next(events), next(events)]
    computed = stepper.computed
    end = events.send(reason)
    assert (end.reason, stepper.computed, end.tokens) == (reason, computed, 2) and end.seq == first[-1].seq + 1
    assert end.text == "AA" and list(events) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_numbers_that_are_none_end_the_run_and_name_the_step(value, search):
    stepper = Script([65], broken_at=3, value=value)
    stepper.step = lambda token_ids, parents=None: Script.step(stepper, token_ids).expand(len(token_ids), -1)
    plan = plan_of(ByteVocabulary(), [72], 50, search=search, context_window=999)
    *_, end = decode(stepper, ByteVocabulary(), plan, run_id="run")
    assert end.reason is Reason.ERROR and end.tokens == 3 and "Step 3" in end.message and "another model" in end.message


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_filters_that_leave_no_token_end_the_run_and_are_named(search):
    stepper = Script([65])
    plan = plan_of(ByteVocabulary(), list(range(257)), 5, search=search, no_repeat_ngram_size=1, context_window=999)
    *_, end = decode(stepper, ByteVocabulary(), plan, run_id="run")
    assert end.reason is Reason.ERROR and "Step 0: no_repeat_ngram removed the last possible token" in end.message


@pytest.mark.parametrize(
    ("prompt", "words"), [([], "no tokens"), ([1] * 9, "9 tokens and the model looks at 4: shorten it by 5")]
)
def test_a_prompt_that_no_run_can_begin_with_is_refused(prompt, words):
    with pytest.raises(PlaygroundError, match=words):
        next(decode(Script([65]), ByteVocabulary(), plan_of(ByteVocabulary(), prompt, context_window=4), run_id="run"))


# ── stop strings ─────────────────────────────────────────────────────────────


def test_a_stop_string_over_several_tokens_is_never_shown():
    texts, end = script("one END two", stop_strings=("END",))
    assert (end.reason, end.stop_string, end.text) == (Reason.STOP_STRING, "END", "one ")
    assert "".join(texts) == "one " and len(texts) == 7, "the run ends with the token that completes it"


def test_the_beginning_of_a_stop_string_is_shown_once_it_is_none():
    texts, end = script("E EN ENx", stop_strings=("END",))
    assert texts == ["", "E ", "", "", "EN ", "", "", "ENx"]
    assert end.text == "E EN ENx" and end.reason is Reason.MAX_NEW_TOKENS


def test_what_waits_at_the_end_is_shown_with_the_last_token():
    texts, end = script("abEN", stop_strings=("END",))
    assert texts[-1] == "EN" and end.text == "abEN"


def test_the_earliest_of_several_stop_strings_counts_also_inside_one_token(tiny):
    model, vocabulary = tiny
    plain, _, _ = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="greedy"))
    word = plain[0].piece
    steps, _, end = run(
        GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="greedy", stop_strings=("zzz", word[1:]))
    )
    assert (end.reason, end.text, len(steps)) == (Reason.STOP_STRING, word[:1], 1)


def test_a_stop_string_ends_a_hypothesis_of_beam_search(tiny):
    model, vocabulary = tiny
    plan = plan_of(vocabulary, search="beam", num_beams=3, max_new_tokens=20)
    full, _, _ = run(GPT2Stepper(model), vocabulary, plan)
    stop = full[3].piece
    steps, _, end = run(
        GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="beam", num_beams=3, stop_strings=(stop,))
    )
    if end.reason is Reason.STOP_STRING:
        assert stop not in end.text and steps[-1].piece == stop
    assert stop not in end.text


# ── whole characters ─────────────────────────────────────────────────────────

WORDS = "naïve 😀👩‍👩‍👧 Zürich – 日本語! "


@pytest.mark.parametrize("trims", [False, True])
def test_streamed_text_never_holds_half_a_character(trims):
    texts, end = script(WORDS * 3, ByteVocabulary(trims))
    assert "".join(texts) == end.text == WORDS * 3 and not any(HALF in t for t in texts)


def test_bytes_of_a_character_come_with_its_last_token():
    texts, _ = script("a😀b")
    assert texts == ["a", "", "", "", "😀", "b"]


def test_a_run_that_ends_within_a_character_leaves_it_out():
    texts, end = script("ab😀", max_new_tokens=4)
    assert "".join(texts) == end.text == "ab"


def test_a_leading_space_survives_a_tokenizer_that_trims_it():
    assert "".join(script(" a b", ByteVocabulary(trims=True))[0]) == " a b"


def test_bytes_that_never_become_a_character_do_not_hold_the_text_back_for_ever():
    texts, end = script([0xFF] * 40 + list(b"abc"))
    assert end.text.endswith("abc") and len("".join(texts[:30])) > 0


def test_random_text_is_streamed_unchanged_wherever_its_bytes_are_split():
    rng = np.random.default_rng(0)
    alphabet = list("ab \n") + list("éß→日本😀👍🏽")
    for trims in (False, True):
        vocabulary = ByteVocabulary(trims)
        for _ in range(40):
            text = "".join(rng.choice(alphabet, int(rng.integers(1, 60))))
            prompt = "".join(rng.choice(alphabet, 8)).encode()
            stream = Stream(vocabulary, list(prompt))
            assert "".join(stream.add(b).text for b in text.encode()) == text


def test_special_tokens_are_marked_and_not_shown():
    vocabulary = ByteVocabulary()
    steps, _, end = run(
        Script([65, 256, 66]), vocabulary, plan_of(vocabulary, [72], 3, search="greedy", context_window=99)
    )
    assert [s.special for s in steps] == [False, True, False] and end.text == "AB"
