"""Scenes as latents with captions, drawn once, so that the long training need not draw and encode.

    python -m tools.pictures.scenes FOLDER [--count 80000] [--single 0.75] [--vae assets/models/emoji/vae]

`--single` is the share of things that stand alone, as they are. Writes latents.npy (count, 4, 16, 16) float16, scaled
to variance 1, and captions.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from tools.pictures._scenes import Scenes


def main() -> None:
    """Draw, encode, write."""
    from diffusers import AutoencoderKL

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=80_000)
    parser.add_argument("--single", type=float, default=0.75)
    parser.add_argument("--vae", type=Path, help="another autoencoder than FOLDER/vae, such as an exported one")
    arguments = parser.parse_args()
    model = AutoencoderKL.from_pretrained(arguments.vae or arguments.folder / "vae", torch_dtype=torch.float32).eval()
    scenes, captions = Scenes(arguments.folder, 1, arguments.single), list[str]()
    shape = (arguments.count, 4, 16, 16)
    latents = np.lib.format.open_memmap(arguments.folder / "latents.npy", "w+", "float16", shape)
    for start in range(0, arguments.count, 128):
        drawn = [scenes.draw() for _ in range(min(128, arguments.count - start))]
        pictures = torch.stack([torch.from_numpy(one[0]) for one in drawn]).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            mean = model.encode(pictures).latent_dist.mean
        latents[start : start + len(drawn)] = (mean.float() * model.config.scaling_factor).numpy()
        captions += [one[1] for one in drawn]
    latents.flush()
    (arguments.folder / "captions.json").write_text(json.dumps(captions), "utf-8")
    print(f"{len(captions)} scenes, {len(set(captions))} captions")


if __name__ == "__main__":
    main()
