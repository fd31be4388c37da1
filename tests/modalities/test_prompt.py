"""What a model is shown of a prompt, above all of one that does not fit. The model here has words for tokens."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground import fields
from playground.errors import PlaygroundError
from playground.modalities import _limits, _token_prompt, _token_settings, text

BEGIN = 0


def words(content: str) -> list[int]:
    return [int(w) for w in content.split()]


def model(window: int, chat: bool = True, begin: bool = True) -> Any:
    """Token ids are numbers in the text; the template is one begin token, the words, and one end token per message."""

    def chat_ids(messages: list[dict[str, str]]) -> list[int]:
        return [i for m in messages for i in (-1, *words(m["content"]), -2)] + [-3]

    return SimpleNamespace(
        spec=SimpleNamespace(id="numbers", chat=chat), context_window=window, chat_ids=chat_ids,
        vocabulary=SimpleNamespace(encode=words), prompt_ids=lambda t: [BEGIN, *words(t)] if begin else words(t),
    )  # fmt: skip


def settings(**values: Any) -> Any:
    return fields.build(text.Settings, values)


def numbers(count: int, first: int = 1) -> str:
    return " ".join(str(i) for i in range(first, first + count))


@given(count=st.integers(0, 200), window=st.integers(2, 64), wanted=st.integers(1, 100), begin=st.booleans())
def test_a_prompt_fits_with_room_for_a_token_and_keeps_its_end(
    count: int, window: int, wanted: int, begin: bool
) -> None:
    whole = model(window, begin=begin).prompt_ids(numbers(count))
    if not whole:
        return
    prompt = _token_prompt.build(settings(prompt=numbers(count), max_new_tokens=wanted), model(window, begin=begin))
    assert 1 <= len(prompt.ids) < window
    assert prompt.ids[0] == whole[0] if begin else True
    kept = prompt.ids[1:] if begin else prompt.ids
    assert kept == tuple(range(count - len(kept) + 1, count + 1)), "the end stays, in its order"
    assert bool(prompt.notices) == (len(whole) >= window)
    if prompt.notices:
        assert f"{len(whole):,} tokens" in prompt.notices[0] and f"{len(kept):,} kept" in prompt.notices[0]
        assert window - len(prompt.ids) == max(1, min(wanted, window // 2))


def test_what_was_left_out_kept_and_left_free_adds_up() -> None:
    (notice,) = _token_prompt.build(settings(prompt=numbers(100), max_new_tokens=10), model(50)).notices
    assert notice == (
        "The prompt has 101 tokens and the context window of numbers is 50: "
        "the first 61 were left out, the last 39 kept, which leaves room for 10 new ones."
    )
    assert 1 + 39 + 10 == 50 and 61 + 39 == 100


def test_an_empty_prompt_begins_where_the_model_can() -> None:
    assert _token_prompt.build(settings(prompt=""), model(50)).ids == (BEGIN,)
    with pytest.raises(PlaygroundError, match="empty"):
        _token_prompt.build(settings(prompt=""), model(50, begin=False))


def test_chat_shows_system_history_and_message_in_this_order() -> None:
    history = json.dumps([{"role": "user", "content": "2 3"}, {"role": "assistant", "content": "4"}])
    prompt = _token_prompt.build(settings(mode="chat", prompt="5", system="1", history=history), model(50))
    assert prompt.ids == (-1, 1, -2, -1, 2, 3, -2, -1, 4, -2, -1, 5, -2, -3)
    assert prompt.notices == ()


@given(turns=st.integers(0, 12), window=st.integers(12, 60), wanted=st.integers(1, 40))
def test_a_long_conversation_loses_its_oldest_pairs_and_keeps_system_and_message(
    turns: int, window: int, wanted: int
) -> None:
    said = [
        {"role": role, "content": str(100 + 2 * t + i)}
        for t in range(turns)
        for i, role in enumerate(("user", "assistant"))
    ]
    made = settings(mode="chat", prompt="7", system="9", history=json.dumps(said), max_new_tokens=wanted)
    prompt = _token_prompt.build(made, model(window))
    assert len(prompt.ids) < window
    assert prompt.ids[:3] == (-1, 9, -2) and prompt.ids[-4:] == (-1, 7, -2, -3)
    kept = [i for i in prompt.ids if i >= 100]
    assert kept == list(range(100 + 2 * turns - len(kept), 100 + 2 * turns)) and len(kept) % 2 == 0
    assert bool(prompt.notices) == (len(kept) < 2 * turns)


def test_a_message_that_cannot_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(PlaygroundError, match=r"53 tokens .* 50: shorten"):
        _token_prompt.build(settings(mode="chat", prompt=numbers(50)), model(50))


def test_chat_needs_a_model_that_chats() -> None:
    with pytest.raises(PlaygroundError, match="completion"):
        _token_prompt.build(settings(mode="chat", prompt="1"), model(50, chat=False))


@pytest.mark.parametrize(
    "history", ["{", "{}", "[1]", '[{"role": "system", "content": "x"}]', '[{"role": "user"}]', "[" * 5000]
)
def test_history_that_is_no_conversation_is_refused(history: str) -> None:
    with pytest.raises(PlaygroundError, match="history"):
        _token_prompt.build(settings(mode="chat", prompt="1", history=history), model(50))


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=4))
def test_any_stop_string_can_be_written(strings: list[str]) -> None:
    written = "\n".join(s.replace("\\", "\\\\").replace("\n", "\\n") for s in strings)
    assert _token_settings.stop_strings(written) == tuple(strings)


def test_stop_strings_know_line_breaks_and_leave_other_escapes_alone() -> None:
    assert _token_settings.stop_strings("\\n\\n\n\\d\n\nEnd") == ("\n\n", "\\d", "End")


@given(st.dictionaries(st.sampled_from(["max_new_tokens", "top_k", "num_beams"]), st.integers(1, 10**6)))
def test_clamped_values_lie_in_the_limits_and_each_change_is_said(values: dict[str, int]) -> None:
    made = settings(**values)
    ranges = _token_settings.limits(made, model(512), vocab_size=4096)
    clamped, sentences = _limits.clamp(made, ranges, "numbers")
    for name, allowed in ranges.items():
        assert allowed.low <= getattr(clamped, name) <= allowed.high
        changed = getattr(made, name) != getattr(clamped, name)
        assert changed == any(s.startswith(name) for s in sentences)
