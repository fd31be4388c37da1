"""A tiny random model that writes pixels, and the small pictures that its palette is made of."""

from pathlib import Path

import numpy as np
import torch

from tools import pixels

NAMES = ["apple", "cat", "red heart"]


def pictures() -> list[np.ndarray]:
    """Four pictures (16, 16, 3) uint8 of smooth colours."""
    ramp = np.linspace(0, 255, pixels.SIDE).astype("uint8")
    across, down = np.meshgrid(ramp, ramp)
    return [np.stack([across, down, np.full_like(across, level)], -1) for level in (0, 90, 180, 255)]


def folder(place: Path) -> Path:
    """As `tools.pixels` writes it: a GPT-2 of one layer over names and colours."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = pixels.tokenizer(NAMES, pixels.palette(pictures()))
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=pixels.LENGTH + 1, n_embd=16, n_layer=1, n_head=2,
                        bos_token_id=0, eos_token_id=0)  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place
