"""Build assets/data/emoji: every labelled Fluent emoji at 32×32, as one sheet with its captions.

    python tools/build_emoji.py [--packages FOLDER]

Fetches two npm packages of pinned versions (with `npm pack`, into FOLDER if given, where they may lie
already), compares their hashes, and reads them as data. Flags, symbols, letters of flags and skin tones are
left out: what stays has one label each. Needs npm and Pillow.
"""

import argparse
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from PIL import Image

OUT = Path(__file__).parents[1] / "assets" / "data" / "emoji"
SIZE, COLUMNS = 32, 40
PACKAGES = {  # npm package -> (version, sha256 of its archive)
    "@lobehub/fluent-emoji-3d": ("1.1.0", "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58"),
    "emojibase-data": ("17.0.0", "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a"),
}
LEFT_OUT = ("component", "symbols", "flags")  # groups of Unicode


def archive(package: str, folder: Path) -> tarfile.TarFile:
    """The package's archive, fetched if it is not in `folder`, its hash compared."""
    version, wanted = PACKAGES[package]
    path = folder / f"{package.lstrip('@').replace('/', '-')}-{version}.tgz"
    if not path.exists():
        subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted:
        raise SystemExit(f"{path} is not the archive this script was written for: sha256 {found}, expected {wanted}.")
    return tarfile.open(path)


def read(tar: tarfile.TarFile, name: str) -> bytes:
    """One file of the archive."""
    file = tar.extractfile(f"package/{name}")
    assert file is not None, name
    return file.read()


def plain(code: str) -> str:
    """A code point sequence without the mark that asks for colour, which the two packages set differently."""
    return code.upper().replace("-FE0F", "")


def main() -> None:
    """Fetch, choose, scale down, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, help="folder of the downloaded packages")
    folder = parser.parse_args().packages or Path(tempfile.mkdtemp())
    pictures, captions = archive("@lobehub/fluent-emoji-3d", folder), archive("emojibase-data", folder)
    groups = json.loads(read(captions, "meta/groups.json"))["groups"]
    files = {plain(Path(n).stem): n.removeprefix("package/") for n in pictures.getnames() if n.endswith(".webp")}
    chosen = []
    for emoji in json.loads(read(captions, "en/data.json")):
        group = groups.get(str(emoji.get("group")), "component")
        if plain(emoji["hexcode"]) in files and group not in LEFT_OUT:
            chosen.append({"label": emoji["label"], "group": group, "tags": emoji.get("tags", []),
                           "code": emoji["hexcode"]})  # fmt: skip
    sheet = Image.new("RGB", (COLUMNS * SIZE, -(-len(chosen) // COLUMNS) * SIZE), "white")
    for i, emoji in enumerate(chosen):
        with Image.open(io.BytesIO(read(pictures, files[plain(emoji["code"])]))) as picture:
            drawn = picture.convert("RGBA")
        on_white = Image.new("RGBA", drawn.size, "white")
        on_white.alpha_composite(drawn)
        small = on_white.convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        sheet.paste(small, (i % COLUMNS * SIZE, i // COLUMNS * SIZE))
    sheet.save(OUT / "emoji.webp", lossless=True, quality=100, method=6)
    (OUT / "emoji.json").write_text(json.dumps(chosen, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    print(f"{len(chosen)} pictures, {(OUT / 'emoji.webp').stat().st_size} bytes")


if __name__ == "__main__":
    main()
