"""What the lessons of pictures train, as models of the page: `config.json` (written by a lesson's `export`) says which.

vae, gan     numbers (a code, or noise) to pictures; a VAE also pictures to codes, a GAN also says how real one looks
diffusion    noise to pictures, for the same loop as every other picture model, but without words
"""

import json
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from playground import fields
from playground.building import BUILDING
from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models import _training_pictures
from playground.models._spec import Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from playground.models._training_pictures import TrainingPictures
    from playground.models._words import Words

JUDGE = "discriminator.safetensors"
AT_ONCE = 8  # codes that are decoded together: the widest networks take 25 MB each
PROBES = (-2.0, 2.0)  # between them the importance of a number is measured


def described(folder: Path) -> tuple[str, Any, tuple[int, ...]] | None:
    """(lesson, its configuration, shape of one example) of a folder that a lesson exported; None for any other.

    Raises:
        PlaygroundError: a configuration whose values are out of range.
    """
    try:
        about = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    kind = about.get("model_type") if isinstance(about, dict) else None
    if kind not in ("vae", "gan", "diffusion") or not isinstance(about.get("config"), dict):
        return None
    from importlib import import_module

    config_class = import_module(f"playground.training.{kind}").Config
    known = fields.describe(config_class)
    config = fields.build(config_class, {name: v for name, v in about["config"].items() if name in known})
    shape = about.get("shape")
    return kind, config, (3, config.size, config.size) if shape == [3, config.size, config.size] else ()


def load(spec: Spec, folder: Path, device: str, dtype: str) -> Generator[Progress, None, Any]:
    """Read a folder that a lesson exported; always computed in float32, since such models are small.

    Raises:
        PlaygroundError: it makes points of the plane, or its weights do not fit.
    """
    yield Progress("reading the configuration")
    found = described(folder)
    if found is None:
        raise PlaygroundError(f"{folder.name} is no model of a lesson of pictures.")
    kind, config, shape = found
    if len(shape) != 3:
        raise PlaygroundError(f"{spec.title} makes points of the plane, no pictures: look at it in the Train tab.")
    from playground.training import diffusion, gan, vae

    makers: dict[str, Any] = {"vae": vae.VAE, "gan": gan.Generator, "diffusion": diffusion.network}
    with BUILDING:
        net: nn.Module = _filled(makers[kind](config), folder / "model.safetensors", device)
        judge: nn.Module | None = None
        if kind == "gan" and (folder / JUDGE).is_file():
            judge = _filled(gan.Discriminator(config), folder / JUDGE, device)
    yield Progress("placing the weights")
    if kind == "diffusion":
        return LessonDiffusion(spec, folder, config, net)
    return LatentModel(spec, folder, kind, config, net, judge)


def _filled(module: Any, file: Path, device: str) -> Any:
    from safetensors.torch import load_file

    try:
        module.load_state_dict(load_file(str(file)))
    except Exception as error:  # noqa: BLE001 whatever the file holds
        raise PlaygroundError(
            f"The weights in {file.parent.name} do not fit its config.json: train it again."
        ) from error
    return module.eval().to(device)


def _betas(config: Any) -> list[float]:
    """How much noise each timestep adds, as the lesson's schedule says."""
    import torch

    from playground.training.diffusion import Schedule

    kept = Schedule.make(config.schedule, config.timesteps).alpha.square()
    before = torch.cat([torch.ones(1, dtype=kept.dtype), kept[:-1]])
    return [float(beta) for beta in 1 - kept / before]


def _bytes(*modules: Any) -> int:
    return sum(p.numel() * p.element_size() for module in modules if module is not None for p in module.parameters())


