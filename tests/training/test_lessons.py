"""What all three picture lessons promise: same seed same curve, resuming, diverging, memory, the command line."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from playground.errors import PlaygroundError
from playground.fields import KEY, build, describe
from playground.panels import Bars, Curve, Field, Pictures, Points, Strip
from playground.training import _estimate, _loop, vae
from tests.conftest import ROOT
from tests.training.lessons import KINDS, LESSONS, run, small


@pytest.mark.parametrize(("name", "data"), KINDS)
def test_the_same_seed_gives_the_same_curve_and_another_seed_another(name: str, data: str):
    config = small(name, data=data)
    losses = [[s.scalars["loss"] for s in run(name, c)[0]] for c in (config, config, small(name, data=data, seed=1))]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


@pytest.mark.parametrize(("name", "data"), KINDS)
def test_how_often_one_looks_does_not_change_the_curve(name: str, data: str):
    often, seldom = (run(name, small(name, data=data, look_every=n))[0] for n in (1, 100))
    assert [s.scalars["loss"] for s in often] == [s.scalars["loss"] for s in seldom]


@pytest.mark.parametrize(("name", "data"), [*KINDS, ("gan-sn", "moons"), ("gan-sn", "shapes")])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(name: str, data: str, tmp_path: Path):
    normed = {"spectral_norm": True} if name == "gan-sn" else {}
    name = name.removesuffix("-sn")
    config = small(name, data=data, **normed)
    whole, weights = run(name, config)
    first = []
    for step in LESSONS[name].train(config, torch.Generator().manual_seed(0)):
        first.append(step)
        if step.step == 4:
            LESSONS[name].save_checkpoint(tmp_path / "c", step.live)
            break
    rest, resumed = run(name, config, tmp_path / "c")
    assert [s.scalars["loss"] for s in first + rest] == [s.scalars["loss"] for s in whole]
    assert weights.keys() == resumed.keys()
    for key in weights:
        assert torch.equal(weights[key], resumed[key]), key
    assert rest[-1].live.history == whole[-1].live.history
    shown, wanted = rest[-1].to_json(), whole[-1].to_json()
    assert shown.pop("examples_per_s") > 0 < wanted.pop("examples_per_s")
    assert shown == wanted  # every figure and every panel


@pytest.mark.parametrize(("name", "data"), KINDS)
def test_a_learning_rate_of_a_thousand_million_stops_with_a_sentence_that_names_it(name: str, data: str):
    with pytest.raises(PlaygroundError, match=r"at step \d+ \(learning rate 1e\+09\).*diverged. Lower the learning"):
        run(name, small(name, data=data, learning_rate=1e9, steps=50, look_every=100))


def test_spectral_norm_does_not_hide_a_run_that_diverges():
    with pytest.raises(PlaygroundError, match="diverged"):
        run("gan", small("gan", data="shapes", spectral_norm=True, r1=0.0, learning_rate=1e9, steps=50))


@pytest.mark.parametrize(("name", "data"), KINDS)
def test_every_panel_is_one_that_the_page_can_draw_and_turns_into_json(name: str, data: str):
    steps, _ = run(name, small(name, data=data))
    assert [s.step for s in steps if s.panels] == [1, 3, 6, 7]  # look_every 3, the first and the last
    panels = steps[-1].panels
    assert all(type(p).__module__ == "playground.panels" for p in panels.values())
    line = json.loads(json.dumps(steps[-1].to_json(), allow_nan=False))
    assert line["event"] == "train"
    assert line["step"] == 7
    assert set(line["panels"]) == set(panels)
    assert "live" not in line


EXPECTED = {
    ("vae", "moons"): {"reconstruction": Points, "latent plane": Points, "both terms, held out": Curve},
    ("vae", "shapes"): {"reconstruction": Pictures, "latent plane": Points, "decoded plane": Pictures},
    ("gan", "moons"): {"samples": Points, "field": Field, "verdict": Bars},
    ("gan", "shapes"): {"samples": Pictures, "nearest training picture": Pictures, "verdict": Bars},
    ("diffusion", "moons"): {"samples": Points, "noising": Strip, "denoising": Strip},
    ("diffusion", "shapes"): {"samples": Pictures, "noising": Strip, "denoising": Strip},
}


@pytest.mark.parametrize(("name", "data"), KINDS)
def test_a_look_shows_what_the_lesson_says_to_watch(name: str, data: str):
    panels = run(name, small(name, data=data))[0][-1].panels
    for panel, kind in EXPECTED[name, data].items():
        assert isinstance(panels[panel], kind), panel


@pytest.mark.parametrize("name", LESSONS)
def test_a_checkpoint_of_another_configuration_is_refused_with_both_values(name: str, tmp_path: Path):
    steps, _ = run(name, small(name, steps=1))
    LESSONS[name].save_checkpoint(tmp_path / "c", steps[-1].live)
    with pytest.raises(PlaygroundError, match=r"width = 8, this run has 16"):
        run(name, small(name, width=16), tmp_path / "c")
    with pytest.raises(PlaygroundError, match="no checkpoint"):
        run(name, small(name), tmp_path)


@pytest.mark.parametrize("name", LESSONS)
def test_a_checkpoint_is_safetensors_and_json_only_and_can_be_written_over(name: str, tmp_path: Path):
    for step in run(name, small(name, steps=2))[0]:
        LESSONS[name].save_checkpoint(tmp_path / "c", step.live)
    assert {p.name for p in tmp_path.iterdir()} == {"c"}
    assert {p.name for p in (tmp_path / "c").iterdir()} == {"state.safetensors", "training.json"}
    assert _loop.read_about(tmp_path / "c")["step"] == 2


@pytest.mark.parametrize("name", LESSONS)
def test_a_run_that_does_not_fit_is_refused_with_figures_before_anything_is_allocated(name: str):
    config = small(name, data="shapes", size=64, width=256, batch_size=1024, examples=20_000)
    needed = LESSONS[name].estimate(config)
    assert needed.memory_bytes > 4e9
    with pytest.raises(PlaygroundError, match=r"needs about \d+\.\d GB, 2\.0 GB are free: choose a smaller"):
        _estimate.refuse_if_too_large(needed, 2_000_000_000)


@pytest.mark.parametrize(("name", "data"), KINDS)
def test_the_estimate_counts_the_parameters_that_the_models_have(name: str, data: str):
    config = small(name, data=data)
    live = LESSONS[name].begin(config)
    models = [live.G, live.D] if name == "gan" else [live.net if name == "diffusion" else live.model]
    counted = LESSONS[name].estimate(config)
    assert counted.parameters == sum(p.numel() for m in models for p in m.parameters())
    assert counted.seconds > 0


def test_the_estimate_of_what_a_backward_pass_keeps_is_that_of_a_layer_worked_out_by_hand():
    """y = x · w, loss = y²: kept are x (100 × 50), w (50 × 20) and y (100 × 20), 4 bytes a number."""
    with torch.device("meta"):
        layer, x = torch.nn.Linear(50, 20, bias=False), torch.empty(100, 50, requires_grad=True)
    counted = _estimate.estimate(_estimate.Plan({"": layer}, lambda: iter([layer(x).square().sum()]), 1, 0))
    kept = 4 * (100 * 50 + 50 * 20 + 100 * 20)
    states = 4 * 4 * 50 * 20
    assert counted.memory_bytes - _estimate.LIBRARY_BYTES - states == 2 * kept


@pytest.mark.parametrize("name", LESSONS)
def test_every_knob_has_a_label_a_help_and_a_flag(name: str):
    shown = command(name, "--help").stdout
    for f in fields(LESSONS[name].Config):
        assert f.metadata[KEY].label, f.name
        assert f.metadata[KEY].help, f.name
        assert "--" + f.name.replace("_", "-") in shown


def test_one_looks_more_often_at_the_beginning():
    assert [s for s in range(1, 201) if _loop.looks(s, 60, 200)] == [1, 6, 20, 60, 120, 180, 200]


LARGE = {"examples", "size", "width", "depth", "batch_size", "steps", "look_every", "seed", "latent_dim"}
DIVERGES = {"learning_rate"}  # has a test of its own


@pytest.mark.parametrize("name", LESSONS)
@pytest.mark.parametrize("data", ["checkerboard", "faces"])
def test_all_sliders_at_their_lowest_make_a_run_that_goes(name: str, data: str):
    config = LESSONS[name].Config
    low = {n: d.range.low for n, d in describe(config).items() if d.range}
    steps, _ = run(name, build(config, low | {"data": data}))
    assert [s.step for s in steps] == [1]
    json.dumps(steps[0].to_json(), allow_nan=False)


@pytest.mark.parametrize(("name", "data"), KINDS)
def test_each_slider_at_its_highest_makes_a_run_that_goes(name: str, data: str):
    config = LESSONS[name].Config
    for slider, described in describe(config).items():
        if described.range and slider not in LARGE | DIVERGES:
            kind = type(getattr(small(name), slider))
            steps, _ = run(name, small(name, data=data, steps=3, **{slider: kind(described.range.high)}))
            json.dumps(steps[-1].to_json(), allow_nan=False)


@pytest.mark.parametrize("name", LESSONS)
def test_every_preset_is_a_configuration_that_can_be_built_and_that_fits(name: str):
    for title, values in LESSONS[name].PRESETS.items():
        needed = LESSONS[name].estimate(build(LESSONS[name].Config, values))
        assert needed.memory_bytes < 1.5e9, title


@pytest.mark.parametrize("name", LESSONS)
def test_the_lessons_describe_watch_and_cite(name: str):
    text = LESSONS[name].__doc__ or ""
    assert all(part in text for part in ("What it is.", "Sources:", "What to watch.", "Try it:", "section"))


# ── the command line ─────────────────────────────────────────────────────────


def command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", f"playground.training.{name}", *arguments]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True)


TINY = ("--examples", "64", "--size", "8", "--width", "8", "--batch-size", "8", "--threads", "1")


@pytest.mark.parametrize("name", LESSONS)
def test_the_command_line_prints_one_object_a_step_goes_on_and_exports(name: str, tmp_path: Path):
    from safetensors import safe_open

    common = [*TINY, "--seed", "5", "--json", "--checkpoint", str(tmp_path / "c")]
    first = command(name, *common, "--steps", "4", "--until", "2")
    rest = command(name, *common, "--steps", "4", "--export", str(tmp_path / "model"))
    lines = [json.loads(line) for line in (first.stdout + rest.stdout).splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4], first.stderr + rest.stderr
    assert all(line["event"] == "train" and isinstance(line["loss"], float) for line in lines)
    about = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (about["model_type"], about["steps"], about["config"]["width"]) == (name, 4, 8)
    assert not {"points", "folder"} & set(about["config"])  # what somebody gave stays theirs
    with safe_open(tmp_path / "model" / "model.safetensors", "pt") as file:
        assert file.keys()


def test_an_exported_model_is_the_one_that_was_trained(tmp_path: Path):
    from safetensors.torch import load_file

    steps, weights = run("vae", small("vae"))
    vae.export(tmp_path, steps[-1].live)
    loaded = vae.VAE(small("vae"))
    loaded.load_state_dict(load_file(tmp_path / "model.safetensors"))
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(vae.sample(loaded, z), vae.sample(steps[-1].live.model, z))
    assert weights.keys() == loaded.state_dict().keys()


def test_without_json_a_bar_and_no_lines_on_standard_output():
    done = command("gan", *TINY, "--steps", "2")
    assert done.returncode == 0
    assert done.stdout.count("{") == 0
    assert "2/2" in done.stderr


def test_the_command_line_answers_bad_values_with_one_sentence_and_no_traceback():
    done = command("vae", "--beta", "-1", "--json")
    assert done.returncode == 2
    assert done.stderr.strip() == "vae: beta must be 0 to 20, got -1.0."
    done = command("diffusion", "--learning-rate", "1e9", "--json", *TINY, "--steps", "50")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("diffusion: The ")
