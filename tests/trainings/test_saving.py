"""A trained model becomes a model of its visit: others are told there is none; its file is what was trained."""

import importlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from playground.denoising import files
from playground.errors import PlaygroundError
from playground.events import Finished, Looked, TokenStep
from playground.manager import ModelManager
from playground.modalities import _latents, code, text
from playground.people import Person
from playground.room import Room
from playground.trainings import Trainings, VisitTrainings
from playground.trainings import _visit as visit_module
from playground.ui.choices import Choices
from playground.ui.controls import Controls
from tests.trainings.fake import OTHER, TOKEN, became, world
from tests.trainings.test_lessons import SMALL, until


@pytest.fixture
def manager() -> Iterator[ModelManager]:
    made = ModelManager("class", 4 * 10**9)
    yield made
    made.close()


@pytest.fixture
def trainings(manager: ModelManager) -> Iterator[Trainings]:
    made = Trainings(Room(manager))
    yield made
    made.close()


def trained(trainings: Trainings, lesson: str, steps: int = 3) -> VisitTrainings:
    mine = trainings.of(TOKEN, Person(TOKEN, "1.2.3.4"))
    training = mine.start(lesson, SMALL[lesson] | {"steps": steps})
    until(training, "finished", "error")
    assert training.state == "finished", training.record.error
    return mine


def write(manager: ModelManager, modality: Any, model: str, visit: str, prompt: str = "The") -> list[int]:
    """The tokens that a tab writes in a visit, the likeliest ones."""
    settings = modality.Settings(prompt=prompt, model=model, max_new_tokens=4, search="greedy")
    events = list(Room(manager).drive(Person(visit), "text", model, lambda: modality.generate(
        settings, manager, visit=visit)))  # fmt: skip
    assert isinstance(events[-1], Finished)
    return [e.token_id for e in events if isinstance(e, TokenStep)]


def test_gpt_is_saved_for_text_and_code_of_its_visit_and_for_nobody_else(
    trainings: Trainings, manager: ModelManager
) -> None:
    mine = trained(trainings, "gpt")
    assert mine.training is not None
    expected = mine.training.call(
        lambda live: live.model(torch.tensor([[0, *live.tokenizer.encode("The").ids]]))[0, -1]
    )
    saved = mine.save("  My <b>own</b>\n model  ")
    assert saved["title"] == "My <b>own</b> model"
    assert saved == json.loads(mine.frame())["saved"][0]

    assert saved["id"] in [m.id for m in manager.models(TOKEN)]
    assert saved["id"] not in [m.id for m in [*manager.models(OTHER), *manager.models()]]
    assert write(manager, text, saved["id"], TOKEN)[0] == int(expected.argmax())
    assert write(manager, code, saved["id"], TOKEN)[0] == int(expected.argmax())
    for visit in (OTHER, ""):
        with pytest.raises(PlaygroundError, match="There is no model called"):
            write(manager, text, saved["id"], visit)
        assert saved["id"] not in [m.id for m in manager.models(visit)]  # although it is loaded now
        with pytest.raises(PlaygroundError, match="There is no model called"):
            manager.unload(saved["id"], visit)

    loaded = manager._loads.entries[saved["id"]].model
    got, _ = loaded.stepper().prefill(torch.tensor([loaded.prompt_ids("The")]))
    assert torch.allclose(got[0], expected, atol=2e-2)  # weights are stored as float16
    assert manager.spec(saved["id"], TOKEN).revision == saved["revision"]


def test_the_choice_of_models_and_their_note_are_the_visits_own(trainings: Trainings, manager: ModelManager) -> None:
    saved = trained(trainings, "gpt").save("Mine")
    choices = Choices("text", text, Controls("text", text.Settings), manager)
    assert ("Mine · on disk", saved["id"]) in choices.models(TOKEN)
    assert saved["id"] not in [model for _, model in choices.models(OTHER)]
    assert saved["id"] in [model for _, model in choices.refresh(TOKEN)["choices"]]
    assert " parameters" in choices.about(saved["id"], TOKEN)
    assert "There is no model" in choices.about(saved["id"], OTHER)
    assert choices.on_model(TOKEN, saved["id"])[-1]["maximum"] == SMALL["gpt"]["block_size"] - 1


def test_two_models_of_one_title_can_be_told_apart(trainings: Trainings) -> None:
    mine = trained(trainings, "gpt")
    assert [mine.save(title)["title"] for title in ("A", "A", "A", "B", "C" * 99, "C" * 99)] == [
        "A", "A 2", "A 3", "B", "C" * 60, "C" * 58 + " 2",
    ]  # fmt: skip


