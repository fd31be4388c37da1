"""Rows 9 and 12 to 17: downloads that break, stand still, find no room or no network; on the served page, over its API.

The page is a process of its own whose Hub is the one of tests/models/stub_hub.py. Each test runs a seeded run of the
embedded model before and after the fault.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.conftest import ROOT, free_port, wait_until_served
from tests.faults.control import ASKED, PATIENCE_S, Written, control, until
from tests.models import tiny
from tests.models.stub_hub import COMMIT, PIECE, Hub, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Computer:
    """A page in a process of its own, with a cache of its own."""

    home: Path
    url: str
    client: Client
    process: subprocess.Popen[Any]

    def written(self, **more: Any) -> Written:
        return control(self.client, **more)

    def tiny(self, repository: str) -> Written:
        """What a model of the Hub writes, loaded first if need be."""
        return control(self.client, model=f"stub/{repository}", max_new_tokens=6)

    def refused(self, repository: str) -> str:
        """The sentence that a run of this model ends with."""
        with pytest.raises(AppError) as caught:
            self.client.submit(**{**ASKED, "model": f"stub/{repository}"}, api_name="/text").result(PATIENCE_S)
        said = str(caught.value)
        assert "Traceback" not in said
        assert str(self.home) not in said
        return said

    def folder(self, repository: str) -> Path:
        return self.home / "hub" / f"models--stub--{repository}"

    def unfinished(self) -> list[Path]:
        """Parts of files."""
        parts = [path for path in self.home.rglob("*") if path.name.endswith((".incomplete", ".part", ".tmp"))]
        return [path for path in parts if "models--stub--stalled" not in path.parts]  # what row 14 left, to go on from

    def has_part_of(self, repository: str) -> Callable[[], int]:
        """The bytes of the weights that are there while they come."""

        def size(path: Path) -> int:
            try:
                return path.stat().st_size
            except FileNotFoundError:  # it was finished, or set aside, since it was listed
                return 0

        return lambda: max([size(p) for p in self.folder(repository).rglob("*.incomplete")], default=0)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serving(tiny.folder(tmp_path_factory.mktemp("model") / "model")) as hub:
        yield hub


class Start:
    """Starts pages whose Hub is `hub`."""

    def __init__(self, hub: Hub, log: Path) -> None:
        self.hub, self.log, self.all = hub, log, list[Computer]()

    def __call__(self, home: Path, **environment: str) -> Computer:
        port = free_port()
        full = {
            **os.environ,
            "HF_ENDPOINT": self.hub.address,
            "HF_HOME": str(home),
            "HF_TOKEN": "",
            "XDG_CACHE_HOME": str(home),
            "PLAYGROUND_BUDGET_MB": str(10**9),
            "PYTHONPATH": str(ROOT / "tests" / "offline"),
            **environment,
        }
        full.pop("HF_HUB_OFFLINE", None)
        with self.log.open("a") as out:
            process = subprocess.Popen([sys.executable, "-m", "tests.faults.hub_app", "--port", str(port)], cwd=ROOT,
                                       env=full, stdout=out, stderr=subprocess.STDOUT)  # fmt: skip
        url = f"http://127.0.0.1:{port}/"
        wait_until_served(url, process, 180)
        client = Client(url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": PATIENCE_S})
        self.all.append(Computer(home, url, client, process))
        return self.all[-1]

    def end(self) -> None:
        for computer in self.all:
            computer.process.terminate()
            computer.process.wait(timeout=30)


@pytest.fixture(scope="module")
def start(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    starting = Start(hub, tmp_path_factory.mktemp("log") / "log.txt")
    yield starting
    starting.end()
    print(starting.log.read_text()[-4000:])


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that says after how many bytes the disk of `computer` is full."""
    return tmp_path_factory.mktemp("switch") / "full"


@pytest.fixture(scope="module")
def computer(start: Start, switch: Path, tmp_path_factory: pytest.TempPathFactory) -> Computer:
    return start(tmp_path_factory.mktemp("home"), FULL_AFTER=str(switch))


