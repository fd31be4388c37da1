"""The trained parts as a folder of diffusers components, every file below 10 MB: matrices in 8 bits, the rest in 16.

    python -m tools.pictures.export FOLDER OUT

`AuraFlowPipeline.from_pretrained(OUT)` of diffusers reads it, and is called with `max_sequence_length=20`; the page
reads it with an adapter of its own.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from playground.models import _neighbours
from playground.training import _loop
from tools.pictures import text
from tools.pictures.denoiser import Pair, schedule


def _beside(folder: Path, out: Path, pipeline: Any, step: int) -> None:
    """about.json (what the catalogue says) and the training pictures as latents (`models/_neighbours`)."""
    found = np.load(folder / "pictures.npz", allow_pickle=False)
    alpha = found["rgba"][..., 3:].astype(np.float32) / 255
    white = torch.from_numpy(found["rgba"][..., :3] * alpha + 255 * (1 - alpha)).permute(0, 3, 1, 2) / 127.5 - 1
    vae = pipeline.vae.float()
    with torch.no_grad():
        latents = (
            torch.cat([vae.encode(part).latent_dist.mean for part in white.split(128)]) * vae.config.scaling_factor
        )
    _neighbours.save(out, latents, [one["label"] for one in json.loads(str(found["about"]))])
    modules = (pipeline.transformer, pipeline.vae, pipeline.text_encoder)
    about = {
        "parameters": sum(p.numel() for module in modules for p in module.parameters()),
        "bytes": sum(file.stat().st_size for file in out.rglob("*.safetensors")),
        "steps": step,
    }
    (out / "about.json").write_text(json.dumps(about), "utf-8")


def shrunk(part: Path) -> None:
    """Store the matrices of a part in 8 bits (float8_e4m3fn, off by 2.7 %): whoever loads them, as all do, in
    float32 or float16 notices nothing but that rounding."""
    from safetensors.torch import load_file, save_file

    for file in part.glob("*.safetensors"):
        tensors = {name: value.to(torch.float8_e4m3fn) if value.ndim >= 2 else value
                   for name, value in load_file(file).items()}  # fmt: skip
        save_file(tensors, file, {"format": "pt"})
    for index in part.glob("*.index.json"):
        told = json.loads(index.read_text("utf-8"))
        told["metadata"]["total_size"] = sum(file.stat().st_size for file in part.glob("*.safetensors"))
        index.write_text(json.dumps(told, indent=1), "utf-8")


def main() -> None:
    """Write the folder."""
    from diffusers import AuraFlowPipeline, AutoencoderKL

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vae", type=Path, help="another autoencoder than FOLDER/vae")
    parser.add_argument("--before", type=int, default=0, help="steps of the training that this one went on from")
    arguments = parser.parse_args()
    pair = Pair(arguments.folder)
    step, _ = _loop.load_checkpoint(arguments.folder / "denoiser", {"average": pair})
    pipeline = AuraFlowPipeline(
        tokenizer=text.tokenizer(arguments.folder), text_encoder=pair.encoder.half(), transformer=pair.denoiser.half(),
        vae=AutoencoderKL.from_pretrained(arguments.vae or arguments.folder / "vae").half(), scheduler=schedule(),
    )  # fmt: skip
    pipeline.save_pretrained(str(arguments.out), safe_serialization=True, max_shard_size="18MB")
    for part in ("transformer", "text_encoder"):
        shrunk(arguments.out / part)
    _beside(arguments.folder, arguments.out, pipeline, arguments.before + step)
    for file in sorted(arguments.out.rglob("*")):
        if file.is_file():
            print(f"{file.stat().st_size / 1e6:6.2f} MB  {file.relative_to(arguments.out)}")
    print(f"after {step} steps")


if __name__ == "__main__":
    main()
