"""Models that several files of these tests use."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, GPT2LMHeadModel

from tests.decoding.reference import NumberVocabulary, TokenizerVocabulary, tiny_gpt2

TALES = Path(__file__).parents[2] / "assets" / "models" / "tales"


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny():
    """A small random model and its vocabulary."""
    model = tiny_gpt2()
    return model, NumberVocabulary(model.config.vocab_size)


@pytest.fixture(scope="session")
def tales():
    """The embedded model, through transformers alone."""
    model = GPT2LMHeadModel.from_pretrained(TALES, dtype=torch.float32).eval()
    return model, TokenizerVocabulary(AutoTokenizer.from_pretrained(TALES), model.config.vocab_size)
