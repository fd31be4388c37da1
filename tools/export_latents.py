"""From what `tools/train_latents.sh` trained to the embedded folders `faces-vae` and `faces-gan`, with their cards.

    python -m tools.export_latents BUILD [OUT]      (OUT is assets/models where nothing is said)

Figures are measured here, on faces that were not trained on. The energy distance compares pictures with held-out ones;
beside it stands that of two samples of the data, which is what it could come down to.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from playground.models._any import opened
from playground.models._weights import count_parameters
from playground.training import _sets

CARD = """---
license: mit
tags:
- {lesson}
- teaching
---

# {name}

{what} Trained from nothing by the playground's own lesson, `playground/training/{lesson}.py`, on faces that the project
draws itself. It is there for moving through its latent space: {parameters:,} parameters, {latent_dim} numbers for a
face of {size} × {size} pixels.

## What it is for, and what not

It draws simple cartoon faces and nothing else.

## Data

{examples:,} faces drawn by `playground/training/_drawing.py` (part of the playground, MIT), a tenth of them held out.

## Recipe

```
{recipe}
```

## Figures

| what | figure |
|---|---|
{rows}

## Licence

MIT, like the playground.
"""
WHAT = {"vae": "A variational autoencoder.", "gan": "A generative adversarial network, generator and discriminator."}


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """The energy distance of two samples of pictures (Szekely & Rizzo 2013, equation 5)."""
    a, b = a.flatten(1), b.flatten(1)
    return float(2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean())


@torch.no_grad()
def figures(model: Any, data: Any) -> list[tuple[str, str]]:
    """(what, figure) of a loaded model, on held-out faces."""
    held = data.held_out[:400]
    drawn = model._decoded(torch.randn(400, model.latent_dim, generator=torch.Generator().manual_seed(0)))
    rows = [("energy distance of 400 draws to 400 held-out faces", f"{apart(drawn, held):.3f}"),
            ("the same of two samples of the data", f"{apart(data.train[:400], data.train[400:800]):.3f}")]  # fmt: skip
    if model.lesson == "vae":
        error = (held - model.net.decode(model.net.encode(held)[0])).square().mean()
        mean = (held - data.train.mean(0)).square().mean()
        rows.append(("squared error of held-out faces given back, beside the mean face's", f"{error / mean:.3f}"))
    else:
        real, made = (float(model.judge(x).sigmoid().mean()) for x in (held, drawn))
        rows.append(("how real the discriminator finds held-out faces, and draws", f"{real:.2f}, {made:.2f}"))
    return rows


def main() -> None:
    """Copy, count, measure, write the cards."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("assets/models"))
    given = parser.parse_args()
    script = Path("tools/train_latents.sh").read_text("utf-8").split("\n\n")
    for lesson in ("vae", "gan"):
        source, target = given.build / f"faces-{lesson}-model", given.out / f"faces-{lesson}"
        target.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            shutil.copy(file, target)
        model = opened(target)
        weights = list(target.glob("*.safetensors"))
        about = {"parameters": count_parameters(target), "bytes": sum(file.stat().st_size for file in weights)}
        (target / "about.json").write_text(json.dumps(about) + "\n", "utf-8")
        rows = "\n".join(f"| {what} | {figure} |" for what, figure in figures(model, _sets.load(model.config)))
        recipe = next(part.strip() for part in script if f"training.{lesson} " in part)
        text = CARD.format(
            lesson=lesson, name=target.name, what=WHAT[lesson], latent_dim=model.latent_dim, size=model.size,
            examples=model.config.examples, recipe=recipe, rows=rows, **about,
        )  # fmt: skip
        (target / "README.md").write_text(text, "utf-8")
        print(f"{target}: {about}\n{rows}")


if __name__ == "__main__":
    main()
