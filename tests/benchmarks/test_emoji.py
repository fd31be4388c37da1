"""The benchmark of the embedded picture model: what it asks is fixed, fair and counted right."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import emoji, emoji_card
from tools.pictures._scenes import COLOURS, kept_back

STEMS = ("cat", "dog", "apple", "rocket", "tree", "fish", "house", "bear", "car", "moon")
NAMES = [stem + end for stem in STEMS for end in ("", "ish", "let", "ling", "er", "y", "o", "en")]
NAMES += ["bicycle", "skateboard", "horse", "elephant", "red apple"]


def test_words_are_those_of_pictures_and_combinations_were_kept_back() -> None:
    trained, new = emoji.prompts(NAMES)
    assert len(trained) == len(set(trained)) == 32
    assert all(prompt.split(" ", 1)[1] in NAMES for prompt in trained)
    assert len(new) == len(set(new)) == 32
    for prompt in new:
        words = prompt.split()
        if words[1] in COLOURS:
            assert kept_back(words[1], words[2])
        else:
            assert kept_back(words[1], words[-1])
    assert emoji.prompts(NAMES[::-1]) == (trained, new), "the order of the names decides nothing"


def test_each_question_has_its_prompt_once_among_eight_and_anywhere() -> None:
    asked = emoji.questions(NAMES)
    assert len(asked) == 64
    for question in asked:
        assert len(set(question.captions)) == 8
        assert question.captions.count(question.prompt) == 1
        assert question.captions["abcdefgh".index(question.right)] == question.prompt
    assert {question.right for question in asked} == set("abcdefgh")


@pytest.fixture
def answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[dict[str, Any]]]:
    (tmp_path / "neighbours.json").write_text(json.dumps({"names": NAMES, "typical": 0.8}))
    monkeypatch.setattr(emoji, "FOLDER", tmp_path)
    key = [{"prompt": q.prompt, "known": q.known, "right": q.right, "near": [["cat", 0.3 if q.known else 0.9]]}
           for q in emoji.questions(NAMES)]  # fmt: skip
    (tmp_path / "key.json").write_text(json.dumps(key))
    return tmp_path, key


def test_answers_are_counted_by_kind(answered: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, key = answered
    answers = {str(n): k["right"].upper() if k["known"] else "x" for n, k in enumerate(key, 1)}
    answers["1"] = "a" if key[0]["right"] == "b" else "b"
    found = emoji.score(folder, answers)
    assert found["trained"]["right"] == 32 - key[0]["known"]
    assert found["kept back"]["right"] == 0
    assert found["trained"]["nearer than half of typical"] == 32
    assert found["kept back"]["nearer than half of typical"] == 0
    assert emoji.score(folder, {})["trained"]["right"] == 0


def test_the_card_has_the_figures_and_the_recipe(answered: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, _ = answered
    (folder / "curve.csv").write_text("".join(f"{250 * n},0.{9 - n // 3},0.5\n" for n in range(1, 20)))
    (folder / "about.json").write_text(json.dumps({"parameters": 12_000_000, "bytes": 1, "steps": 4750}))
    (folder / "neighbours.json").write_text(json.dumps({"names": ["cat", "dog"], "typical": 1.0}))
    (folder / "transformer").mkdir()
    config = {"num_mmdit_layers": 2, "num_single_dit_layers": 5, "num_attention_heads": 4, "attention_head_dim": 64}
    (folder / "transformer" / "config.json").write_text(json.dumps(config))
    text = emoji_card.card(emoji.score(folder, {}), folder, folder)
    assert "| single words that were trained | 0 of 32 | at least 70 % |" in text
    assert "python -m tools.pictures.denoiser" in text
    assert "| 4,750 |" in text
    assert "7 layers of width 256" in text
    assert "2 pictures of Microsoft" in text


def test_a_page_holds_every_picture() -> None:
    sheet = emoji.page([(str(n), Image.new("RGB", (64, 64), "red")) for n in range(5)], across=4, side=100)
    assert sheet.size == (4 * 112, 2 * 136)
    assert sheet.getpixel((50, 136 + 80)) == (255, 0, 0)
