"""A cheap look at latents: a map to colours, fitted to what an autoencoder makes of some pictures.

The decoder itself costs as much as a denoising step. For large autoencoders a linear map of a place's numbers to its
colour is known to be enough for a small picture. A small one tells colours by combinations of numbers and edges by
neighbouring places: a linear map misses 28 % of the variance of what the decoder of `emoji` makes of guesses, one of
random rectified features of 3 x 3 places 6 % (random kitchen sinks, Rahimi and Recht 2008).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLES, FEATURES, SIDE = 24, 128, 3
RIDGE = 3.0  # so that latents unlike any training picture's get no wild colours
CENTRE, AROUND = 2.0, 0.5  # how much a place and those around it weigh in a feature


class Previews:
    """The looks of one model, fitted at the first one."""

    def __init__(self) -> None:
        self._weights: Tensor | None = None
        self._of: Any = None

    def ready(self, model: Any) -> None:
        """Fit, where that was not done."""
        if self._weights is None:
            self._of, self._weights = fitted(model)

    def look(self, model: Any, latents: "Tensor") -> "Tensor":
        """Latents (B, C, h, w) of a `LatentDiffusion` as small pictures (B, h, w, 3) uint8."""
        self.ready(model)
        colours = self._of(latents.float().cpu()) @ self._weights
        return ((colours / 2 + 0.5).clamp(0, 1) * 255).round().byte()


def fitted(model: Any) -> tuple[Any, "Tensor"]:
    """(what is computed of every place, its weights): least squares between latents and their pictures, shrunk to the
    latents' size; of training pictures, where some are at hand, since a small autoencoder knows little else; otherwise
    of smooth colours, which tell nothing of edges, place by place."""
    import torch

    if model.neighbours is None:
        pictures, of, ridge = samples(8 * model.factor), numbers, 1e-6
        latents = model.encode_pictures(pictures)
    else:
        latents, of, ridge = model.neighbours.some(EXAMPLES), features, RIDGE
        pictures = model.decode(latents)
    small = torch.nn.functional.avg_pool2d(pictures.permute(0, 3, 1, 2).float() / 127.5 - 1, model.factor)
    inputs, wanted = of(latents).flatten(0, 2), small.permute(0, 2, 3, 1).flatten(0, 2)
    squares = inputs.T @ inputs + ridge * torch.eye(inputs.shape[1])
    return of, torch.linalg.solve(squares, inputs.T @ wanted)


def numbers(latents: "Tensor") -> "Tensor":
    """The numbers of every place and a 1: (B, C, h, w) -> (B, h, w, C + 1)."""
    import torch

    places = latents.permute(0, 2, 3, 1)
    return torch.cat([places, torch.ones_like(places[..., :1])], dim=-1)


def features(latents: "Tensor") -> "Tensor":
    """The numbers of every place and of those around it, `FEATURES` rectified random sums of them, always the same
    ones, and a 1: (B, C, h, w) -> (B, h, w, 9 C + FEATURES + 1)."""
    import torch

    batch, channels, height, width = latents.shape
    generator = torch.Generator().manual_seed(0)
    weights = torch.full((SIDE * SIDE,), AROUND)
    weights[SIDE * SIDE // 2] = CENTRE
    inputs = channels * SIDE * SIDE
    mixed = torch.randn((inputs, FEATURES), generator=generator) * weights.repeat(channels)[:, None] / inputs**0.5
    shifts = torch.randn(FEATURES, generator=generator)
    padded = torch.nn.functional.pad(latents, [SIDE // 2] * 4, mode="replicate")
    places = torch.nn.functional.unfold(padded, SIDE).permute(0, 2, 1).reshape(batch, height, width, inputs)
    return torch.cat([places, (places @ mixed + shifts).relu(), torch.ones_like(places[..., :1])], dim=-1)


def samples(side: int) -> "Tensor":
    """Smooth coloured pictures (24, side, side, 3) uint8, always the same."""
    import torch

    generator = torch.Generator().manual_seed(0)
    rough = torch.rand((EXAMPLES, 3, 5, 5), generator=generator)
    smooth = torch.nn.functional.interpolate(rough, size=(side, side), mode="bicubic", align_corners=True)
    return (smooth.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1)
