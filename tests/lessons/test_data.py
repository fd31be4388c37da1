"""Data: the sets, a look into them, and what visitors give, hostile things among it."""

import io
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from playground.errors import PlaygroundError
from playground.lessons import catalogue, data
from playground.training import _sets, _texts
from tests.lessons.states import KINDS, config, corpus


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_the_first_set_is_the_lessons_default_and_all_have_terms_and_sizes(name: str):
    found, chosen = data.sets(name), catalogue.config_class(name)()
    assert all(getattr(chosen, k) == v for k, v in found[0].values.items())
    assert len({s.id for s in found}) == len(found)
    for s in found:
        assert s.examples > 100 and s.bytes > 1000 and s.licence and s.source
        assert s.kind in ("text", "pictures", "plane", "words")


def test_the_embedded_texts_are_counted_as_the_marks_between_them_say():
    whole = "".join(f"\n<|endoftext|>\n{p.read_text()}" for p in sorted(_texts.EVERYDAY.glob("*.txt")))
    expected = sum(1 for part in whole.split("<|endoftext|>") if part.strip())
    assert data.sets("gpt")[0].examples == expected


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_browsing_shows_what_is_trained_on_and_in_that_order(name: str, kind: str):
    made = config(name, kind)
    if name in catalogue.TEXT:
        made = replace(made, corpus=corpus(), repeats=0)
        expected = _texts.documents(made)[0] if name != "gpt" else catalogue.lesson("gpt").documents(made)[0]
        found = data.browse(name, made, 2, 3)
        assert list(found.items) == expected[2:5] and found.total == len(expected) and found.start == 2
        return
    train = _sets.load(made).train
    found = data.browse(name, made, 5, 4)
    assert found.total == len(train) and len(found.items) == 4
    if kind == "moons":
        np.testing.assert_allclose(found.items, train[5:9], atol=6e-4)
        return
    import base64

    for png, x in zip(found.items, train[5:9], strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))), np.float32) / 127.5 - 1
        np.testing.assert_allclose(np.moveaxis(pixels, -1, 0), x, atol=1 / 127)
    assert set(found.labels) <= set(_sets._drawing.SHAPES)


def test_browsing_words_and_beyond_the_end():
    made = catalogue.config("t5", {"task": "pronunciation"})
    found = data.browse("t5", made, 0, 10**9)
    assert found.kind == "words" and len(found.items) == data.MOST_SHOWN and found.total == 133_667
    assert all(": " in item for item in found.items)
    assert data.browse("t5", made, found.total, 5).items == ()


def test_browsing_a_set_that_does_not_fit_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch):
    from playground.training import _estimate

    monkeypatch.setattr(_estimate, "free_memory", lambda: 10**9)
    with pytest.raises(PlaygroundError, match=r"needs about \d+\.\d GB, 1\.0 GB are free"):
        data.browse("vae", catalogue.config("vae", {"data": "faces", "size": 64, "examples": 20_000}))


# ── one's own texts ──────────────────────────────────────────────────────────


def test_a_text_is_cut_at_empty_lines_lies_where_only_this_user_reads_and_is_gone_when_closed():
    own = data.own_text("One cat.\r\n\r\nTwo dogs.\n \nThree hens.")
    folder = Path(own.config_values("gpt")["corpus"])
    assert _texts.read(folder) == ["One cat.", "Two dogs.", "Three hens."]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    own.close()
    assert not folder.exists()
    with pytest.raises(PlaygroundError, match="no longer there"):
        own.config_values()


def test_what_nobody_refers_to_any_more_is_removed_too():
    folder = data.own_text("a b c").folder
    assert folder is not None and not folder.exists()


def test_long_passages_are_cut_at_sentences_and_nothing_is_lost():
    text = " ".join(f"Sentence number {i} ends here." for i in range(400)) + "x" * 4000
    own = data.own_text(text)
    found = _texts.read(own.folder)
    assert max(map(len, found)) <= 1500 and len(found) > 8
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(p.endswith(".") for p in found[:3])


TEXTS = [
    "a",
    "🙂🙃🐈" * 20,
    "كان القط في البيت وكان الكلب في الحديقة",
    "שלום. " * 50,
    "\ufeffplain",
    "日本語のテキスト。",
]


@pytest.mark.parametrize("name", catalogue.TEXT)
@pytest.mark.parametrize("text", TEXTS)
def test_one_character_emoji_and_right_to_left_texts_are_trained_on(name: str, text: str):
    own = data.own_text(text)
    small = {"n_layer": 1, "n_head": 1, "n_embd": 16, "block_size": 8, "batch_size": 1, "steps": 2}
    made = catalogue.config(name, small, own)
    steps = list(catalogue.lesson(name).train(made, torch.Generator()))
    assert [s.step for s in steps] == [1, 2]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no text in what you gave"),
        (b" \n\t\r\n", "no text in what you gave"),
        (bytes(range(256)) * 40, r"is no text \("),
        (b"MZ\x00\x01" * 100, r"is no text \("),
        (os.urandom(5000), "is no text|cut off"),
        (b"\xff\xfea", "cut off or broken"),
        (b"a" * 2_000_001, r"have 2,000,001 bytes; at most 2,000,000"),
    ],
    ids=["empty", "blank", "all bytes", "program", "noise", "half of UTF-16", "huge"],
)
def test_a_file_that_is_no_text_is_refused_with_one_sentence_and_leaves_nothing(tmp_path, raw, says, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    (tmp_path / "own.txt").write_bytes(raw)
    with pytest.raises(PlaygroundError, match=says) as caught:
        data.own_text("", [tmp_path / "own.txt"])
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "t").iterdir())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_texts_of_old_and_new_encodings_are_read(tmp_path: Path, encoding: str):
    (tmp_path / "own.txt").write_bytes("Fünf Äpfel, très bon.".encode(encoding))
    own = data.own_text("", [tmp_path / "own.txt"])
    assert _texts.read(own.folder) == ["Fünf Äpfel, très bon."]


