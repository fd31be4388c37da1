"""The recipe of the picture model, on a few drawn things: scenes, words, the average, going on from a checkpoint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from playground.models._places import ASSETS
from tools.pictures import denoiser, text
from tools.pictures._loop import Average, steps
from tools.pictures._scenes import COLOURS, RIDDEN, SIZE, WEIGHTS, Scenes, kept_back, plural

LABELS = ["cat", "red apple", "bicycle", "skateboard", "orange", "house", "fish", "cherry"]
WIDTH = 160


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `data` writes, of eight discs."""
    place, chance = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    disc = ((y - 32) ** 2 + (x - 32) ** 2 < 28**2).astype("uint8") * 255
    rgba = np.stack([np.dstack([np.full((SIZE, SIZE, 3), chance.integers(0, 200, 3)), disc]) for _ in LABELS])
    groups = list(WEIGHTS)
    about = [{"label": label, "tags": ["thing", "round"], "group": groups[i % 6]} for i, label in enumerate(LABELS)]
    np.savez(place / "pictures.npz", rgba=rgba.astype("uint8"), about=json.dumps(about))
    tokens = ["[PAD]", "[UNK]", "[CLS]", "a", "cat", "red", "apple", "ride", "##s", "on"]
    vectors = chance.normal(size=(len(tokens), WIDTH)).astype("float32")
    vectors[0] = 0
    np.savez(place / "words.npz", tokens=np.array(tokens), vectors=vectors)
    return place


def test_scenes_are_what_their_captions_say_and_the_same_for_a_seed(folder: Path) -> None:
    scenes, again = Scenes(folder, 3, 0.4), Scenes(folder, 3, 0.4)
    kinds = {"riding": 0, "two": 0, "alone": 0}
    for _ in range(400):
        picture, caption, first = scenes.draw()
        twin = again.draw()
        assert caption == twin[1] and np.array_equal(picture, twin[0])
        assert (picture.shape, picture.dtype) == ((SIZE, SIZE, 3), np.uint8)
        inked = float((picture.min(2) < 250).mean())
        assert 0.1 < inked < 0.85, caption
        if " riding " in caption:
            kinds["riding"] += 1
            assert any(thing in caption for thing in RIDDEN)
            upper, lower = picture[:28].min(2) < 250, picture[36:].min(2) < 250
            assert upper.any() and lower.any()
        elif caption.startswith(("two ", "three ")):
            kinds["two"] += 1
            assert plural(LABELS[first]) in caption
        elif any(word in caption for word in (LABELS[first], "thing", "round")):
            kinds["alone"] += 1
    assert min(kinds.values()) > 5


def test_those_who_could_ride_mostly_do(folder: Path) -> None:
    scenes = Scenes(folder, 4, 0.0)
    riders = [LABELS[n] for n in scenes._riders]
    assert riders and len(riders) < len(LABELS)
    captions = [caption for caption in (scenes.draw()[1] for _ in range(600)) if " riding " in caption]
    rode = sum(any(caption.partition(" riding ")[0].endswith(name) for name in riders) for caption in captions)
    assert rode > 0.6 * len(captions) > 20  # 0.28, did all ride alike


def test_what_is_kept_back_is_never_drawn(folder: Path) -> None:
    scenes = Scenes(folder, 5, 0.0)
    captions = {scenes.draw()[1] for _ in range(1500)}
    pairs = [(a, b) for a in LABELS for b in LABELS if a != b and kept_back(a, b)]
    coloured = [(c, label) for c in COLOURS for label in ("cat", "house", "fish") if kept_back(c, label)]
    assert pairs and coloured
    for colour, label in coloured:
        assert not any(f"{colour} {label}" in caption for caption in captions)
    for a, b in pairs:
        for caption in captions:
            head, found, tail = caption.partition(" riding ")
            assert not (found and head.endswith(a) and tail.endswith(b)), caption


