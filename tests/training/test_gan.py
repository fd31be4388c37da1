"""The GAN's stabilisers against torch and against gradients worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.training import gan
from tests.training.lessons import run, small


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Bowl(nn.Module):
    """D(x) = a/2 · |x|² + b·x, whose gradient a·x + b is known."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor([1.0, -3.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.a / 2 * x.square().sum(1) + x @ self.b


def test_the_r1_penalty_and_its_gradients_are_those_worked_out_by_hand():
    """At x = (1, 2) and (0, 1) with a = 2, b = (1, -3): gradients (3, 1) and (1, -1), squares 10 and 2, mean 6.
    d/da = mean 2 g·x = mean(10, -2) = 4; d/db = mean 2 g = (4, 0)."""
    D = Bowl()
    penalty = gan.r1_penalty(D, torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
    penalty.backward()
    assert penalty.item() == pytest.approx(6)
    assert D.a.grad is not None
    assert D.a.grad.item() == pytest.approx(4)
    assert D.b.grad is not None
    assert D.b.grad.tolist() == pytest.approx([4, 0])


def test_the_r1_penalty_of_the_real_discriminator_is_what_finite_differences_say():
    torch.manual_seed(0)
    D = gan.Discriminator(small("gan", data="ring")).double()
    x, h = torch.randn(5, 2, generator=rng()).double(), 1e-6
    with torch.no_grad():
        slopes = [(D(x + h * e) - D(x - h * e)) / (2 * h) for e in torch.eye(2).double()]
    by_hand = torch.stack(slopes).square().sum(0).mean()
    torch.testing.assert_close(gan.r1_penalty(D, x).detach(), by_hand, rtol=1e-6, atol=1e-9)


def test_gamma_is_halved_as_in_the_paper():
    D, real, fake = Bowl(), torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.zeros(2, 2)
    without, with_it = (gan.discriminator_loss(D, real, fake, gamma)[0].item() for gamma in (0.0, 10.0))
    assert with_it - without == pytest.approx(10 / 2 * 6)


@pytest.mark.parametrize("layer", [nn.Linear(7, 5), nn.Conv2d(3, 6, 4)])
def test_spectral_norm_is_that_of_torch_from_the_same_vectors(layer: nn.Module):
    import copy

    theirs = torch.nn.utils.parametrizations.spectral_norm(copy.deepcopy(layer))
    ours = copy.deepcopy(layer)
    nn.utils.parametrize.register_parametrization(ours, "weight", gan.SpectralNorm(ours.weight))
    mine, other = ours.parametrizations.weight[0], theirs.parametrizations.weight[0]
    mine.u, mine.v = other._u.clone(), other._v.clone()
    for _ in range(3):  # each access in training turns the vectors once
        a, b = ours.weight, theirs.weight
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(mine.u, other._u)
    target = torch.randn(a.shape, generator=rng())
    (a * target).sum().backward()
    (b * target).sum().backward()
    left, right = ours.parametrizations.weight.original.grad, theirs.parametrizations.weight.original.grad
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


def test_after_some_turns_no_layer_stretches_anything_more_than_once():
    torch.manual_seed(0)
    D = gan.Discriminator(small("gan", data="shapes", spectral_norm=True))
    layers = [m for m in D.net if isinstance(m, (nn.Linear, nn.Conv2d))]
    assert len(layers) == 3
    for _ in range(50):
        weights = [layer.weight for layer in layers]
    for weight in weights:
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


def test_both_losses_are_the_cross_entropies_that_the_docstring_says():
    D, real, fake = Bowl(), torch.randn(4, 2, generator=rng()), torch.randn(4, 2, generator=rng(1))
    says_real, says_fake = D(real).sigmoid(), D(fake).sigmoid()
    by_hand = -(says_real.log().mean() + (1 - says_fake).log().mean())
    torch.testing.assert_close(gan.discriminator_loss(D, real, fake, 0.0)[0], by_hand, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gan.generator_loss(D, fake, "non-saturating"), -says_fake.log().mean())
    saturating = F.binary_cross_entropy(says_fake, torch.zeros(4))
    torch.testing.assert_close(gan.generator_loss(D, fake, "saturating"), -saturating, rtol=1e-4, atol=1e-5)


def test_a_sure_discriminator_leaves_the_saturating_loss_no_slope_and_the_other_one_all():
    score = torch.tensor([-20.0], requires_grad=True)
    slopes = [torch.autograd.grad(gan.generator_loss(lambda x: x, score, kind), score)[0].item()
              for kind in ("saturating", "non-saturating")]  # fmt: skip
    assert abs(slopes[0]) < 1e-8
    assert slopes[1] == pytest.approx(-1)


def test_the_field_is_the_verdict_at_the_middle_of_each_cell_row_0_lowest():
    class Height(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, 1]

    field = gan.field(Height(), (-2.0, 2.0, -2.0, 2.0), side=4)
    for row, y in zip(field.values, (-1.5, -0.5, 0.5, 1.5), strict=True):
        assert row == pytest.approx([1 / (1 + math.exp(-y))] * 4, abs=6e-4)


def test_looking_at_the_field_does_not_turn_the_spectral_vectors():
    torch.manual_seed(0)
    D = gan.Discriminator(small("gan", data="ring", spectral_norm=True))
    before = {k: v.clone() for k, v in D.state_dict().items()}
    gan.field(D, (-2.0, 2.0, -2.0, 2.0))
    assert all(torch.equal(v, before[k]) for k, v in D.state_dict().items())


def test_the_shown_generator_is_the_moving_average_worked_out_step_by_step():
    config = small("gan", data="ring", ema=0.5, steps=3)
    averages = None
    for step in gan.train(config, rng()):
        now = [p.detach().clone() for p in step.live.G.parameters()]
        start = [p.detach().clone() for p in gan.begin(config).G.parameters()] if averages is None else averages
        keep = min(0.5, step.step / (step.step + 10))
        averages = [keep * a + (1 - keep) * b for a, b in zip(start, now, strict=True)]
        for shown, wanted in zip(step.live.model.parameters(), averages, strict=True):
            torch.testing.assert_close(shown, wanted)


def test_with_its_stabilisers_it_finds_all_eight_gaussians_in_a_few_hundred_steps():
    from dataclasses import replace

    *_, last = gan.train(replace(gan.Config(), steps=600), rng())
    assert last.scalars["covered"] >= 7


def test_the_generator_step_leaves_no_gradient_in_the_discriminator_of_its_own():
    """After a step D's gradients are those of its own loss: what "follow one error back" reads."""
    config = small("gan", data="ring", steps=1, r1=0.0)
    (step,) = gan.train(config, rng())
    assert step.live.D.net[0].weight.requires_grad
    assert step.scalars["grad_norm_D"] == pytest.approx(
        float(nn.utils.get_total_norm([p.grad for p in step.live.D.parameters()]))
    )
    assert run("gan", config)
