"""Tokens: the merges are those that the tokenizers library learns, and cut texts as it does."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from playground.errors import PlaygroundError
from playground.lessons import catalogue, tokens
from playground.panels import Bars, Field, Pictures, Points
from playground.training import _texts, bert, gpt, t5
from tests.lessons.states import config, live

STRANGE = [
    "aaaa aaa aa a",
    "🙂🙃🐈 🙂🙂",
    "كان القط في البيت",
    "x\n\n  y\tz 12345 12 12",
    "ä é 日本語 日本",
    "the The THE the",
] * 3


def library_merges(tokenizer: object) -> list[tuple[str, str]]:
    found = json.loads(tokenizer.to_str())["model"]["merges"]  # type: ignore[attr-defined]
    return [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in found]


@pytest.mark.parametrize("texts", [_texts.read(_texts.EVERYDAY)[:300], STRANGE, ["a"], ["ab" * 40]])
def test_the_merges_are_those_that_the_tokenizers_library_learns_in_the_same_order(texts: list[str]):
    theirs = gpt.train_tokenizer(texts, 600)
    ours = list(tokens.merges(texts, 600, 10_000))
    assert [m.pair for m in ours] == library_merges(theirs)
    assert [m.number for m in ours] == list(range(1, len(ours) + 1))
    for text in texts[:40]:
        assert tokens.segment(text, ours) == [tokens.readable(t) for t in theirs.encode(text).tokens]


def test_t5s_special_tokens_take_room_in_its_vocabulary_as_in_the_library():
    texts = _texts.read(_texts.EVERYDAY)[:60]
    assert [m.pair for m in tokens.merges(texts, 400, 999, "t5")] == library_merges(t5.train_tokenizer(texts, 400))


def test_berts_merges_are_of_small_letters_and_equal_to_the_librarys():
    from tokenizers import Tokenizer, models, trainers

    texts = [*_texts.read(_texts.EVERYDAY)[:60], "Ünïcode ÄÖ 日本"]
    theirs = Tokenizer(models.BPE())
    made = bert.train_tokenizer(texts, 300)
    theirs.normalizer, theirs.pre_tokenizer = made.normalizer, made.pre_tokenizer
    theirs.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=300, show_progress=False))
    ours = list(tokens.merges(texts, 300, 999, "bert"))
    assert [m.pair for m in ours] == library_merges(theirs)
    assert all(m.token == m.left + m.right for m in ours)


def test_the_first_merges_of_a_worked_example():
    """low ×5, lower ×2 (and a space before all but the first): l-o stands in 7 words, lo-w too, then " "-low in 6."""
    found = list(tokens.merges(["low low low low low lower lower"], 300, 3))
    assert [(m.left, m.right, m.token, m.count) for m in found] == [
        ("l", "o", "lo", 7), ("lo", "w", "low", 7), (" ", "low", " low", 6)]  # fmt: skip
    assert tokens.segment("low lowest", found) == ["low", " low", "e", "s", "t"]
    assert tokens.segment("low lowest", found[:1]) == ["lo", "w", " ", "lo", "w", "e", "s", "t"]


def test_pieces_put_together_are_the_text_and_torn_letters_are_shown_as_bytes():
    text = "The cat\n sat. Größe"
    assert "".join(tokens.segment(text, list(tokens.merges([text] * 9, 300, 50)))) == text
    assert tokens.segment("ß", []) == ["\\xc3", "\\x9f"]


def test_texts_without_a_word_and_texts_that_are_too_long_are_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(PlaygroundError, match="no word"):
        next(tokens.merges(["", ""], 300))
    monkeypatch.setattr(tokens, "MOST_TEXT", 10)
    with pytest.raises(PlaygroundError, match="12 characters; at most 10"):
        next(tokens.merges(["twelve chars"], 300))


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion"])
def test_a_picture_becomes_its_pixels_its_colours_and_with_a_vae_its_code(name: str):
    state = live(name, "shapes")
    strip = tokens.encode_strip(name, state, 2)
    parts = dict(zip(strip.labels, strip.panels, strict=True))
    x = state.data.train[2].numpy()
    assert isinstance(parts["the picture"], Pictures)
    shown = Image.open(io.BytesIO(base64.b64decode(parts["red, green, blue"].png[1])))
    pixels = np.asarray(shown, np.float32)
    np.testing.assert_allclose(pixels[..., 1] / 127.5 - 1, x[1], atol=1 / 127)
    assert pixels[..., [0, 2]].max() == 0
    (field,) = (p for p in strip.panels if isinstance(p, Field))
    np.testing.assert_allclose(np.array(field.values)[::-1], x.mean(0), atol=0.006)
    codes = [p for p in strip.panels if isinstance(p, Bars)]
    assert bool(codes) == (name == "vae")
    if codes:
        mu, logvar = state.model.encode(state.data.train[2:3])
        np.testing.assert_allclose(codes[0].values, mu[0].detach(), atol=6e-4)
        np.testing.assert_allclose(codes[1].values, (logvar[0] / 2).exp().detach(), atol=6e-4)


def test_a_point_becomes_its_two_numbers_without_any_training():
    strip = tokens.encode_strip("gan", config("gan", "moons"), 0)
    assert isinstance(strip.panels[0], Points) and isinstance(strip.panels[1], Bars)
    assert strip.panels[0].clouds["point"][0] == strip.panels[1].values
    with pytest.raises(PlaygroundError, match="no example 64"):
        tokens.encode_strip("gan", replace(config("gan", "moons")), 64)
    with pytest.raises(PlaygroundError, match="GPT reads text"):
        tokens.encode_strip("gpt", catalogue.config("gpt", {}))
