"""Diffusion: learn to take away a little noise, then begin with nothing else.

What it is. Noise is added to an example x0 in T small steps. All at once, the result after t of them is

    x_t = alpha_t · x0 + sigma_t · noise        alpha_t² + sigma_t² = 1

with alpha falling from 1 to 0 (the *schedule*). A network sees x_t and t, and says which noise is in it. The
loss is the plainest there is: the mean squared error of that guess. From the guess follows a guess of x0:

    x0 = (x_t - sigma_t · noise) / alpha_t

A sample is made by going back from pure noise: guess x0, step to a slightly less noisy x, guess again. DDPM adds
fresh noise at each step. DDIM adds none, and can take few large steps; the same noise then always gives the
same sample. With *v-prediction* the network guesses v = alpha_t · noise - sigma_t · x0 instead, which tells
something at every noise level: of x0 where x_t is all noise, of the noise where it is all x0.

Sources: Ho et al. 2020, "Denoising Diffusion Probabilistic Models" (loss: equation 14; step: algorithm 2 and
equation 7); Song et al. 2021, "Denoising Diffusion Implicit Models" (equation 12); Salimans & Ho 2022,
"Progressive Distillation" (v: section 4 and appendix D); Nichol & Dhariwal 2021 (cosine schedule: equation 17).
The papers write alpha-bar_t for alpha_t².

What to watch. The loss falls fast and then hardly at all, while the samples still get better: most of the loss is
noise that nobody could guess. In the denoising strip the first steps settle where things are, the last ones
sharpen them.

Try it:  python -m playground.training.diffusion --steps 1000
         python -m playground.training.diffusion --data shapes --prediction v --batch-size 64 --steps 1500
"""

import copy
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.events import TrainStep
from playground.fields import choice, slider, text
from playground.panels import Curve, Strip, Text
from playground.training import _command, _estimate, _loop, _pictures, _plane, _sets


@dataclass(frozen=True)
class Config:
    """What a run is made of; with the same configuration and thread count it gives the same model."""

    data: str = choice("moons", _sets.NAMES, label="Data", help="distributions over the plane, or small pictures")
    points: str = text("", label="Points", help="for points: lines of x,y, or a file of them", lines=3, hidden=True)
    folder: str = text("", label="Folder", help="for folder: a folder of your own pictures", hidden=True)
    examples: int = slider(16_384, 16, 20_000, 16, label="Examples", help="points or pictures that are made")
    size: int = slider(16, 8, 64, 8, label="Picture size", help="pixels a side")
    timesteps: int = slider(1000, 2, 4000, label="Timesteps", help="T, the noise levels that are told apart")
    schedule: str = choice("cosine", ("cosine", "linear"), label="Schedule", help="how alpha falls")
    prediction: str = choice("noise", ("noise", "v"), label="Prediction", help="what the network guesses")
    sampler: str = choice("ddim", ("ddim", "ddpm"), label="Sampler", help="ddpm adds fresh noise at each step")
    sampling_steps: int = slider(50, 1, 1000, label="Sampling steps", help="steps from noise to a sample")
    width: int = slider(32, 8, 256, 8, label="Width", help="channels of the first layer (for points: four a unit)")
    depth: int = slider(3, 1, 6, label="Depth", help="hidden blocks, for points (pictures: one at each size)")
    batch_size: int = slider(256, 1, 2048, label="Batch", help="examples per step, each at a noise level of its own")
    steps: int = slider(8000, 1, 100_000, label="Steps", help="weight updates")
    learning_rate: float = slider(2e-3, 0, 1, 1e-4, label="Learning rate", help="length of a step", typed=True)
    decay: float = slider(0.7, 0, 1, 0.05, label="Decay", help="last part of the steps, where the learning rate falls")
    clip: float = slider(1.0, 0.01, 100, 0.01, label="Gradient clipping", help="longest gradient that is followed")
    ema: float = slider(0.998, 0, 0.9999, 0.0001, label="Moving average", help="how slowly the shown network follows")
    look_every: int = slider(0, 0, 10_000, label="Look every", help="steps between two looks; 0 chooses")
    seed: int = slider(0, 0, 2**31, label="Seed", help="of weights, batches and noise", open_ended=True)


PRESETS = {
    "Moons": {"data": "moons"},
    "Eight Gaussians": {"data": "ring", "prediction": "v"},
    "Checkerboard": {"data": "checkerboard", "width": 64},
    "Shapes": {
        "data": "shapes",
        "examples": 8192,
        "prediction": "v",
        "batch_size": 64,
        "steps": 1500,
        "look_every": 50,
    },
    "Emoji": {"data": "emoji", "prediction": "v", "batch_size": 64, "steps": 4000, "look_every": 50},
}


