"""What the catalogue says of each model."""

import re
from pathlib import Path

import pytest

from playground.models import catalogue
from playground.models._hub_files import INDEX
from playground.models._lessons import described
from playground.models._places import ASSETS, where
from playground.models._spec import Embedded, Hub, Package, Spec
from playground.models._weights import count_parameters, read_config

SPECS = {name: spec for name, (spec, _) in catalogue().items()}
ASKED = (
    "tales smollm2-135m-instruct smollm2-360m-instruct distilgpt2 gpt2 qwen3-0.6b gemma-3-270m-it "
    "qwen2.5-coder-0.5b-instruct qwen2.5-coder-1.5b-instruct"
).split()


def test_the_catalogue_has_every_model_that_was_asked_for_and_tales_comes_first() -> None:
    assert set(ASKED) <= set(SPECS)
    assert next(iter(SPECS)) == "tales"


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_source_is_pinned_or_says_that_it_is_not(spec: Spec) -> None:
    for source in spec.sources:
        if isinstance(source, Hub):
            assert source.revision is None or re.fullmatch("[0-9a-f]{40}", source.revision)
            assert source.revision or "main" in spec.note
        if isinstance(source, Package):
            assert re.fullmatch("[0-9a-f]{64}", source.sha256)
            assert re.fullmatch("[0-9a-f]{64}", source.wheel_sha256)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_sizes_agree_with_the_number_of_parameters(spec: Spec) -> None:
    per_parameter = spec.size_mb * 1e6 / spec.parameters
    least = 0.95 if spec.stored.startswith("float8") else 1.9
    assert least < per_parameter < (1.9 if least < 1 else 4.5)
    assert spec.parameters * 4 <= spec.memory_mb * 1e6 <= spec.parameters * 4.5 + 50e6
    assert spec.licence
    assert spec.architecture


def test_a_gated_model_says_so_and_names_an_open_one() -> None:
    assert [name for name, spec in SPECS.items() if spec.gated] == ["gemma-3-270m-it"]
    assert "SmolLM2" in SPECS["gemma-3-270m-it"].note


def test_there_are_models_made_for_programs() -> None:
    found = [n for n, s in SPECS.items() if s.modalities == ("code",)]
    assert [n for n in found if n != "code"] == ASKED[-2:]
    assert ("code" in found) == (ASSETS / "models" / "code" / "config.json").is_file()


@pytest.mark.parametrize("name", [n for n, s in SPECS.items() if isinstance(s.sources[0], Embedded)])
def test_an_embedded_model_is_what_its_spec_says(name: str) -> None:
    spec = SPECS[name]
    state, folder = where(spec, None)
    assert state == "embedded"
    assert folder is not None
    assert count_parameters(folder) == spec.parameters
    files = [file for file in folder.rglob("*") if file.is_file()]
    if spec.kind == "denoising":
        assert (folder / INDEX).is_file()
    elif spec.kind == "latent":
        assert described(folder) is not None
    else:
        assert read_config(folder)[1] == spec.kind
    assert all(f.stat().st_size < 10e6 for f in files)
    assert sum(f.stat().st_size for f in files) == pytest.approx(spec.size_mb * 1e6, rel=0.15)
    assert isinstance(spec.sources[0], Embedded)


def test_nothing_is_downloaded_to_find_out_what_is_here(tmp_path: Path) -> None:
    states = {name: where(spec, tmp_path)[0] for name, spec in SPECS.items()}
    here = [name for name, spec in SPECS.items() if isinstance(spec.sources[0], Embedded)]
    assert {"tales", "gaps", "sounds"} <= set(here)
    assert {states.pop(name) for name in here} == {"embedded"}
    assert set(states.values()) == {"not downloaded"}
