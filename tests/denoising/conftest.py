"""Tiny picture models: diffusers' pipeline and our adapter of the same folder, once for all tests here."""

import dataclasses
from typing import Any

import pytest
import torch

from playground.denoising import loop, schedulers
from playground.models import _words
from playground.models._any import opened
from tests.denoising.driven import Lending
from tests.models import tiny_pictures

PROMPT, UNWANTED = "a red apple on the tree", "dog"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """By kind: (pipeline, adapter)."""
    import diffusers

    found = {}
    for kind in tiny_pictures.KINDS:
        folder = tiny_pictures.folder(kind, tmp_path_factory.mktemp("pictures") / kind)
        pipeline = diffusers.DiffusionPipeline.from_pretrained(str(folder), local_files_only=True)
        pipeline.set_progress_bar_config(disable=True)
        found[kind] = pipeline, opened(folder)
    return found


def plan(model: Any, **changes: Any) -> loop.Plan:
    """Six steps towards the prompt."""
    count = len(changes.get("seeds", (5,)))
    words = _words.repeated(model.encode([PROMPT]), count)
    unwanted = _words.repeated(model.encode([UNWANTED]), count)
    side = model.size // model.factor
    base = loop.Plan(words, unwanted, steps=6, guidance=4.0, scheduler=schedulers.OWN, seeds=(5,),
                     shape=(model.channels, side, side))  # fmt: skip
    return dataclasses.replace(base, **changes)


def run(model: Any, wanted: loop.Plan, start: Any = None) -> tuple[list[loop.Step], torch.Tensor]:
    """(steps, latents at the end)."""
    steps, going = [], loop.denoise(model, wanted, start)
    while True:
        try:
            steps.append(next(going))
        except StopIteration as done:
            return steps, done.value.latents


@pytest.fixture
def manager(models: Any) -> Lending:
    return Lending(models["stable diffusion"][1])