# ── one's own pictures and points ────────────────────────────────────────────


def picture(folder: Path, name: str, mode: str = "RGB", size: tuple[int, int] = (40, 30), **options) -> Path:
    Image.new(mode, size, options.pop("colour", None) or 0).save(folder / name, **options)
    return folder / name


def test_strange_pictures_are_made_plain_and_train_a_lesson(tmp_path: Path):
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    files = [picture(tmp_path, "print.jpg", "CMYK"), tmp_path / "moving.gif", tmp_path / "clear.png",
             picture(tmp_path, "grey16.png", "I;16"), picture(tmp_path, "palette.png", "P"),
             picture(tmp_path, "näme; rm -rf.png")]  # fmt: skip
    own = data.own_pictures(files)
    assert own.examples == 6
    stored = [Image.open(p) for p in sorted(own.folder.iterdir())]
    assert {(p.format, p.mode, p.size) for p in stored} == {("PNG", "RGB", (64, 64))}
    assert stored[1].getpixel((32, 32))[0] > 200 > 60 > stored[1].getpixel((32, 32))[2]  # the first of the moving ones
    assert stored[2].getpixel((5, 5)) == (255, 255, 255)  # what is transparent is white
    small = {"size": 8, "width": 8, "batch_size": 2, "steps": 1}
    made = catalogue.config("vae", small, own)
    assert len(list(catalogue.lesson("vae").train(made, torch.Generator()))) == 1
    assert "learn by heart" in own.notes[-1]
    own.close()
    assert not own.folder.exists()


def test_bombs_dots_and_programs_are_left_out_with_a_sentence_each_and_refused_when_nothing_else_is_there(tmp_path):
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)  # 400 million pixels in a few kilobytes
    assert bomb.stat().st_size < 1_000_000
    dot, program = picture(tmp_path, "dot.png", size=(1, 1)), tmp_path / "program.png"
    program.write_bytes(b"MZ" + os.urandom(500))
    own = data.own_pictures([bomb, dot, program, picture(tmp_path, "fine.png")])
    assert own.examples == 1
    assert "at most 30,000,000 are decoded" in own.notes[0] and "1 × 1" in own.notes[1] and "is no PNG" in own.notes[2]
    with pytest.raises(PlaygroundError, match=r"None of the pictures can be used. bomb.png has too many pixels"):
        data.own_pictures([bomb, dot])
    with pytest.raises(PlaygroundError, match="There is no picture"):
        data.own_pictures([])
    with pytest.raises(PlaygroundError, match="501 pictures; at most 500"):
        data.own_pictures([dot] * 501)


def test_drawn_points_are_trained_on_and_strange_ones_refused(tmp_path: Path):
    given = [(0.1 * i, 200 - i * i) for i in range(30)]
    own = data.own_points(given)
    made = catalogue.config("gan", {"width": 8, "batch_size": 4, "steps": 1}, own)
    loaded = torch.cat([_sets.load(made).train, _sets.load(made).held_out])
    expected = np.array(given) - np.mean(given, 0)
    expected /= expected.std(0).max()
    np.testing.assert_allclose(sorted(map(tuple, loaded.tolist())), sorted(map(tuple, expected)), atol=1e-5)
    for bad in ([], [(1, 1)] * 9, [(1, 2, 3)], [("a", 1), (2, 2)], [(float("nan"), 0), (1, 1)], [(1e300, 0), (0, 1)]):
        with pytest.raises(PlaygroundError):
            data.own_points(bad)
    secret = tmp_path / "secret.csv"
    secret.write_text("1,2\n3,4\n")
    with pytest.raises(PlaygroundError):  # a name of a file is no point
        data.own_points([str(secret)])
    with pytest.raises(PlaygroundError, match="20001 points; at most 20000"):
        data.own_points([(0, 1)] * 20_001)


def test_data_of_one_kind_is_refused_by_a_lesson_of_another():
    own = data.own_text("Some words.")
    with pytest.raises(PlaygroundError, match="VAE learns from points or pictures, and this data is text"):
        catalogue.config("vae", {}, own)
    with pytest.raises(PlaygroundError, match="GPT learns from texts, and this data is plane"):
        catalogue.config("gpt", {}, data.own_points([(0, 1), (1, 0)]))
