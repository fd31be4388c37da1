"""The cheap look at latents, against what the autoencoder makes of them."""

from pathlib import Path
from typing import Any

import pytest
import torch

from playground.models._any import opened
from playground.models._previews import Previews, numbers


@pytest.fixture
def model(models: Any) -> Any:
    return models["stable diffusion"][1]


def test_a_preview_shows_what_an_autoencoder_of_plain_colours_would_decode(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = torch.randn((3, 4), generator=torch.Generator().manual_seed(1))

    def encoded(pictures: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1, model.factor)
        return torch.einsum("bchw,cd->bdhw", small, mixed) + 0.3

    monkeypatch.setattr(model, "encode_pictures", encoded)
    monkeypatch.setattr(model, "_previews", Previews())
    pictures = (torch.rand((2, 16, 16, 3), generator=torch.Generator().manual_seed(3)) * 255).byte()
    looked = model.preview(encoded(pictures)).float()
    small = torch.nn.functional.avg_pool2d(pictures.permute(0, 3, 1, 2).float(), model.factor).permute(0, 2, 3, 1)
    assert (looked - small).abs().max() <= 1


@pytest.fixture(scope="module")
def emoji() -> Any:
    return opened(Path("assets/models/emoji"))


def shrunk(model: Any, latents: torch.Tensor) -> torch.Tensor:
    """What a preview should be: the decoder's pictures at the latents' size, (B, h, w, 3) in 0..255."""
    pictures = model.decode(latents).permute(0, 3, 1, 2).float()
    return torch.nn.functional.avg_pool2d(pictures, model.factor).permute(0, 2, 3, 1)


def test_previews_of_the_embedded_model_have_the_colours_and_edges_of_its_pictures(emoji: Any) -> None:
    latents = emoji.neighbours.some(97)[1::4]  # others than the fit's
    wanted = shrunk(emoji, latents)
    looked = emoji.preview(latents).float()
    inputs = numbers(latents)
    linear = torch.linalg.lstsq(inputs.flatten(0, 2), wanted.reshape(-1, 3)).solution
    best_linear = (inputs @ linear).clamp(0, 255)
    missed, linear_missed = (float((it - wanted).square().mean() / wanted.var()) for it in (looked, best_linear))
    assert missed < 0.08
    assert missed < 0.4 * linear_missed  # fitted on these very pictures


def test_a_blue_heart_is_blue_in_its_preview(emoji: Any) -> None:
    names = emoji.neighbours.names
    latents = emoji.neighbours.some(len(names))[names.index("blue heart")][None]
    red, green, blue = emoji.preview(latents)[0, 7, 8].tolist()
    assert blue > 200
    assert blue > green > red


def test_latents_beyond_all_training_pictures_still_look_like_their_pictures(emoji: Any) -> None:
    """The first guesses of a run are twice as strong as a picture's latents: guidance exaggerates."""
    latents = 2 * emoji.neighbours.some(97)[1::4]
    wanted, looked = shrunk(emoji, latents), emoji.preview(latents).float()
    assert (looked - wanted).square().mean() < 0.4 * wanted.var()
