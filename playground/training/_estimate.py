"""What a run will need, before anything is allocated.

The model is built on torch's "meta" device, where tensors have shapes and no memory, and one step is taken
there: counted are its parameters, the bytes that the forward pass keeps for the backward pass, the
multiplications, and the operations (a small model's time goes into starting them, not into arithmetic).
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from playground.errors import PlaygroundError
from playground.training import _pictures, _plane, _sets

# Of two quiet cores of an AMD EPYC with torch 2.13, fitted to the six lessons; `slower` compares this computer with it.
SECONDS_PER_OPERATION, FLOPS_PER_SECOND, BYTES_PER_SECOND = 1.1e-5, 1.38e11, 5.7e10
PROBE_S = 0.024  # of `_probe` there
AGAIN_S = 30.0  # between two measurements of this computer
LIBRARY_BYTES = 350_000_000  # interpreter, torch and its buffers


@dataclass(frozen=True)
class Estimate:
    """`memory_bytes` at most at one time, `seconds` for all steps on the reference's two quiet cores (times `slower()`
    on this computer), `parameters` of all networks."""

    memory_bytes: int
    seconds: float
    parameters: int


@dataclass
class _Here:
    """The quickest measurement of this computer, in seconds, and when the last one was."""

    taken: float = float("inf")
    at: float = float("-inf")


_here = _Here()


@dataclass(frozen=True)
class Plan:
    """One step of a run, on the meta device.

    `losses` yields the losses of one step, one after another; each is followed by a backward pass. `optimizers`
    are those whose own work counts (Adam in one piece is too little to count); `averaged` is the number of
    parameters that are kept a second time (a moving average).
    """

    networks: Mapping[str, nn.Module]
    losses: Callable[[], Iterable[Tensor]]
    steps: int
    data_bytes: int
    averaged: int = 0
    optimizers: Sequence[torch.optim.Optimizer] = ()


class FlashAttention(TorchFunctionMode):
    """Takes the way through attention that a CPU takes, which never writes the scores (T × T) down; the meta device
    by itself would take the one that does. (With a trained bias added to the scores, both write them down.)"""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            mask = kwargs.get("attn_mask")
            if mask is None or not mask.requires_grad:
                flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
                options = {"attn_mask": mask, "scale": kwargs.get("scale")}
                return flash(*args, 0.0, kwargs.get("is_causal", False), **options)[0]
        return func(*args, **kwargs)


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations, self.bytes, self.flops = 0, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.operations += 1
        count = flop_registry.get(func._overloadpacket)
        self.flops += count(*args, **(kwargs or {}), out_val=out) if count else 0
        if "flash_attention_for_cpu" in str(func):
            back = "backward" in str(func)  # its first argument is the gradient, then come q, k and v
            q, k = args[back], args[back + 1]
            self.flops += (10 if back else 4) * q.numel() * k.shape[2]
        self.bytes += sum(t.nbytes for t in (out if isinstance(out, (tuple, list)) else [out]) if torch.is_tensor(t))
        return out


def estimate(plan: Plan) -> Estimate:
    """Count one step."""
    parameters = sum(p.numel() for network in plan.networks.values() for p in network.parameters())
    kept: dict[int, Tensor] = {}

    def pack(t: Tensor) -> Tensor:
        kept[id(t)] = t  # kept alive, so that no other tensor can get its id
        return t

    counter, most = _Counter(), 0
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t), torch.device("meta"), FlashAttention(), counter:
        for loss in plan.losses():
            most = max(most, sum(t.nbytes for t in kept.values()))
            loss.backward()
            kept.clear()
        for optimizer in plan.optimizers:
            optimizer.step()
    states = parameters * 4 * 4 + plan.averaged * 4  # weights, gradients, Adam's two averages
    seconds = counter.operations * SECONDS_PER_OPERATION + counter.flops / FLOPS_PER_SECOND
    seconds += (counter.bytes + 2 * states) / BYTES_PER_SECOND
    return Estimate(LIBRARY_BYTES + plan.data_bytes + states + 2 * most, plan.steps * seconds, parameters)


def slower(clock: Callable[[], float] = time.monotonic) -> float:
    """How many times as long as on the reference a step takes here when it is quiet: the quickest of all short
    measurements so far. Who asks later measures again, so that a computer that was busy at first is not called slow
    for good."""
    if clock() - _here.at > AGAIN_S:
        _here.taken, _here.at = min(_here.taken, *(_probe() for _ in range(8))), clock()
    return min(20.0, max(0.2, _here.taken / PROBE_S))


def _probe() -> float:
    """Seconds of a small step: products, and as many short operations as a lesson has for so many. Draws no random
    numbers."""
    x, first, second = (torch.zeros(shape, requires_grad=True) for shape in ((512, 192), (192, 768), (768, 192)))
    began = time.perf_counter()
    for _ in range(4):
        y = F.gelu(F.layer_norm(x, (192,)) @ first) @ second
        for _ in range(12):
            y = y[:256] * 1.5 if len(y) > 256 else y + 0.5
        y.pow(2).mean().backward()
    return time.perf_counter() - began


def data_bytes(config: Any) -> int:
    """Bytes of the data set at most: float32 numbers, of which up to four copies stand side by side while it is
    made."""
    known = {"emoji": _pictures.EMOJI_COUNT, "folder": _pictures.MAX_FILES, "points": _plane.MAX_POINTS}
    numbers = 2 * 2 if config.data in _sets.PLANE else 3 * config.size**2  # points are made in double precision
    return int(known.get(config.data, config.examples)) * numbers * 4 * 4


def refuse_if_too_large(needed: Estimate, free_bytes: int | None = None) -> None:
    """Stop before anything is allocated that does not fit.

    Raises:
        PlaygroundError: with both figures.
    """
    free = free_memory() if free_bytes is None else free_bytes
    if needed.memory_bytes > free:
        raise PlaygroundError(
            f"This run needs about {needed.memory_bytes / 1e9:.1f} GB, {free / 1e9:.1f} GB are free: choose a smaller "
            "batch, width, picture size or number of examples."
        )


def free_memory() -> int:
    """Bytes that this process may still take: what the computer has, or what its container leaves."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free