def test_words_are_whole_or_pieces_and_no_prompt_is_empty(folder: Path) -> None:
    words = text.tokenizer(folder)
    ids, mask = text.ids(words, ["A cat, rides!", "", "zebra " * 40])
    assert ids.shape == mask.shape == (3, text.MOST_TOKENS)
    assert words.convert_ids_to_tokens(ids[0][:5].tolist()) == ["[CLS]", "a", "cat", "ride", "##s"]
    assert mask.sum(1).tolist() == [5, 1, text.MOST_TOKENS]
    encoder = text.encoder(folder)
    kept = torch.from_numpy(np.load(folder / "words.npz")["vectors"])
    assert torch.equal(encoder.shared.weight.data, kept)
    assert not encoder.shared.weight.requires_grad


def test_the_average_is_by_hand() -> None:
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(0.0)
    average = Average(module, 0.5)
    expected = 0.0
    for step, value in enumerate((1.0, 3.0, -2.0, 5.0)):
        module.weight.data.fill_(value)
        average.follow(module, step)
        keep = min(0.5, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
    assert float(average.module.weight.detach()) == pytest.approx(expected)


def test_a_training_that_ended_early_goes_on_where_it_was(tmp_path: Path) -> None:
    config = denoiser.Config(5)

    def train(minutes: float) -> tuple[list[int], nn.Module]:
        torch.manual_seed(0)
        module = nn.Linear(2, 1)
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)
        parts = {"module": module, "optimizer": optimizer}
        done = []
        for step in steps(tmp_path / name, config, parts, minutes, 2, lambda _: ""):
            loss = (module(torch.full((1, 2), float(step))) - 1).pow(2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done.append(step)
        return done, module

    name = "whole"
    numbers, whole = train(9)
    name = "parts"
    parted = [train(0)[0] for _ in range(5)]
    assert numbers == [0, 1, 2, 3, 4] and parted == [[0], [1], [2], [3], [4]]
    again, module = train(9)
    assert again == []
    for mine, other in zip(module.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_the_velocity_is_noise_without_the_picture_and_the_error_of_the_truth_is_nothing() -> None:
    latents = torch.randn(6, 4, 16, 16, generator=torch.Generator().manual_seed(1))

    class Knows(nn.Module):
        """Sees what it is given at each share of noise, and answers with the true velocity."""

        def forward(self, seen: Any, share: Any, *_: Any) -> Any:
            part = share[:, None, None, None].clamp(min=1e-3)
            random = (seen - (1 - part) * latents) / part
            return random - latents

    assert float(denoiser.error(Knows(), latents, None, None, seed=3)) < 1e-2  # type: ignore[arg-type]
    shares = denoiser.shares(4000, torch.Generator().manual_seed(2))
    assert float(shares.min()) >= 0
    assert float(shares.max()) <= 1
    assert float(shares[::2].std()) == pytest.approx(12**-0.5, abs=0.02)
    assert float(torch.logit(shares[1::2]).std()) == pytest.approx(1, abs=0.05)


def test_going_on_from_exported_weights_wants_the_same_words(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    pair = denoiser.Pair(folder)
    pair.denoiser.save_pretrained(tmp_path / "out" / "transformer")
    pair.encoder.save_pretrained(tmp_path / "out" / "text_encoder")
    torch.manual_seed(2)
    other = denoiser.Pair(folder)
    other.begin(tmp_path / "out")
    for mine, theirs in zip(pair.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    with torch.no_grad():
        pair.encoder.shared.weight[4] += 1
    pair.encoder.save_pretrained(tmp_path / "out" / "text_encoder")
    with pytest.raises(SystemExit, match="other word vectors"):
        other.begin(tmp_path / "out")


def test_a_sheet_shows_what_the_averaged_weights_draw(folder: Path, tmp_path: Path) -> None:
    seen = list[int]()

    def still(latents: Any, share: Any, *_: Any) -> Any:
        seen.append(len(latents))
        return torch.zeros_like(latents)

    prompts = ("a cat", *["an apple"] * 15)
    denoiser.sheet(tmp_path / "s.png", ASSETS / "models/emoji/vae", still, text.tokenizer(folder), prompts)  # type: ignore[arg-type]
    assert seen == [32] * 16  # with the words and without, in one batch
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.size == (512, 128)
        assert sheet.convert("L").getextrema()[0] < 128
