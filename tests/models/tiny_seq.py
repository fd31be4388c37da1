"""Small random encoder-decoders and masked language models, saved as the folders a model comes in."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from playground.models import _any
from tests.models import tiny

BOTH = ("t5", "bart")
MASKED = ("bert", "distilbert", "roberta")
WORDS = "the a sky sea is was blue green big and cat dog sat on mat ##s ##ing . , play sun".split()
VOCAB = 96


def sharper(module: Any, factor: float = 3) -> Any:
    """Sharper than the usual initialisation: a wrong cache must show."""
    for parameter in module.parameters():
        parameter.data *= factor
    return module.eval()


def encoder_decoder(kind: str, seed: int = 0) -> Any:
    """A random model of 96 tokens; `t5` knows no farthest position, `bart` reaches 64."""
    torch.manual_seed(seed)
    if kind == "t5":
        return sharper(T5ForConditionalGeneration(T5Config(
            vocab_size=VOCAB, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4,
            pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)), 1.5)  # fmt: skip
    made = BartForConditionalGeneration(BartConfig(
        vocab_size=VOCAB, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64, init_std=0.2,
        pad_token_id=0, bos_token_id=2, eos_token_id=1, decoder_start_token_id=1, forced_bos_token_id=2,
        forced_eos_token_id=None))  # fmt: skip
    return sharper(made, 2)


def masked(kind: str, seed: int = 0) -> Any:
    """A random model of 96 tokens that reads 32."""
    torch.manual_seed(seed)
    size = {"vocab_size": VOCAB, "pad_token_id": 0}
    layers = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    if kind == "bert":
        return sharper(BertForMaskedLM(BertConfig(**size, **layers, max_position_embeddings=32)))
    if kind == "roberta":  # its positions begin after the padding's, at 1
        return sharper(RobertaForMaskedLM(RobertaConfig(**size, **layers, max_position_embeddings=34)))
    return sharper(DistilBertForMaskedLM(DistilBertConfig(
        **size, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=32)))  # fmt: skip


def wordpieces() -> PreTrainedTokenizerFast:
    """A few words and pieces, the alphabet, and BERT's special tokens."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [p + c for c in "abcdefghijklmnopqrstuvwxyz" for p in ("", "##")]
    vocab = {token: i for i, token in enumerate(dict.fromkeys([*special, *WORDS, *letters]))}
    made = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=32, **names)


def letters() -> PreTrainedTokenizerFast:
    """A token for each letter; `</s>` ends an input."""
    special = ["<pad>", "</s>", "<s>", "<unk>"]
    vocab = {token: i for i, token in enumerate([*special, *"abcdefghijklmnopqrstuvwxyz .,?"])}
    made = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    made.decoder = decoders.Fuse()
    names = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


def folder(path: Path, kind: str, seed: int = 0) -> Path:
    """Save such a model with its tokenizer below `path`."""
    module = encoder_decoder(kind, seed) if kind in BOTH else masked(kind, seed)
    module.save_pretrained(str(path))
    (letters() if kind in BOTH else wordpieces()).save_pretrained(str(path))
    return path


def adapter(path: Path) -> Any:
    """The loaded adapter of a folder that nobody has described."""
    loading = _any.load(tiny.spec(path, trusted=False), path, "cpu", "float32")
    while True:
        try:
            next(loading)
        except StopIteration as done:
            return done.value
