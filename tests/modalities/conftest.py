"""A tiny seeded language model in a folder of its own, and the real manager that loads it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WINDOW, EOS = 48, "<|endoftext|>"
TEXTS = [
    "The sky is blue and the grass is green.",
    "One day a small bird sang in the old tree.",
    "def add(a, b):\n    return a + b\n",
]


def build_tiny(folder: Path, seed: int = 0) -> Path:
    """A GPT-2 of 2 layers with random weights and a byte-level BPE of 320 tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=320, special_tokens=[EOS], initial_alphabet=alphabet, show_progress=False)
    )
    size = tokenizer.get_vocab_size()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=EOS, eos_token=EOS).save_pretrained(folder)
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=size, n_positions=WINDOW, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(8)  # so that the distribution has favourites
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_tiny(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="session")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from playground.manager import ModelManager

    manager = ModelManager(audience="own", cache_dir=tmp_path_factory.mktemp("cache"))
    yield manager
    manager.close()
