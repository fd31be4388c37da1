"""GAN: a generator that learns from a critic, and a critic that learns from the generator's mistakes.

What it is. The generator G turns noise z into an example. The discriminator D sees real examples and G's, and
says for each how likely it is to be real: sigmoid(D(x)). Each is trained against the other:

    loss of D = -log sigmoid(D(x)) - log(1 - sigmoid(D(G(z))))      tell them apart
    loss of G = -log sigmoid(D(G(z)))                               be taken for real

Nobody ever tells G what a good example is: it follows D's slope uphill. (The loss of G is the *non-saturating*
one. The original game, minimise log(1 - sigmoid(D(G(z)))), has the same aim, but no slope while D is sure.)

The game has no loss that falls. It can circle for ever, and G can win by making one convincing thing over and
over (mode collapse). What is used against that, each a knob here:

  - R1: D pays for steep slopes at real examples, gamma/2 · |gradient of D(x)|². With it the game settles.
  - Spectral norm: each matrix of D is divided by its largest singular value, so that D can nowhere be steeper
    than 1 per layer.
  - Moving average: the G that is shown is the mean of the recent ones, which smooths the circling.
  - Two time scales: D learns faster than G, so that G follows a critic that is up to date.
  - Momentum: Adam's first average makes circles wider; beta1 0 is the usual choice.

Sources: Goodfellow et al. 2014, "Generative Adversarial Nets" (section 3: both losses); Mescheder et al. 2018,
"Which Training Methods for GANs do actually Converge?" (R1: equation 9); Miyato et al. 2018, "Spectral
Normalization for GANs" (algorithm 1); Heusel et al. 2017 (two time scales, section 1); Yazici et al. 2019
(moving average of G); Radford et al. 2016 (convolutions).

What to watch. In the plane: the field is D's verdict, and the generated points climb it. With all stabilisers off
the points rush about in a heap, from one Gaussian to the next, for a thousand steps before they part; with R1 they
spread at once, until D can say nothing anywhere (0.5). Neither loss tells which of the two is happening.

Try it:  python -m playground.training.gan --steps 500
         python -m playground.training.gan --r1 0 --ema 0 --d-speed 1 --beta1 0.9
         python -m playground.training.gan --data shapes
"""

import copy
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from playground.events import TrainStep
from playground.fields import choice, slider, switch, text
from playground.panels import Bars, Curve, Field, Text
from playground.training import _command, _estimate, _loop, _pictures, _plane, _sets


@dataclass(frozen=True)
class Config:
    """What a run is made of; with the same configuration and thread count it gives the same model."""

    data: str = choice("ring", _sets.NAMES, label="Data", help="distributions over the plane, or small pictures")
    points: str = text("", label="Points", help="for points: lines of x,y, or a file of them", lines=3, hidden=True)
    folder: str = text("", label="Folder", help="for folder: a folder of your own pictures", hidden=True)
    examples: int = slider(8192, 16, 20_000, 16, label="Examples", help="points or pictures that are made")
    size: int = slider(16, 8, 64, 8, label="Picture size", help="pixels a side")
    latent_dim: int = slider(8, 1, 128, label="Noise dimensions", help="numbers that an example is made from")
    width: int = slider(32, 8, 256, 8, label="Width", help="channels of the first layer (for points: four a unit)")
    depth: int = slider(3, 1, 6, label="Depth", help="hidden layers, for points (pictures: one at each size)")
    batch_size: int = slider(128, 1, 1024, label="Batch", help="real examples per step, and as many generated")
    steps: int = slider(4000, 1, 100_000, label="Steps", help="updates of the generator")
    learning_rate: float = slider(1e-3, 0, 1, 1e-4, label="Learning rate", help="of the generator", typed=True)
    loss: str = choice(
        "non-saturating", ("non-saturating", "saturating"), label="Loss of G", help="saturating: the original game"
    )
    d_speed: float = slider(2.0, 0.1, 10, 0.1, label="Speed of D", help="its learning rate, as a multiple of G's")
    d_steps: int = slider(1, 1, 10, label="Steps of D", help="updates of the discriminator for one of the generator")
    r1: float = slider(0.2, 0, 20, 0.1, label="R1", help="gamma, the price of steep slopes at real examples")
    spectral_norm: bool = switch(False, label="Spectral norm", help="no layer of D can be steeper than 1")
    ema: float = slider(0.995, 0, 0.9999, 0.0001, label="Moving average", help="how slowly the shown G follows")
    beta1: float = slider(0.0, 0, 0.99, 0.01, label="Momentum", help="Adam's beta1")
    look_every: int = slider(0, 0, 10_000, label="Look every", help="steps between two looks; 0 chooses")
    seed: int = slider(0, 0, 2**31, label="Seed", help="of weights, batches and noise", open_ended=True)


