"""A trained model as a folder that others can open: weights (safetensors), configuration, tokenizer, card.

The folder is written beside its place and renamed, so it is whole or absent. The revision is the SHA-256 of the
weights.
"""

import dataclasses
import hashlib
import itertools
import json
import secrets
import shutil
import zipfile
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.models._spec import Spec
from playground.models._trained import ABOUT, ARCHITECTURES, MODALITIES, PICTURES, spec_of
from playground.trainings._lesson import Lesson

LONGEST_TITLE = 60
CARD = """---
license: other
library_name: {library}
tags: [education]
---
# {title}

{architecture}, {parameters:,} parameters, trained in {step:,} of {steps:,} steps with the lesson
`playground/training/{lesson}.py` of the Generative AI Playground.

- Data: {data}
- Figures of the last step: {figures}
- SHA-256 of the weights: `{revision}`

Made in a lesson, to see how such a model learns. It knows nothing but its training set, and it is often wrong.

## Configuration

```json
{config}
```
"""


@dataclass(frozen=True)
class Saved:
    """One saved model; `spec` None where no tab can run it yet."""

    id: str
    title: str
    modality: str
    revision: str
    folder: Path
    bytes: int
    spec: Spec | None

    def to_json(self) -> dict[str, Any]:
        """As a frame names it."""
        return {"id": self.id, "title": self.title, "modality": self.modality, "revision": self.revision,
                "listed": self.spec is not None}  # fmt: skip


def named(title: str, lesson: Lesson, taken: Container[str]) -> str:
    """The title on one line, at most `LONGEST_TITLE` characters; with a number behind it where `taken` holds it
    already, so that lists tell two models apart."""
    wanted = " ".join(title.split())[:LONGEST_TITLE] or f"My {lesson.title}"
    tails = (f" {number}" for number in itertools.count(2))
    numbered = (wanted[: LONGEST_TITLE - len(tail)] + tail for tail in tails)
    return next(one for one in itertools.chain([wanted], numbered) if one not in taken)


def save(lesson: Lesson, live: Any, title: str, facts: dict[str, Any], base: Path, owner: str) -> Saved:
    """Write the model that `live` holds below `base`. `facts`: data, step, steps, figures.

    Raises:
        PlaygroundError: a title that is none, or a disk that is full.
    """
    title = " ".join(title.split())[:LONGEST_TITLE] or f"My {lesson.title}"
    model_id = f"{lesson.name}-{secrets.token_hex(4)}"
    new = base / f"{model_id}.new"
    try:
        new.mkdir(parents=True)
        _quiet()
        lesson.module.export(new, live)
        weights = sorted(new.glob("*.safetensors"))
        revision = _hash(weights)
        size = sum(path.stat().st_size for path in weights)
        modality = MODALITIES.get(lesson.name, ("image",))[0]
        parameters = _count(weights)
        about = {
            "title": title, "lesson": lesson.name, "modality": modality, "revision": revision,
            "parameters": parameters, "bytes": size, "context_window": int(getattr(live.config, "block_size", 0)),
            "pictures": lesson.name in PICTURES and not live.data.plane,
        }  # fmt: skip
        (new / ABOUT).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        (new / "README.md").write_text(_card(lesson, live, about, facts), "utf-8")
        new.rename(base / model_id)
    except OSError as error:
        raise PlaygroundError(f"The model could not be written ({error.strerror}): free some disk.") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    folder = base / model_id
    return Saved(model_id, title, modality, revision, folder, size, spec_of(folder, about, owner))


def _quiet() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _count(files: list[Path]) -> int:
    from safetensors import safe_open

    total = 0
    for path in files:
        with safe_open(str(path), framework="pt") as file:
            for key in list(file.keys()):
                count = 1
                for n in file.get_slice(key).get_shape():
                    count *= n
                total += count
    return total


def _card(lesson: Lesson, live: Any, about: dict[str, Any], facts: dict[str, Any]) -> str:
    private = ("corpus", "folder", "points")
    config = {k: v for k, v in dataclasses.asdict(live.config).items() if k not in private}
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in facts["figures"].items())
    return CARD.format(
        library="safetensors" if lesson.name in PICTURES else "transformers",
        title=about["title"].replace("#", ""), architecture=ARCHITECTURES.get(lesson.name, lesson.title),
        parameters=about["parameters"], step=facts["step"], steps=facts["steps"], lesson=lesson.name,
        data=facts["data"], figures=figures or "none", revision=about["revision"],
        config=json.dumps(config, indent=1),
    )  # fmt: skip


def pack(saved: Saved, base: Path) -> Path:
    """A zip file of a saved model, below `base`; made once."""
    path = base / f"{saved.id}.zip"
    if not path.exists():
        base.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(saved.folder.iterdir()):
                archive.write(file, f"{saved.id}/{file.name}")
        new.rename(path)
    return path
