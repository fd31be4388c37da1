"""Models of the picture lessons, as the page loads them: the same figures as the lesson's own functions."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import memory
from playground import fields
from playground.denoising import files, loop
from playground.errors import PlaygroundError
from playground.events import Finished, ImageStep, Looked
from playground.manager import ModelManager
from playground.modalities import _denoising, _denoising_looks, _latents
from playground.models._any import opened
from playground.training import diffusion, gan, vae
from tests.denoising.driven import Lending

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
PICTURES: dict[str, Any] = {"data": "shapes", "size": 16, "examples": 64, "width": 8, "batch_size": 8, "steps": 2}
LESSONS: dict[str, Any] = {"vae": vae, "gan": gan, "diffusion": diffusion}


def exported(lesson: str, folder: Path, **changes: Any) -> tuple[Path, Any]:
    """A folder of a lesson's export after two steps, and what was trained."""
    module = LESSONS[lesson]
    more = {"timesteps": 20, "sampling_steps": 5} if lesson == "diffusion" else {"latent_dim": 6}
    config = fields.build(module.Config, {**PICTURES, **more, **changes})
    for step in module.train(config, torch.Generator().manual_seed(0)):
        live = step.live
    module.export(folder, live)
    return folder, live


def asked(model: Any, what: str, given: dict[str, Any]) -> dict[str, Any]:
    return _latents.answer(model, what, _latents.read(model, what, given))


def url(picture: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return files.url(file.getvalue(), "image/png")


def array(data: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(files.content(data))).convert("RGB"))


