"""Where the parts of a picture model go: all onto the device, or, where they do not fit there together, each for as
long as it computes (accelerate's `cpu_offload_with_hook`, as diffusers' `enable_model_cpu_offload` does)."""

from collections.abc import Callable, Sequence
from typing import Any

from playground.errors import PlaygroundError

ROOM_BYTES = 1_000_000_000  # for what a step computes with, beside the weights


def free_bytes(device: str) -> int | None:
    """Free memory of a device that has some of its own; None where it is the computer's, which the manager counts."""
    if not device.startswith("cuda"):
        return None
    import torch

    return int(torch.cuda.mem_get_info(device)[0])


def in_turn(sizes: Sequence[int], free: int | None) -> bool:
    """Whether parts of so many bytes have to take turns on a device with so many free ones.

    Raises:
        PlaygroundError: the largest part alone does not fit.
    """
    if free is None or sum(sizes) + ROOM_BYTES <= free:
        return False
    if max(sizes) + ROOM_BYTES > free:
        raise PlaygroundError(
            f"The largest part of this model takes {max(sizes) / 1e9:.1f} GB and about {ROOM_BYTES / 1e9:.0f} GB to "
            f"compute with; the graphics card has {free / 1e9:.1f} GB free: unload another model, or choose a smaller "
            "one."
        )
    return True


def place(modules: Sequence[Any], device: str) -> Callable[[], None] | None:
    """Put modules, in the order in which they compute, onto a device. None where all fit there; where they take turns,
    what is to be called once the last one has computed: nobody comes behind it to make it go.

    Raises:
        PlaygroundError: they do not fit.
    """
    sizes = [sum(p.numel() * p.element_size() for p in module.parameters()) for module in modules]
    if not in_turn(sizes, free_bytes(device)):
        for module in modules:
            module.to(device)
        return None
    from accelerate import cpu_offload_with_hook

    before = None
    for module in modules:
        _, before = cpu_offload_with_hook(module, device, prev_module_hook=before)
    last: Any = before
    return lambda: last.offload()
