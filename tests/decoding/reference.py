"""A stepper and a vocabulary over a plain transformers GPT-2: what the loop is held against."""

import copy

import torch
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel


class GPT2Stepper:
    """The `Stepper` protocol, as short as it can be."""

    def __init__(self, model, cache=None):
        self.model = model
        self.vocab_size = model.config.vocab_size
        self.context_window = model.config.max_position_embeddings
        self.cache = cache if cache is not None else DynamicCache()

    @property
    def bytes(self):
        return sum(t.numel() * t.element_size() for l in self.cache.layers if l.is_initialized for t in (l.keys, l.values))

    @torch.inference_mode()
    def prefill(self, input_ids):
        logits = self.model(input_ids=input_ids, past_key_values=self.cache).logits.float()
        logprobs = logits[0, :-1].log_softmax(-1).gather(-1, input_ids[0, 1:, None])[:, 0]
        return logits[:, -1].clone(), logprobs

    @torch.inference_mode()
    def step(self, token_ids, parents=None):
        if parents is not None:
            self.cache.reorder_cache(parents)
        return self.model(input_ids=token_ids[:, None], past_key_values=self.cache).logits[:, -1].float().clone()

    def fork(self):
        cache = copy.copy(self.cache)
        cache.layers = [copy.copy(layer) for layer in self.cache.layers]
        return GPT2Stepper(self.model, cache)

    def crop(self, length):
        if length == 0:
            self.cache = DynamicCache()
        else:
            self.cache.crop(length - self.cache.get_seq_length())
        return True


class NumberVocabulary:
    """Token i is the text "i " (a byte-free vocabulary for models without a tokenizer)."""

    def __init__(self, vocab_size):
        self.vocab_size = vocab_size

    def encode(self, text):
        return [int(t) for t in text.split()]

    def decode(self, ids):
        return "".join(self.piece(i) for i in ids)

    def piece(self, token_id):
        return f"{token_id} "

    def is_special(self, token_id):
        return False


def tiny_gpt2(vocab_size=97, seed=0, context=128, scale=4.0):
    """A seeded random GPT-2 whose distributions are neither flat nor a single token."""
    torch.manual_seed(seed)
    config = GPT2Config(vocab_size=vocab_size, n_positions=context, n_embd=32, n_layer=2, n_head=2, bos_token_id=0,
                        eos_token_id=None, pad_token_id=0)  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        model.transformer.wte.weight.mul_(8 * scale)
        model.transformer.wpe.weight.mul_(40)
    return model
