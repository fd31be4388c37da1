"""One error, followed back: gradients are autograd's, steps are the optimizer's, and the training never notices."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from playground.errors import PlaygroundError
from playground.lessons import _parts, catalogue, error_back
from playground.lessons.gradients import LayerNorms
from playground.training import diffusion, vae
from tests.lessons.states import KINDS, live, train

SPECTRAL = ("gan", "moons", {"spectral_norm": True})


@pytest.mark.parametrize(("name", "kind", "more"), [*((*k, {}) for k in KINDS), SPECTRAL])
def test_a_training_that_was_followed_is_bit_for_bit_one_that_was_not(name: str, kind: str, more: dict):
    def run(look: bool):
        losses, state = [], None
        torch.manual_seed(0)
        for step in train(name, kind, **more):
            losses.append(step.scalars["loss"])
            state = step.live
            if look and step.step in (2, 4):
                found = error_back.wrong(name, state, 4)
                assert 1 <= len(found) <= 4
                assert [w.loss for w in found] == sorted((w.loss for w in found), reverse=True)
                for w in found[:2]:
                    error_back.follow(name, state, w.id)
        nets = _parts.networks(name, state)
        tensors = {f"{n}.{k}": v for n, net in nets.items() for k, v in net.state_dict().items()}
        for i, optimizer in enumerate(_parts.optimizers(name, state)):
            for j, values in optimizer.state_dict()["state"].items():
                tensors |= {f"{i}.{j}.{k}": torch.as_tensor(v) for k, v in values.items()}
        return losses, tensors

    (plain, expected), (looked, found) = run(False), run(True)
    assert plain == looked
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_what_is_followed_is_what_the_list_says_and_a_step_against_the_gradient_helps(name: str, kind: str):
    state = live(name, kind, steps=5)
    for w in error_back.wrong(name, state, 3):
        f = error_back.follow(name, state, w.id)
        assert f.loss == pytest.approx(w.loss, rel=1e-4)
        assert (f.p_before is None) == (w.p_expected is None)
        if f.p_before is not None:
            assert f.p_before == pytest.approx(w.p_expected, rel=1e-4)
            assert f.p_before == pytest.approx(math.exp(-f.loss), rel=1e-4)
            assert f.p_after == pytest.approx(math.exp(-f.loss_after), rel=1e-4)
        assert f.loss_after != f.loss
        assert f.weight["after"] != f.weight["before"]
        assert dict(f.layers).keys() == dict.fromkeys(_parts.layers(_parts.networks(name, state))).keys()


def test_a_step_that_goes_too_far_for_one_example_is_halved_until_it_helps():
    state = live("vae", "shapes")
    state.config = replace(state.config, learning_rate=2.0)
    found = error_back.follow("vae", state, error_back.wrong("vae", state, 1)[0].id)
    assert 0 < found.halved <= error_back.MOST_HALVED
    assert found.loss_after < found.loss
    assert found.learning_rate == pytest.approx(2.0 / 2**found.halved)


def test_gpts_gradients_and_its_step_are_those_worked_out_with_autograd_and_adamw_by_hand():
    """AdamW (Loshchilov & Hutter 2019, algorithm 2) on one weight, from the averages as they stand."""
    state = live("gpt", steps=5, n_layer=1)
    w = error_back.wrong("gpt", state, 1)[0]
    row, place = map(int, w.id.split(":"))
    ids = torch.from_numpy(state.held[row].astype(np.int64))
    model = copy.deepcopy(state.model)
    logits = model(ids[None, : place + 1])[0, -1]
    loss = -logits.log_softmax(-1)[ids[place + 1]]
    loss.backward()
    grads = {n: p.grad for n, p in model.named_parameters()}
    f = error_back.follow("gpt", state, w.id, "blocks.0.up.weight[3, 5]")
    assert f.loss == pytest.approx(loss.item(), rel=1e-5)
    assert f.p_before == pytest.approx(logits.softmax(-1)[ids[place + 1]].item(), rel=1e-4)
    attn = sum(g.square().sum() for n, g in grads.items() if n.startswith(("blocks.0.attn", "blocks.0.ln_1"))).sqrt()
    assert dict(f.layers)["blocks.0.attn"] == pytest.approx(attn.item(), rel=1e-4)
    g = grads["blocks.0.up.weight"][3, 5].item()
    assert f.weight["gradient"] == pytest.approx(g, rel=1e-4)
    norm = torch.stack([x.norm() for x in grads.values()]).norm().item()
    g *= min(1.0, state.config.clip / (norm + 1e-6))
    (optimizer,) = state.optimizers
    p = state.model.blocks[0].up.weight
    kept, c = optimizer.state[p], state.config
    m = 0.9 * kept["exp_avg"][3, 5].item() + 0.1 * g
    v = 0.95 * kept["exp_avg_sq"][3, 5].item() + 0.05 * g * g
    t = kept["step"].item() + 1
    before = p[3, 5].item()
    step = c.learning_rate * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.95**t)) + 1e-8)
    assert f.weight["before"] == before
    assert f.weight["after"] == pytest.approx(before * (1 - c.learning_rate * c.weight_decay) - step, rel=1e-5)
    assert f.learning_rate == c.learning_rate


def test_the_listed_errors_of_gpt_are_wrong_and_their_probabilities_are_the_models():
    state = live("gpt", steps=5)
    rows = torch.from_numpy(state.held.astype(np.int64))
    for w in error_back.wrong("gpt", state, 5):
        row, place = map(int, w.id.split(":"))
        probs = state.model(rows[row : row + 1, : place + 1])[0, -1].softmax(-1)
        assert probs.argmax() != rows[row, place + 1]
        assert w.p_predicted == pytest.approx(probs.max().item(), rel=1e-4)
        assert w.p_expected == pytest.approx(probs[rows[row, place + 1]].item(), rel=1e-4)


def test_the_weight_that_is_chosen_by_itself_is_the_one_with_the_largest_gradient():
    state = live("vae", "moons", steps=4)
    w = error_back.wrong("vae", state, 1)[0]
    f = error_back.follow("vae", state, w.id)
    others = [
        error_back.follow("vae", state, w.id, {"name": name, "index": [0] * len(shape)}) for name, shape in f.weights
    ]
    assert all(abs(f.weight["gradient"]) >= abs(o.weight["gradient"]) for o in others)
    assert [name for name, _ in f.weights] == [name for name, _ in state.model.named_parameters()]


def test_the_vaes_own_loss_of_one_example_is_the_lessons_with_that_example_as_a_batch():
    state = live("vae", "shapes", steps=4, sigma=0.5)
    w = error_back.wrong("vae", state, 1)[0]
    from playground.training import _loop

    noise = torch.randn(len(state.data.held_out[:256]), 3, generator=_loop.rng_at(0, 0))
    i = int(w.id)
    recon, kl, _ = vae.losses(state.model, state.config, state.data.held_out[i : i + 1], noise[i : i + 1])
    assert w.loss == pytest.approx((recon + state.config.beta * kl).item(), rel=1e-5)


def test_a_generated_examples_gradient_reaches_the_generator_alone_and_a_real_ones_the_discriminator_alone():
    state = live("gan", "moons", steps=4)
    for w in error_back.wrong("gan", state, 6):
        layers = dict(error_back.follow("gan", state, w.id).layers)
        moved = "G" if w.id.startswith("fake") else "D"
        assert all((norm > 0) == name.startswith(moved) for name, norm in layers.items())
        i = int(w.id[5:])
        if moved == "D":
            expected = F.softplus(-state.D(state.data.held_out[i : i + 1])).item()
            assert w.loss == pytest.approx(expected, rel=1e-5)


def test_diffusions_loss_of_one_example_is_the_lessons():
    state = live("diffusion", "moons", steps=4)
    w = error_back.wrong("diffusion", state, 1)[0]
    x0, t, noise = error_back.JUDGES["diffusion"]._examples(state)
    losses = diffusion.loss_at(state.net, state.config, state.schedule, x0, t, noise)
    assert w.loss == pytest.approx(losses.max().item()) and int(w.id) == int(losses.argmax())


@pytest.mark.parametrize("name", catalogue.NAMES)
@pytest.mark.parametrize("bad", ["", "x", "999999", "0:999999", "-1:0", "fake:9999", "fake:", "1:2:3", "0:0:0"])
def test_an_error_that_is_not_there_is_refused_with_one_sentence(name: str, bad: str):
    state = live(name, "moons" if name not in catalogue.TEXT else "", steps=1)
    with pytest.raises(PlaygroundError, match="no prediction"):
        error_back.follow(name, state, bad)


@pytest.mark.parametrize(
    ("weight", "says"),
    [("nothing.weight[0]", "no weight called"), ("tokens.weight[0]", "no place in it"), ("[]", "names no weight"),
     ("tokens.weight[999999, 0]", "no place in it"), ({"index": [0]}, "no weight called")],
)  # fmt: skip
def test_a_weight_that_is_not_there_is_refused_with_one_sentence(weight: object, says: str):
    state = live("gpt", steps=1)
    with pytest.raises(PlaygroundError, match=says):
        error_back.follow("gpt", state, error_back.wrong("gpt", state, 1)[0].id, weight)


def test_without_held_out_texts_the_last_batch_is_looked_through():
    state = live("gpt", steps=2, held_out=0.0)
    assert state.held is None
    assert error_back.wrong("gpt", state, 2)


# ── gradient norms by layer ──────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_caught_norms_add_up_to_the_whole_gradients_and_leave_the_curve_alone(name: str, kind: str):
    plain = [step.scalars["loss"] for step in train(name, kind)]
    norms, losses = None, []
    for step in train(name, kind):
        losses.append(step.scalars["loss"])
        if norms is not None:
            found = norms.take()
            assert (found is not None) == (step.step % 2 == 0)
            if found:
                total = lambda letter: math.sqrt(sum(  # noqa: B023
                    v * v for n, v in zip(norms.layers, found, strict=True) if n.startswith(letter)))  # noqa: B023  # fmt: skip
                assert total("G" if name == "gan" else "") == pytest.approx(step.scalars["grad_norm"], rel=1e-4)
                if name == "gan":
                    assert total("D") == pytest.approx(step.scalars["grad_norm_D"], rel=1e-4)
        norms = norms or LayerNorms(name, step.live)
        if (step.step + 1) % 2 == 0:
            norms.catch()
    assert losses == plain


def test_the_norm_of_a_layer_is_that_of_autograd():
    steps = train("diffusion", "moons", clip=100.0)
    state = next(steps).live
    norms = LayerNorms("diffusion", state)
    norms.catch()
    next(steps)  # leaves its gradients where they are, unclipped because they are short
    expected = dict(_parts.norms({"": state.net}))
    assert norms.take() == pytest.approx(tuple(expected.values()), rel=1e-5)
    assert norms.take() is None
