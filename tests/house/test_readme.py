"""What the README shows is taken out of it and run."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
FILES = {code.split("\n")[0].removeprefix("# "): code for language, code in BLOCKS
         if language == "python" and code.startswith("# playground/")}  # fmt: skip
COMMANDS = [line.split("  #")[0].strip() for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
OURS = [command for command in COMMANDS if command.startswith("python -m ")]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def copy(make_copy) -> Path:
    folder = make_copy()
    for name, code in FILES.items():
        assert not (folder / name).exists(), f"{name} is there already: the README shows how to add it"
        (folder / name).write_text(code, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(copy: Path, offline_environment: dict[str, str]) -> Run:
    def run(command: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        words = shlex.split(command)
        assert words[0] == "python"
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=copy, env=offline_environment, capture_output=True, text=True
        )
        assert done.returncode == status, done.stderr
        return done

    return run


def events(done: subprocess.CompletedProcess[str], kind: str) -> list[dict[str, Any]]:
    return [event for line in done.stdout.splitlines() if (event := json.loads(line))["event"] == kind]


def test_the_readme_adds_a_filter_a_model_and_a_modality_in_one_file_each():
    assert {Path(name).parent.name for name in FILES} == {"filters", "models", "modalities"}
    assert len(FILES) == 3


def test_the_filter_of_the_readme_removes_what_transformers_epsilon_warper_removes(run: Run):
    off = "--temperature 1 --top-k 0 --top-p 1"
    done = run(f'python -m playground text "The sky is" --model tales {off} --epsilon 0.02 --max-new-tokens 12 --json')
    steps = events(done, "token")
    assert len(steps) > 3
    removed = {c["removed_by"] for step in steps for c in step["candidates"]}
    assert removed == {None, "epsilon"}
    for step in steps:
        for rank, candidate in enumerate(step["candidates"]):
            assert (candidate["removed_by"] == "epsilon") == (candidate["raw_probability"] < 0.02 and rank > 0)


def test_the_model_of_the_readme_is_trained_listed_and_writes(run: Run, copy: Path):
    run("python -m playground.training.gpt --steps 3 --export assets/models/mine")
    listed = {model["id"]: model for model in json.loads(run("python -m playground models --json").stdout)}
    from safetensors import safe_open

    names, count = set(), 0
    for path in (copy / "assets" / "models" / "mine").glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for name in file.keys():
                names.add(name)
                count += file.get_tensor(name).numel()
    assert names
    assert listed["mine"]["parameters"] == count
    done = run('python -m playground text "The sky is" --model mine --max-new-tokens 5 --json')
    assert events(done, "finished")[0]["tokens"] == len(events(done, "token")) > 0


def test_the_modality_of_the_readme_ends_at_an_empty_line_or_at_its_length(run: Run):
    done = run('python -m playground verse "The cat" --max-new-tokens 20 --seed 2 --json')
    assert events(done, "started")[0]["modality"] == "verse"
    assert events(done, "started")[0]["settings"]["stop_strings"] == r"\n\n"
    assert events(done, "finished")[0]["reason"] in ("stop_string", "max_new_tokens", "eos")


@pytest.mark.parametrize("command", [c for c in OURS if "--export" not in c])
def test_the_commands_of_the_readme_run(run: Run, command: str):
    done = run(command)
    assert done.stdout.strip()
    if command.endswith("--json"):
        lines = [done.stdout] if " models " in command else done.stdout.splitlines()
        assert all(json.loads(line) for line in lines)


def test_every_command_of_the_readme_is_one_that_a_test_runs_or_that_belongs_to_another_program():
    foreign = ("make run", "make test", "python3 -m venv", ".venv/bin/pip install", ".venv/bin/python app.py", "hf ")
    assert len(OURS) >= 6
    assert [c for c in COMMANDS if c and c not in OURS and not c.startswith(foreign)] == []


def test_the_first_commands_are_make_run_and_make_test():
    assert COMMANDS[:2] == ["make run", "make test"]


def test_the_api_example_of_the_readme_prints_a_probability_for_each_token(app_url: str, capsys):
    (code,) = [code for language, code in BLOCKS if language == "python" and "gradio_client" in code]
    assert "http://127.0.0.1:7860" in code
    exec(compile(code.replace("http://127.0.0.1:7860", app_url.rstrip("/")), "README.md", "exec"), {})
    lines = [line for line in capsys.readouterr().out.splitlines() if "Loaded as API" not in line]
    assert len(lines) >= 8
    assert all(0 < float(line.rsplit(" ", 1)[1]) <= 1 for line in lines if line.strip())


def test_one_prompt_is_followed_through_at_most_five_files_which_are_there():
    section = README.split("## Follow one prompt")[1].split("\n## ")[0]
    files = re.findall(r"^\| \d \| `([^`]+)`", section, re.MULTILINE)
    assert 1 < len(files) <= 5
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_every_path_and_picture_that_the_readme_names_is_there():
    text = re.sub(r"^```.*?^```$", "", README, flags=re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`((?:playground|assets|benchmarks|tests)/[\w./-]*)`", text)) | {"LICENSE"}
    named |= {target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target}
    assert len(named) > 8
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_models_table_names_the_catalogue_with_its_licences():
    from playground.manager import ModelManager

    section = README.split("## Models\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]
    shown = {row[0].strip("`"): row[3] for row in rows}
    assert shown == {model.id: model.licence for model in ModelManager().models()}


def test_every_benchmark_is_named_and_every_one_named_is_there():
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()}
    assert set(re.findall(r"python -m benchmarks\.(\w+)", README)) == scripts


def test_the_table_of_lessons_names_their_files_and_how_long_they_are():
    told = dict(re.findall(r"^\| .*? \| `(playground/training/\w+\.py)` \| (\d+) \|", README, re.MULTILINE))
    lessons = sorted((ROOT / "playground" / "training").glob("[a-z]*.py"))
    assert told == {
        str(lesson.relative_to(ROOT)): str(len(lesson.read_text(encoding="utf-8").splitlines())) for lesson in lessons
    }