def test_a_vae_decodes_and_encodes_as_its_lesson_does(tmp_path: Path) -> None:
    folder, live = exported("vae", tmp_path / "vae")
    model = opened(folder)
    about = asked(model, "about", {})
    assert (about["latent_dim"], about["size"], about["encodes"], about["judges"]) == (6, 16, True, False)
    assert sorted(about["order"]) == list(range(6))
    codes = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    wanted = vae.sample(live.model.eval(), codes)
    found = asked(model, "decode", {"codes": codes.tolist()})
    for data, picture in zip(found["pictures"], wanted, strict=True):
        assert np.abs(array(data) / 127.5 - 1 - picture.permute(1, 2, 0).numpy()).max() < 0.01
    seen = ((live.data.train[0].permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
    answer = asked(model, "encode", {"pictures": [url(seen)]})
    with torch.no_grad():
        mu, logvar = live.model.encode(torch.from_numpy(seen / 127.5 - 1).float().permute(2, 0, 1)[None])
    assert np.allclose(answer["mean"][0], mu[0], atol=1e-3)
    assert np.allclose(answer["deviation"][0], (0.5 * logvar).exp()[0], atol=1e-3)
    assert np.array_equal(array(answer["seen"][0]), seen)


def test_the_number_that_changes_most_comes_first(tmp_path: Path) -> None:
    model = opened(exported("vae", tmp_path / "vae")[0])
    change = []
    for place in range(6):
        low, high = [[0.0] * 6 for _ in range(2)]
        low[place], high[place] = -2.0, 2.0
        pictures = [array(p).astype(float) for p in asked(model, "decode", {"codes": [low, high]})["pictures"]]
        change.append(np.abs(pictures[1] - pictures[0]).mean())
    assert model.order[0] == int(np.argmax(change))
    assert model.order[-1] == int(np.argmin(change))


def test_a_gan_has_a_judge_and_no_encoder(tmp_path: Path) -> None:
    folder, live = exported("gan", tmp_path / "gan")
    model = opened(folder)
    seen = ((live.data.train[:2].permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy()
    found = asked(model, "judge", {"pictures": [url(picture) for picture in seen]})
    with torch.no_grad():
        wanted = live.D.eval()(torch.from_numpy(seen / 127.5 - 1).float().permute(0, 3, 1, 2)).sigmoid()
    assert np.allclose(found["real"], wanted, atol=1e-3)
    drawn = asked(model, "decode", {"codes": [[0.1] * 6, [-1.0] * 6]})
    assert len(drawn["real"]) == len(drawn["pictures"]) == 2
    with pytest.raises(PlaygroundError, match="no encoder"):
        asked(model, "encode", {"pictures": [url(seen[0])]})
    with pytest.raises(PlaygroundError, match="Only a GAN"):
        asked(opened(exported("vae", tmp_path / "vae")[0]), "judge", {"pictures": [url(seen[0])]})


def test_a_gan_with_spectral_norm_is_loaded_with_it(tmp_path: Path) -> None:
    folder, live = exported("gan", tmp_path / "gan", spectral_norm=True, r1=0.0)
    model = opened(folder)
    x = live.data.train[:3]
    with torch.no_grad():
        assert torch.allclose(model.judge(x), live.D.eval()(x), atol=1e-5)


@pytest.mark.parametrize(("given", "why"), [
    ({}, "Give 1 to 16 codes"), ({"codes": []}, "Give 1 to 16"), ({"codes": [[0.0] * 5]}, "has 6 numbers"),
    ({"codes": [["x"] * 6]}, "lie between"), ({"codes": [[float("nan")] * 6]}, "lie between"),
    ({"codes": [[1e9] * 6]}, "lie between"), ({"codes": [[10**400] * 6]}, "lie between"),
    ({"codes": [[True] * 6]}, "lie between"),
    ({"codes": [[0.0] * 6] * 17}, "Give 1 to 16"),
])  # fmt: skip
def test_codes_that_are_none_are_refused(tmp_path: Path, given: dict[str, Any], why: str) -> None:
    model = opened(exported("vae", tmp_path / "vae")[0])
    with pytest.raises(PlaygroundError, match=why):
        asked(model, "decode", given)


SVG = "data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode()


@pytest.mark.parametrize("sent", [None, [], ["x"] * 9, [5], ["data:image/png;base64,AAAA"], [SVG],
                                  ["data:image/png;base64,\u00e4"], ["data:image/png;base64,A"]])  # fmt: skip
def test_pictures_that_are_none_are_refused(tmp_path: Path, sent: Any) -> None:
    model = opened(exported("vae", tmp_path / "vae")[0])
    with pytest.raises(PlaygroundError):
        asked(model, "encode", {"pictures": sent})


@pytest.mark.parametrize("prediction", ["noise", "v"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_diffusion_model_is_sampled_as_its_lesson_samples_it(tmp_path: Path, prediction: str, schedule: str) -> None:
    """Every timestep is taken, and no guess is cut: diffusers' DDIM leaves the noise as it was where it cuts a guess,
    and between fewer timesteps it goes to other ones than the lesson."""
    more = {"prediction": prediction, "schedule": schedule, "sampling_steps": 20}
    folder, live = exported("diffusion", tmp_path / "diffusion", **more)
    model = opened(folder)
    model.scheduler_config["clip_sample"] = False
    plan = loop.Plan(model.encode([""]), model.encode([""]), 20, 1.0, "the model's own", (3,), (3, 16, 16))
    opening = loop.opening(model, plan)
    *_, last = loop.denoise(model, plan)
    net, start = live.average.eval(), opening.latents
    path = list(diffusion.sample(net, live.config, live.schedule, start, torch.Generator(), bound=1e9))
    assert torch.allclose(last.place.latents, path[-2][1].float(), rtol=1e-3, atol=2e-3)
    assert torch.allclose(last.next.latents, path[-1][1].float(), rtol=1e-3, atol=2e-3)


def test_a_diffusion_model_makes_pictures_in_the_image_tab_and_says_that_it_reads_no_words(tmp_path: Path) -> None:
    folder, _ = exported("diffusion", tmp_path / "diffusion")
    settings = fields.build(_denoising.settings_class("a cat", str(folder)), {"steps": 4, "number": 2})
    manager = ModelManager("own")
    events = list(_denoising.generate(settings, manager, modality="image"))
    assert sum(isinstance(event, ImageStep) for event in events) == 4
    assert isinstance(events[-1], Finished) and len(events[-1].pictures) == 2
    assert any("reads 0 tokens" in str(getattr(event, "text", "")) for event in events)
    looked = list(_denoising_looks.look(events[-1].state, 1, 0, manager))
    assert next(event for event in looked if isinstance(event, Looked)).values["words"] == []
    manager.close()


def test_sizes_fit_the_network(tmp_path: Path) -> None:
    folder, _ = exported("diffusion", tmp_path / "diffusion")
    settings = fields.build(_denoising.settings_class("", str(folder)), {"steps": 2, "width": 23, "height": 31})
    manager = ModelManager("own")
    end = list(_denoising.generate(settings, manager, modality="image"))[-1]
    assert isinstance(end, Finished) and array(end.pictures[0]).shape == (32, 24, 3)
    manager.close()


def test_points_of_the_plane_are_no_pictures(tmp_path: Path) -> None:
    folder, _ = exported("vae", tmp_path / "vae", data="moons")
    with pytest.raises(PlaygroundError, match="points of the plane"):
        opened(folder)


def test_a_configuration_out_of_range_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    folder, _ = exported("vae", tmp_path / "vae")
    about = json.loads((folder / "config.json").read_text())
    about["config"]["width"] = 10**6
    (folder / "config.json").write_text(json.dumps(about))
    with pytest.raises(PlaygroundError, match="width must be"):
        opened(folder)


@pytest.mark.parametrize("lesson", ["vae", "gan", "diffusion"])
def test_the_memory_benchmark_uses_such_models_too(tmp_path: Path, lesson: str) -> None:
    lending = Lending(opened(exported(lesson, tmp_path / lesson)[0]))
    memory.use(lending)
    assert lending.turns >= 1


def test_more_steps_than_timesteps_are_clamped_and_said(tmp_path: Path) -> None:
    folder, _ = exported("diffusion", tmp_path / "diffusion")
    settings = fields.build(_denoising.settings_class("", str(folder)), {"steps": 50})
    manager = ModelManager("own")
    events = list(_denoising.generate(settings, manager, modality="image"))
    assert sum(isinstance(event, ImageStep) for event in events) == 20
    assert any("steps was 50 and is now 20" in str(getattr(event, "text", "")) for event in events)
    manager.close()


@pytest.mark.parametrize("steps", [3, 4, 8, 16])
def test_each_step_goes_to_the_noise_level_that_the_next_one_is_told(tmp_path: Path, steps: int) -> None:
    folder, _ = exported("diffusion", tmp_path / "diffusion", timesteps=1000, schedule="cosine")
    scheduler = loop.schedulers.build("the model's own", opened(folder).scheduler_config)
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps.tolist()
    for now, then in zip(times, times[1:], strict=False):
        assert abs(now - 1000 // steps - then) <= 1
    assert abs(times[-1] - 1000 // steps) <= 2, "the last step goes to no noise at all"


def test_wide_codes_are_decoded_in_parts_and_alike(tmp_path: Path) -> None:
    model = opened(exported("vae", tmp_path / "vae")[0])
    codes = torch.randn(13, 6, generator=torch.Generator().manual_seed(2))
    apart = torch.cat([model.decode(code[None]) for code in codes])
    assert int((model.decode(codes).int() - apart.int()).abs().max()) <= 1


def test_the_nearest_training_picture_is_that_of_the_lessons_own_set(tmp_path: Path) -> None:
    folder, live = exported("vae", tmp_path / "vae")
    model = opened(folder)
    train = live.data.train  # (N, 3, 16, 16) in -1 … 1
    assert model.trained_on is not None
    one = ((train[7] + 1) * 127.5).round().byte().permute(1, 2, 0)
    apart, found = model.trained_on.nearest(one)
    assert apart == pytest.approx(0, abs=1e-4)
    assert torch.equal(found, one)
    told = asked(model, "near", {"codes": [[0.3] * 6]})
    made = model.decode(torch.full((1, 6), 0.3))[0].numpy().astype(float)
    every = ((train + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    by_hand = np.sqrt(np.square((every - made) / 255).mean((1, 2, 3)))
    assert told["distance"] == pytest.approx(by_hand.min(), abs=2e-4)
    assert np.array_equal(array(told["picture"]), every[by_hand.argmin()].astype("uint8"))
    among = np.sqrt(np.square((every[:, None] - every[None]) / 255).mean((2, 3, 4)))
    assert told["typical"] == pytest.approx(sorted(np.sort(among, axis=1)[:, 1])[(len(every) - 1) // 2], abs=2e-4)


def test_nothing_is_near_where_the_pictures_were_somebodys_own(tmp_path: Path) -> None:
    from playground.models import _training_pictures

    folder, _ = exported("gan", tmp_path / "gan")
    model = opened(folder)
    told = json.loads((folder / "config.json").read_text())
    told["config"]["data"] = "folder"
    (folder / "config.json").write_text(json.dumps(told))
    assert opened(folder).trained_on is None
    assert asked(opened(folder), "near", {"codes": [[0.0] * 6]}) == {}
    assert isinstance(model.trained_on, _training_pictures.TrainingPictures)
