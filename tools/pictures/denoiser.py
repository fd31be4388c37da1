"""Words to latents: a diffusion transformer of 11 M parameters (`AuraFlowTransformer2DModel` of diffusers).

    python -m tools.pictures.denoiser FOLDER [--steps 6000] [--minutes 115] [--begin assets/models/emoji]

Words and picture are one sequence. Rectified flow (Liu et al., 2022; Esser et al., 2024): the model predicts noise −
picture on the straight line between both. Muon and AdamW, bf16 autocast, an average of the weights, and no
caption in one case of ten, so that it can be guided. The two layers of the text encoder learn with it. Goes on from
FOLDER/denoiser; where there is none, from the exported weights that `--begin` names, if any. Every 250 steps a line in
FOLDER/curve.csv (step, loss, held-out loss), every 1,000 a sheet of fixed prompts. The pace is the machine's: 1.4 s a
step on two quiet cores.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tools.pictures import _loop, text
from tools.pictures._loop import Average, steps

BATCH, WARM, HELD_OUT = 64, 200, 1024
RATES = {"adamw": 5e-4, "muon": 1e-3}
PROMPTS = ("a cat", "an apple", "a red car", "a dog riding a skateboard", "a robot riding a bicycle", "a green cat",
           "a banana and a strawberry", "three stars", "a crying face", "a house", "a kitty", "a blue rocket",
           "a bear on a bus", "a tiny fish", "a purple tree", "a sunflower next to a bee")  # fmt: skip


@dataclass(frozen=True)
class Config:
    """What a checkpoint says of its training."""

    steps: int


def build() -> Any:
    """2 layers with weights of their own for words and picture, then 5 with the same for both; width 256, patches of
    2×2 latents."""
    from diffusers import AuraFlowTransformer2DModel

    return AuraFlowTransformer2DModel(
        sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_mmdit_layers=2, num_single_dit_layers=5,
        attention_head_dim=64, num_attention_heads=4, joint_attention_dim=160, caption_projection_dim=256,
        pos_embed_max_size=64,
    )  # fmt: skip


def schedule() -> Any:
    """The scheduler it is trained for."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler()


