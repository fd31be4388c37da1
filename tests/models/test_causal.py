"""The adapter computes what the library's model computes without it."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models._causal import CausalLM, load
from tests.models import tiny

TALES = Path(__file__).parents[2] / "assets" / "models" / "tales"
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module", params=[*tiny.KINDS, "tales"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[CausalLM, Any]:
    """An adapter and, loaded without it, the library's model of the same folder."""
    torch.set_num_threads(1)
    if request.param == "tales":
        path = TALES
    else:
        path = tiny.folder(tmp_path_factory.mktemp(request.param), request.param)
    return tiny.adapter(path), AutoModelForCausalLM.from_pretrained(str(path), dtype=torch.float32).eval()


@torch.no_grad()
def full(reference: Any, ids: list[int]) -> torch.Tensor:
    """All logits (T, V) of one forward pass without a cache."""
    return reference(torch.tensor([ids]), use_cache=False).logits[0].float()


IDS = [5, 17, 3, 99, 42, 8, 250, 1, 77, 30, 12, 12, 200, 64, 9, 13, 21, 34, 55, 89]


def test_prefill_gives_the_next_logits_and_the_log_probabilities_of_the_prompt(pair: tuple[CausalLM, Any]) -> None:
    model, reference = pair
    logits, logprobs = model.stepper().prefill(torch.tensor([IDS]))
    expected = full(reference, IDS)
    torch.testing.assert_close(logits[0], expected[-1], **CLOSE)
    wanted = expected[:-1].log_softmax(-1).gather(1, torch.tensor(IDS[1:])[:, None])[:, 0]
    torch.testing.assert_close(logprobs, wanted, **CLOSE)


