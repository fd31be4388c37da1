"""VAE: an autoencoder whose code is a distribution, so that new codes can be drawn and decoded.

What it is. The encoder turns a picture x into a normal distribution over codes z, with means mu and variances
sigma². A code is drawn from it, and the decoder turns the code back into a picture. Two forces act:

    loss = -log p(x | z)  +  beta · KL( N(mu, sigma²) || N(0, 1) )

The first wants each picture back, and so wants codes far apart and exact. The second wants every picture's
codes to look like draws from N(0, 1), and so wants them close and vague. Where they agree, the whole plane of
codes is filled, neighbours decode to similar pictures, and a draw from N(0, 1) decodes to something new.

Drawing is not differentiable, so the draw is written as z = mu + sigma · noise (the reparameterisation trick):
the noise is drawn from a fixed distribution, and gradients flow through mu and sigma.

Sources: Kingma & Welling 2013, "Auto-Encoding Variational Bayes" (the bound: equation 3; the trick: section 2.4;
the KL in closed form: appendix B); Higgins et al. 2017 (beta); Rybkin et al. 2021, "Simple and Effective VAE
Training with Calibrated Decoders" (section 3: the decoder's variance that fits best, used when Sigma is 0).

What to watch. At first every reconstruction is the mean picture. Then the codes spread over the latent plane,
and what varies most gets a direction of its own. Beta 0 makes a plain autoencoder: sharp copies, and nonsense
where no picture's code lies. A large beta makes all codes alike, and all pictures the mean one.

Try it:  python -m playground.training.vae --steps 200
         python -m playground.training.vae --data spiral --beta 0.2
"""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from playground.events import TrainStep
from playground.fields import choice, slider, text
from playground.panels import Curve, Text
from playground.training import _command, _estimate, _loop, _pictures, _sets


@dataclass(frozen=True)
class Config:
    """What a run is made of; with the same configuration and thread count it gives the same model."""

    data: str = choice("faces", _sets.NAMES, label="Data", help="distributions over the plane, or small pictures")
    points: str = text("", label="Points", help="for points: lines of x,y, or a file of them", lines=3, hidden=True)
    folder: str = text("", label="Folder", help="for folder: a folder of your own pictures", hidden=True)
    examples: int = slider(8192, 16, 20_000, 16, label="Examples", help="points or pictures that are made")
    size: int = slider(16, 8, 64, 8, label="Picture size", help="pixels a side")
    latent_dim: int = slider(8, 1, 64, label="Latent dimensions", help="numbers of a code")
    width: int = slider(32, 8, 256, 8, label="Width", help="channels of the first layer (for points: eight a unit)")
    depth: int = slider(2, 1, 6, label="Depth", help="hidden layers (for pictures: at each size)")
    beta: float = slider(1.0, 0, 20, 0.05, label="Beta", help="weight of the KL term; 0 is a plain autoencoder")
    sigma: float = slider(0.0, 0, 2, 0.01, label="Sigma", help="noise of the decoder; 0 takes what fits best")
    batch_size: int = slider(64, 1, 1024, label="Batch", help="examples per step")
    steps: int = slider(1000, 1, 100_000, label="Steps", help="weight updates")
    learning_rate: float = slider(2e-3, 0, 1, 1e-4, label="Learning rate", help="length of a step", typed=True)
    look_every: int = slider(0, 0, 10_000, label="Look every", help="steps between two looks; 0 chooses")
    seed: int = slider(0, 0, 2**31, label="Seed", help="of weights, batches and noise", open_ended=True)


PRESETS = {
    "Faces": {"data": "faces"},
    "Two numbers for a shape": {"data": "shapes", "latent_dim": 2, "steps": 2000},
    "Emoji": {"data": "emoji", "latent_dim": 32, "steps": 2000},
    "Moons": {"data": "moons", "latent_dim": 2, "steps": 4000, "batch_size": 256},
    "Plain autoencoder": {"data": "faces", "beta": 0.0},
}


# ── the model ────────────────────────────────────────────────────────────────


