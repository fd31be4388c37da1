"""The VAE's formulas against torch.distributions and against what a draw must be."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from playground.training import vae
from tests.training.lessons import run, small


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_kl_is_that_of_torch_distributions():
    mu, logvar = torch.randn(50, 7, generator=rng()), torch.randn(50, 7, generator=rng(1))
    theirs = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(vae.kl_divergence(mu, logvar), theirs, rtol=1e-5, atol=1e-6)


def test_the_reconstruction_term_is_the_log_probability_of_torch_distributions():
    x, decoded = torch.randn(6, 3, 4, 4, generator=rng()), torch.randn(6, 3, 4, 4, generator=rng(1))
    recon, variance = vae.reconstruction(x, decoded, 0.3)
    theirs = -Normal(decoded, 0.3).log_prob(x).flatten(1).sum(1).mean()
    torch.testing.assert_close(recon, theirs, rtol=1e-5, atol=1e-4)
    assert variance.item() == pytest.approx(0.09)


def test_sigma_0_takes_the_noise_that_no_other_beats():
    x, decoded = torch.randn(6, 2, generator=rng()), torch.randn(6, 2, generator=rng(1))
    best, variance = vae.reconstruction(x, decoded, 0.0)
    others = [vae.reconstruction(x, decoded, s)[0].item() for s in (0.5, 0.9, 1.1, 1.3, 1.5, 2.0)]
    assert best.item() < min(others)
    at_best = vae.reconstruction(x, decoded, math.sqrt(variance.item()))[0]
    torch.testing.assert_close(at_best, best)


def test_gradients_pass_the_draw_as_worked_out_by_hand():
    """z = mu + e^(logvar/2) · noise: dz/dmu = 1, dz/dlogvar = noise · e^(logvar/2) / 2."""
    mu = torch.tensor([[0.3]], requires_grad=True)
    logvar = torch.tensor([[2 * math.log(2.0)]], requires_grad=True)  # sigma 2
    z = vae.reparameterise(mu, logvar, torch.tensor([[1.5]]))
    z.sum().backward()
    assert z.item() == pytest.approx(3.3)
    assert mu.grad is not None
    assert mu.grad.item() == 1
    assert logvar.grad is not None
    assert logvar.grad.item() == pytest.approx(1.5)


def test_beta_0_is_an_autoencoder_and_a_large_beta_makes_all_codes_alike():
    def last_kl(beta: float) -> float:
        return run("vae", small("vae", data="ring", beta=beta, steps=150, learning_rate=5e-3))[0][-1].scalars["kl"]

    assert last_kl(20.0) < 0.05
    assert last_kl(0.0) > 2


def test_it_learns_to_give_pictures_back_better_than_the_mean_picture():
    steps, _ = run("vae", small("vae", data="faces", width=16, latent_dim=8, examples=256, batch_size=32, steps=120,
                                learning_rate=5e-3))  # fmt: skip
    assert steps[-1].scalars["error_to_mean"] < 0.8
    assert steps[-1].scalars["loss"] < steps[0].scalars["loss"]


def test_the_latent_plane_shows_every_class_and_the_decoded_plane_every_cell():
    panels = run("vae", small("vae", data="shapes"))[0][-1].panels
    assert list(panels["latent plane"].clouds) == ["circle", "square", "triangle", "cross", "ring", "stripe"]
    assert sum(map(len, panels["latent plane"].clouds.values())) == 58  # 64 less the tenth that is held out
    assert len(panels["decoded plane"].png) == 49
    assert panels["reconstruction"].captions[:2] == ("original", "reconstruction")


def test_one_latent_dimension_is_enough_for_every_panel():
    assert run("vae", small("vae", data="shapes", latent_dim=1, steps=1))[0][-1].panels
