"""Errors of the picture lessons: an example rebuilt badly, a verdict, a noise guessed badly."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.lessons._errors import Wrong, gone, numbers
from playground.panels import Strip

EXAMPLES = 256  # of what is held out, looked through for errors


def _panel(data: Any, **examples: Tensor) -> Strip:
    """One example (*shape) beside others."""
    from playground.training import _pictures, _sets

    one = _sets.points_panel if data.plane else None
    panels = [one(data.bounds, point=x[None]) if one else _pictures.panel(x[None].numpy()) for x in examples.values()]
    return Strip(tuple(panels), tuple(name.replace("_", " ") for name in examples))


def _say(data: Any, x: Tensor) -> str:
    return ", ".join(f"{v:.2f}" for v in x.tolist()) if data.plane else ""


class Rebuilt:
    """VAE: held-out examples by their own loss, reconstruction and KL in nats, with the same noise at every look."""

    def _losses(self, live: Any, model: Any, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) losses, and what is decoded (n, *shape)."""
        from playground.training import vae

        mu, logvar = model.encode(x)
        back = model.decode(vae.reparameterise(mu, logvar, noise))
        variance = live.config.sigma**2 or live.model.variance.clamp(min=1e-6)  # the noise as it was lately
        n, error = x[0].numel(), (x - back).square().flatten(1).mean(1)
        recon = 0.5 * n * (math.log(2 * math.pi * float(variance)) + error / float(variance))
        return recon + live.config.beta * vae.kl_divergence(mu, logvar).sum(1), back

    def _examples(self, live: Any) -> tuple[Tensor, Tensor]:
        from playground.training import _loop

        x = live.data.held_out[:EXAMPLES]
        return x, torch.randn(len(x), live.config.latent_dim, generator=_loop.rng_at(live.config.seed, 0))

    def wrong(self, live: Any, most: int) -> list[Wrong]:
        """Those with the largest loss."""
        x, noise = self._examples(live)
        losses, back = self._losses(live, live.model, x, noise)
        found = []
        for i in losses.argsort(descending=True)[:most].tolist():
            panel = _panel(live.data, original=x[i], rebuilt=back[i])
            found.append(Wrong(str(i), "", _say(live.data, x[i]), _say(live.data, back[i]), None, None,
                               float(losses[i]), panel))  # fmt: skip
        return found

    def measure(self, live: Any, nets: dict[str, nn.Module], wrong_id: str) -> tuple[Tensor, float | None]:
        """The loss of one example."""
        (x, noise), (i,) = self._examples(live), numbers(wrong_id, 1)
        if i >= len(x):
            raise gone(wrong_id)
        return self._losses(live, nets[""], x[i : i + 1], noise[i : i + 1])[0][0], None

    def moved(self, wrong_id: str) -> int | None:
        """The only optimizer."""
        return None


class Verdict:
    """GAN: generated examples that D sees through ("fake:3", an error of G), and real ones that it takes for generated
    ("real:7", an error of D). The loss is -log p(real) for both."""

    def _examples(self, live: Any, kind: str) -> Tensor:
        """Real examples (n, *shape), or the noise (n, L) of generated ones."""
        from playground.training import _loop

        if kind == "real":
            return live.data.held_out[:EXAMPLES]
        return torch.randn(EXAMPLES, live.config.latent_dim, generator=_loop.rng_at(live.config.seed, 0))

    def wrong(self, live: Any, most: int) -> list[Wrong]:
        """Half of each kind, those with the largest loss first."""
        found = []
        for kind, count in (("fake", most - most // 2), ("real", most // 2)):
            x = self._examples(live, kind)
            x = live.G(x) if kind == "fake" else x
            losses = F.softplus(-live.D(x))
            for i in losses.argsort(descending=True)[:count].tolist():
                p = math.exp(-float(losses[i]))
                context = "generated, to be taken for real" if kind == "fake" else "a real example"
                panel = _panel(live.data, **{"generated" if kind == "fake" else "real": x[i]})
                found.append(Wrong(f"{kind}:{i}", context, "real", "generated", p, 1 - p, float(losses[i]), panel))
        return sorted(found, key=lambda w: -w.loss)

    def measure(self, live: Any, nets: dict[str, nn.Module], wrong_id: str) -> tuple[Tensor, float | None]:
        """-log p(real) and p(real); for a generated example the gradient reaches G through D, which holds still."""
        kind, _, rest = str(wrong_id).partition(":")
        (i,) = numbers(rest, 1)
        if kind not in ("fake", "real") or i >= len(self._examples(live, kind)):
            raise gone(wrong_id)
        x = self._examples(live, kind)[i : i + 1]
        nets["D"].requires_grad_(kind == "real")
        nets["G"].requires_grad_(kind == "fake")
        loss = F.softplus(-nets["D"](nets["G"](x) if kind == "fake" else x))[0]
        return loss, math.exp(-loss.item())

    def moved(self, wrong_id: str) -> int | None:
        """G's optimizer for what it made, D's for what is real."""
        return 0 if wrong_id.startswith("fake") else 1


class Noise:
    """Diffusion: held-out examples at a noise level each, always the same, by the squared error of the guess."""

    def _examples(self, live: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Examples (n, *shape), timesteps (n,), noise (n, *shape): those that the held-out loss is measured on."""
        from playground.training import _loop

        x0, draws = live.data.held_out[:EXAMPLES], _loop.rng_at(live.config.seed, 0)
        t = torch.randint(live.config.timesteps, (len(x0),), generator=draws)
        return x0, t, torch.randn(x0.shape, generator=draws)

    def wrong(self, live: Any, most: int) -> list[Wrong]:
        """Those with the largest loss."""
        from playground.training import diffusion

        x0, t, noise = self._examples(live)
        losses = diffusion.loss_at(live.net, live.config, live.schedule, x0, t, noise)
        alpha, sigma = live.schedule.at(t, x0)
        noisy = diffusion.add_noise(x0, noise, alpha, sigma)
        guess, _ = diffusion.x0_and_noise(live.config.prediction, live.net(noisy, t), noisy, alpha, sigma)
        guess = guess.clamp(-live.bound, live.bound)
        found = []
        for i in losses.argsort(descending=True)[:most].tolist():
            panel = _panel(live.data, original=x0[i], with_noise=noisy[i], guess_of_the_original=guess[i])
            context = f"noise level t = {int(t[i])} of {live.config.timesteps}"
            found.append(Wrong(str(i), context, _say(live.data, x0[i]), _say(live.data, guess[i]), None, None,
                               float(losses[i]), panel))  # fmt: skip
        return found

    def measure(self, live: Any, nets: dict[str, nn.Module], wrong_id: str) -> tuple[Tensor, float | None]:
        """The squared error of one guess."""
        from playground.training import diffusion

        (x0, t, noise), (i,) = self._examples(live), numbers(wrong_id, 1)
        if i >= len(x0):
            raise gone(wrong_id)
        one = slice(i, i + 1)
        return diffusion.loss_at(nets[""], live.config, live.schedule, x0[one], t[one], noise[one])[0], None

    def moved(self, wrong_id: str) -> int | None:
        """The only optimizer."""
        return None
