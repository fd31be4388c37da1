"""A lesson's model as a tree of layers: what each is, how many numbers it holds, and the shape of what it gives.

Nothing of it is written down by hand: the real module takes one training step on torch's "meta" device, where tensors
have shapes and no memory, and hooks note what comes out of every layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from playground.lessons import catalogue
from playground.training._estimate import Estimate, FlashAttention


@dataclass(frozen=True)
class Layer:
    """One layer: `name` in its parent, `kind` (the module's class), `parameters` of it and all within (of one, where
    `repeat` says that several alike stand one after another), `shape` of what it gives for one batch (empty where it
    is not called itself)."""

    name: str
    kind: str
    parameters: int
    shape: tuple[int, ...]
    repeat: int = 1
    children: tuple["Layer", ...] = ()


@dataclass(frozen=True)
class Architecture:
    """`parameters` of all that is trained; `memory_bytes` at most and `seconds` for the whole run on two cores."""

    layers: tuple[Layer, ...]
    parameters: int
    memory_bytes: int
    seconds: float


def architecture(name: str, config: Any) -> Architecture:
    """The layers that `config` makes, with their shapes for one batch.

    Raises:
        PlaygroundError: sizes that do not go together.
    """
    plan = catalogue.lesson(name).plan(config)
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def note(module: nn.Module, _: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if torch.is_tensor(first):
            shapes.setdefault(module, tuple(first.shape))

    hooks = [m.register_forward_hook(note) for net in plan.networks.values() for m in net.modules()]
    with torch.device("meta"), FlashAttention():
        for _ in plan.losses():
            pass
    for hook in hooks:
        hook.remove()
    needed = estimate(name, config)
    layers = tuple(_layer(key or catalogue.title(name), net, shapes) for key, net in plan.networks.items())
    return Architecture(layers, needed.parameters, needed.memory_bytes, needed.seconds)


def estimate(name: str, config: Any) -> Estimate:
    """Memory and seconds that a run will take, without allocating anything; of every lesson.

    Raises:
        PlaygroundError: sizes that do not go together.
    """
    found: Estimate = catalogue.lesson(name).estimate(config)
    return found


def _layer(name: str, module: nn.Module, shapes: dict[nn.Module, tuple[int, ...]]) -> Layer:
    children = [_layer(key, m, shapes) for key, m in module.named_children() if key != "parametrizations"]
    count = sum(p.numel() for p in module.parameters())
    kind = type(module).__name__.removeprefix("Parametrized")
    return Layer(name, kind, count, shapes.get(module, ()), 1, tuple(_folded(children)))


def _folded(layers: Iterable[Layer]) -> list[Layer]:
    """Neighbours that are alike but for their number become one that is repeated."""
    found: list[Layer] = []
    for layer in layers:
        last = found[-1] if found else None
        if last and layer.name.isdigit() and layer.children and _alike(last, layer):
            found[-1] = Layer(last.name, last.kind, last.parameters, last.shape, last.repeat + 1, last.children)
        else:
            found.append(layer)
    return found


def _alike(a: Layer, b: Layer) -> bool:
    return (a.kind, a.parameters, a.shape, a.children) == (b.kind, b.parameters, b.shape, b.children)
