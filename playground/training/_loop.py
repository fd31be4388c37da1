"""What every lesson's loop needs and none is about: numbers for a step, when to look, when to stop,
and checkpoints (safetensors and JSON: nothing is ever unpickled)."""

import json
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from playground.errors import PlaygroundError
from playground.events import TrainStep

LIMIT = 1e6  # a loss beyond this has diverged, though it may still be a number
FREE = {"steps", "look_every", "learning_rate"}  # fields of a configuration that may change when a run goes on

Steps = Generator[TrainStep, "int | None", None]  # what is sent in: from now on so many steps from look to look


def rng_at(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step. They depend on seed and step alone, so that a resumed run goes on as if it
    had never stopped, however often it was looked at."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, step]).generate_state(1)[0]))


def looks(step: int, every: int, steps: int) -> bool:
    """Whether step `step` (from 1) is drawn: each `every`, the last, and at the beginning, where most happens, more."""
    return step in (1, every // 10, every // 3, steps) or step % every == 0


def stop_if_diverged(step: int, learning_rate: float, values: Mapping[str, float], limit: float = LIMIT) -> None:
    """End a run whose numbers are lost, before they reach the weights.

    Raises:
        PlaygroundError: a value that is no number, infinite, or absurdly large.
    """
    for name, value in values.items():
        if not math.isfinite(value) or abs(value) > limit:
            raise PlaygroundError(
                f"The {name.replace('_', ' ')} is {value:g} at step {step} (learning rate {learning_rate:g}): training "
                "has diverged. Lower the learning rate and start again, from the last checkpoint if there is one."
            )


def grad_norm(module: torch.nn.Module) -> float:
    """The length of the whole gradient, all parameters together."""
    grads = [p.grad for p in module.parameters() if p.grad is not None]
    return float(torch.nn.utils.get_total_norm(grads)) if grads else 0.0


# ── checkpoints ──────────────────────────────────────────────────────────────


def parts(model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Any]:
    """What a checkpoint of a model with several optimizers holds, by name."""
    return {"model": model, **{f"optimizer.{i}": optimizer for i, optimizer in enumerate(optimizers)}}


def save_checkpoint(
    folder: Path,
    config: Any,
    step: int,
    history: Any,
    parts: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write modules and optimizers by name, what describes the run, and files of text (a tokenizer) by their names;
    the folder is whole or absent."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        if isinstance(part, torch.optim.Optimizer):
            for i, state in part.state_dict()["state"].items():
                tensors |= {f"{name}.{i}.{k}": torch.as_tensor(v) for k, v in state.items()}
        else:
            tensors |= {f"{name}.{k}": v for k, v in part.state_dict().items()}
    new = folder.with_name(folder.name + ".new")
    new.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, new / "state.safetensors")
    about = {"step": step, "config": asdict(config), "history": history}
    (new / "training.json").write_text(json.dumps(about, indent=1), "utf-8")
    for name, text in (texts or {}).items():
        (new / name).write_text(text, "utf-8")
    old = folder.with_name(folder.name + ".old")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    if old.exists():
        for path in old.iterdir():
            path.unlink()
        old.rmdir()


def refuse_other(folder: Path, config: Any, same: Sequence[str] | None = None) -> None:
    """Stop where a checkpoint was made with other values than `config` has, in the fields `same` (None: in all that
    may not change when a run goes on).

    Raises:
        PlaygroundError: no checkpoint, or another configuration, with both values.
    """
    saved, given = read_about(folder)["config"], asdict(config)
    for name in (n for n in given if n not in FREE) if same is None else same:
        if saved.get(name) != given[name]:
            raise PlaygroundError(
                f"The checkpoint {folder.name} was made with {name} = {saved.get(name)!r}, this run has "
                f"{given[name]!r}: set it back, or begin a new run."
            )


def tokenizer(folder: Path, config: Any, same: Sequence[str]) -> Any:
    """The tokenizer (`tokenizers.Tokenizer`) of a checkpoint that was made with the same values in the fields `same`.

    Raises:
        PlaygroundError: no checkpoint, or one of another configuration.
    """
    from tokenizers import Tokenizer

    refuse_other(folder, config, same)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def load_checkpoint(folder: Path, parts: Mapping[str, Any]) -> tuple[int, Any]:
    """Fill modules and optimizers from a folder of `save_checkpoint`; the steps done, and the history.

    Raises:
        PlaygroundError: no checkpoint.
    """
    from safetensors.torch import load_file

    about = read_about(folder)
    tensors = load_file(folder / "state.safetensors")
    for name, part in parts.items():
        own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
        if isinstance(part, torch.optim.Optimizer):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in own.items():
                i, _, kind = key.partition(".")
                state.setdefault(int(i), {})[kind] = value
            part.load_state_dict({**part.state_dict(), "state": state})
        else:
            part.load_state_dict(own)
    return int(about["step"]), about.get("history")


def read_about(folder: Path) -> dict[str, Any]:
    """Step, configuration and history of a checkpoint.

    Raises:
        PlaygroundError: there is none.
    """
    if not (folder / "training.json").is_file():
        raise PlaygroundError(f"{folder} holds no checkpoint: there is no training.json in it.")
    about: dict[str, Any] = json.loads((folder / "training.json").read_text("utf-8"))
    return about


def export(folder: Path, kind: str, config: Any, shape: tuple[int, ...], step: int, module: torch.nn.Module) -> None:
    """Write a finished model: config.json (kind, shape of one example, configuration) and model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in asdict(config).items() if name not in ("points", "folder")}
    about = {"model_type": kind, "shape": list(shape), "steps": step, "config": kept}
    save_weights(folder / "model.safetensors", module)
    (folder / "config.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def save_weights(path: Path, module: torch.nn.Module) -> None:
    """All parameters and buffers of a module as a safetensors file."""
    from safetensors.torch import save_file

    save_file({k: v.detach().clone().contiguous() for k, v in module.state_dict().items()}, path)