# ── adding noise, and what follows from a guess ──────────────────────────────


@dataclass(frozen=True)
class Schedule:
    """alpha_t and sigma_t for t = 0 … T-1: each (T,), in double precision, because the steps subtract neighbours."""

    alpha: Tensor
    sigma: Tensor

    @classmethod
    def make(cls, name: str, T: int) -> "Schedule":
        """`linear` (Ho et al. 2020, section 4, stretched to T steps) or `cosine` (Nichol & Dhariwal, equation 17)."""
        if name == "linear":
            betas = torch.linspace(1e-4, 0.02, T, dtype=torch.float64) * (1000 / T)
        else:
            f = torch.cos((torch.arange(T + 1, dtype=torch.float64) / T + 0.008) / 1.008 * math.pi / 2) ** 2
            betas = 1 - f[1:] / f[:-1]
        alpha_bar = torch.cumprod(1 - betas.clamp(max=0.999), 0)
        return cls(alpha_bar.sqrt(), (1 - alpha_bar).sqrt())

    def at(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at timesteps (B,), shaped to multiply examples (B, *shape)."""
        shape = (-1,) + (1,) * (like.dim() - 1)
        return self.alpha[t].view(shape).to(like), self.sigma[t].view(shape).to(like)


def add_noise(x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """x_t, all at once (Ho et al. 2020, equation 4)."""
    return alpha * x0 + sigma * noise


def target(kind: str, x0: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """What the network should say: the noise, or v."""
    return noise if kind == "noise" else alpha * noise - sigma * x0


def x0_and_noise(kind: str, guess: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Both parts of x_t that a guess stands for: x0 and noise with alpha · x0 + sigma · noise = x_t."""
    if kind == "noise":
        return (x_t - sigma * guess) / alpha, guess
    return alpha * x_t - sigma * guess, sigma * x_t + alpha * guess


def ddim_step(x0: Tensor, noise: Tensor, alpha_next: Tensor, sigma_next: Tensor) -> Tensor:
    """The same x0 with the same noise, less of it (Song et al. 2021, equation 12 with no fresh noise)."""
    return alpha_next * x0 + sigma_next * noise


def ddpm_step(
    x0: Tensor, x_t: Tensor, fresh: Tensor, now: tuple[Tensor, Tensor], then: tuple[Tensor, Tensor]
) -> Tensor:
    """A draw from q(x_next | x_t, x0) (Ho et al. 2020, equation 7); `now` and `then` are (alpha, sigma).

    It is exact for the true x0, and between any two noise levels, not only neighbours. With no noise left to go to
    it is x0 itself.
    """
    (alpha, sigma), (alpha_next, sigma_next) = now, then
    a = alpha / alpha_next  # of the steps between, as one step
    beta = 1 - a**2
    mean = (alpha_next * beta * x0 + a * sigma_next**2 * x_t) / sigma**2
    return mean + sigma_next / sigma * beta.sqrt() * fresh


# ── the network ──────────────────────────────────────────────────────────────


def embed_time(t: Tensor, T: int, size: int) -> Tensor:
    """Timesteps (B,) as waves of many lengths (B, size): sines and cosines, as Transformers embed positions."""
    lengths = torch.exp(-math.log(10_000) * torch.arange(size // 2, device=t.device) / (size // 2))
    angle = (t.float() * (1000 / T))[:, None] * lengths
    return torch.cat([angle.sin(), angle.cos()], 1)


class PointBlock(nn.Module):
    """A hidden layer that adds to what it was given, told the time."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.time = nn.LayerNorm(width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return x + self.down(F.silu(self.up(self.norm(x)) + self.time(time)))


class PointNet(nn.Module):
    """For the plane: (B, 2), (B,) -> (B, 2)."""

    def __init__(self, c: Config):
        super().__init__()
        width = 4 * c.width
        self.T, self.width = c.timesteps, width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.enter = nn.Linear(2, width)
        self.blocks = nn.ModuleList(PointBlock(width) for _ in range(c.depth))
        self.leave = nn.Linear(width, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        time, h = self.time(embed_time(t, self.T, self.width)), self.enter(x)
        for block in self.blocks:
            h = block(h, time)
        return self.leave(h)


class PictureBlock(nn.Module):
    """Two convolutions that add to what they were given, told the time in between."""

    def __init__(self, n_in: int, n_out: int, n_time: int):
        super().__init__()
        self.norm_1, self.conv_1 = nn.GroupNorm(8, n_in), nn.Conv2d(n_in, n_out, 3, padding=1)
        self.time = nn.Linear(n_time, n_out)
        self.norm_2, self.conv_2 = nn.GroupNorm(8, n_out), nn.Conv2d(n_out, n_out, 3, padding=1)
        self.skip = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv_1(F.silu(self.norm_1(x))) + self.time(time)[:, :, None, None]
        return self.skip(x) + self.conv_2(F.silu(self.norm_2(h)))


class UNet(nn.Module):
    """For pictures: (B, 3, H, W), (B,) -> (B, 3, H, W) (Ronneberger et al. 2015).

    On the way down the picture is halved and sees more of its surroundings; on the way up it is doubled, and gets
    back, as more channels, what it was at that size.
    """

    def __init__(self, c: Config):
        super().__init__()
        n_time = 4 * c.width
        self.T, self.width = c.timesteps, c.width
        self.time = nn.Sequential(nn.Linear(c.width, n_time), nn.SiLU(), nn.Linear(n_time, n_time), nn.SiLU())
        sides = [c.size]
        while sides[-1] > 4 and sides[-1] % 2 == 0:
            sides.append(sides[-1] // 2)
        widths = [c.width * min(i + 1, 3) for i in range(len(sides))]
        self.enter = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            PictureBlock(a, b, n_time) for a, b in zip([widths[0], *widths[:-1]], widths, strict=True)
        )
        self.middle = PictureBlock(widths[-1], widths[-1], n_time)
        self.up = nn.ModuleList(
            PictureBlock(a + b, b, n_time) for a, b in zip([widths[-1], *widths[:0:-1]], widths[::-1], strict=True)
        )
        self.norm, self.leave = nn.GroupNorm(8, widths[0]), nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        time, h, seen = self.time(embed_time(t, self.T, self.width)), self.enter(x), []
        for i, block in enumerate(self.down):
            h = block(F.avg_pool2d(h, 2) if i else h, time)
            seen.append(h)
        h = self.middle(h, time)
        for i, block in enumerate(self.up):
            h = F.interpolate(h, scale_factor=2.0) if i else h
            h = block(torch.cat([h, seen.pop()], 1), time)
        return self.leave(F.silu(self.norm(h)))


def network(c: Config) -> nn.Module:
    """The network for the kind of data: both take (B, *shape) and timesteps (B,), and give (B, *shape)."""
    return PointNet(c) if len(_sets.shape(c)) == 1 else UNet(c)


# ── loss and sampling ────────────────────────────────────────────────────────


def loss_at(net: nn.Module, c: Config, schedule: Schedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Squared error of the guess for x0 (B, *shape) with `noise` at timesteps t (B,): (B,)."""
    alpha, sigma = schedule.at(t, x0)
    guess = net(add_noise(x0, noise, alpha, sigma), t)
    return (guess - target(c.prediction, x0, noise, alpha, sigma)).square().flatten(1).mean(1)


def sampling_times(T: int, steps: int) -> list[int]:
    """`steps` timesteps from T-1 down to 0, evenly spaced; at most T."""
    return torch.linspace(T - 1, 0, min(steps, T), dtype=torch.float64).round().long().tolist()


@torch.no_grad()
def sample(
    net: nn.Module, c: Config, schedule: Schedule, x: Tensor, rng: torch.Generator, bound: float = 1.0
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """From pure noise x (B, *shape) to samples, step by step: yields (t, x_t, guess of x0) at each timestep, and at
    last (-1, sample, sample).

    Guesses of x0 beyond `bound`, the largest number of the data, are cut: where x_t is almost all noise, a small
    error of the noise is a large one of x0.
    """
    times = sampling_times(c.timesteps, c.sampling_steps)
    for t, after in zip(times, [*times[1:], -1], strict=True):
        alpha, sigma = schedule.alpha[t], schedule.sigma[t]
        then = (
            (schedule.alpha[after], schedule.sigma[after])
            if after >= 0
            else (torch.ones(()).double(), torch.zeros(()).double())
        )
        guess = net(x, torch.full((len(x),), t))
        x0, _ = x0_and_noise(c.prediction, guess, x, alpha, sigma)
        x0 = x0.clamp(-bound, bound)
        yield t, x, x0
        if c.sampler == "ddim":
            x = ddim_step(x0, (x - alpha * x0) / sigma, *then)
        else:
            x = ddpm_step(x0, x, torch.randn(x.shape, generator=rng, dtype=x.dtype), (alpha, sigma), then)
    yield -1, x, x


# ── training ─────────────────────────────────────────────────────────────────


@dataclass
class Live:
    """What exists while training goes on; valid until the next step."""

    config: Config
    data: _sets.Data
    schedule: Schedule
    net: nn.Module
    average: nn.Module  # the moving average of the network: this one is shown and kept
    optimizer: torch.optim.Optimizer
    history: dict[str, list[float]]  # what the curve shows: one number a look
    batch: Tensor | None = None  # (B, *shape)
    step: int = 0

    @property
    def model(self) -> nn.Module:
        """What is exported."""
        return self.average

    @property
    def bound(self) -> float:
        """The largest number that a sample may hold."""
        return self.data.bounds[1] if self.data.plane else 1.0

    @property
    def parts(self) -> dict[str, Any]:
        """Everything that a checkpoint holds, by name."""
        return {"model": self.net, "average": self.average, "optimizer": self.optimizer}


def plan(config: Config) -> _estimate.Plan:
    """One step of the run on the meta device: shapes, and no memory."""
    with torch.device("meta"):
        net = network(config)
        x = torch.empty(config.batch_size, *_sets.shape(config))
        t = torch.empty(config.batch_size, dtype=torch.long)

    def step() -> Iterator[Tensor]:
        yield (net(x, t) - x).square().mean()

    averaged = sum(p.numel() for p in net.parameters())
    return _estimate.Plan({"": net}, step, config.steps, _estimate.data_bytes(config), averaged)


def estimate(config: Config) -> _estimate.Estimate:
    """Memory and seconds that the whole run will take, found without allocating anything."""
    return _estimate.estimate(plan(config))


def begin(config: Config) -> Live:
    """Data, a network with its first weights, and an optimizer that has done nothing yet.

    Raises:
        PlaygroundError: data that cannot be used, or sizes that do not fit into memory.
    """
    _estimate.refuse_if_too_large(estimate(config))
    data = _sets.load(config)
    torch.manual_seed(config.seed)  # the weights' first values
    net = network(config)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate, fused=True)
    schedule = Schedule.make(config.schedule, config.timesteps)
    return Live(
        config, data, schedule, net, copy.deepcopy(net).requires_grad_(False), optimizer, {"step": [], "loss": []}
    )


def learning_rate(config: Config, step: int) -> float:
    """A plateau, then a linear fall to 0 over the last part `decay` of the steps (step from 1)."""
    return config.learning_rate * min(1.0, (config.steps - step + 1) / max(1.0, config.decay * config.steps))


def train(config: Config, rng: torch.Generator, start: Path | None = None) -> _loop.Steps:
    """Train step by step; the caller draws, stops, saves, and may send how many steps lie between two looks from now
    on. `start` is a folder of `save_checkpoint`.

    `rng` draws what is looked at and never touches the training itself.

    Raises:
        PlaygroundError: data that cannot be used, sizes that do not fit, or training that diverges.
    """
    live = restore(config, start) if start else begin(config)
    data, net = live.data, live.net
    fixed = torch.randn(256 if data.plane else 8, *data.shape, generator=rng)  # the same noise at every look
    every = config.look_every or (500 if data.plane else 100)
    began = time.perf_counter()
    for step in range(live.step + 1, config.steps + 1):
        draws = _loop.rng_at(config.seed, step)
        x0 = data.batch(config.batch_size, draws)  # (B, *shape)
        t = torch.randint(config.timesteps, (len(x0),), generator=draws)
        noise = torch.randn(x0.shape, generator=draws)

        rate = live.optimizer.param_groups[0]["lr"] = learning_rate(config, step)
        live.optimizer.zero_grad()
        loss = loss_at(net, config, live.schedule, x0, t, noise).mean()
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(net.parameters(), config.clip))
        _loop.stop_if_diverged(step, rate, {"loss": loss.item(), "gradient": norm})
        live.optimizer.step()
        with torch.no_grad():
            for average, now in zip(live.average.parameters(), net.parameters(), strict=True):
                average.lerp_(now, 1 - min(config.ema, step / (step + 10)))  # young averages forget faster

        seconds, began = time.perf_counter() - began, time.perf_counter()
        scalars = {"loss": loss.item(), "learning_rate": rate, "grad_norm": norm,
                   "examples_per_s": len(x0) / seconds}  # fmt: skip
        live.batch, live.step = x0, step
        panels: dict[str, Any] = {}
        if _loop.looks(step, every, config.steps):
            fresh = _loop.rng_at(config.seed, 0)  # for DDPM: the same at every look, too
            path = list(sample(live.average, config, live.schedule, fixed, fresh, live.bound))
            figures = evaluate(live, path[-1][1])
            _loop.stop_if_diverged(step, rate, figures)
            scalars |= figures
            panels = look(live, fixed, path)
            began = time.perf_counter()
        every = (yield TrainStep(step=step, scalars=scalars, panels=panels, live=live)) or every


@torch.no_grad()
def evaluate(live: Live, drawn: Tensor) -> dict[str, float]:
    """The loss on what was held out, always with the same noise at the same timesteps; in the plane also the energy
    distance of samples `drawn` (B, 2) to what was held out."""
    c, x0 = live.config, live.data.held_out[:256]
    draws = _loop.rng_at(c.seed, 0)
    t = torch.randint(c.timesteps, (len(x0),), generator=draws)
    noise = torch.randn(x0.shape, generator=draws)
    figures = {"held_out_loss": loss_at(live.average, c, live.schedule, x0, t, noise).mean().item()}
    if live.data.plane:
        figures["energy_distance"] = _plane.energy_distance(drawn.numpy(), live.data.held_out[:1000].numpy())
    live.history["step"].append(live.step)
    live.history["loss"].append(figures["held_out_loss"])
    return figures


# ── what is looked at ────────────────────────────────────────────────────────


@torch.no_grad()
def look(live: Live, fixed: Tensor, path: list[tuple[int, Tensor, Tensor]]) -> dict[str, Any]:
    """Samples from the same noise as ever, on their way (denoising; `path` is what `sample` yielded), and examples
    on theirs (noising)."""
    data, h = live.data, live.history
    drawn = path[-1][1]
    chosen = [path[i] for i in torch.linspace(0, len(path) - 1, 6).round().long().unique().tolist()]
    panels: dict[str, Any] = {
        "denoising": Strip(tuple(_panel(data, x) for _, x, _ in chosen), tuple(_label(t) for t, _, _ in chosen)),
        "guess of x0": Strip(tuple(_panel(data, x0) for _, _, x0 in chosen), tuple(_label(t) for t, _, _ in chosen)),
        "noising": noising(live, fixed),
        "loss, held out": Curve(tuple(h["step"]), {"loss": tuple(h["loss"])}, "step", "squared error of the guess"),
    }
    if data.plane:
        panels["samples"] = _sets.points_panel(data.bounds, data=data.train[: len(drawn)], samples=drawn)
    else:
        near = data.train[_pictures.nearest(drawn.numpy(), data.train.numpy())]
        panels["samples"] = _pictures.panel(drawn.numpy())
        panels["nearest training picture"] = _pictures.panel(near.numpy())
    if data.notes:
        panels["notes"] = Text(" ".join(data.notes))
    return panels


def noising(live: Live, noise: Tensor) -> Strip:
    """Training examples with more and more of `noise` (B, *shape) in them."""
    T = live.config.timesteps
    x0 = live.data.train[: len(noise)]
    noise = noise[: len(x0)]
    times = [-1, *(torch.linspace(0, 1, 6)[1:] * (T - 1)).round().long().tolist()]
    steps = [x0 if t < 0 else add_noise(x0, noise, live.schedule.alpha[t], live.schedule.sigma[t]) for t in times]
    return Strip(tuple(_panel(live.data, x) for x in steps), tuple(_label(t) for t in times))


def _panel(data: _sets.Data, x: Tensor) -> Any:
    if data.plane:
        r = max(3.5, data.bounds[1])  # noise is wider than the data
        return _sets.points_panel((-r, r, -r, r), points=x)
    return _pictures.panel(x[:4].numpy())


def _label(t: int) -> str:
    return f"t = {t}" if t >= 0 else "no noise"


# ── checkpoints, export, the command line ────────────────────────────────────


def save_checkpoint(folder: Path, live: Live) -> None:
    """Everything a run needs to go on as if it had never stopped."""
    _loop.save_checkpoint(folder, live.config, live.step, live.history, live.parts)


def restore(config: Config, folder: Path) -> Live:
    """The state of a checkpoint.

    Raises:
        PlaygroundError: no checkpoint, or one of another configuration.
    """
    _loop.refuse_other(folder, config)
    live = begin(config)
    live.step, live.history = _loop.load_checkpoint(folder, live.parts)
    return live


def export(folder: Path, live: Live) -> None:
    """The finished network (its moving average): config.json and model.safetensors."""
    _loop.export(folder, "diffusion", live.config, live.data.shape, live.step, live.average)


def main() -> None:
    """Train from the command line."""
    _command.main(sys.modules[__name__], "diffusion")


if __name__ == "__main__":
    main()
