"""Downloads, against a Hub on this machine: progress, stopping, every way in which they fail, and the cache."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models import tiny
from tests.models.stub_hub import COMMIT, Hub, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    model = tiny.folder(tmp_path_factory.mktemp("model"))
    with serving(model) as hub:
        yield hub


def client(hub: Hub | None, repository: str, cache: Path, *options: str, **environment: str) -> list[dict[str, Any]]:
    """What the client process printed."""
    address = hub.address if hub else "http://127.0.0.1:9"
    full = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    full.pop("HF_HUB_OFFLINE", None)
    done = subprocess.run([sys.executable, "-m", "tests.models.hub_client", repository, str(cache), *options], cwd=ROOT,
                          env=full, capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_download_shows_its_bytes_is_verified_and_then_needs_no_socket(hub: Hub, tmp_path: Path) -> None:
    events = client(hub, "tiny", tmp_path)
    assert events[-1]["event"] == "end"
    assert events[-1]["state"] == "cached"
    folder = Path(events[-1]["folder"])
    assert folder.name == COMMIT
    assert (folder / "model.safetensors").read_bytes() == hub.files["tiny"]["model.safetensors"]
    assert {"downloading", "checking"} <= {e.get("stage") for e in events}
    asked = hub.asked["tiny"]
    again = client(None, "tiny", tmp_path, "--no-sockets", "--load")
    assert again[-1]["event"] == "end", again
    assert again[-1]["state"] == "cached"
    assert hub.asked["tiny"] == asked


def test_progress_grows_to_the_sizes_of_the_files(hub: Hub, tmp_path: Path) -> None:
    events = [e for e in client(hub, "slow", tmp_path) if e.get("stage") == "downloading" and e["total"]]
    done = [e["done"] for e in events]
    wanted = sum(len(c) for n, c in hub.files["slow"].items())
    assert {e["total"] for e in events} == {wanted}
    assert done == sorted(done)
    assert len(set(done)) > 3
    assert 0.5 * wanted < done[-1] <= wanted


def test_a_pinned_revision_is_the_one_that_is_fetched(hub: Hub, tmp_path: Path) -> None:
    assert Path(client(hub, "tiny", tmp_path, "--revision", COMMIT)[-1]["folder"]).name == COMMIT


def test_stopping_ends_the_download_at_once(hub: Hub, tmp_path: Path) -> None:
    events = client(hub, "slow", tmp_path, "--stop-after", "5")
    assert events[-1]["event"] == "stopped"
    assert events[-1]["seconds"] < 1.5
    assert events[-1]["alive"] == []


def test_a_download_that_stands_still_ends_with_a_message(hub: Hub, tmp_path: Path) -> None:
    end = client(hub, "stalled", tmp_path, "--stall", "2")[-1]
    assert end["event"] == "error"
    assert "stood still for 2 s" in end["text"]
    assert end["seconds"] < 20


def test_a_file_that_arrives_damaged_is_fetched_again_once(hub: Hub, tmp_path: Path) -> None:
    events = client(hub, "once-damaged", tmp_path)
    assert events[-1]["event"] == "end", events[-1]
    assert any("arrived damaged" in e.get("stage", "") for e in events)
    assert (Path(events[-1]["folder"]) / "model.safetensors").read_bytes() == hub.files["tiny"]["model.safetensors"]
    end = client(hub, "damaged", tmp_path)[-1]
    assert "damaged twice" in end["text"]
    assert hub.asked["damaged/model.safetensors"] == 2


def test_gated_is_told_apart_from_not_found(hub: Hub, tmp_path: Path) -> None:
    for environment in ({"HF_TOKEN": ""}, {"HF_TOKEN": "hf_of_somebody_else"}):
        end = client(hub, "gated", tmp_path, "--gated", **environment)[-1]
        assert "gated" in end["text"]
        assert "SmolLM2" in end["text"]
        assert "hf_of" not in end["text"]
    end = client(hub, "nothing-here", tmp_path)[-1]
    assert "There is no model 'stub/nothing-here'" in end["text"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://hub.invalid"])
def test_without_a_connection_the_message_says_so_at_the_first_try_and_what_still_works(
    tmp_path: Path, address: str
) -> None:
    events = client(None, "tiny", tmp_path, HF_ENDPOINT=address)
    assert events[-1]["event"] == "error"
    assert "cannot be reached" in events[-1]["text"]  # the client's own tries end with other words
    assert "fetched before work without one" in events[-1]["text"]


def test_a_model_too_large_is_refused_before_its_weights_are_fetched(hub: Hub, tmp_path: Path) -> None:
    end = client(hub, "large", tmp_path)[-1]
    assert "1000.0 GB" in end["text"]
    end = client(hub, "large", tmp_path, "--budget", str(10**13))[-1]
    assert "the disk has" in end["text"]
    assert hub.asked["large/model.safetensors"] == 0


def test_pickles_and_foreign_code_are_refused(hub: Hub, tmp_path: Path) -> None:
    assert "no safetensors" in client(hub, "pickled", tmp_path)[-1]["text"]
    assert hub.asked["pickled/pytorch_model.bin"] == 0
    assert "auto_map" in client(hub, "coded", tmp_path)[-1]["text"]