@pytest.fixture(scope="module")
def alone(computer: Computer, start: Start, tmp_path_factory: pytest.TempPathFactory) -> Computer:
    """A page without a network, on whose computer two models were fetched before."""
    home = tmp_path_factory.mktemp("alone")
    computer.tiny("tiny")
    for name in ("tiny", "broken"):
        shutil.copytree(computer.folder("tiny"), home / "hub" / f"models--stub--{name}", symlinks=True)
    return start(home, HF_ENDPOINT="http://127.0.0.1:9")


def test_row_12_a_truncated_download_is_noticed_and_fetched_again_once(computer: Computer, hub: Hub) -> None:
    before = computer.written()
    writes = computer.tiny("tiny")
    assert computer.tiny("once-truncated") == writes
    assert hub.asked["once-truncated/model.safetensors"] == 2
    assert computer.tiny("once-damaged") == writes
    assert hub.asked["once-damaged/model.safetensors"] == 2
    assert "arrived damaged twice" in computer.refused("damaged")
    assert hub.asked["damaged/model.safetensors"] == 2
    damaged = computer.folder("damaged") / "snapshots" / COMMIT / "model.safetensors"
    assert not damaged.exists(), "it was not set aside"
    assert computer.written() == before


def test_row_13_a_corrupt_cached_file_is_named_set_aside_and_fetched_again(computer: Computer, hub: Hub) -> None:
    before, writes = computer.written(), computer.tiny("cached")
    unload(computer, "stub/cached")
    weights = computer.folder("cached") / "snapshots" / COMMIT / "model.safetensors"
    whole = weights.read_bytes()
    weights.resolve().write_bytes(whole[:1000])
    assert computer.tiny("cached") == writes
    assert weights.read_bytes() == whole
    assert hub.asked["cached/model.safetensors"] == 2
    assert [p.stat().st_size for p in computer.folder("cached").rglob("*.damaged")] == [1000], "it is kept aside"
    assert computer.written() == before


def test_row_13_a_corrupt_file_that_cannot_be_fetched_again_is_named_with_what_to_do(
    alone: Computer, tmp_path: Path
) -> None:
    before = alone.written()
    weights = alone.folder("broken") / "snapshots" / COMMIT / "model.safetensors"
    weights.resolve().write_bytes(b"x" * 100)
    said = alone.refused("broken")
    assert "model.safetensors was damaged and has been set aside" in said
    assert "cannot be reached" in said
    folder = tiny.folder(tmp_path / "own")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(AppError, match=r"model.safetensors in own is damaged: .* Delete it and load the model again"):
        alone.client.submit(**{**ASKED, "model": str(folder)}, api_name="/text").result(PATIENCE_S)
    assert alone.written() == before


def unload(computer: Computer, model: str) -> None:
    """As a click on Unload does."""
    from tests.audience.served import Tab

    served: Any = computer
    tab = Tab(served).open()
    tab.ask("models-view", "drop", {"id": model})
    tab.http.close()


def test_row_14_a_stalled_download_ends_at_its_deadline_and_others_go_on(computer: Computer) -> None:
    before = computer.written()
    stalled = computer.client.submit(**{**ASKED, "model": "stub/stalled"}, api_name="/text")
    until(computer.has_part_of("stalled"), "the first piece")
    assert computer.written() == before, "another run waited for the download"
    with pytest.raises(AppError, match="has stood still for 3 s at 0 of"):
        stalled.result(PATIENCE_S)
    assert computer.written() == before


def test_row_15_a_disk_without_room_is_noticed_before_anything_is_fetched(computer: Computer, hub: Hub) -> None:
    before = computer.written()
    said = computer.refused("larger")
    assert "the disk has" in said
    assert "make room" in said
    assert hub.asked["larger/model.safetensors"] == 0
    assert not computer.unfinished()
    assert computer.written() == before


def test_row_15_a_disk_that_fills_up_mid_download_leaves_no_partial_file(
    computer: Computer, switch: Path, hub: Hub
) -> None:
    before, writes = computer.written(), computer.tiny("tiny")
    switch.write_text(str(3 * PIECE))
    said = computer.refused("full")
    assert "The disk is full" in said
    assert hub.asked["full/model.safetensors"] == 1, "it did not break in mid-download"
    assert not [p for p in computer.folder("full").rglob("*") if p.is_file() and p.stat().st_size >= PIECE]
    assert not computer.unfinished()
    switch.unlink()
    time.sleep(1.1)  # a failed load may be tried again after a second
    assert computer.tiny("full") == writes
    assert computer.written() == before


