"""`gaps` fills what the issue asks of it, and what measures it counts right on cases worked out by hand."""

import numpy as np
import pytest
import torch
import yaml

from benchmarks import gaps
from playground.errors import PlaygroundError
from playground.training._texts import documents
from playground.training.bert import HIDDEN, MASK, Config, NGram, encode


@pytest.fixture(scope="module")
def model():
    return gaps.load()


def test_on_the_embedded_held_out_texts_it_fills_more_gaps_than_the_n_gram(model):
    """The stories are not in the repository: the card has their figures. The everyday texts are."""
    network, tokenizer = model
    train, held = documents(Config(held_out=gaps.HELD_OUT))
    assert not set(train) & set(held)
    ngram = NGram(encode(tokenizer.backend_tokenizer, train), network.config.vocab_size)
    part = gaps.part_of(network, encode(tokenizer.backend_tokenizer, held), ngram, 0)
    assert part.gaps > 50
    assert part.model > part.ngram


def test_the_card_carries_licence_data_recipe_and_the_figures_that_were_asked_for():
    text = (gaps.FOLDER / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(text.split("---")[1])["license"] == "mit"
    for needed in ("TinyStories", "CDLA-Sharing-1.0", "python -m playground.training.bert"):
        assert needed in text
    rows = [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| ") and "%" in line]
    filled, ngram = (float(row.rstrip("%")) for row in rows[:2])
    assert filled >= 35
    assert filled > ngram


def test_the_weights_are_fp16_safetensors_of_a_transformers_class(model):
    from safetensors import safe_open

    assert type(model[0]).__name__ == "BertForMaskedLM"
    for path in gaps.FOLDER.glob("*.safetensors"):
        assert path.stat().st_size < 10e6
        with safe_open(path, "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}


def test_the_sky_is_likelier_blue_than_a_potato(model):
    network, tokenizer = model
    read = tokenizer("The sky is [MASK].", return_tensors="pt")
    with torch.no_grad():
        probs = network(**read).logits[0, 4].softmax(-1)
    blue, potato = (probs[tokenizer.convert_tokens_to_ids(word)] for word in ("blue", "potato"))
    assert tokenizer.convert_tokens_to_ids("potato") != tokenizer.unk_token_id
    assert blue > 10 * potato


def test_gaps_are_always_the_same_all_masked_and_about_fifteen_in_a_hundred(model):
    docs = [np.arange(5, 900, dtype=np.uint16)]
    inputs, labels = gaps.gaps_of(docs, 32, 1000)
    again = gaps.gaps_of(docs, 32, 1000)
    assert (inputs == again[0]).all() and (labels == again[1]).all()
    assert (inputs[labels != HIDDEN] == MASK).all()
    assert (inputs[labels == HIDDEN] != MASK).all()
    assert 0.1 < (labels != HIDDEN).mean() < 0.2


class Always:
    """A "model" that always guesses one token, with probability e / (e + 9)."""

    def __init__(self, token: int):
        self.token = token

    def __call__(self, input_ids):
        logits = torch.zeros(*input_ids.shape, 10)
        logits[..., self.token] = 1
        return type("Output", (), {"logits": logits})


def test_guesses_and_loss_are_counted_at_the_gaps_alone():
    inputs = np.array([[2, MASK, 6, MASK], [2, 7, MASK, 8]])
    labels = np.array([[HIDDEN, 7, HIDDEN, 5], [HIDDEN, HIDDEN, 7, HIDDEN]])
    guesses, loss = gaps.answers(Always(7), inputs, labels)
    assert guesses.tolist() == [7, 7, 7]
    total = np.log(np.e + 9)
    assert loss == pytest.approx((2 * (total - 1) + total) / 3, rel=1e-5)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(PlaygroundError, match="There is no model"):
        gaps.load(tmp_path)