def pixels(pictures: "Tensor") -> "Tensor":
    """(B, 3, H, W) in -1 … 1 as (B, H, W, 3) uint8."""
    return ((pictures.float() + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu()


def values(pictures: "Tensor") -> "Tensor":
    """(B, H, W, 3) uint8 as (B, 3, H, W) in -1 … 1."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


class LatentModel:
    """A VAE or a GAN of a lesson. `latent_dim` numbers make one picture of `size` pixels; `order` are their places,
    those that change a picture most first; `encodes` and `judges` say what else it can do."""

    kind = "latent space"

    def __init__(self, spec: Spec, path: Path, lesson: str, config: Any, net: Any, judge: Any) -> None:
        self.spec, self.path, self.lesson, self.config = spec, path, lesson, config
        self.net, self.judge = net, judge
        self.latent_dim, self.size = int(config.latent_dim), int(config.size)
        self.encodes, self.judges = lesson == "vae", judge is not None
        self.bytes = _bytes(net, judge)
        self.device = next(net.parameters()).device

    @cached_property
    def order(self) -> list[int]:
        """Places of a code by how much a picture changes when that number goes from one probe to the other."""
        import torch

        low, high = (torch.eye(self.latent_dim) * probe for probe in PROBES)
        apart = (self._decoded(high) - self._decoded(low)).flatten(1).abs().mean(1)
        return [int(i) for i in apart.argsort(descending=True)]

    @cached_property
    def trained_on(self) -> "TrainingPictures | None":
        """The pictures it was trained on, drawn again (which takes seconds); None where they were somebody's own."""
        return _training_pictures.of(self.config)

    def decode(self, codes: "Tensor") -> "Tensor":
        """Pictures (B, H, W, 3) uint8 of codes (B, L)."""
        return pixels(self._decoded(codes))

    def encode(self, pictures: "Tensor") -> tuple["Tensor", "Tensor"]:
        """Mean and standard deviation (B, L) of the codes of pictures (B, H, W, 3) uint8; of a VAE only."""
        import torch

        with torch.inference_mode():
            mu, logvar = self.net.encode(values(pictures).to(self.device))
        return mu.cpu(), (0.5 * logvar).exp().cpu()

    def verdict(self, pictures: "Tensor") -> "Tensor":
        """How likely the discriminator thinks pictures (B, H, W, 3) uint8 are real: (B,) in 0 … 1."""
        import torch

        with torch.inference_mode():
            found: Tensor = self.judge(values(pictures).to(self.device)).sigmoid().cpu()
        return found

    def _decoded(self, codes: "Tensor") -> "Tensor":
        import torch

        work = self.net.decode if self.lesson == "vae" else self.net
        with torch.inference_mode():
            parts = [work(part) for part in codes.to(self.device, torch.float32).split(AT_ONCE)]
        return torch.cat(parts)


class LessonDiffusion:
    """A diffusion network of the lesson, for the denoising loop: what it denoises are pixels, and it reads no words."""

    kind = "pixel diffusion"
    channels, factor = 3, 1
    guided_inside = True  # there is nothing to guide by
    neighbours = None

    def __init__(self, spec: Spec, path: Path, config: Any, net: Any) -> None:
        self.spec, self.path, self.net = spec, path, net
        self.size = int(config.size)
        self.unit = 2 ** (len(net.down) - 1)
        self.bytes = _bytes(net)
        self.device = next(net.parameters()).device
        self.encoders = SimpleNamespace(longest=0)
        self.scheduler_config = {
            "_class_name": "DDIMScheduler" if config.sampler == "ddim" else "DDPMScheduler",
            "num_train_timesteps": config.timesteps, "trained_betas": _betas(config),
            "prediction_type": "epsilon" if config.prediction == "noise" else "v_prediction",
            "timestep_spacing": "trailing", "clip_sample": True,
        }  # fmt: skip

    def encode(self, prompts: Sequence[str], unwanted: bool = False) -> "Words":
        """No words: all of each prompt is left out."""
        import torch

        from playground.models._words import Words

        return Words(torch.zeros(len(prompts), 1, 1), None, None, ((),) * len(prompts), tuple(prompts))

    def joined(self, first: "Words", second: "Words") -> "Words":
        """A batch of twice the size."""
        from playground.models._words import joined

        return joined(first, second)

    def row(self, words: "Words", number: int) -> "Words":
        """The words of one picture."""
        from playground.models._words import row

        return row(words, number)

    def is_large(self, shape: tuple[int, int, int], number: int) -> bool:
        """Its pictures are small."""
        return False

    def widen(self) -> bool:
        """It computes in float32."""
        return False

    def predict(self, latents: "Tensor", t: "Tensor", words: Any, guidance: float | None) -> "Tensor":
        """The network's guess (B, 3, H, W) for pictures of that shape at timestep `t`."""
        import torch

        times = torch.as_tensor(t).long().to(self.device).expand(len(latents))
        found: Tensor = self.net(latents.to(self.device, torch.float32), times).to(latents.device)
        return found

    def watched(self) -> AbstractContextManager[list["Tensor"]]:
        """It looks at no words."""
        return nullcontext([])

    def decode(self, latents: "Tensor") -> "Tensor":
        """What is denoised is the picture: (B, H, W, 3) uint8."""
        return pixels(latents)

    preview = decode

    def ready(self) -> None:
        """There is nothing to fit."""

    def encode_pictures(self, pictures: "Tensor") -> "Tensor":
        """Pictures (B, H, W, 3) uint8 as what is denoised."""
        return values(pictures)
