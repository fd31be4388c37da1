"""A small corpus for the lessons that read texts."""

from pathlib import Path

import pytest

from playground.training import _texts


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    animals, places = ("cat", "dog", "hen", "fox", "owl"), ("barn", "wood", "yard", "pond", "tree", "hill")
    docs = [f"The {a} sat in the {p}. It was a good {a}, and it liked the {p}." for a in animals for p in places]
    (folder / "tales.txt").write_text(f"\n{_texts.END}\n".join(docs))
    return folder
