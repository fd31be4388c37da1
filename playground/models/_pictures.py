"""Picture models in the layout of diffusers: the adapter between a folder of components and the denoising loop.

The loop never sees the modules. It asks for the words of a prompt (`encode`), for a prediction at a noise level
(`predict`), for pictures of latents (`decode`) and for a cheap look at them (`preview`). U-Nets of the Stable Diffusion
kind (1.x, 2.x, XL, their turbo and LCM descendants), PixArt's transformers and AuraFlow's are known; latents, words
and timesteps are those of diffusers' own pipelines, against which the loop is tested.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.building import BUILDING
from playground.errors import PlaygroundError
from playground.models import _attention, _neighbours, _offload, _words
from playground.models._previews import Previews
from playground.models._sizes import AURAFLOW, DENOISERS, sizes
from playground.models._spec import Spec
from playground.models._weights import variant

if TYPE_CHECKING:
    from torch import Tensor

    from playground.events import Progress

AUTOENCODERS = ("AutoencoderKL", "AutoencoderTiny")
TILED_PX = 1024  # from this size on the autoencoder works in tiles
LARGE_PX = 4 << 20  # pixels of a batch from which on predictions and pictures are computed one after another


class LatentDiffusion:
    """A loaded picture model: `channels`, `factor`, `size` and `largest` as in `Sizes`; `bytes` are what the weights
    take; `gone`, where its parts take turns on the device for want of room, makes the autoencoder go from there."""

    kind = "latent diffusion"

    def __init__(
        self,
        spec: Spec,
        path: Path,
        denoiser: Any,
        vae: Any,
        encoders: _words.Encoders,
        scheduler_config: dict[str, Any],
    ) -> None:
        self.spec, self.path = spec, path
        self.denoiser, self.vae, self.encoders = denoiser, vae, encoders
        self.scheduler_config = scheduler_config
        found = sizes(denoiser.config, vae.config)
        self.channels, self.factor, self.size, self.largest = found.channels, found.factor, found.size, found.largest
        self.one_sequence = type(denoiser).__name__ == AURAFLOW
        self.guided_inside = bool(getattr(denoiser.config, "time_cond_proj_dim", None))
        self.device, self.dtype, self.gone = denoiser.device, denoiser.dtype, lambda: None
        modules = (denoiser, vae, *encoders.modules)
        self.bytes = sum(p.numel() * p.element_size() for module in modules for p in module.parameters())
        self.neighbours = _neighbours.of(path)
        self._previews = Previews()

    # ── words ────────────────────────────────────────────────────────────────

    def encode(self, prompts: Sequence[str], unwanted: bool = False) -> _words.Words:
        """The words of prompts (of negative ones, where they are `unwanted`), as `predict` wants them."""
        return self.encoders.encode(prompts, unwanted)

    def joined(self, first: _words.Words, second: _words.Words) -> _words.Words:
        """Words for a batch of twice the size."""
        return _words.joined(first, second)

    def row(self, words: _words.Words, number: int) -> _words.Words:
        """The words of one picture."""
        return _words.row(words, number)

    # ── memory ───────────────────────────────────────────────────────────────

    def is_large(self, shape: tuple[int, int, int], number: int) -> bool:
        """Whether so many latents of this shape (C, h, w), each with and without words, are better predicted one after
        another. Attention needs no slices beyond that: PyTorch's kernels never hold its matrix."""
        return 2 * number * shape[1] * shape[2] * self.factor**2 > LARGE_PX

    def widen(self) -> bool:
        """Compute in float32 from now on; False where it did already."""
        import torch

        if self.dtype == torch.float32:
            return False
        self.denoiser.float()
        self.dtype = torch.float32
        return True

    # ── one step ─────────────────────────────────────────────────────────────

    def predict(self, latents: "Tensor", t: "Tensor", words: _words.Words, guidance: float | None) -> "Tensor":
        """The prediction (B, C, H, W) in float32 for latents of that shape at timestep `t`.

        `guidance` is used by models that were distilled to take it as an input (`guided_inside`) only.
        """
        module, sample = self.denoiser, latents.to(self.device, self.dtype)
        hidden, mask = words.hidden.to(self.device, self.dtype), words.mask
        if self.one_sequence:
            noise = (t / 1000).to(self.device, self.dtype).expand(len(sample))
            return module(sample, encoder_hidden_states=hidden, timestep=noise).sample.float().to(latents.device)
        if type(module).__name__ == "PixArtTransformer2DModel":
            found = module(
                sample,
                encoder_hidden_states=hidden,
                encoder_attention_mask=mask if mask is None or mask.ndim == 2 else mask.to(hidden),
                timestep=t.to(self.device).expand(len(sample)),
                added_cond_kwargs=self._shape(sample),
            ).sample
            return found[:, : latents.shape[1]].float().to(latents.device)
        more: dict[str, Any] = {}
        if words.pooled is not None:
            more["added_cond_kwargs"] = {"text_embeds": words.pooled.to(hidden), "time_ids": self._sizes(sample)}
        if self.guided_inside and guidance is not None:
            more["timestep_cond"] = self._embedded(guidance, len(sample))
        found = module(sample, t.to(self.device), encoder_hidden_states=hidden, **more).sample
        return found.float().to(latents.device)

    def watched(self) -> AbstractContextManager[list["Tensor"]]:
        """Within, each layer of the denoiser adds where it looked at the words (`_attention`)."""
        return _attention.watched(self.denoiser)

    def _shape(self, sample: "Tensor") -> dict[str, Any]:
        """What the largest PixArt models are told of the picture's size."""
        import torch

        if not getattr(self.denoiser, "use_additional_conditions", False):
            return {"resolution": None, "aspect_ratio": None}
        height, width = (side * self.factor for side in sample.shape[2:])
        size, ratio = torch.tensor([[height, width]]), torch.tensor([[height / width]])
        many = len(sample)
        return {"resolution": size.repeat(many, 1).to(sample), "aspect_ratio": ratio.repeat(many, 1).to(sample)}

    def _sizes(self, sample: "Tensor") -> "Tensor":
        """What SDXL is told: the size of the original, where it was cut (nowhere), and the size that is wanted."""
        import torch

        height, width = (side * self.factor for side in sample.shape[2:])
        return torch.tensor([[height, width, 0, 0, height, width]]).repeat(len(sample), 1).to(sample)

    def _embedded(self, guidance: float, count: int) -> "Tensor":
        """Guidance as a distilled model takes it (Meng et al., 2023; as diffusers' `get_guidance_scale_embedding`)."""
        import torch

        half = int(self.denoiser.config.time_cond_proj_dim) // 2
        rates = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
        angles = torch.tensor([(guidance - 1) * 1000.0])[:, None] * rates[None]
        return torch.cat([angles.sin(), angles.cos()], dim=1).repeat(count, 1).to(self.device, self.dtype)

    # ── pictures ─────────────────────────────────────────────────────────────

    def decode(self, latents: "Tensor") -> "Tensor":
        """Pictures (B, H, W, 3) uint8 of latents (B, C, h, w): large ones in tiles, many large ones one by one.

        Raises:
            PlaygroundError: the decoder gives numbers that are none.
        """
        import torch

        config = self.vae.config
        shift = getattr(config, "shift_factor", None) or 0.0
        pixels = latents.shape[2] * latents.shape[3] * self.factor**2
        self.vae.use_tiling = pixels >= TILED_PX**2
        self.vae.use_slicing = len(latents) * pixels > LARGE_PX
        with torch.inference_mode():
            inner = latents.to(self.device, self.vae.dtype) / config.scaling_factor + shift
            picture = self.vae.decode(inner, return_dict=False)[0].float().cpu()
            self.gone()
        if not bool(picture.isfinite().all()):
            raise PlaygroundError("The decoder gave numbers that are none (NaN): try another seed, or less guidance.")
        return ((picture / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)

    def encode_pictures(self, pictures: "Tensor") -> "Tensor":
        """Latents (B, C, h, w) of pictures (B, H, W, 3) uint8: the mean that the encoder gives."""
        import torch

        config = self.vae.config
        shift = getattr(config, "shift_factor", None) or 0.0
        with torch.inference_mode():
            inner = pictures.permute(0, 3, 1, 2).to(self.device, self.vae.dtype) / 127.5 - 1
            found = self.vae.encode(inner)
            latents = found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latents
            self.gone()
        return ((latents - shift) * config.scaling_factor).float().cpu()

    def ready(self) -> None:
        """Fit what `preview` needs; the first time that takes the decoder."""
        self._previews.ready(self)

    def preview(self, latents: "Tensor") -> "Tensor":
        """A look at latents (B, C, h, w) for next to nothing: (B, h, w, 3) uint8 (`_previews`)."""
        return self._previews.look(self, latents)


def read_index(folder: Path) -> dict[str, Any]:
    """The model_index.json of a checked folder.

    Raises:
        PlaygroundError: there is none, or it names components that are not known here.
    """
    try:
        index = json.loads((folder / "model_index.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PlaygroundError(f"{folder.name} is no folder of a picture model: it has no model_index.json.") from error
    part = next((name for name in ("unet", "transformer") if index.get(name, [None, None])[1]), None)
    kind = str(index[part][1]) if part else "nothing"
    if part is None or DENOISERS.get(kind) != part:
        raise PlaygroundError(
            f"{folder.name} denoises with {kind}, which is not supported: choose a model of the Stable Diffusion, "
            "PixArt or AuraFlow kind."
        )
    if index.get("vae", [None, None])[1] not in AUTOENCODERS:
        raise PlaygroundError(f"{folder.name} has no autoencoder of a known kind ({' or '.join(AUTOENCODERS)}).")
    return dict(index)


def load(spec: Spec, folder: Path, device: str, dtype: str) -> Generator["Progress", None, LatentDiffusion]:
    """Read a checked folder, component by component.

    Raises:
        PlaygroundError: a component is not known, missing or broken; it is named.
    """
    import diffusers
    import torch

    from playground.events import Progress

    yield Progress("reading the configuration")
    diffusers.utils.logging.disable_progress_bar()
    index, wanted = read_index(folder), getattr(torch, dtype)
    part = next(name for name in ("unet", "transformer") if index.get(name, [None, None])[1])
    found: dict[str, Any] = {}
    for done, name in enumerate((part, "vae")):
        yield Progress("loading", done, 3, "parts")
        kind = getattr(diffusers, index[name][1])
        precision = torch.float32 if name == "vae" else wanted  # in float16 those of XL give numbers that are none
        try:
            with BUILDING:
                module = kind.from_pretrained(
                    str(folder / name), torch_dtype=precision, use_safetensors=True, local_files_only=True,
                    variant=variant(folder / name),
                )  # fmt: skip
        except Exception as error:  # noqa: BLE001 the library raises whatever its parsers raise
            raise PlaygroundError(f"The {name} of {folder.name} cannot be read: {str(error)[:200]}") from error
        found[name] = module.eval()
    yield Progress("loading", 2, 3, "parts")
    encoders = _words.read(folder, index, wanted, whole=index[part][1] == AURAFLOW)
    try:
        config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PlaygroundError(f"{folder.name} has no scheduler that can be read: {str(error)[:200]}") from error
    taken, made = found[part].config.in_channels, found["vae"].config.latent_channels
    if taken != made:
        raise PlaygroundError(
            f"The {part} of {folder.name} takes {taken} channels and its autoencoder makes {made}: it is made for "
            "something else than pictures of words alone (such as inpainting or enlarging), which is not supported."
        )
    gone = _offload.place((*encoders.modules, found[part], found["vae"]), device)
    model = LatentDiffusion(spec, folder, found[part], found["vae"], encoders, config)
    model.device, model.gone = torch.device(device), gone or model.gone
    return model
