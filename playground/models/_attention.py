"""Which words each place of a picture looked at: the attention of a denoiser's layers, caught on the way.

The layers of diffusers never hand their probabilities out (the fast kernels do not even write them down), so they are
computed once more from what goes into each layer. Most denoisers have layers of their own for the words
(cross-attention); in AuraFlow's, words and picture are one sequence, and a place shares its attention out among both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

CROSS, JOINT = "attn2", "attn"  # as diffusers calls the attention to the words, and that of one sequence


@contextmanager
def watched(denoiser: "nn.Module") -> Iterator[list["Tensor"]]:
    """Within, each attention to the words adds its probabilities (B, places, words), the mean of its heads."""
    found: list[Tensor] = []
    registers = getattr(denoiser, "register_tokens", None)  # stand before the words, where all is one sequence
    before, count = (0 if registers is None else registers.shape[1]), 0

    def begin(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        nonlocal count
        count = named["encoder_hidden_states"].shape[1]

    def note(layer: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        hidden = given[0] if given else named["hidden_states"]
        words = named.get("encoder_hidden_states")
        if registers is not None:
            found.append(joint(layer, hidden, words, before, count))
        elif words is not None:
            found.append(cross(layer, hidden, words, named.get("attention_mask")))

    wanted = CROSS if registers is None else JOINT
    layers = [layer for name, layer in denoiser.named_modules() if name.rpartition(".")[2] == wanted]
    handles = [layer.register_forward_pre_hook(note, with_kwargs=True) for layer in layers]
    handles.append(denoiser.register_forward_pre_hook(begin, with_kwargs=True))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def cross(layer: Any, hidden: "Tensor", words: "Tensor", mask: "Tensor | None") -> "Tensor":
    """(B, places, words) of a layer of diffusers that looks at words alone, the mean of its heads."""
    if hidden.ndim == 4:
        hidden = hidden.flatten(2).transpose(1, 2)
    if layer.norm_cross:
        words = layer.norm_encoder_hidden_states(words)
    count = len(hidden)
    mask = layer.prepare_attention_mask(mask, words.shape[1], count)
    query, key = (layer.head_to_batch_dim(x) for x in (layer.to_q(hidden), layer.to_k(words)))
    found: Tensor = layer.get_attention_scores(query, key, mask)
    return found.unflatten(0, (count, layer.heads)).mean(1)


def joint(layer: Any, hidden: "Tensor", words: "Tensor | None", before: int, count: int) -> "Tensor":
    """(B, places, words) of a layer that looks at words and picture in one sequence, the mean of its heads.

    `words`, if they come by themselves, and otherwise the first part of `hidden`, are `before` registers and then
    `count` words.
    """
    import torch

    def heads(x: "Tensor", norm: Any) -> "Tensor":
        split = x.unflatten(-1, (layer.heads, -1))
        return (split if norm is None else norm(split)).transpose(1, 2)

    query, key = heads(layer.to_q(hidden), layer.norm_q), heads(layer.to_k(hidden), layer.norm_k)
    if words is None:
        query = query[:, :, before + count :]
    else:
        key = torch.cat([heads(layer.add_k_proj(words), layer.norm_added_k), key], dim=2)
    total: Any = 0
    for q, k in zip(query.unbind(1), key.unbind(1), strict=True):  # head by head: all at once are gigabytes
        scores = q.float() @ k.float().transpose(1, 2) * layer.scale
        total = total + scores.softmax(-1)[..., before : before + count]
    found: Tensor = total / layer.heads
    return found


def maps(layers: list["Tensor"], shape: tuple[int, int], size: tuple[int, int]) -> "Tensor":
    """The mean of the layers as pictures (B, words, *size), whatever number of places each has of latents of `shape`
    (height, width)."""
    import torch
    from torch.nn.functional import interpolate

    drawn = []
    for layer in layers:
        batch, places, words = layer.shape
        scale = (shape[0] * shape[1] / places) ** 0.5
        high, wide = max(1, round(shape[0] / scale)), max(1, round(shape[1] / scale))
        if high * wide != places:
            continue
        grid = layer.float().transpose(1, 2).reshape(batch, words, high, wide)
        drawn.append(interpolate(grid, size=size, mode="bilinear", align_corners=False))
    return torch.stack(drawn).mean(0) if drawn else torch.zeros(len(layers[0]), layers[0].shape[2], *size)