def mlp(n_in: int, hidden: int, depth: int, n_out: int) -> nn.Sequential:
    """`depth` hidden layers."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(n_in if i == 0 else hidden, hidden), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, n_out))


def sides(size: int) -> list[int]:
    """The sizes that a picture passes on its way down: halved while that goes evenly and more than 4 is left."""
    out = [size]
    while out[-1] > 4 and out[-1] % 2 == 0:
        out.append(out[-1] // 2)
    return out


def same_size(width: int, c: Config) -> list[nn.Module]:
    """The layers of one size after the one that led there."""
    return [m for _ in range(c.depth - 1) for m in (nn.Conv2d(width, width, 3, padding=1), nn.SiLU())]


def picture_networks(c: Config) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder (B, 3, H, W) -> (B, 2 L) and decoder (B, L) -> (B, 3, H, W): each step halves or doubles the side."""
    path = sides(c.size)
    widths = [c.width * min(2**i, 4) for i in range(len(path))]
    flat = widths[-1] * path[-1] ** 2
    down: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1), nn.SiLU()]
    for a, b in zip(widths[:-1], widths[1:], strict=True):
        down += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.SiLU(), *same_size(b, c)]
    up: list[nn.Module] = [nn.Linear(c.latent_dim, flat), nn.Unflatten(1, (widths[-1], path[-1], path[-1])), nn.SiLU()]
    for b, a in zip(widths[:0:-1], widths[-2::-1], strict=True):
        up += [*same_size(b, c), nn.ConvTranspose2d(b, a, 4, stride=2, padding=1), nn.SiLU()]
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, 2 * c.latent_dim))
    return encoder, nn.Sequential(*up, nn.Conv2d(widths[0], 3, 3, padding=1))


class VAE(nn.Module):
    """Encoder and decoder: perceptrons for points, convolutions for pictures."""

    def __init__(self, c: Config):
        super().__init__()
        if len(_sets.shape(c)) == 1:
            self.encoder = mlp(2, 8 * c.width, c.depth, 2 * c.latent_dim)
            self.decoder = mlp(c.latent_dim, 8 * c.width, c.depth, 2)
        else:
            self.encoder, self.decoder = picture_networks(c)
        self.register_buffer("variance", torch.ones(()))  # of the decoder's noise, as it was lately

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of each example's codes: (B, *shape) -> (B, L), (B, L)."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """(B, L) -> (B, *shape)."""
        return self.decoder(z)


def reparameterise(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """A draw from N(mu, sigma²) that gradients can pass (section 2.4): all (B, L)."""
    return mu + torch.exp(0.5 * logvar) * noise


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma²) || N(0, 1)) of each number of a code, in nats (appendix B): (B, L) -> (B, L)."""
    return 0.5 * (mu.square() + logvar.exp() - logvar - 1)


def reconstruction(x: Tensor, decoded: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """-log p(x | z) in nats per example for a decoder with normal noise, and the variance of that noise.

    With sigma 0 the variance is the one that fits the batch best: the mean squared error itself.
    """
    numbers = x[0].numel()
    error = (x - decoded).square().mean()
    variance = error if sigma == 0 else torch.full_like(error, sigma**2)
    variance = variance.clamp(min=1e-6)
    return 0.5 * numbers * (torch.log(2 * math.pi * variance) + error / variance), variance.detach()


def losses(model: VAE, c: Config, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Reconstruction and KL, each in nats per example, and the decoder's variance."""
    mu, logvar = model.encode(x)
    decoded = model.decode(reparameterise(mu, logvar, noise))
    recon, variance = reconstruction(x, decoded, c.sigma)
    return recon, kl_divergence(mu, logvar).sum(1).mean(), variance


@torch.no_grad()
def sample(model: VAE, z: Tensor, rng: torch.Generator | None = None) -> Tensor:
    """Codes (B, L) drawn from N(0, 1) -> examples (B, *shape).

    With `rng`, the decoder's noise is added: for points it is part of the distribution, for pictures it would
    only be grain.
    """
    x = model.decode(z)
    if rng is None:
        return x
    return x + model.variance.sqrt() * torch.randn(x.shape, generator=rng)


# ── training ─────────────────────────────────────────────────────────────────


@dataclass
class Live:
    """What exists while training goes on; valid until the next step."""

    config: Config
    data: _sets.Data
    model: VAE
    optimizer: torch.optim.Optimizer
    history: dict[str, list[float]]  # what the curve shows: one number a look
    batch: Tensor | None = None  # (B, *shape)
    step: int = 0


