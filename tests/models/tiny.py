"""Small random models, made on the spot, saved as the folders a model comes in."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from playground.models._causal import CausalLM, load
from playground.models._spec import Folder, Spec

KINDS = ("gpt2", "llama", "gemma3")


def tokenizer() -> Tokenizer:
    """Byte-level BPE that knows every byte and one word."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<|endoftext|>": 0} | {c: i for i, c in enumerate(alphabet, 1)}
    vocabulary |= {"Ġb": len(vocabulary), "Ġbl": len(vocabulary) + 1}
    made = Tokenizer(models.BPE(vocabulary, merges=[("Ġ", "b"), ("Ġb", "l")]))
    made.add_special_tokens(["<|endoftext|>"])
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made


def module(kind: str, seed: int = 0) -> Any:
    """A random model of 300 tokens and 64 positions."""
    torch.manual_seed(seed)
    if kind == "gpt2":
        made: Any = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=64, n_embd=32, n_layer=2, n_head=2,
                                               bos_token_id=0, eos_token_id=0, pad_token_id=0))  # fmt: skip
    elif kind == "llama":
        made = LlamaForCausalLM(LlamaConfig(vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                                            bos_token_id=0, eos_token_id=0, pad_token_id=0))  # fmt: skip
    else:
        made = Gemma3ForCausalLM(Gemma3TextConfig(
            vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=8, max_position_embeddings=64, sliding_window=8,
            layer_types=["sliding_attention", "full_attention"],
            bos_token_id=0, eos_token_id=0, pad_token_id=0))  # fmt: skip
    for parameter in made.parameters():  # sharper than the usual initialisation: a wrong cache must show
        parameter.data *= 4
    return made.eval()


def folder(path: Path, kind: str = "gpt2", seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Save such a model with its tokenizer below `path`."""
    module(kind, seed).to(dtype).save_pretrained(str(path))
    tokenizer().save(str(path / "tokenizer.json"))
    settings = {"tokenizer_class": "TokenizersBackend", "eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


def spec(path: Path, **changes: Any) -> Spec:
    """A Spec of a folder."""
    values = {"id": "tiny", "title": "Tiny", "modalities": ("text",), "architecture": "tiny", "parameters": 0,
              "licence": "none", "size_mb": 1, "memory_mb": 1, "sources": (Folder(str(path)),)} | changes  # fmt: skip
    return Spec(**values)


def adapter(path: Path, dtype: str = "float32", **changes: Any) -> CausalLM:
    """The loaded adapter of a folder."""
    loading = load(spec(path, **changes), path, "cpu", dtype)
    while True:
        try:
            next(loading)
        except StopIteration as done:
            return done.value