def test_the_download_holds_weights_configuration_tokenizer_and_card(trainings: Trainings, tmp_path: Path) -> None:
    import hashlib

    from transformers import AutoModelForCausalLM, AutoTokenizer

    mine = trained(trainings, "gpt")
    saved = mine.save("Mine")
    path = mine.download(saved["id"])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert all(name.startswith(f"{saved['id']}/") and ".." not in name for name in archive.namelist())
        archive.extractall(tmp_path)
    folder = tmp_path / saved["id"]
    weights = (folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == saved["revision"]
    card = (folder / "README.md").read_text()
    assert "# Mine" in card
    assert saved["revision"] in card
    assert "Everyday facts" in card
    everything = b"".join(file.read_bytes() for file in folder.iterdir())
    assert str(mine._folder).encode() not in everything  # where it was made is nobody's business
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.num_parameters() == json.loads((folder / "playground.json").read_text())["parameters"]
    assert tokenizer.decode(tokenizer("The sky").input_ids, skip_special_tokens=True) == "The sky"
    with pytest.raises(PlaygroundError, match="No such model is saved"):
        mine.download("gpt-of-somebody-else")


@pytest.mark.parametrize(
    ("lesson", "auto", "prompt"),
    [("bert", "AutoModelForMaskedLM", "The [MASK] is blue."), ("t5", "AutoModelForSeq2SeqLM", "phone")],
)
def test_bert_and_t5_are_saved_as_folders_of_transformers_that_the_text_tab_runs(
    trainings: Trainings, manager: ModelManager, lesson: str, auto: str, prompt: str
) -> None:
    import transformers

    mine = trained(trainings, lesson)
    saved = mine.save()
    assert saved["title"] == f"My {lesson.upper()}"
    model = getattr(transformers, auto).from_pretrained(mine.saved[0].folder)
    assert model.config.model_type == lesson
    assert write(manager, text, saved["id"], TOKEN, prompt)
    assert manager.spec(saved["id"], TOKEN).hint
    with pytest.raises(PlaygroundError, match="There is no model called"):
        write(manager, text, saved["id"], OTHER, prompt)


PICTURES = {"data": "shapes", "size": 8, "examples": 64, "width": 8, "batch_size": 8}


@pytest.mark.parametrize(("lesson", "tab", "listed"), [("vae", "latent", False), ("gan", "latent", False),
                                                       ("diffusion", "image", True)])  # fmt: skip
def test_pictures_are_saved_with_their_weights_and_can_be_had(
    trainings: Trainings, lesson: str, tab: str, listed: bool
) -> None:
    mine = trained(trainings, lesson)
    saved = mine.save("Mine")
    assert saved["modality"] == tab
    found = saved["id"] in [m.id for m in trainings.room.manager.models(TOKEN)]
    assert found is listed  # no tab runs what makes points of the plane
    stored = load_file(mine.saved[0].folder / "model.safetensors")
    assert mine.training is not None
    live = mine.training.call(
        lambda live: {k: v.clone() for k, v in getattr(live, "average", live.model).state_dict().items()}
    )
    same = [name for name in stored if name in live and torch.equal(stored[name], live[name])]
    assert same
    assert len(same) == len(stored)
    assert json.loads((mine.saved[0].folder / "config.json").read_text())["model_type"] == lesson
    assert mine.download().stat().st_size > 0


@pytest.mark.parametrize("lesson", ["vae", "gan"])
def test_a_latent_model_of_pictures_is_listed_in_its_visit_and_answers_there(
    trainings: Trainings, manager: ModelManager, lesson: str
) -> None:
    mine = trainings.of(TOKEN, Person(TOKEN, "1.2.3.4"))
    training = mine.start(lesson, PICTURES | {"steps": 3, "latent_dim": 4})
    until(training, "finished", "error")
    saved = mine.save("Mine")
    listed = {m.id: m for m in manager.models(TOKEN)}[saved["id"]]
    assert listed.modalities == ("latent",)
    assert saved["id"] not in [m.id for m in manager.models(OTHER)]
    found = [e for e in _latents.ask(saved["id"], "decode", {"codes": [[0.5] * 4]}, manager, visit=TOKEN)
             if isinstance(e, Looked)]  # fmt: skip
    module = importlib.import_module(f"playground.training.{lesson}")
    expected = training.call(lambda live: module.sample(live.model, torch.full((1, 4), 0.5)))
    picture = Image.open(io.BytesIO(files.content(found[0].values["pictures"][0])))
    assert (torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 127.5 - 1 - expected[0]).abs().max() < 0.01


def test_a_saved_model_ends_with_its_visit_and_what_was_loaded_of_it_too(
    trainings: Trainings, manager: ModelManager
) -> None:
    mine = trained(trainings, "gpt")
    saved, folder = mine.save("Mine"), mine.saved[0].folder
    leasing = manager.acquire(saved["id"], TOKEN)
    while True:
        try:
            next(leasing)
        except StopIteration as done:
            lease = done.value
            break
    mine.close()
    assert not folder.exists()
    assert saved["id"] not in [m.id for m in manager.models(TOKEN)]
    assert manager.memory().resident_bytes > 0  # a run still holds it
    lease.release()
    assert manager.memory().resident_bytes == 0
    with pytest.raises(PlaygroundError, match="There is no model called"):
        next(manager.acquire(saved["id"], TOKEN))


def test_on_ones_own_computer_a_model_is_kept_and_found_again(tmp_path: Path) -> None:
    manager = ModelManager("own", 4 * 10**9, data_dir=tmp_path)
    trainings = Trainings(Room(manager))
    saved = trained(trainings, "gpt").save("Kept")
    assert saved["id"] in [m.id for m in manager.models()]  # everybody here is the same person
    trainings.close()
    manager.close()
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == [saved["id"]]
    (tmp_path / "models" / "broken").mkdir()
    (tmp_path / "models" / "broken" / "playground.json").write_text("{")
    again = ModelManager("own", 4 * 10**9, data_dir=tmp_path)
    assert [m.title for m in again.models() if m.id == saved["id"]] == ["Kept"]
    assert write(again, text, saved["id"], "")
    again.close()
    assert saved["id"] not in [m.id for m in ModelManager("class").models()]


def test_a_visit_has_so_many_saved_models_and_can_remove_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit_module, "MOST_SAVED", 2)
    with world() as here:
        here.fake.open()
        became(here.start(5), "finished")
        mine = here.trainings.of(TOKEN)
        first, _ = mine.save("one"), mine.save("two")
        with pytest.raises(PlaygroundError, match="2 models .* are saved already"):
            mine.save("three")
        folder = mine.saved[0].folder
        path = mine.download(first["id"])
        mine.forget(first["id"])
        assert not folder.exists()
        assert not path.exists()
        assert [one["title"] for one in here.frame()["saved"]] == ["two"]
        mine.save("three")


