"""Which words each place of a picture looked at: the cross-attention of a denoiser's layers, caught on the way.

The layers of diffusers never hand their probabilities out (the fast kernels do not even write them down), so they are
computed once more from what goes into each layer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

LAYER = "attn2"  # as diffusers calls the attention to the words


@contextmanager
def watched(denoiser: "nn.Module") -> Iterator[list["Tensor"]]:
    """Within, each attention to the words adds its probabilities (B, places, words), the mean of its heads."""
    found: list[Tensor] = []

    def note(layer: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        hidden = given[0] if given else named["hidden_states"]
        words = named.get("encoder_hidden_states")
        if words is not None:
            found.append(probabilities(layer, hidden, words, named.get("attention_mask")))

    handles = [
        layer.register_forward_pre_hook(note, with_kwargs=True)
        for name, layer in denoiser.named_modules()
        if name.rpartition(".")[2] == LAYER
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def probabilities(layer: Any, hidden: "Tensor", words: "Tensor", mask: "Tensor | None") -> "Tensor":
    """(B, places, words) of one layer of diffusers, the mean of its heads."""
    if hidden.ndim == 4:
        hidden = hidden.flatten(2).transpose(1, 2)
    if layer.norm_cross:
        words = layer.norm_encoder_hidden_states(words)
    count = len(hidden)
    mask = layer.prepare_attention_mask(mask, words.shape[1], count)
    query, key = (layer.head_to_batch_dim(x) for x in (layer.to_q(hidden), layer.to_k(words)))
    found: Tensor = layer.get_attention_scores(query, key, mask)
    return found.unflatten(0, (count, layer.heads)).mean(1)


def maps(layers: list["Tensor"], height: int, width: int) -> "Tensor":
    """The mean of the layers as pictures (B, words, height, width), whatever number of places each has."""
    import torch
    from torch.nn.functional import interpolate

    drawn = []
    for layer in layers:
        batch, places, words = layer.shape
        scale = (height * width / places) ** 0.5
        high, wide = max(1, round(height / scale)), max(1, round(width / scale))
        if high * wide != places:
            continue
        grid = layer.float().transpose(1, 2).reshape(batch, words, high, wide)
        drawn.append(interpolate(grid, size=(height, width), mode="bilinear", align_corners=False))
    return torch.stack(drawn).mean(0) if drawn else torch.zeros(len(layers[0]), layers[0].shape[2], height, width)
