"""Schedulers of diffusers by the names that people know, and what each says of a noisy latent.

A noisy latent is x = α·x0 + σ·ε. Schedulers differ in scale: those of the DDIM kind keep α² + σ² = 1, Euler's kind
has α = 1 and a σ that grows, flow matching has α = 1 − σ. `level` gives (α, σ) of any of them, so that the clean
guess and a change of scheduler in mid-run need no case for each.
"""

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError

if TYPE_CHECKING:
    from torch import Tensor

DIFFUSION: dict[str, tuple[str, dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}),
    "DDPM": ("DDPMScheduler", {}),
    "Euler": ("EulerDiscreteScheduler", {}),
    "Euler ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "Heun": ("HeunDiscreteScheduler", {}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "UniPC": ("UniPCMultistepScheduler", {}),
    "LCM": ("LCMScheduler", {}),
}
# solvers that were made for diffusion take the straight way from noise to picture, too (as for SANA; Xie et al., 2024)
ALONG_FLOW: dict[str, Any] = {
    "prediction_type": "flow_prediction", "use_flow_sigmas": True, "use_karras_sigmas": False,
    "use_exponential_sigmas": False, "use_beta_sigmas": False,
}  # fmt: skip
FLOW: dict[str, tuple[str, dict[str, Any]]] = {
    "Euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "Heun": ("FlowMatchHeunDiscreteScheduler", {}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2, **ALONG_FLOW}),
    "UniPC": ("UniPCMultistepScheduler", ALONG_FLOW),
    "LCM": ("FlowMatchLCMScheduler", {}),
}
NAMES = tuple(dict.fromkeys([*DIFFUSION, *FLOW]))
OWN = "the model's own"


def is_flow(config: Mapping[str, Any]) -> bool:
    """Whether a scheduler's config is of a model that was trained by flow matching."""
    return "FlowMatch" in str(config.get("_class_name", "")) or config.get("prediction_type") == "flow_prediction"


def names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The schedulers that work for a model with this config."""
    if not is_flow(config):
        return tuple(DIFFUSION)
    shifts = bool(config.get("use_dynamic_shifting"))  # with the size of the picture: not all of them know how
    linear = shifts and config.get("time_shift_type", "exponential") != "exponential"
    return tuple(n for n in FLOW if not (shifts and n == "Heun") and not (linear and n in ("DPM++ 2M", "UniPC")))


def build(name: str, config: Mapping[str, Any]) -> Any:
    """The scheduler of that name for a model with this config; `OWN`: the one that it came with.

    Raises:
        PlaygroundError: there is none of that name for this model.
    """
    import diffusers

    known = names(config)
    if name == OWN:
        named = getattr(diffusers, str(config.get("_class_name")), None)
        if not (isinstance(named, type) and issubclass(named, diffusers.SchedulerMixin)):
            raise PlaygroundError(f"This model names no scheduler of its own: choose one of {', '.join(known)}.")
        own: Any = named
        return own.from_config(dict(config))
    if name not in known:
        raise PlaygroundError(f"There is no scheduler {name!r} for this model: choose one of {', '.join(known)}.")
    kind, more = (FLOW if is_flow(config) else DIFFUSION)[name]
    if is_flow(config):
        shift = config.get("flow_shift", config.get("shift", 1.0))
        more = {**more, ("flow_shift" if more.get("use_flow_sigmas") else "shift"): shift}
    return getattr(diffusers, kind).from_config(dict(config), **more)


def most_steps(name: str, config: Mapping[str, Any]) -> int:
    """The most steps that the scheduler of that name can take for a model with this config."""
    scheduler = build(name, config)
    times = int(scheduler.config.get("num_train_timesteps", 1000))
    if "original_inference_steps" in scheduler.config:  # LCM's are chosen among so many
        return min(times, int(scheduler.config.original_inference_steps))
    several = "solver_order" in scheduler.config  # such a solver divides by the way between two levels: none may repeat
    late = scheduler.config.get("timestep_spacing", "leading") == "leading" and scheduler.config.get("steps_offset")
    return times - int(several) - int(late or 0)


def copied(scheduler: Any) -> Any:
    """A scheduler that goes on by itself from here. Its tables never change and are shared; what it remembers of
    earlier steps is in lists and plain values, which are copied."""
    twin = copy.copy(scheduler)
    for name, value in vars(scheduler).items():
        if isinstance(value, list):
            setattr(twin, name, list(value))
    return twin


def level(scheduler: Any, index: int) -> tuple[float, float]:
    """(α, σ) of a latent before step `index` of the scheduler's timesteps."""
    if flows(scheduler):
        sigma = float(scheduler.sigmas[index])
        return 1 - sigma, sigma
    if hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
        alpha, sigma = scheduler._sigma_to_alpha_sigma_t(scheduler.sigmas[index])
        return float(alpha), float(sigma)
    if hasattr(scheduler, "sigmas"):
        return 1.0, float(scheduler.sigmas[index])
    signal = float(scheduler.alphas_cumprod[int(scheduler.timesteps[index])])
    return signal**0.5, (1 - signal) ** 0.5


def flows(scheduler: Any) -> bool:
    """Whether it is one of flow matching's."""
    return is_flow({**scheduler.config, "_class_name": type(scheduler).__name__})


def clean(scheduler: Any, prediction: "Tensor", index: int, latents: "Tensor") -> "Tensor":
    """The model's guess of the picture without noise, x0, from its prediction at step `index`; shapes as `latents`."""
    alpha, sigma = level(scheduler, index)
    kind = scheduler.config.get("prediction_type", "epsilon")
    if flows(scheduler):
        return latents - sigma * prediction
    if kind == "sample":
        return prediction
    if kind == "epsilon":
        return (latents - sigma * prediction) / alpha
    scale = (alpha**2 + sigma**2) ** 0.5  # v belongs to the latent whose α² + σ² is 1
    return (alpha * latents / scale - sigma * prediction) / scale


def adopted(scheduler: Any, latents: "Tensor", old: tuple[float, float], clean: "Tensor") -> tuple[int, "Tensor"]:
    """(nearest step, latents as this scheduler scales them there) for a run that another one began.

    `old` is the (α, σ) of the latents, `clean` the last guess of x0. The noise in them is kept: exact only where this
    scheduler has a step at the same σ/α.
    """
    wanted = math.log(max(old[1], 1e-8) / max(old[0], 1e-8))
    order = int(getattr(scheduler, "order", 1))  # Heun's steps are of two parts, and none begins with its second
    levels = {i: level(scheduler, i) for i in range(0, len(scheduler.timesteps), order)}
    index = min(levels, key=lambda i: abs(math.log(max(levels[i][1], 1e-8) / max(levels[i][0], 1e-8)) - wanted))
    noise = (latents - old[0] * clean) / max(old[1], 1e-8)
    return index, levels[index][0] * clean + levels[index][1] * noise