def test_what_was_removed_elsewhere_is_no_longer_offered() -> None:
    with world() as here:
        here.fake.open()
        became(here.start(20), "finished")
        mine = here.trainings.of(TOKEN)
        one, two = mine.save("one"), mine.save("two")
        shutil.rmtree(mine.saved[0].folder)
        with pytest.raises(PlaygroundError, match="No such model is saved"):
            mine.download(one["id"])
        assert [saved["title"] for saved in here.frame()["saved"]] == ["two"]
        assert mine.download(two["id"]).is_file()


def test_nothing_is_saved_before_anything_was_trained() -> None:
    with world() as here:
        here.trainings.of(TOKEN).show("fake")
        with pytest.raises(PlaygroundError, match="Nothing of Fake was trained yet"):
            here.trainings.of(TOKEN).save("x")
        with pytest.raises(PlaygroundError, match="No such model is saved"):
            here.trainings.of(TOKEN).download()


def test_a_run_that_diverged_saves_its_last_good_checkpoint() -> None:
    with world() as here:
        here.fake.open()
        training = here.start(20, fails_at=11)
        became(training, "error")
        here.trainings.of(TOKEN).save("good")
        stored = load_file(here.trainings.of(TOKEN).saved[0].folder / "model.safetensors")
        value = 1.0
        for step in range(1, 6):
            value = value * 1.1 + step
        assert float(stored["value"]) == pytest.approx(value)


def test_a_kept_model_can_be_removed_for_good_once_nobody_uses_it(tmp_path: Path) -> None:
    manager = ModelManager("own", 4 * 10**9, data_dir=tmp_path)
    trainings = Trainings(Room(manager))
    mine = trained(trainings, "gpt")
    saved, folder = mine.save("Kept"), mine.saved[0].folder
    assert {m.id: m.kept for m in manager.models()}[saved["id"]]
    assert not {m.id: m.kept for m in manager.models()}["tales"]
    for other in ("tales", "no such model", str(folder)):
        with pytest.raises(PlaygroundError, match="kept on this computer"):
            manager.remove(other)
    leasing = manager.acquire(saved["id"], "")
    while True:
        try:
            next(leasing)
        except StopIteration as done:
            lease = done.value
            break
    with pytest.raises(PlaygroundError, match="in use"):
        manager.remove(saved["id"])
    lease.release()
    manager.remove(saved["id"])
    assert not folder.exists()
    assert saved["id"] not in [m.id for m in manager.models()]
    assert manager.memory().resident_bytes == 0
    trainings.close()
    manager.close()


def test_what_a_visitor_made_is_nobody_elses_to_remove(trainings: Trainings, manager: ModelManager) -> None:
    saved = trained(trainings, "gpt").save("Mine")
    with pytest.raises(PlaygroundError, match="kept on this computer"):
        manager.remove(saved["id"])
    assert not any(m.kept for m in manager.models(TOKEN))