def plan(config: Config) -> _estimate.Plan:
    """One step of the run on the meta device: shapes, and no memory."""
    with torch.device("meta"):
        model = VAE(config)
        x = torch.empty(config.batch_size, *_sets.shape(config))
        noise = torch.empty(config.batch_size, config.latent_dim)

    def step() -> Iterator[Tensor]:
        recon, kl, _ = losses(model, config, x, noise)
        yield recon + config.beta * kl

    return _estimate.Plan({"": model}, step, config.steps, _estimate.data_bytes(config))


def estimate(config: Config) -> _estimate.Estimate:
    """Memory and seconds that the whole run will take, found without allocating anything."""
    return _estimate.estimate(plan(config))


def begin(config: Config) -> Live:
    """Data, a model with its first weights, and an optimizer that has done nothing yet.

    Raises:
        PlaygroundError: data that cannot be used, or sizes that do not fit into memory.
    """
    _estimate.refuse_if_too_large(estimate(config))
    data = _sets.load(config)
    torch.manual_seed(config.seed)  # the weights' first values
    model = VAE(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
    return Live(config, data, model, optimizer, {"step": [], "reconstruction": [], "KL": []})


def train(config: Config, rng: torch.Generator, start: Path | None = None) -> _loop.Steps:
    """Train step by step; the caller draws, stops, saves, and may send how many steps lie between two looks from now
    on. `start` is a folder of `save_checkpoint`.

    `rng` draws what is looked at and never touches the training itself.

    Raises:
        PlaygroundError: data that cannot be used, sizes that do not fit, or training that diverges.
    """
    live = restore(config, start) if start else begin(config)
    data, model, optimizer = live.data, live.model, live.optimizer
    fixed = torch.randn(256 if data.plane else 16, config.latent_dim, generator=rng)  # the same codes at every look
    every = config.look_every or (400 if data.plane else 100)
    limit = _loop.LIMIT * math.prod(data.shape)  # the loss is a sum over an example's numbers
    began = time.perf_counter()
    for step in range(live.step + 1, config.steps + 1):
        draws = _loop.rng_at(config.seed, step)
        x = data.batch(config.batch_size, draws)  # (B, *shape)
        noise = torch.randn(len(x), config.latent_dim, generator=draws)

        optimizer.zero_grad()
        recon, kl, variance = losses(model, config, x, noise)
        loss = recon + config.beta * kl
        loss.backward()
        values = {"loss": loss.item(), "reconstruction": recon.item(), "kl": kl.item()}
        norm = _loop.grad_norm(model)
        _loop.stop_if_diverged(step, config.learning_rate, values | {"gradient": norm}, limit)
        optimizer.step()
        model.variance.lerp_(variance, 0.02 if step > 1 else 1.0)

        seconds, began = time.perf_counter() - began, time.perf_counter()
        scalars = values | {"learning_rate": config.learning_rate, "grad_norm": norm,
                            "sigma": variance.sqrt().item(), "examples_per_s": len(x) / seconds}  # fmt: skip
        live.batch, live.step = x, step
        panels: dict[str, Any] = {}
        if _loop.looks(step, every, config.steps):
            figures = evaluate(live)
            _loop.stop_if_diverged(step, config.learning_rate, figures, limit)
            scalars |= figures
            panels = look(live, fixed)
            began = time.perf_counter()
        every = (yield TrainStep(step=step, scalars=scalars, panels=panels, live=live)) or every


@torch.no_grad()
def evaluate(live: Live) -> dict[str, float]:
    """On what was held out: both terms of the loss in nats, the mean squared error of the reconstructions (from
    the mean code, without a draw), and that error as a part of what the mean example would make."""
    x, c = live.data.held_out[:256], live.config
    noise = torch.randn(len(x), c.latent_dim, generator=_loop.rng_at(c.seed, 0))
    recon, kl, _ = losses(live.model, c, x, noise)
    mean_error = (x - live.data.train.mean(0)).square().mean()
    error = (x - live.model.decode(live.model.encode(x)[0])).square().mean()
    for name, value in {"step": live.step, "reconstruction": recon.item(), "KL": kl.item()}.items():
        live.history[name].append(value)
    return {"held_out_loss": (recon + c.beta * kl).item(), "held_out_error": error.item(),
            "error_to_mean": (error / mean_error.clamp(min=1e-12)).item()}  # fmt: skip


# ── what is looked at ────────────────────────────────────────────────────────


@torch.no_grad()
def look(live: Live, fixed: Tensor) -> dict[str, Any]:
    """Reconstructions beside originals, the latent plane, new examples from fixed codes, and the two terms."""
    data, model, h = live.data, live.model, live.history
    curve = Curve(tuple(h["step"]), {k: tuple(v) for k, v in h.items() if k != "step"}, "step", "nats per example")
    panels: dict[str, Any] = {"both terms, held out": curve, "latent plane": latent_plane(live)}
    if data.plane:
        x = data.held_out[:256]
        drawn = sample(model, fixed, _loop.rng_at(live.config.seed, 0))
        back = model.decode(model.encode(x)[0])
        panels["reconstruction"] = _sets.points_panel(data.bounds, original=x, reconstruction=back)
        panels["samples"] = _sets.points_panel(data.bounds, data=data.train[: len(drawn)], samples=drawn)
    else:
        x = data.held_out[:8]
        pairs = torch.stack([x, model.decode(model.encode(x)[0])], 1).flatten(0, 1)
        panels["reconstruction"] = _pictures.panel(pairs.numpy(), ("original", "reconstruction") * len(x))
        panels["decoded plane"] = _pictures.panel(decoded_plane(live).numpy())
        drawn = sample(model, fixed)
        near = data.train[_pictures.nearest(drawn.numpy(), data.train.numpy())]
        panels["samples"] = _pictures.panel(drawn.numpy())
        panels["nearest training picture"] = _pictures.panel(near.numpy())
    if data.notes:
        panels["notes"] = Text(" ".join(data.notes))
    return panels


def _plane_axes(live: Live) -> tuple[Tensor, tuple[int, int]]:
    """Mean codes (N, L) of some training examples, and the two numbers of a code that say most (largest KL)."""
    mu, logvar = live.model.encode(live.data.train[:512])
    order = kl_divergence(mu, logvar).mean(0).argsort(descending=True).tolist()
    return mu, (order[0], order[1] if len(order) > 1 else order[0])


def latent_plane(live: Live) -> Any:
    """Where training examples lie in the two most telling dimensions of the code, by class if they have one."""
    mu, (a, b) = _plane_axes(live)
    codes, names = mu[:, [a, b]], live.data.class_names or ("codes",)
    classes = live.data.classes if len(live.data.classes) else torch.zeros(len(live.data.train), dtype=torch.int)
    kinds = torch.as_tensor(classes)[: len(codes)]
    clouds = {name: codes[kinds == i] for i, name in enumerate(names)}
    r = max(3.5, round(1.05 * float(codes.abs().max()), 2))  # with a small beta codes lie far out
    return _sets.points_panel((-r, r, -r, r), **clouds)


def decoded_plane(live: Live, side: int = 7) -> Tensor:
    """Pictures decoded over the latent plane, row by row from the top: (side², 3, H, W).

    The grid's lines are quantiles of N(0, 1), so that each picture stands for an equal part of all codes; the
    other dimensions stay 0.
    """
    _, (a, b) = _plane_axes(live)
    lines = torch.special.ndtri((torch.arange(side) + 0.5) / side)
    z = torch.zeros(side * side, live.config.latent_dim)
    z[:, b] = lines.flip(0).repeat_interleave(side)
    z[:, a] = lines.repeat(side)
    return live.model.decode(z)


# ── checkpoints, export, the command line ────────────────────────────────────


def save_checkpoint(folder: Path, live: Live) -> None:
    """Everything a run needs to go on as if it had never stopped."""
    parts = {"model": live.model, "optimizer": live.optimizer}
    _loop.save_checkpoint(folder, live.config, live.step, live.history, parts)


def restore(config: Config, folder: Path) -> Live:
    """The state of a checkpoint.

    Raises:
        PlaygroundError: no checkpoint, or one of another configuration.
    """
    _loop.refuse_other(folder, config)
    live = begin(config)
    parts = {"model": live.model, "optimizer": live.optimizer}
    live.step, live.history = _loop.load_checkpoint(folder, parts)
    return live


def export(folder: Path, live: Live) -> None:
    """The finished model: config.json and model.safetensors."""
    _loop.export(folder, "vae", live.config, live.data.shape, live.step, live.model)


def main() -> None:
    """Train from the command line."""
    _command.main(sys.modules[__name__], "vae")


if __name__ == "__main__":
    main()
