"""A stepper and a vocabulary over a plain transformers GPT-2: what the loop is held against."""

import copy

import torch
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

from playground.decoding.loop import Plan, decode, filters_from, search_from
from playground.events import BeamStep, TokenStep
from playground.models._causal import cache_argument


class GPT2Stepper:
    """The `Stepper` protocol, as short as it can be."""

    def __init__(self, model, cache=None):
        self.model = model
        self.name = cache_argument(model)
        self.vocab_size = model.config.vocab_size
        self.context_window = model.config.max_position_embeddings
        self.cache = cache if cache is not None else DynamicCache()

    @property
    def bytes(self):
        layers = [layer for layer in self.cache.layers if layer.is_initialized]
        return sum(t.numel() * t.element_size() for layer in layers for t in (layer.keys, layer.values))

    @torch.inference_mode()
    def prefill(self, input_ids):
        logits = self.model(input_ids=input_ids, **{self.name: self.cache}).logits.float()
        logprobs = logits[0, :-1].log_softmax(-1).gather(-1, input_ids[0, 1:, None])[:, 0]
        return logits[:, -1].clone(), logprobs

    @torch.inference_mode()
    def step(self, token_ids, parents=None):
        if parents is not None:
            self.cache.reorder_cache(parents)
        return self.model(input_ids=token_ids[:, None], **{self.name: self.cache}).logits[:, -1].float().clone()

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


class TokenizerVocabulary:
    """The vocabulary of a transformers tokenizer."""

    def __init__(self, tokenizer, vocab_size):
        self.tokenizer, self.vocab_size = tokenizer, vocab_size

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids):
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def piece(self, token_id):
        return self.tokenizer.decode([token_id])

    def is_special(self, token_id):
        return token_id in self.tokenizer.all_special_ids


def plan_of(vocabulary, prompt=(1, 5, 9), max_new_tokens=12, context_window=128, **rest):
    """A plan from loose settings: those of filters and searches by name, those of the plan by name."""
    own = {k: rest.pop(k) for k in ("eos_token_ids", "stop_strings", "time_limit_s", "seed", "lane") if k in rest}
    off = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0} | rest
    return Plan(
        tuple(prompt),
        filters_from(off, vocabulary),
        search_from(off),
        max_new_tokens,
        context_window=context_window,
        **own,
    )


def run(stepper, vocabulary, plan, **rest):
    """All events of a run: (token steps, beam steps, finished)."""
    events = list(decode(stepper, vocabulary, plan, run_id="run", **rest))
    steps = [e for e in events if isinstance(e, TokenStep)]
    return steps, [e for e in events if isinstance(e, BeamStep)], events[-1]


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
