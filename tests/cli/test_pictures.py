"""Pictures from the command line: one object a step, files that say what made them, and places that are none."""

import json
from pathlib import Path

import pytest
from PIL import Image

from playground.__main__ import main
from playground.denoising import files
from playground.modalities import image
from tests.models import tiny_pictures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_pictures.folder("pixart", tmp_path_factory.mktemp("pictures") / "tiny"))


@pytest.fixture(autouse=True)
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "READY", True)


def test_one_object_a_step_and_the_path_at_the_end(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "apple.png"
    asked = ["image", "a red apple", "--model", model, "--steps", "4", "--seed", "7", "--number", "2"]
    assert main([*asked, "--out", str(out), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    steps = [e for e in events if e["event"] == "image"]
    assert [(e["step"], e["steps"]) for e in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all({"timestep", "sigma", "alpha", "noise", "pull"} <= set(e) for e in steps)
    assert steps[0]["noise"] > steps[-1]["noise"] > 0
    end = events[-1]
    assert (end["event"], end["reason"], end["path"]) == ("finished", "eos", str(out))
    assert end["paths"] == [str(out), str(tmp_path / "apple-2.png")]
    assert "pictures" not in end
    for seed, path in zip((7, 8), end["paths"], strict=True):
        told = files.about(Path(path).read_bytes())
        assert told is not None and (told["seed"], told["prompt"]) == (seed, "a red apple")


def test_begin_from_a_file_and_change_a_part(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.jpg")
    Image.new("L", (20, 20), 255).save(tmp_path / "all.png")
    asked = [
        "image",
        "a cat",
        "--model",
        model,
        "--steps",
        "4",
        "--strength",
        "0.5",
        "--picture",
        str(tmp_path / "red.jpg"),
    ]
    assert main([*asked, "--out", str(tmp_path / "cat.png")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "cat.png")
    assert main([*asked, "--mask", str(tmp_path / "all.png"), "--out", str(tmp_path / "cat2.png")]) == 0
    assert (tmp_path / "cat2.png").is_file()


@pytest.mark.parametrize(("more", "why"), [
    (["--out", "/no/such/folder/x.png"], "no place for a file"),
    (["--out", "."], "no place for a file"),
    (["--picture", "/no/such.png"], "/no/such.png cannot be read"),
    (["--mask", "MASK"], "give the picture, too"),
    (["--picture", "TEXT"], "no picture that can be read"),
])  # fmt: skip
def test_what_cannot_be_is_one_line(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], why: str
) -> None:
    Image.new("L", (20, 20), 255).save(tmp_path / "mask.png")
    (tmp_path / "text.png").write_text("no picture")
    places = {"MASK": str(tmp_path / "mask.png"), "TEXT": str(tmp_path / "text.png")}
    more = [places.get(word, word) for word in more]
    asked = ["image", "a cat", "--model", model, "--steps", "2", "--out", str(tmp_path / "x.png")]
    assert main([*asked, *more]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and why in said[0]
    assert not (tmp_path / "x.png").exists()