class Pair(nn.Module):
    """Denoiser and text encoder, as one thing to train."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.denoiser, self.encoder = build(), text.encoder(folder)

    def begin(self, folder: Path) -> None:
        """Take the weights of an exported model; the words that are frozen stay as they are."""
        from diffusers import AuraFlowTransformer2DModel
        from transformers import T5EncoderModel

        denoiser = AuraFlowTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32)
        encoder = T5EncoderModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
        vectors = self.encoder.shared.weight.data.clone()
        given = encoder.shared.weight  # in 8 bits: off by up to a sixteenth
        if given.shape != vectors.shape or ((given - vectors).abs() > 0.02 + vectors.abs() / 15).any():
            raise SystemExit(f"{folder} was trained with other word vectors than data made here: begin anew.")
        self.denoiser.load_state_dict(denoiser.state_dict())
        self.encoder.load_state_dict(encoder.state_dict())
        self.encoder.shared.weight.data.copy_(vectors)

    def forward(self, latents: Tensor, noise: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """The predicted velocity (batch, 4, 16, 16) for latents of the same shape, of which `noise` (batch,) in 0..1 is
        noise; words as `AuraFlowPipeline` hands them over."""
        words = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state * mask[..., None]
        return self.denoiser(latents, encoder_hidden_states=words, timestep=noise).sample


def optimizers(pair: Pair) -> dict[str, torch.optim.Optimizer]:
    """Muon for the matrices within the layers, AdamW for all others."""

    def inner(name: str) -> bool:
        if any(part in name for part in (".attn.", ".ff.", ".ff_context.")):
            return True
        return ".layer." in name and "bias" not in name

    return _loop.optimizers(pair.named_parameters(), inner, RATES, 0.01, (0.9, 0.99))


def shares(count: int, generator: torch.Generator | None = None) -> Tensor:
    """How much is noise: half of them evenly, half around the middle, where pictures get their shape."""
    even = torch.rand(count, generator=generator)
    middle = torch.sigmoid(torch.randn(count, generator=generator))
    return torch.where(torch.arange(count) % 2 == 0, even, middle)


def error(pair: Pair, latents: Tensor, tokens: Tensor, mask: Tensor, seed: int | None = None) -> Tensor:
    """Mean squared error of the velocity."""
    chance = None if seed is None else torch.Generator().manual_seed(seed)
    share = shares(len(latents), chance)
    random, part = torch.randn(latents.shape, generator=chance), share[:, None, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        found = pair(torch.lerp(latents, random, part), share, tokens, mask)
    return (found.float() - (random - latents)).pow(2).mean()


@torch.no_grad()
def sheet(
    file: Path, vae: Path, pair: Pair, words: Any, prompts: tuple[str, ...] = PROMPTS, guidance: float = 4.0
) -> None:
    """Write pictures of prompts: Euler, 16 steps, decoded by the autoencoder in `vae`."""
    from diffusers import AutoencoderKL
    from PIL import Image

    walk = schedule()
    walk.set_timesteps(16)
    tokens, mask = text.ids(words, [*([""] * len(prompts)), *prompts])
    latents = torch.randn((len(prompts), 4, 16, 16), generator=torch.Generator().manual_seed(1))
    for t in walk.timesteps:
        with torch.autocast("cpu", torch.bfloat16):
            free, bound = (
                pair(torch.cat([latents] * 2), (t / 1000).expand(2 * len(prompts)), tokens, mask).float().chunk(2)
            )
        latents = walk.step(free + guidance * (bound - free), t, latents).prev_sample
    decoder = AutoencoderKL.from_pretrained(vae)
    made = (decoder.decode(latents / decoder.config.scaling_factor).sample.clamp(-1, 1) + 1) * 127.5
    rows = made.byte().permute(0, 2, 3, 1).numpy().reshape(-1, 8, 64, 64, 3)
    Image.fromarray(rows.transpose(0, 2, 1, 3, 4).reshape(-1, 512, 3)).save(file)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--minutes", type=float, default=115)
    parser.add_argument("--begin", type=Path, help="an exported model to begin with")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the learning rates, to go on gently")
    arguments = parser.parse_args()
    folder = arguments.folder
    vae = folder / "vae"
    if arguments.begin and not vae.exists():
        vae = arguments.begin / "vae"
    torch.manual_seed(0)
    pair, words = Pair(folder), text.tokenizer(folder)
    if arguments.begin:
        pair.begin(arguments.begin)
    average = Average(pair, 0.999)
    learned = [p for p in pair.parameters() if p.requires_grad]
    both = optimizers(pair)
    parts = {"pair": pair, "average": average.module, **both}
    latents = np.load(folder / "latents.npy", mmap_mode="r")
    captions = json.loads((folder / "captions.json").read_text("utf-8"))
    held = torch.from_numpy(np.array(latents[:HELD_OUT])).float()
    held_tokens = text.ids(words, captions[:HELD_OUT])
    said = {"loss": 1.0}
    rates = {name: arguments.rate * rate for name, rate in RATES.items()}

    def look(step: int) -> str:
        shown = average.module
        with torch.no_grad():
            parts = range(0, HELD_OUT, 256)
            out = [error(shown, held[i : i + 256], held_tokens[0][i : i + 256], held_tokens[1][i : i + 256], i)
                   for i in parts]  # fmt: skip
        new = float(torch.stack(out).mean())
        with (folder / "curve.csv").open("a") as file:
            file.write(f"{step},{said['loss']:.5f},{new:.5f}\n")
        if step % 1000 == 0:
            sheet(folder / f"sheet-{step:05d}.png", vae, shown, words)
        return f"loss {said['loss']:.4f}, held out {new:.4f}"

    for step in steps(folder / "denoiser", Config(arguments.steps), parts, arguments.minutes, 250, look):
        chance = np.random.default_rng(step)
        torch.manual_seed(step)
        _loop.set_rates(both, rates, step, arguments.steps, WARM)
        chosen = np.sort(chance.integers(HELD_OUT, len(latents), BATCH))
        tokens, mask = text.ids(words, [captions[i] if chance.random() > 0.1 else "" for i in chosen])
        loss = error(pair, torch.from_numpy(latents[chosen]).float(), tokens, mask)
        pair.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        for optimizer in both.values():
            optimizer.step()
        average.follow(pair, step)
        said["loss"] = 0.99 * said["loss"] + 0.01 * float(loss.detach())


if __name__ == "__main__":
    main()