def test_prefill_in_chunks_is_prefill(pair: tuple[CausalLM, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.models._causal.CHUNK_BYTES", 1)  # the smallest chunk, 16 tokens
    model, reference = pair
    stepper = model.stepper()
    reading = stepper.prefill_chunks(torch.tensor([IDS]))
    assert [next(reading), next(reading)] == [16, 20]
    with pytest.raises(StopIteration) as done:
        next(reading)
    logits, logprobs = done.value.value
    expected = full(reference, IDS)
    torch.testing.assert_close(logits[0], expected[-1], **CLOSE)
    wanted = expected[:-1].log_softmax(-1).gather(1, torch.tensor(IDS[1:])[:, None])[:, 0]
    torch.testing.assert_close(logprobs, wanted, **CLOSE)


def test_steps_with_parents_equal_a_full_pass_of_every_row(pair: tuple[CausalLM, Any]) -> None:
    model, reference = pair
    stepper = model.stepper()
    stepper.prefill(torch.tensor([IDS[:6]]))
    rows = [IDS[:6]]
    plan = [([9, 4, 7], [0, 0, 0]), ([1, 2, 3], [2, 0, 2]), ([8, 8], [1, 0]), ([5, 6], None), ([7, 7, 7], [1, 1, 0])]
    for tokens, parents in plan:
        rows = [[*rows[p], t] for t, p in zip(tokens, parents or range(len(tokens)), strict=True)]
        logits = stepper.step(torch.tensor(tokens), None if parents is None else torch.tensor(parents))
        assert logits.shape == (len(tokens), model.vocabulary.vocab_size)
        assert logits.dtype == torch.float32
        for row, ids in zip(logits, rows, strict=True):
            torch.testing.assert_close(row, full(reference, ids)[-1], **CLOSE)


def test_a_fork_shares_its_cache_until_either_goes_on(pair: tuple[CausalLM, Any]) -> None:
    model, reference = pair
    stepper = model.stepper()
    stepper.prefill(torch.tensor([IDS]))
    other = stepper.fork()
    shared = [
        a.data_ptr() == b.data_ptr() for a, b in zip(stepper.cache._tensors(), other.cache._tensors(), strict=True)
    ]
    assert shared and all(shared)
    first, second = stepper.step(torch.tensor([1])), other.step(torch.tensor([2]))
    torch.testing.assert_close(first[0], full(reference, [*IDS, 1])[-1], **CLOSE)
    torch.testing.assert_close(second[0], full(reference, [*IDS, 2])[-1], **CLOSE)


def test_a_kept_cache_goes_on_exactly_and_as_often_as_one_likes(pair: tuple[CausalLM, Any]) -> None:
    model, reference = pair
    stepper = model.stepper()
    stepper.prefill(torch.tensor([IDS]))
    kept = stepper.cache
    stepper.step(torch.tensor([3]))
    for token in (4, 4, 9):
        logits = model.stepper(kept).step(torch.tensor([token]))
        torch.testing.assert_close(logits[0], full(reference, [*IDS, token])[-1], **CLOSE)
    assert kept.length == len(IDS)
    assert kept.bytes == sum(t.numel() * t.element_size() for t in kept._tensors())


def test_a_cropped_cache_goes_on_exactly_or_says_that_it_cannot(pair: tuple[CausalLM, Any]) -> None:
    model, reference = pair
    stepper = model.stepper()
    stepper.prefill(torch.tensor([IDS]))
    if model.module.config.model_type == "gemma3_text":
        assert not stepper.crop(10), "its window of 8 has dropped what position 10 sees"
        assert stepper.length == len(IDS)
        return
    assert stepper.crop(10)
    torch.testing.assert_close(stepper.step(torch.tensor([6]))[0], full(reference, [*IDS[:10], 6])[-1], **CLOSE)
    assert not stepper.crop(50)


def test_what_a_stepper_returns_may_be_changed_in_place(pair: tuple[CausalLM, Any]) -> None:
    model, _ = pair
    stepper = model.stepper()
    logits, logprobs = stepper.prefill(torch.tensor([IDS]))
    logits += 1
    logprobs += 1
    stepper.step(torch.tensor([1])).fill_(0)


def test_more_tokens_than_the_context_window_are_refused_with_counts(pair: tuple[CausalLM, Any]) -> None:
    model, _ = pair
    stepper = model.stepper()
    with pytest.raises(
        PlaygroundError, match=f"{model.context_window} tokens; 0 are used and {model.context_window + 1}"
    ):
        stepper.prefill(torch.ones(1, model.context_window + 1, dtype=torch.long))
    stepper.prefill(torch.ones(1, model.context_window, dtype=torch.long))
    with pytest.raises(PlaygroundError, match="shorten"):
        stepper.step(torch.tensor([1]))


def test_a_kept_cache_does_not_hold_the_model(tmp_path: Path) -> None:
    model = tiny.adapter(tiny.folder(tmp_path))
    stepper = model.stepper()
    stepper.prefill(torch.tensor([IDS]))
    kept, gone = stepper.cache, weakref.ref(model.module)
    del model, stepper
    gc.collect()
    assert gone() is None
    assert kept.length == len(IDS)


def test_half_precision_files_are_computed_in_float32(tmp_path: Path) -> None:
    model = tiny.adapter(tiny.folder(tmp_path, dtype=torch.float16))
    reference = AutoModelForCausalLM.from_pretrained(str(tmp_path), dtype=torch.float32).eval()
    assert model.dtype == torch.float32
    torch.testing.assert_close(model.stepper().prefill(torch.tensor([IDS]))[0][0], full(reference, IDS)[-1], **CLOSE)
    assert model.bytes == sum(p.numel() * 4 for p in reference.parameters())


def test_loading_says_how_far_it_is_and_can_be_stopped_between_two_tensors(tmp_path: Path) -> None:
    path = tiny.folder(tmp_path)
    loading = load(tiny.spec(path), path, "cpu", "float32")
    events = [next(loading) for _ in range(4)]
    assert all(isinstance(e, Progress) for e in events)
    assert [e.done for e in events[1:]] == sorted({e.done for e in events[1:]})
    assert events[-1].total == (path / "model.safetensors").stat().st_size
    loading.close()


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tiny.folder(tmp_path)
    config = (path / "config.json").read_text()
    (path / "config.json").write_text(config.replace('"n_embd": 32', '"n_embd": 64'))
    with pytest.raises(PlaygroundError, match="do not fit"):
        tiny.adapter(path)


def test_missing_weights_are_refused_by_name(tmp_path: Path) -> None:
    path = tiny.folder(tmp_path)
    config = (path / "config.json").read_text()
    (path / "config.json").write_text(config.replace('"n_layer": 2', '"n_layer": 3'))
    with pytest.raises(PlaygroundError, match=r"transformer\.h\.2"):
        tiny.adapter(path)


def test_an_architecture_that_is_no_language_model_is_refused(tmp_path: Path) -> None:
    path = tiny.folder(tmp_path)
    (path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(PlaygroundError, match="not a language model"):
        tiny.adapter(path)


def test_a_prompt_begins_as_in_training_and_is_never_empty(tmp_path: Path) -> None:
    plain, prefixed = tiny.adapter(tiny.folder(tmp_path)), tiny.adapter(tmp_path, prefix_eos=True)
    ids = plain.vocabulary.encode("The sky")
    assert plain.prompt_ids("The sky") == ids
    assert prefixed.prompt_ids("The sky") == [0, *ids]
    assert plain.prompt_ids("") == prefixed.prompt_ids("") == [0]


def test_a_strangers_chat_template_is_not_run(tmp_path: Path) -> None:
    path = tiny.folder(tmp_path)
    (path / "chat_template.jinja").write_text("{% for i in range(10 ** 9) %}x{% endfor %}")
    model = tiny.adapter(path, chat=True, trusted=False)
    assert not model.chat
    with pytest.raises(PlaygroundError, match="not made for conversations"):
        model.chat_ids([{"role": "user", "content": "hello"}])
    assert tiny.adapter(path, chat=True).chat
