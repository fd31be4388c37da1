"""The text encoder: a tokenizer of whole words and pieces, frozen word vectors, and two layers that are trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

MOST_TOKENS = 20


def tokenizer(folder: Path) -> Any:
    """Plain lower-case letters, words, pieces of words; a [CLS] before everything, so that no prompt is empty."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer, Replace, Sequence
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    with np.load(folder / "words.npz") as kept:
        vocabulary = {str(token): i for i, token in enumerate(kept["tokens"])}
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=40))
    letters = [BertNormalizer(lowercase=True, strip_accents=True), Replace(Regex("[^a-z0-9 ]+"), " ")]
    made.normalizer, made.pre_tokenizer = Sequence(letters), BertPreTokenizer()
    made.post_processor = TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", vocabulary["[CLS]"])])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", model_max_length=MOST_TOKENS
    )


def encoder(folder: Path) -> Any:
    """A `T5EncoderModel` of 2.5 M parameters, 1.9 M of them word vectors that stay as they are."""
    from transformers import T5Config, T5EncoderModel

    with np.load(folder / "words.npz") as kept:
        vectors = torch.from_numpy(kept["vectors"])
    count, width = vectors.shape
    config = T5Config(vocab_size=count, d_model=width, d_kv=32, d_ff=4 * width, num_layers=2, num_heads=width // 32,
                      dropout_rate=0.0, pad_token_id=0, decoder_start_token_id=0, eos_token_id=1)  # fmt: skip
    model = T5EncoderModel(config)
    model.shared.weight.data.copy_(vectors)
    model.shared.weight.requires_grad_(False)
    return model


def ids(words: Any, captions: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """(token ids, mask), each (captions, MOST_TOKENS)."""
    inputs = words(captions, padding="max_length", truncation=True, max_length=MOST_TOKENS, return_tensors="pt")
    return inputs["input_ids"], inputs["attention_mask"]
