"""What the tokens of a picture's prompt are letters of, and which of them make a word."""

from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from playground.models import _words


def wordpieces() -> Any:
    """As the embedded model's: pieces of words with ## before them."""
    names = {n: i for i, n in enumerate(["[PAD]", "[UNK]", "[CLS]", "a", "cat", "skate", "##board", "##s", "riding"])}
    made = Tokenizer(models.WordPiece(names, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]")


def bytes_() -> Any:
    """As CLIP's: every byte is a sign, words end with </w>."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {n: i for i, n in enumerate([*letters, *(f"{c}</w>" for c in letters), "<s>", "</s>"])}
    made = Tokenizer(models.BPE(vocabulary, [], end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(False)])
    ends = [(n, vocabulary[n]) for n in ("<s>", "</s>")]
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="</s>", eos_token="</s>", bos_token="<s>")


def pieces(tokenizer: Any, *prompts: str) -> Any:
    encoders = object.__new__(_words.Encoders)
    encoders.tokenizers = [tokenizer]
    inputs = tokenizer(list(prompts), padding=True, return_tensors="pt", return_offsets_mapping=True)
    return encoders._pieces(inputs, prompts)


def test_pieces_of_a_word_have_its_letters_and_make_it() -> None:
    (row,) = pieces(wordpieces(), "a cat riding skateboards")
    assert [piece.text for piece in row] == ["", "a", "cat", "riding", "skate", "board", "s"]
    assert _words.whole(row) == [("a", [1]), ("cat", [2]), ("riding", [3]), ("skateboards", [4, 5, 6])]


def test_a_word_that_is_not_known_stands_there_all_the_same_and_padding_is_nothing() -> None:
    first, other = pieces(wordpieces(), "a zebra riding", "cat")
    assert _words.whole(first) == [("a", [1]), ("zebra", [2]), ("riding", [3])]
    assert _words.whole(other) == [("cat", [1])]
    assert other[2:] == (_words.NOTHING,) * 2


@pytest.mark.parametrize("prompt", ["für", "🐱 猫", "naïve café"])
def test_signs_that_are_several_bytes_are_shown_once(prompt: str) -> None:
    (row,) = pieces(bytes_(), prompt)
    found = _words.whole(row)
    assert [text for text, _ in found] == prompt.split()
    assert sum(len(places) for _, places in found) == len("".join(prompt.split()).encode())
    assert (row[0], row[-1]) == (_words.NOTHING, _words.NOTHING)


def test_two_prompts_beside_each_other_keep_their_words_apart() -> None:
    import torch

    rows = pieces(wordpieces(), "a skateboard", "a cat")
    words = [_words.Words(torch.zeros(1, len(row), 2), torch.ones(1, len(row)), None, (row,)) for row in rows]
    mixed = _words.mixed(words[0], words[1], (0.0, 1.0))
    assert [text for text, _ in _words.whole(mixed.pieces[0])] == ["a", "skateboard", "a", "cat"]
