"""The catalogue: every lesson has its words, its knobs and nothing of the server's."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.lessons import catalogue, data
from tests.conftest import ROOT


def test_the_catalogue_names_every_lesson_file_and_loads_none_of_them_before_one_is_asked_for():
    files = {p.stem for p in (ROOT / "playground" / "training").glob("*.py") if not p.stem.startswith("_")}
    assert set(catalogue.NAMES) == files
    program = "import sys; from playground.lessons import catalogue, data; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_every_stage_has_a_sentence_a_formula_and_a_source_with_its_year(name: str):
    told = catalogue.stages(name)
    assert tuple(told) == catalogue.STAGES
    for stage in told.values():
        assert stage.sentence.endswith(".") and stage.sentence.count(". ") <= 2 and len(stage.sentence) < 260
        assert stage.formula
        assert any(year in stage.source for year in map(str, range(1980, 2027)))


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_every_knob_is_a_field_and_only_places_on_the_server_and_number_formats_are_left_out(name: str):
    of_config = {f.name for f in fields(catalogue.config_class(name))}
    assert set(catalogue.knobs(name)) <= of_config
    assert of_config - set(catalogue.knobs(name)) <= {*catalogue.SERVER, "bf16", "lines"}
    assert len(set(catalogue.knobs(name))) == len(catalogue.knobs(name))
    json.dumps(catalogue.described(name), allow_nan=False)


@pytest.mark.parametrize("field", ["corpus", "folder", "points", "steps_"])
@pytest.mark.parametrize("name", catalogue.NAMES)
def test_a_page_can_set_no_place_on_the_server(name: str, field: str):
    with pytest.raises(PlaygroundError, match=rf"'{field}' cannot be set for"):
        catalogue.config(name, {field: "/etc"})


def test_a_configuration_takes_the_visitors_own_data_and_checks_the_rest(tmp_path: Path):
    own = data.own_text("Once there was a cat.\n\nIt slept.")
    made = catalogue.config("t5", {"steps": 7.0, "task": "pronunciation"}, own)
    assert (made.steps, made.task, made.repeats, made.corpus) == (7, "spans", 0, str(own.folder))
    with pytest.raises(PlaygroundError, match="steps must be 1 to 100000, got 0"):
        catalogue.config("gpt", {"steps": 0}, own)
    own.close()


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_presets_and_sets_are_configurations_that_a_page_may_ask_for(name: str):
    for values in [*catalogue.presets(name).values(), *(s.values for s in data.sets(name))]:
        catalogue.config(name, values)


def test_there_is_no_other_lesson():
    with pytest.raises(PlaygroundError, match="no lesson called 'rnn'; there are: gpt"):
        catalogue.title("rnn")