def test_row_15_a_real_disk_that_fills_up_mid_download_leaves_no_partial_file(start: Start, tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a disk")
    try:
        computer = start(tmp_path)
        before, filler = computer.written(), tmp_path / "filler"
        job = computer.client.submit(**{**ASKED, "model": "stub/slow"}, api_name="/text")
        until(computer.has_part_of("slow"), "the first piece")
        file = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while os.write(file, b"x" * 4096):
                continue
        os.close(file)
        with pytest.raises(AppError, match="The disk is full"):
            job.result(PATIENCE_S)
        assert not computer.unfinished()
        filler.unlink()
        time.sleep(1.1)
        assert len(computer.tiny("slow")) == 6
        assert computer.written() == before
        computer.process.terminate()
        computer.process.wait(30)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=False)


def test_row_16_a_gated_model_is_told_apart_from_one_that_there_is_not_and_an_open_one_is_named(
    computer: Computer,
) -> None:
    before = computer.written()
    gated = computer.refused("gated")
    assert "is gated" in gated
    assert "SmolLM2-360M-Instruct is open" in gated
    nothing = computer.refused("nothing-here")
    assert "There is no model 'stub/nothing-here'" in nothing
    assert computer.written() == before


def test_row_9_a_program_killed_in_mid_download_leaves_whole_files_or_none_and_goes_on_after_its_restart(
    start: Start, computer: Computer, tmp_path: Path, hub: Hub
) -> None:
    first = start(tmp_path)
    before = first.written()
    first.client.submit(**{**ASKED, "model": "stub/slow"}, api_name="/text")
    until(first.has_part_of("slow"), "the first piece")
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait(30)
    whole = {hashed(content) for content in hub.files["slow"].values()}
    there = [p for p in (first.folder("slow") / "snapshots").rglob("*") if p.is_file()]
    assert {hashed(path.read_bytes()) for path in there} <= whole
    assert not [path for path in there if path.suffix == ".safetensors"], "it was whole already"
    again = start(tmp_path)
    assert again.written() == before
    assert again.tiny("slow") == computer.tiny("tiny")
    assert again.written() == before


def hashed(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


NO_SOCKETS = """
import socket, sys
class Forbidden(socket.socket):
    def __init__(self, *more, **named):
        if not more or more[0] != socket.AF_UNIX:
            raise AssertionError("a socket was opened")
        super().__init__(*more, **named)
socket.socket = Forbidden
sys.argv = ["playground", *sys.argv[1:]]
import runpy
runpy.run_module("playground", run_name="__main__")
"""


def test_row_17_without_a_network_what_is_embedded_or_cached_runs_and_no_socket_is_opened(
    computer: Computer, start: Start
) -> None:
    before, writes = computer.written(), computer.tiny("tiny")
    for model, count, expected in (("tales", 12, before), ("stub/tiny", 6, writes)):
        command = [sys.executable, "-c", NO_SOCKETS, "text", ASKED["prompt"], "--model", model, "--seed", "7",
                   "--temperature", "1.3", "--top-k", "0", "--top-p", "1", "--json",
                   "--max-new-tokens", str(count)]  # fmt: skip
        full = {**os.environ, "HF_HOME": str(computer.home), "XDG_CACHE_HOME": str(computer.home)}
        done = subprocess.run(command, cwd=ROOT, env=full, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        from tests.faults.control import tokens

        assert tokens([json.loads(line) for line in done.stdout.splitlines()]) == expected
    assert computer.written() == before


def test_row_17_a_hub_that_cannot_be_reached_is_said_and_what_was_fetched_before_still_runs(
    alone: Computer, computer: Computer
) -> None:
    before = alone.written()
    said = alone.refused("never-seen")
    assert "cannot be reached" in said
    assert "fetched before work without one" in said
    assert alone.tiny("tiny") == computer.tiny("tiny")
    assert alone.written() == before
