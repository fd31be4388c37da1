"""The networks and optimizers of a lesson's `live`, and the layer that a parameter belongs to."""

from typing import Any

import torch
from torch import nn

# the parts of a Transformer's block, and of the block for points (time and an MLP)
_PARTS = {"attn": "attn", "ln_1": "attn", "cross": "cross", "ln_cross": "cross", "up": "mlp", "down": "mlp",
          "ln_2": "mlp", "norm": "mlp", "time": "time"}  # fmt: skip


def networks(name: str, live: Any) -> dict[str, nn.Module]:
    """What is trained, by name; a lone network's name is empty."""
    if name == "gan":
        return {"G": live.G, "D": live.D}
    return {"": live.net if name == "diffusion" else live.model}


def optimizers(name: str, live: Any) -> list[torch.optim.Optimizer]:
    """Those that move the networks' weights."""
    if name == "gan":
        return [live.optimizer_G, live.optimizer_D]
    return list(live.optimizers) if hasattr(live, "optimizers") else [live.optimizer]


def layer_of(parameter: str) -> str:
    """The layer of a parameter: "blocks.0.attn.qkv.weight" is in "blocks.0.attn", "encoder.2.bias" in "encoder.2".

    Inside a Transformer's block there are attention and MLP, each with the norm before or after it.
    """
    path = parameter.split(".parametrizations.")[0].split(".")
    if "parametrizations" not in parameter:
        path = path[:-1] or path
    if "blocks" in path:
        at = path.index("blocks") + 2
        return ".".join([*path[:at], *(_PARTS[part] for part in path[at : at + 1])])
    if path[0] in ("down", "up"):  # the U-Net's
        return ".".join(path[:2])
    return ".".join(path[:3] if path[0] in ("G", "D") else path[:2] if path[0] in ("encoder", "decoder") else path[:1])


def named(nets: dict[str, nn.Module]) -> list[tuple[str, nn.Parameter]]:
    """All parameters of networks, their names led by the network's."""
    return [(f"{net}.{p}" if net else p, v) for net, module in nets.items() for p, v in module.named_parameters()]


def layers(nets: dict[str, nn.Module]) -> dict[str, list[nn.Parameter]]:
    """The parameters of every layer, in the order of the networks."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, parameter in named(nets):
        found.setdefault(layer_of(name), []).append(parameter)
    return found


def norms(nets: dict[str, nn.Module]) -> list[tuple[str, float]]:
    """The length of the gradient of every layer (0 where there is none)."""
    found = []
    for layer, parameters in layers(nets).items():
        grads = [p.grad for p in parameters if p.grad is not None]
        found.append((layer, float(torch.nn.utils.get_total_norm(grads)) if grads else 0.0))
    return found
