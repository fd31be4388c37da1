"""The length of the gradient of every layer, caught during a step of training.

A lesson clears its gradients before it yields, so they are caught as they are made: hooks on the parameters, which
stand for one step only (`catch`), since most steps are not looked at. What they see is the gradient before clipping.
"""

from collections.abc import Callable
from typing import Any

import torch

from playground.lessons import _parts


class LayerNorms:
    """Gradient norms by layer of the steps that are asked for.

        norms = LayerNorms(name, step.live)     # any step's live: the networks stay the same during a run
        norms.catch()                           # before the step
        step = next(training)
        norms.layers, norms.take()              # ("tokens", "blocks.0.attn", …), (0.12, 0.5, …)

    The curve is the one it would have been: hooks only read.
    """

    def __init__(self, name: str, live: Any):
        self._layers = _parts.layers(_parts.networks(name, live))
        self.layers = tuple(self._layers)
        self._squares: dict[str, torch.Tensor] = {}
        self._hooks: list[Any] = []

    def catch(self) -> None:
        """Note the next step's gradients. (Where a network is stepped several times in one step, the last counts.)"""
        self.close()
        for layer, parameters in self._layers.items():
            for i, parameter in enumerate(parameters):
                self._hooks.append(parameter.register_post_accumulate_grad_hook(self._hook(f"{i} {layer}")))

    def _hook(self, key: str) -> Callable[[torch.Tensor], None]:
        def note(parameter: torch.Tensor) -> None:
            if parameter.grad is not None:
                self._squares[key] = torch.linalg.vector_norm(parameter.grad.detach(), dtype=torch.float64)

        return note

    def take(self) -> tuple[float, ...] | None:
        """The norms that were caught, one for each of `layers`; None if no step was caught. The hooks are gone then."""
        found, self._squares = self._squares, {}
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if not found:
            return None
        totals = dict.fromkeys(self.layers, 0.0)
        for key, norm in found.items():
            totals[key.partition(" ")[2]] += float(norm) ** 2
        return tuple(total**0.5 for total in totals.values())

    def close(self) -> None:
        """Take the hooks away, and forget what was caught."""
        self.take()
