"""Pieces of text and their ids."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from playground.models._vocabulary import Vocabulary
from tests.models import tiny

TALES = Path(__file__).parents[2] / "assets" / "models" / "tales"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(AutoTokenizer.from_pretrained(str(TALES)), 4096)


def test_split_characters_show_their_bytes(vocabulary: Vocabulary) -> None:
    ids = vocabulary.encode("好")
    assert len(ids) > 1
    assert "".join(vocabulary.piece(i) for i in ids) == r"\xe5\xa5\xbd"
    assert vocabulary.decode(ids) == "好"


def test_special_tokens_have_a_piece_and_no_text(vocabulary: Vocabulary) -> None:
    assert vocabulary.is_special(0)
    assert vocabulary.piece(0) == "<|endoftext|>"
    assert vocabulary.decode([0, *vocabulary.encode("a")]) == "a"


def test_ids_past_the_tokenizers_end_have_an_empty_piece(vocabulary: Vocabulary) -> None:
    assert vocabulary.piece(4096) == vocabulary.piece(10**6) == vocabulary.piece(-1) == ""


@given(text=st.text(max_size=40))
def test_the_bytes_of_a_texts_tokens_are_the_text(vocabulary: Vocabulary, text: str) -> None:
    ids = vocabulary.encode(text)
    assert b"".join(vocabulary.token_bytes(i) for i in ids if not vocabulary.is_special(i)) == text.encode() or (
        "<|endoftext|>" in text
    )


def test_a_sentencepiece_like_vocabulary_has_spaces_and_bytes(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE({"<unk>": 0, "▁sky": 1, "<0xE2>": 2, "a": 3}, merges=[], unk_token="<unk>"))
    inner.decoder = decoders.Metaspace()
    made = Vocabulary(PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>"), 4)
    assert [made.piece(i) for i in range(1, 4)] == [" sky", r"\xe2", "a"]


def test_the_tiny_tokenizer_of_these_tests_joins_words() -> None:
    made = Vocabulary(AutoTokenizer.from_pretrained(str(TALES)), 4096)
    assert made.piece(made.encode(" sky")[0]) == " sky"
    assert len(tiny.tokenizer().encode(" bl").ids) == 1
