"""Follow one error back: from a wrong prediction to the weights, and forward again.

A prediction has a loss. Backpropagation gives every weight its part in it (Rumelhart, Hinton & Williams 1986), the
optimizer makes of that a step, and after the step the very same prediction comes out a little better. All of it is
done with copies of networks and optimizers: the training itself goes on as if nobody had looked.

How a lesson finds its errors and measures one again stands in `_errors_text.py` and `_errors_pictures.py`.
"""

import copy
import math
import re
from dataclasses import dataclass
from typing import Any

import torch

from playground.errors import PlaygroundError
from playground.lessons import _errors_pictures, _errors_text, _parts, catalogue
from playground.lessons._errors import Judge, Wrong

MOST_HALVED = 8  # times that a step's learning rate is halved, until the step helps
JUDGES: dict[str, Judge] = {
    "gpt": _errors_text.NextToken(),
    "bert": _errors_text.Gap(),
    "t5": _errors_text.Output(),
    "vae": _errors_pictures.Rebuilt(),
    "gan": _errors_pictures.Verdict(),
    "diffusion": _errors_pictures.Noise(),
}


@dataclass(frozen=True)
class Followed:
    """One error, followed.

    `layers` are (name, length of the gradient of this one loss). `weight` is one number of the model: {name, index,
    before, gradient, after}. `p_before` and `p_after` are the probabilities of what was expected (None where a lesson
    has none); `loss_after` is the loss of the same prediction after the step; `learning_rate` what the step was taken
    with (the run's own at its plateau: at the end of a run it would be 0), `halved` how often that was halved, because
    a whole step for one prediction alone went too far and made it worse. `weights` names all that could be chosen, with
    their shapes.
    """

    loss: float
    layers: tuple[tuple[str, float], ...]
    weight: dict[str, Any]
    p_before: float | None
    p_after: float | None
    loss_after: float
    learning_rate: float
    weights: tuple[tuple[str, tuple[int, ...]], ...] = ()
    halved: int = 0


def wrong(name: str, live: Any, most: int = 8) -> list[Wrong]:
    """The worst predictions on what is held out (on the last batch, where nothing is), the largest loss first.

    Raises:
        PlaygroundError: there is nothing to look at before the first step.
    """
    nets = _parts.networks(catalogue.known(name), live)
    modes = {net: net.training for net in nets.values()}
    try:
        for net in nets.values():
            net.eval()  # looking must not turn the spectral norm's vectors
        with torch.no_grad():
            return JUDGES[name].wrong(live, max(1, min(int(most), 50)))
    finally:
        for net, training in modes.items():
            net.train(training)


def follow(name: str, live: Any, wrong_id: str, weight: Any = None) -> Followed:
    """The error `wrong_id` (of `wrong`), followed back to the weights and through one step of the optimizer.

    The step is the real one (gradients clipped as in training, the optimizer's averages as they stand), taken for
    this one prediction alone, with copies. `weight` chooses the number to watch: {"name", "index"}, or text like
    "blocks.0.attn.qkv.weight[3, 17]"; None takes the one whose gradient is largest.

    Raises:
        PlaygroundError: no such error or weight.
    """
    judge = JUDGES[catalogue.known(name)]
    nets, optimizers = copy.deepcopy((_parts.networks(name, live), _parts.optimizers(name, live)))
    for net in nets.values():
        net.eval()
        net.requires_grad_(True)
        net.zero_grad(set_to_none=True)
    loss, p_before = judge.measure(live, nets, wrong_id)
    loss.backward()
    layers = _parts.norms(nets)
    parameters = dict(_parts.named(nets))
    parameter, chosen, index = _choose(parameters, weight)
    before, gradient = parameter[index].item(), parameter.grad[index].item() if parameter.grad is not None else 0.0
    kept, states = copy.deepcopy(([n.state_dict() for n in nets.values()], [o.state_dict() for o in optimizers]))
    for halved in range(MOST_HALVED + 1):
        rate = _step(judge, live, nets, optimizers, wrong_id, 0.5**halved)
        with torch.no_grad():
            loss_after, p_after = judge.measure(live, nets, wrong_id)
        if loss_after < loss or halved == MOST_HALVED:
            break
        for net, state in zip(nets.values(), kept, strict=True):
            net.load_state_dict(state)
        for optimizer, state in zip(optimizers, copy.deepcopy(states), strict=True):
            optimizer.load_state_dict(state)
    watched = {"name": chosen, "index": list(index), "before": before, "gradient": gradient,
               "after": parameter[index].item()}  # fmt: skip
    shapes = tuple((key, tuple(p.shape)) for key, p in parameters.items())
    return Followed(loss.item(), tuple(layers), watched, p_before, p_after, loss_after.item(), rate, shapes,
                    halved)  # fmt: skip


def _step(
    judge: Judge, live: Any, nets: dict[str, torch.nn.Module], optimizers: list[Any], wrong_id: str, part: float
) -> float:
    """One step of the optimizers that this error is for, with a part of their learning rate; what that was."""
    moved = judge.moved(wrong_id)
    clip = getattr(live.config, "clip", math.inf)
    for net in nets.values():
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
    rate = float(live.config.learning_rate) * part
    for i, optimizer in enumerate(optimizers):
        if moved is not None and i != moved:
            continue
        for group in optimizer.param_groups:
            if moved is None:  # with two time scales each optimizer has a rate of its own, which never changes
                group["lr"] = rate * group.get("pace", 1.0)
            else:
                rate = group["lr"] = float(group["lr"]) * part
        optimizer.step()
    return rate


def _choose(parameters: dict[str, Any], weight: Any) -> tuple[Any, str, tuple[int, ...]]:
    """The parameter to watch, its name, and the index in it."""
    if weight is None:
        best = max(parameters, key=lambda n: _peak(parameters[n].grad))
        grad = parameters[best].grad
        flat = int(grad.abs().argmax()) if grad is not None else 0
        at = torch.unravel_index(torch.tensor(flat), parameters[best].shape)
        return parameters[best], best, tuple(int(i) for i in at)
    if isinstance(weight, str):
        match = re.fullmatch(r"\s*([\w.]+)\s*(?:\[([\d,\s]*)\])?\s*", weight)
        if not match:
            raise PlaygroundError(f"{weight[:60]!r} names no weight: write one like tokens.weight[3, 17].")
        weight = {"name": match[1], "index": [int(i) for i in re.findall(r"\d+", match[2] or "")]}
    name = str(weight.get("name", ""))
    if name not in parameters:
        raise PlaygroundError(f"There is no weight called {name[:60]!r}; there are: {', '.join(parameters)}.")
    shape = parameters[name].shape
    index = tuple(int(i) for i in weight.get("index") or [0] * len(shape))
    if len(index) != len(shape) or any(not 0 <= i < n for i, n in zip(index, shape, strict=False)):
        raise PlaygroundError(f"{name} has the shape {tuple(shape)}; {list(index)} is no place in it.")
    return parameters[name], name, index


def _peak(grad: Any) -> float:
    return float(grad.abs().max()) if grad is not None and grad.numel() else -1.0
