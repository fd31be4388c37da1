"""The benchmark of the embedded picture model: what it asks is fixed, fair and counted right."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import emoji, emoji_card
from tools.pictures._scenes import COLOURS, kept_back

STEMS = ("cat", "dog", "apple", "rocket", "tree", "fish", "house", "bear", "car", "moon")
NAMES = [stem + end for stem in STEMS for end in ["", *(a + b for a in "aeiou" for b in "klmnt")]]
NAMES += ["bicycle", "skateboard", "horse", "elephant", "camel", "turtle", "red apple", "dog face", "horse racing"]


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
            assert kept_back(words[1], words[-1]) and kept_back(words[-1], words[1])
    assert emoji.prompts(NAMES[::-1]) == (trained, new), "the order of the names decides nothing"


def test_each_question_has_its_prompt_once_among_eight_and_anywhere() -> None:
    asked = emoji.questions(NAMES)
    assert len(asked) == 64
    for question in asked:
        assert len(set(question.captions)) == 8
        assert question.captions.count(question.prompt) == 1
        assert question.captions["abcdefgh".index(question.right)] == question.prompt
    assert {question.right for question in asked} == set("abcdefgh")


def test_half_of_a_combination_is_not_enough_and_the_captions_alone_tell_nothing() -> None:
    new = [question for question in emoji.questions(NAMES) if not question.known]
    for question in new:
        split = [caption.split() for caption in question.captions]
        firsts, seconds = ({words[place] for words in split} for place in (1, -1))
        assert {len(firsts), len(seconds)} == {2, 4}
        assert {(words[1], words[-1]) for words in split} == {(a, b) for a in firsts for b in seconds}
    riding = [question.captions for question in new if "riding" in question.prompt]
    assert len(set(map(frozenset, riding))) == len(riding), (
        "no two have the same captions: none is known by what is left"
    )


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
    figures = emoji.score(folder, {})
    assert "preset Quick" not in emoji_card.card(figures, folder, folder)
    text = emoji_card.card(figures, folder, folder, figures, "It went on from another.")
    assert "| such combinations with 6 steps (the preset Quick) | 0 of 32 | reported |" in text
    assert "trained on.) It went on from another." in text
    assert "| single words that were trained | 0 of 32 | at least 70 % |" in text
    assert "python -m tools.pictures.denoiser" in text
    assert "| 4,750 |" in text
    assert "7 layers of width 256" in text
    assert "2 pictures of Microsoft" in text


def test_a_page_holds_every_picture() -> None:
    sheet = emoji.page([(str(n), Image.new("RGB", (64, 64), "red")) for n in range(5)], across=4, side=100)
    assert sheet.size == (4 * 112, 2 * 136)
    assert sheet.getpixel((50, 136 + 80)) == (255, 0, 0)


@pytest.mark.parametrize("word", ["red apple", "dog face", "plain"])
def test_a_combination_is_unseen_only_where_none_of_the_names_with_its_words_was_drawn_so(word: str) -> None:
    names = ["apple", "dog", "cat", word]
    unseen = emoji.Unseen(names)
    assert not unseen.coloured("red", "apple") if word == "red apple" else True
    for colour in COLOURS:
        drawn = [name for name in names if "dog" in name.split() and not kept_back(colour, name)]
        assert unseen.coloured(colour, "dog") is not bool(drawn)
    for other in ("cat", "apple"):
        pairs = [(a, b) for a in names if "dog" in a.split() for b in names if other in b.split()]
        drawn = [pair for pair in pairs if not (kept_back(*pair) and kept_back(*pair[::-1]))]
        assert unseen.together("dog", other) is not bool(drawn)
    if word == "dog face":
        assert not unseen.together("dog", "face"), "one picture has both"


@pytest.mark.parametrize(("name", "one"), [
    ("cat", True), ("glass", True), ("bus", True), ("ring", True), ("shoes", False), ("cooking", False),
    ("red apple", False), ("ox", False),
])  # fmt: skip
def test_names_that_are_asked_for_are_of_one_thing(name: str, one: bool) -> None:
    assert emoji.is_one_thing(name) is one


def test_articles() -> None:
    assert [emoji.article(word) for word in ("unicorn", "onion", "cat", "unlocked door", "ewe")] == [
        "a unicorn", "an onion", "a cat", "an unlocked door", "a ewe"]  # fmt: skip


@pytest.mark.parametrize(("which", "known", "line"), [
    ("16 steps", True, "single words that were trained"), ("16 steps", False, "combinations that were kept back"),
    ("Quick", True, "such words with 6 steps (the preset Quick)"),
    ("Quick", False, "such combinations with 6 steps (the preset Quick)"),
])  # fmt: skip
def test_the_card_says_what_the_readers_answers_come_to(which: str, known: bool, line: str) -> None:
    answers = json.loads((Path(emoji.__file__).parent / "emoji_answers.json").read_text("utf-8"))[which]
    asked = emoji.questions(emoji._names())
    right = sum(q.known is known and answers[str(number)] == q.right for number, q in enumerate(asked, 1))
    assert f"| {line} | {right} of 32 |" in (emoji.FOLDER / "README.md").read_text("utf-8")
