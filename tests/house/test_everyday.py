"""The forty pairs that test what a model knows are fair, and the project's own texts do not give them away."""

import json
import lzma
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT

DATA = ROOT / "assets" / "data"
PAIRS = json.loads((DATA / "everyday" / "cloze.json").read_text())


def folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).lower()


def given_away(folder: Path) -> list[tuple[str, str]]:
    """(file, prompt with its right answer) for every pair whose answer stands in a text of `folder`."""
    found = []
    for path in sorted([*folder.rglob("*.txt"), *folder.rglob("*.txt.xz")]):
        raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        text = folded(raw.decode("utf-8"))
        sentences = [f"{pair['prompt']} {pair['right']}" for pair in PAIRS]
        found += [(path.name, sentence) for sentence in sentences if folded(sentence) in text]
    return found


def test_there_are_forty_pairs_with_different_prompts_and_answers():
    assert len(PAIRS) == 40
    assert len({folded(pair["prompt"]) for pair in PAIRS}) == 40
    assert len({pair["right"] for pair in PAIRS}) == 40


def test_each_wrong_word_is_another_pairs_right_word_of_the_same_part_of_speech():
    part = {pair["right"]: pair["part_of_speech"] for pair in PAIRS}
    for pair in PAIRS:
        assert pair["wrong"] != pair["right"]
        assert part.get(pair["wrong"]) == pair["part_of_speech"], pair


def test_no_wrong_word_is_used_twice():
    assert max(Counter(pair["wrong"] for pair in PAIRS).values()) == 1


def test_no_prompt_with_its_answer_stands_in_the_projects_own_texts():
    assert len(list((DATA / "everyday").glob("*.txt"))) >= 6
    assert given_away(DATA) == []


@pytest.mark.parametrize("text", ["Look: fresh   SNOW\nis White!", "so fresh snow is whiter than milk"])
def test_a_planted_answer_is_found_whatever_its_case_and_spaces(tmp_path: Path, text: str):
    (tmp_path / "planted.txt").write_text(text)
    assert given_away(tmp_path) == [("planted.txt", "Fresh snow is white")]


def test_a_planted_answer_is_found_in_a_packed_text(tmp_path: Path):
    (tmp_path / "planted.txt.xz").write_bytes(lzma.compress(b"Honey tastes sweet."))
    assert given_away(tmp_path) == [("planted.txt.xz", "Honey tastes sweet")]
