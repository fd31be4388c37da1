"""Questions to the text lessons, checked against the model's own distribution."""

import math

import pytest
import torch

from playground.errors import PlaygroundError
from playground.lessons import probes
from playground.training.bert import MASK
from tests.lessons.states import live


def test_the_probability_of_a_word_is_the_product_over_its_tokens_asked_one_by_one():
    state = live("gpt", steps=3)
    found = probes.words(state, "The cat sat in the", ["barn", " pond", "!"])
    assert list(found) == ["barn", " pond", "!"]
    for word, text in (("barn", " barn"), (" pond", " pond"), ("!", "!")):
        ids, p = [0, *state.tokenizer.encode("The cat sat in the").ids], 1.0
        for token in state.tokenizer.encode(text).ids:
            p *= state.model(torch.tensor([ids]))[0, -1].softmax(-1)[token].item()
            ids.append(token)
        assert found[word] == pytest.approx(p, rel=1e-4)


def test_the_probabilities_of_all_first_tokens_add_up_to_one():
    state = live("gpt", steps=2)
    from playground.training import gpt

    model, vocab = state.model, state.tokenizer.get_vocab_size()
    logits = model(torch.tensor([[0, *state.tokenizer.encode("The").ids]]))[0, -1]
    token = int(logits.argmax())
    word = state.tokenizer.decode([token], skip_special_tokens=False)
    assert vocab == len(logits)
    if state.tokenizer.encode(word).ids == [token]:
        assert gpt.word_probability(model, state.tokenizer, "The", word) == pytest.approx(
            logits.softmax(-1).max().item(), rel=1e-4
        )


def test_a_prompt_longer_than_the_context_is_read_from_its_end():
    state = live("gpt", steps=2)
    found = probes.words(state, "The cat sat in the barn. " * 20, ["It"])
    ids = [0, *state.tokenizer.encode("The cat sat in the barn. " * 20).ids, *state.tokenizer.encode("It").ids]
    n = len(state.tokenizer.encode("It").ids)
    logp = state.model(torch.tensor([ids[:-1][-32:]]))[0].log_softmax(-1)[-n:]
    assert found["It"] == pytest.approx(math.exp(sum(logp[i, t].item() for i, t in enumerate(ids[-n:]))), rel=1e-4)


@pytest.mark.parametrize(
    ("prompt", "words", "says"),
    [("", ["a"], "prompt is empty"), ("The", [], "no word"), ("The", ["  "], "no word"),
     ("The", [f"w{i}" for i in range(21)], "21 words; at most 20"), ("The", ["x" * 50], "tokens; the model reads 32"),
     ("x" * 2001, ["a"], "2,001 characters")],
)  # fmt: skip
def test_words_that_cannot_be_watched_are_refused_with_one_sentence(prompt: str, words: list[str], says: str):
    with pytest.raises(PlaygroundError, match=says):
        probes.words(live("gpt", steps=1), prompt, words)


def test_every_gap_is_filled_with_the_models_distribution():
    state = live("bert", steps=3)
    found = probes.fill(state, "the [MASK] sat in the [MASK].", top=4)
    ids = state.tokenizer.encode("the [MASK] sat in the [MASK].").ids
    probs = state.model(torch.tensor([ids]))[0].softmax(-1)
    for gap, place in zip(found, [i for i, t in enumerate(ids) if t == MASK], strict=True):
        assert gap["p"] == pytest.approx(probs[place].topk(4).values.tolist(), rel=1e-4)
    with pytest.raises(PlaygroundError, match=r"no \[MASK\]"):
        probes.fill(state, "nothing hidden")


def test_an_answer_is_the_likeliest_output_step_by_step():
    state = live("t5", steps=3)
    text = "The owl<extra_id_0> in the wood."
    said = probes.answer(state, text)
    ids, written = torch.tensor([state.task.ask(text)]), [0]
    for _ in range(40):
        written.append(int(state.model.decode(*state.model.encode(ids), torch.tensor([written]))[0, -1].argmax()))
        if written[-1] == 1:
            break
    assert said == {"input": text, "answer": state.task.show(ids[0].tolist(), written[1:])}
    with pytest.raises(PlaygroundError, match="no gap"):
        probes.answer(state, "no gap here")


def test_only_single_words_of_known_letters_are_spoken():
    state = live("t5", steps=1, task="pronunciation")
    assert probes.answer(state, "Phone")["answer"].startswith("phone:")
    for bad in ("two words", "naïve", "日本", "x" * 40, " "):
        with pytest.raises(PlaygroundError):
            probes.answer(state, bad)
