"""Architecture: counts by hand, shapes of the real forward pass, and what a run needs."""

from dataclasses import replace

import pytest
import torch

from playground.errors import PlaygroundError
from playground.fields import describe
from playground.lessons import _parts, catalogue
from playground.lessons.architecture import Layer, architecture, estimate
from tests.lessons.states import KINDS, config, live


def walk(layers: tuple[Layer, ...], at: str = ""):
    for layer in layers:
        yield f"{at}{layer.name}", layer
        yield from walk(layer.children, f"{at}{layer.name}.")


def test_gpts_parameters_are_those_counted_by_hand():
    V, T, C, N = 1024, 128, 128, 4
    block = 2 * 2 * C + (C * 3 * C + 3 * C) + (C * C + C) + (C * 4 * C + 4 * C) + (4 * C * C + C)
    expected = V * C + T * C + N * block + 2 * C  # embeddings, blocks, last norm; the output is the embedding again
    found = architecture("gpt", catalogue.config_class("gpt")())
    assert found.parameters == expected == 940_800
    parts = dict(walk(found.layers))
    assert (parts["GPT.blocks.0"].parameters, parts["GPT.blocks.0"].repeat) == (block, N)
    assert parts["GPT.blocks.0.attn.qkv"].parameters == C * 3 * C + 3 * C
    assert parts["GPT"].shape == (16, T, V)
    assert parts["GPT.blocks.0.attn.qkv"].shape == (16, T, 3 * C)


def test_a_convolutions_parameters_and_shape_are_those_counted_by_hand():
    parts = dict(walk(architecture("vae", catalogue.config("vae", {"data": "shapes"})).layers))
    assert parts["VAE.encoder.2"].parameters == 32 * 64 * 4 * 4 + 64
    assert parts["VAE.encoder.2"].shape == (64, 64, 8, 8)
    assert parts["VAE.encoder"].shape == (64, 2 * 8)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_parameters_are_those_of_the_model_that_is_trained_and_children_add_up(name: str, kind: str):
    state = live(name, kind, steps=1)
    found = architecture(name, state.config)
    nets = _parts.networks(name, state)
    if name != "t5":  # its estimate is of a given vocabulary, too
        assert found.parameters == sum(p.numel() for net in nets.values() for p in net.parameters())
    for _, layer in walk(found.layers):
        within = sum(child.parameters * child.repeat for child in layer.children)
        own = layer.parameters - within  # BERT keeps a bias of the vocabulary's size itself, T5's norms their weight
        assert not layer.children or own == (state.config.vocab_size if layer.kind == "BERT" else 0)


@pytest.mark.parametrize(("name", "kind"), [k for k in KINDS if k[0] not in ("t5", "bert")])
def test_shapes_are_those_of_a_real_step(name: str, kind: str):
    shapes: dict[str, list[tuple[int, ...]]] = {}
    state = live(name, kind, steps=1)
    nets = _parts.networks(name, state)
    hooks = []
    for net, module in nets.items():
        for key, m in module.named_modules():
            seen = shapes.setdefault(f"{net or catalogue.title(name)}.{key}".rstrip("."), [])
            hooks.append(m.register_forward_hook(lambda m, i, o, seen=seen: seen.append(tuple(o.shape))))
    assert catalogue.lesson(name).plan(state.config).networks.keys() == nets.keys()
    if name == "gpt":
        state.model(torch.zeros(state.config.batch_size, state.config.block_size, dtype=torch.long))
    elif name == "gan":
        state.D(state.G(torch.zeros(state.config.batch_size, state.config.latent_dim)))
    elif name == "vae":
        state.model.decode(state.model.encode(state.batch)[0])
    else:
        state.net(state.batch, torch.zeros(len(state.batch), dtype=torch.long))
    for hook in hooks:
        hook.remove()
    found = dict(walk(architecture(name, state.config).layers))
    shown = {key: layer.shape for key, layer in found.items() if layer.shape}
    assert len(shown) > 3
    for key, shape in shown.items():
        assert shape in shapes[key], key


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_twice_the_steps_take_twice_the_time_and_a_wider_model_more_memory(name: str):
    made = catalogue.config_class(name)()
    one = estimate(name, made)
    assert estimate(name, replace(made, steps=2 * made.steps)).seconds == pytest.approx(2 * one.seconds)
    wide = {"n_embd": 256} if name in catalogue.TEXT else {"width": 2 * made.width}
    more = estimate(name, replace(made, **wide))
    assert more.memory_bytes > one.memory_bytes and more.parameters > one.parameters


@pytest.mark.parametrize("name", catalogue.TEXT)
def test_all_sliders_at_their_ends_are_estimated_without_allocating_anything(name: str):
    for end in ("low", "high"):
        values = {n: getattr(d.range, end) for n, d in describe(catalogue.config_class(name)).items() if d.range}
        if end == "low":
            values["n_head"] = 1
        made = catalogue.config(name, {k: v for k, v in values.items() if k in catalogue.knobs(name)})
        needed = estimate(name, made)
        assert needed.memory_bytes < 1e9 if end == "low" else needed.memory_bytes > 4e9
        assert architecture(name, made).parameters == needed.parameters


def test_heads_that_do_not_divide_the_width_are_refused_with_both_numbers():
    with pytest.raises(PlaygroundError, match=r"width \(128\).*heads \(5\)"):
        architecture("bert", config("bert", n_embd=128, n_head=5))