PRESETS = {
    "Eight Gaussians": {"data": "ring"},
    "No stabilisers": {"data": "ring", "r1": 0.0, "ema": 0.0, "d_speed": 1.0, "beta1": 0.9},
    "Spectral norm": {"data": "ring", "r1": 0.0, "spectral_norm": True},
    "Shapes": {"data": "shapes", "latent_dim": 32, "batch_size": 64, "r1": 1.0, "steps": 2000},
}


# ── the two models ───────────────────────────────────────────────────────────


def sides(size: int) -> list[int]:
    """The sizes that a picture passes on its way down: halved while that goes evenly and more than 4 is left."""
    out = [size]
    while out[-1] > 4 and out[-1] % 2 == 0:
        out.append(out[-1] // 2)
    return out


def mlp(n_in: int, hidden: int, depth: int, n_out: int) -> nn.Sequential:
    """`depth` hidden layers."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(n_in if i == 0 else hidden, hidden), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(hidden, n_out))


class Generator(nn.Module):
    """Noise (B, L) -> examples (B, *shape). Pictures grow from 4 × 4, doubled and convolved."""

    def __init__(self, c: Config):
        super().__init__()
        if len(_sets.shape(c)) == 1:
            self.net = mlp(c.latent_dim, 4 * c.width, c.depth, 2)
            return
        path = sides(c.size)[::-1]
        widths = [c.width * min(2**i, 4) for i in range(len(path))][::-1]
        layers: list[nn.Module] = [nn.Linear(c.latent_dim, widths[0] * path[0] ** 2),
                                   nn.Unflatten(1, (widths[0], path[0], path[0]))]  # fmt: skip
        for a, b in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.GroupNorm(8, a), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1)]
        last = (nn.GroupNorm(8, widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], 3, 3, padding=1), nn.Tanh())
        self.net = nn.Sequential(*layers, *last)

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z)


class Discriminator(nn.Module):
    """Examples (B, *shape) -> one number each (B,), large for real ones. Pictures are halved down to 4 × 4."""

    def __init__(self, c: Config):
        super().__init__()
        if len(_sets.shape(c)) == 1:
            self.net = mlp(2, 4 * c.width, c.depth, 1)
        else:
            path = sides(c.size)
            widths = [c.width * min(2**i, 4) for i in range(len(path))]
            layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1), nn.LeakyReLU(0.2)]
            for a, b in zip(widths[:-1], widths[1:], strict=True):
                layers += [nn.Conv2d(a, b, 4, 2, padding=1), nn.LeakyReLU(0.2)]
            self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * path[-1] ** 2, 1))
        if c.spectral_norm:
            for layer in self.net:
                if isinstance(layer, (nn.Linear, nn.Conv2d)):
                    parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).squeeze(1)


class SpectralNorm(nn.Module):
    """Divides a weight by its largest singular value (Miyato et al. 2018, algorithm 1).

    The value is found by power iteration: u and v, kept from step to step, turn towards the direction that the
    matrix stretches most, and the weight moves so slowly that one turn a step is enough.
    """

    u: Tensor  # (out,)
    v: Tensor  # (in · kernel,)

    def __init__(self, weight: Tensor):
        super().__init__()
        rows = weight.flatten(1)  # (out, in · kernel)
        self.register_buffer("u", F.normalize(torch.randn(rows.shape[0], device=weight.device), dim=0))
        self.register_buffer("v", F.normalize(torch.randn(rows.shape[1], device=weight.device), dim=0))
        for _ in range(15 if weight.device.type != "meta" else 0):
            self.turn(rows.detach())

    @torch.no_grad()
    def turn(self, rows: Tensor) -> None:
        """One power iteration."""
        self.u = F.normalize(rows @ self.v, dim=0)
        self.v = F.normalize(rows.T @ self.u, dim=0)

    def forward(self, weight: Tensor) -> Tensor:
        rows = weight.flatten(1)
        if self.training:
            self.turn(rows.detach())
        sigma = self.u.clone() @ rows @ self.v.clone()  # clones: the next turn must not touch this step's graph
        return weight / sigma


# ── the game ─────────────────────────────────────────────────────────────────


def r1_penalty(D: nn.Module, real: Tensor) -> Tensor:
    """Mean of |gradient of D at x|² over real examples x (B, *shape); the loss takes gamma/2 of it (equation 9)."""
    real = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(D(real).sum(), real, create_graph=True)  # (B, *shape)
    return gradient.flatten(1).square().sum(1).mean()


def discriminator_loss(D: nn.Module, real: Tensor, fake: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Both log terms and the R1 price; also D's raw answers to real and fake (2, B)."""
    on_real, on_fake = D(real), D(fake)
    loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()  # softplus(-s) = -log sigmoid(s)
    if gamma > 0:
        loss = loss + gamma / 2 * r1_penalty(D, real)
    return loss, torch.stack([on_real, on_fake]).detach()


def generator_loss(D: nn.Module, fake: Tensor, kind: str) -> Tensor:
    """How far the fakes are from being taken for real."""
    on_fake = D(fake)
    return F.softplus(-on_fake).mean() if kind == "non-saturating" else -F.softplus(on_fake).mean()


@torch.no_grad()
def sample(G: nn.Module, z: Tensor) -> Tensor:
    """Noise (B, L) from N(0, 1) -> examples (B, *shape)."""
    return G(z)


# ── training ─────────────────────────────────────────────────────────────────


@dataclass
class Live:
    """What exists while training goes on; valid until the next step."""

    config: Config
    data: _sets.Data
    G: Generator
    D: Discriminator
    G_average: Generator  # the moving average of G: this one is shown and kept
    optimizer_G: torch.optim.Optimizer
    optimizer_D: torch.optim.Optimizer
    history: dict[str, list[float]]  # what the curve shows: one number a look
    batch: Tensor | None = None  # (B, *shape), real
    step: int = 0

    @property
    def model(self) -> Generator:
        """What is exported."""
        return self.G_average

    @property
    def parts(self) -> dict[str, Any]:
        """Everything that a checkpoint holds, by name."""
        return {"G": self.G, "D": self.D, "average": self.G_average,
                "adam_G": self.optimizer_G, "adam_D": self.optimizer_D}  # fmt: skip


def plan(config: Config) -> _estimate.Plan:
    """One step of the run on the meta device: shapes, and no memory."""
    with torch.device("meta"):
        G, D = Generator(config), Discriminator(config)
        z = torch.empty(config.batch_size, config.latent_dim)
        real = torch.empty(config.batch_size, *_sets.shape(config))

    def step() -> Iterator[Tensor]:
        for _ in range(config.d_steps):
            with torch.no_grad():
                fake = G(z)
            yield discriminator_loss(D, real, fake, config.r1)[0]
        yield generator_loss(D, G(z), config.loss)

    averaged = sum(p.numel() for p in G.parameters())
    return _estimate.Plan({"G": G, "D": D}, step, config.steps, _estimate.data_bytes(config), averaged)


def estimate(config: Config) -> _estimate.Estimate:
    """Memory and seconds that the whole run will take, found without allocating anything."""
    return _estimate.estimate(plan(config))


def begin(config: Config) -> Live:
    """Data, both models with their first weights, and optimizers that have done nothing yet.

    Raises:
        PlaygroundError: data that cannot be used, or sizes that do not fit into memory.
    """
    _estimate.refuse_if_too_large(estimate(config))
    data = _sets.load(config)
    torch.manual_seed(config.seed)  # the weights' first values
    G, D = Generator(config), Discriminator(config)
    betas = (config.beta1, 0.99)
    adam_G = torch.optim.Adam(G.parameters(), lr=config.learning_rate, betas=betas, fused=True)
    adam_D = torch.optim.Adam(D.parameters(), lr=config.learning_rate * config.d_speed, betas=betas, fused=True)
    history: dict[str, list[float]] = {"step": [], "D": [], "G": []}
    return Live(config, data, G, D, copy.deepcopy(G).requires_grad_(False), adam_G, adam_D, history)


def train(config: Config, rng: torch.Generator, start: Path | None = None) -> _loop.Steps:
    """Train step by step; the caller draws, stops, saves, and may send how many steps lie between two looks from now
    on. `start` is a folder of `save_checkpoint`.

    `rng` draws what is looked at and never touches the training itself.

    Raises:
        PlaygroundError: data that cannot be used, sizes that do not fit, or training that diverges.
    """
    live = restore(config, start) if start else begin(config)
    data, G, D = live.data, live.G, live.D
    fixed = torch.randn(512 if data.plane else 16, config.latent_dim, generator=rng)  # the same noise at every look
    every = config.look_every or (300 if data.plane else 100)
    began = time.perf_counter()
    for step in range(live.step + 1, config.steps + 1):
        draws = _loop.rng_at(config.seed, step)
        for _ in range(config.d_steps):  # the discriminator's turn
            real = data.batch(config.batch_size, draws)  # (B, *shape)
            with torch.no_grad():
                fake = G(torch.randn(len(real), config.latent_dim, generator=draws))
            live.optimizer_D.zero_grad()
            loss_D, answers = discriminator_loss(D, real, fake, config.r1)
            loss_D.backward()
            norms = {"gradient_of_D": _loop.grad_norm(D)}
            _loop.stop_if_diverged(step, config.learning_rate, {"loss_of_D": loss_D.item()} | norms)
            live.optimizer_D.step()

        D.requires_grad_(False)  # the generator's turn
        live.optimizer_G.zero_grad()
        loss_G = generator_loss(D, G(torch.randn(len(real), config.latent_dim, generator=draws)), config.loss)
        loss_G.backward()
        D.requires_grad_(True)
        norms["gradient_of_G"] = _loop.grad_norm(G)
        _loop.stop_if_diverged(step, config.learning_rate, {"loss_of_G": loss_G.item()} | norms)
        live.optimizer_G.step()
        with torch.no_grad():
            for average, now in zip(live.G_average.parameters(), G.parameters(), strict=True):
                average.lerp_(now, 1 - min(config.ema, step / (step + 10)))  # young averages forget faster

        seconds, began = time.perf_counter() - began, time.perf_counter()
        verdict = answers.sigmoid().mean(1)
        scalars = {"loss": loss_G.item(), "loss_D": loss_D.item(), "real": verdict[0].item(), "fake": verdict[1].item(),
                   "learning_rate": config.learning_rate, "grad_norm": norms["gradient_of_G"],
                   "grad_norm_D": norms["gradient_of_D"], "examples_per_s": len(real) / seconds}  # fmt: skip
        live.batch, live.step = real, step
        panels: dict[str, Any] = {}
        if _loop.looks(step, every, config.steps):
            for name, value in {"step": step, "D": loss_D.item(), "G": loss_G.item()}.items():
                live.history[name].append(value)
            figures = evaluate(live)
            _loop.stop_if_diverged(step, config.learning_rate, figures)
            scalars |= figures
            panels = look(live, fixed, answers)
            began = time.perf_counter()
        every = (yield TrainStep(step=step, scalars=scalars, panels=panels, live=live)) or every


def evaluate(live: Live) -> dict[str, float]:
    """In the plane: how far 1,000 points, from the same noise at every look, are from what was held out (energy
    distance), and of the ring, how many of its eight Gaussians they cover."""
    if not live.data.plane:
        return {}
    z = torch.randn(1000, live.config.latent_dim, generator=_loop.rng_at(live.config.seed, 0))
    points = sample(live.G_average, z).numpy()
    out = {"energy_distance": _plane.energy_distance(points, live.data.held_out[:1000].numpy())}
    if live.data.name == "ring":
        out["covered"] = _plane.covered(points)
    return out


# ── what is looked at ────────────────────────────────────────────────────────


@torch.no_grad()
def look(live: Live, fixed: Tensor, answers: Tensor) -> dict[str, Any]:
    """Examples from the same noise as ever, D's verdict on the last real and generated ones (2, B), and in the
    plane its field."""
    data, h = live.data, live.history
    drawn = sample(live.G_average, fixed)
    curve = Curve(tuple(h["step"]), {k: tuple(v) for k, v in h.items() if k != "step"}, "step", "loss")
    verdict = answers.sigmoid().mean(1).tolist()
    panels: dict[str, Any] = {"verdict": Bars(("real", "generated"), tuple(verdict)), "both losses": curve}
    if data.plane:
        panels["samples"] = _sets.points_panel(data.bounds, data=data.train[: len(drawn)], samples=drawn)
        panels["field"] = field(live.D, data.bounds)
    else:
        near = data.train[_pictures.nearest(drawn.numpy(), data.train.numpy())]
        panels["samples"] = _pictures.panel(drawn.numpy())
        panels["nearest training picture"] = _pictures.panel(near.numpy())
    if data.notes:
        panels["notes"] = Text(" ".join(data.notes))
    return panels


@torch.no_grad()
def field(D: Discriminator, bounds: tuple[float, float, float, float], side: int = 32) -> Field:
    """D's verdict sigmoid(D(x)) at the middles of side × side cells of the plane."""
    x0, x1, y0, y1 = bounds
    middles = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(y0 + (y1 - y0) * middles, x0 + (x1 - x0) * middles, indexing="ij")
    D.eval()  # looking must not turn the spectral norm's vectors
    values = D(torch.stack([x, y], -1).flatten(0, 1)).sigmoid().view(side, side)
    D.train()
    rows = tuple(tuple(round(v, 3) for v in row) for row in values.tolist())
    return Field(rows, bounds, "how likely D thinks a point is real")


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
    """The finished generator (its moving average) and its critic: config.json, model.safetensors and
    discriminator.safetensors."""
    _loop.export(folder, "gan", live.config, live.data.shape, live.step, live.G_average)
    _loop.save_weights(folder / "discriminator.safetensors", live.D)


def main() -> None:
    """Train from the command line."""
    _command.main(sys.modules[__name__], "gan")


if __name__ == "__main__":
    main()
