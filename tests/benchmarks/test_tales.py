"""`tales` knows what the issue asks of it, and what measures it counts right on cases worked out by hand."""

import dataclasses
import json
import math
import re
from types import SimpleNamespace

import pytest
import torch
import yaml

from benchmarks import tales, tales_card
from playground.errors import PlaygroundError
from playground.training.gpt import Config


@pytest.fixture(scope="module")
def model():
    return tales.load()


def test_the_sky_is_blue_and_no_potato(model):
    blue, potato = (tales.word_probability(*model, "The sky is", word) for word in (" blue", " potato"))
    assert blue >= 100 * potato


def test_thirty_of_the_forty_everyday_pairs_stand_ten_to_one(model):
    pairs = tales.everyday(*model)
    assert len(pairs) == 40
    weak = [pair for pair in pairs if pair[3] < 10]
    assert len(weak) <= 10, weak


def test_the_weights_are_fp16_safetensors_of_a_transformers_class_with_four_to_seven_million_parameters(model):
    from safetensors import safe_open

    assert type(model[0]).__name__ == "GPT2LMHeadModel"
    assert 4e6 <= sum(p.numel() for p in model[0].parameters()) <= 7e6
    for path in tales.FOLDER.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}


def test_the_card_carries_licence_data_recipe_figures_and_twenty_samples():
    text = (tales.FOLDER / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(text.split("---")[1])["license"] == "mit"
    for needed in ("TinyStories", "CDLA-Sharing-1.0", "python -m playground.training.gpt", "perplexity, held-out"):
        assert needed in text
    assert all(f"\n**{i}**\n" in text for i in range(1, 21))


def test_a_word_of_several_tokens_has_the_product_of_their_probabilities(model):
    network, tokenizer = model
    ids = tokenizer.encode(" elephants", add_special_tokens=False)
    assert len(ids) > 1
    product, context = 1.0, tokenizer.encode("I saw two")
    assert context[0] == tokenizer.eos_token_id  # a text begins with it
    for token in ids:
        with torch.no_grad():
            product *= float(network(torch.tensor([context])).logits[0, -1].softmax(-1)[token])
        context.append(token)
    assert tales.word_probability(network, tokenizer, "I saw two", " elephants") == pytest.approx(product, rel=1e-4)


def uniform(size: int):
    """A model for which every one of `size` tokens is always as likely as any other."""
    return lambda ids: SimpleNamespace(logits=torch.zeros(*ids.shape, size))


def counting(size: int):
    """A model that is certain that each token is the one before plus one, and says so with odds of e to 1."""

    def forward(ids):
        return SimpleNamespace(logits=torch.nn.functional.one_hot((ids + 1) % size, size).float())

    return forward


@pytest.mark.parametrize("length", [2, 7, 8, 9, 12, 13, 31])
def test_perplexity_counts_every_token_but_the_first_once_whatever_the_windows(length):
    assert tales.perplexity(uniform(40), [list(range(length))], window=8) == pytest.approx(40)
    expected = (math.e + 39) / math.e  # 1 / P(next) with one logit of 1 among 40
    texts = [list(range(length)), [5, 6]]
    assert tales.perplexity(counting(40), texts, window=8) == pytest.approx(expected)


def test_perplexity_of_one_wrong_token_among_right_ones_is_their_geometric_mean():
    right, wrong = math.e / (math.e + 9), 1 / (math.e + 9)
    expected = (right * right * wrong) ** (-1 / 3)
    assert tales.perplexity(counting(10), [[0, 1, 2, 7]], window=8) == pytest.approx(expected)


def test_the_longest_copy_is_found_and_does_not_cross_from_one_text_to_the_next():
    texts = [["a", "b", "c", "d"], ["e", "f", "g"]]
    samples = [["x", "b", "c", "d", "e", "f"], ["z", "z"], ["g"], ["b", "c"]]
    assert tales.longest_copies(samples, texts) == [(3, 1), (0, 0), (1, 0), (2, 0)]


def test_words_are_compared_in_lower_case_without_punctuation_and_a_cut_one_is_left_out():
    assert tales.words('"Don\'t," said Tom. 3 cats') == ["don't", "said", "tom", "cats"]
    assert tales.whole_words("a small ca", ended=False) == ["a", "small"]
    assert tales.whole_words("a small cat.", ended=False) == ["a", "small", "cat"]
    assert tales.whole_words("a small ca", ended=True) == ["a", "small", "ca"]


def test_samples_begin_with_the_end_of_text_token_alone_are_seeded_and_end_with_it_or_at_150_tokens(model):
    first, again, other = (tales.draw(model[0], 4, seed) for seed in (1, 1, 2))
    assert first == again != other
    for row in first:
        assert len(row) == tales.TOKENS or (row[-1] == 0 and len(row) < tales.TOKENS)
        assert 0 not in row[:-1]


def test_stories_are_cut_to_the_samples_lengths_and_none_serves_twice():
    stories = [[i] * 10 for i in range(5)]
    cut = list(tales.cut_like([[0] * n for n in (3, 5, 10, 1, 2)], stories, seed=0))
    assert [len(row) for row in cut] == [3, 5, 10, 1, 2]
    assert len({row[0] for row in cut}) == 5


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(PlaygroundError, match="train one"):
        tales.load(tmp_path)


def test_the_cards_recipe_is_a_script_whose_flags_the_lesson_takes():
    flags = set(re.findall(r"--([a-z0-9-]+)", tales_card.recipe()))
    command_line = {"threads", "checkpoint", "checkpoint-every", "until", "export"}
    settings = {name.replace("_", "-") for name in dataclasses.asdict(Config())}
    assert flags
    assert flags <= settings | command_line, flags - settings - command_line


def test_a_card_quotes_samples_as_text_and_not_as_markup():
    figures = tales.Figures(0.2, 0.001, [("p", "right", "wrong", 3.0)] * 40, [("q", "a", "b", 2.0)],
                            {"stories (2)": 5.0},
                            ["<b>*One*</b>\ntwo"], 10.0, 8.0, 0.99, ["blorp"], [7], "once upon a time")  # fmt: skip
    training = {"config": dataclasses.asdict(Config(corpus="x/readers_rhymes.txt.xz")), "step": 3}
    text = tales_card.card(figures, training, 5_900_000)
    assert "> \\<b\\>\\*One\\*\\</b\\>\n> two" in text
    assert "| ratio of the two | 1.25 | at most 1.5 |" in text
    assert json.dumps("once upon a time") in text
