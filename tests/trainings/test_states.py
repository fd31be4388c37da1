"""Checkpoints on the disk: whole or absent whenever the process is killed, bounded, and swept."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playground.errors import PlaygroundError
from playground.trainings import _states
from playground.trainings._states import States, Workshop, sweep
from tests.conftest import ROOT
from tests.trainings.fake import Config, FakeLesson, Live

TRAIN = """
import sys
from pathlib import Path
import torch
from playground.lessons import catalogue
from playground.trainings._states import States
torch.set_num_threads(1)
vae = catalogue.lesson("vae")
config = catalogue.config("vae", {"data": "moons", "examples": 64, "width": 32, "batch_size": 8, "steps": 100000})
states = States(Path(sys.argv[1]), vae)
print("ready", flush=True)
for step in vae.train(config, torch.Generator().manual_seed(0)):
    states.save(step.live, step.step)
"""


def test_a_process_that_is_killed_leaves_whole_checkpoints_or_none(tmp_path: Path) -> None:
    import torch

    from playground.lessons import catalogue

    rng = random.Random(5)
    vae = catalogue.lesson("vae")
    found = 0
    for number in range(3):
        folder = tmp_path / str(number)
        process = subprocess.Popen([sys.executable, "-c", TRAIN, str(folder)], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        while not list(folder.glob("step-*")):
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(rng.random() / 5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for state in folder.glob("step-*"):
            if "." in state.name:  # what was being written
                continue
            config = catalogue.config("vae", {"data": "moons", "examples": 64, "width": 32, "batch_size": 8,
                                              "steps": 100_000})  # fmt: skip
            live = vae.restore(config, state)
            assert live.step == int(state.name.removeprefix("step-"))
            assert all(torch.isfinite(p).all() for p in live.model.parameters())
            found += 1
    assert found >= 3


def test_folders_of_processes_that_are_no_more_are_swept_and_those_of_others_stay(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f"{_states.PREFIX}{int(done.stdout)}-x"
    mine = tmp_path / f"{_states.PREFIX}{os.getpid()}-x"
    other = tmp_path / "something-else"
    for folder in (dead, mine, other):
        folder.mkdir()
    sweep(tmp_path)
    assert not dead.exists()
    assert mine.exists()
    assert other.exists()


def test_a_workshop_that_nobody_refers_to_is_gone() -> None:
    workshop = Workshop()
    path = workshop.path
    assert path.stat().st_mode & 0o077 == 0  # nobody else on this computer reads it
    del workshop
    assert not path.exists()


def test_checkpoints_are_bounded_spread_over_the_run_and_the_newest_is_kept(tmp_path: Path) -> None:
    states = States(tmp_path / "run", FakeLesson())
    for step in range(10, 1010, 10):
        states.save(Live(Config(), 1.0, step), step)
        assert len(states.steps) <= _states.MOST_STATES + 1
        assert states.steps[-1] == step
    steps = states.steps
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [f"step-{s:07d}" for s in steps[1:]]
    assert max(b - a for a, b in zip(steps, steps[1:], strict=False)) <= 1000 / 4
    states.cut(500)
    assert max(states.steps) <= 500
    states.close()
    assert not (tmp_path / "run").exists()


def test_one_checkpoint_larger_than_the_bound_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_states, "MOST_BYTES", 10)
    states = States(tmp_path / "run", FakeLesson())
    for step in (1, 2, 3):
        states.save(Live(Config(), 1.0, step), step)
    assert states.steps == [0, 3]


def test_a_disk_that_is_full_is_said_and_nothing_half_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = FakeLesson()
    states = States(tmp_path / "run", lesson)

    def half(folder: Path, live: Live) -> None:
        new = folder.with_name(folder.name + ".new")
        new.mkdir()
        (new / "state.json").write_text("{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lesson, "save_checkpoint", half)
    with pytest.raises(PlaygroundError, match="could not be written .No space left on device.: free some disk"):
        states.save(Live(Config(), 1.0, 1), 1)
    assert list((tmp_path / "run").iterdir()) == []
    monkeypatch.setattr(_states, "SPARE_BYTES", 1 << 60)
    with pytest.raises(PlaygroundError, match="The disk has .* MB left"):
        states.save(Live(Config(), 1.0, 1), 1)
