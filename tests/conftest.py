"""What all tests share: one thread per test process, no way out of this machine, a browser, the running app."""

import os

# read when torch and the Hub client are imported, so it stands before everything else
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "GRADIO_ANALYTICS_ENABLED": "False",
               "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # fmt: skip

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.offline.loopback_only import block

ROOT = Path(__file__).parents[1]
# Files with few and long tests come first: where two workers share the suite, neither waits for the other's last one.
FIRST = ("audience/test_fuzz", "audience/test_memory", "faults/test_memory_rows", "manager/test_machine",
         "benchmarks/test_lessons", "faults/test_scripts", "models/test_smollm2", "faults/test_download_rows",
         "decoding/test_twins")  # fmt: skip
# the shell is Chromium without windows around its pages: it takes two thirds of the time
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
block()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, in the order above. What is done in a browser is tried once more where it fails: with
    two workers on two cores a click may come before the page has drawn itself anew. The summary names these tests (R):
    one that comes back there has a race that wants mending."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    ranks = {ROOT / "tests" / f"{name}.py": i for i, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(FIRST)))


@pytest.fixture(scope="session")
def offline_environment() -> dict[str, str]:
    """Environment of a Python process that cannot reach anything but this machine."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "offline"), "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh browser tab with a session of its own, the size of a projector."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_until_served(url: str, process: subprocess.Popen[Any], deadline_s: float = 90) -> float:
    """Seconds until `url` answers. Raises AssertionError when the process ends or the time is over."""
    begun = time.monotonic()
    while time.monotonic() - begun < deadline_s:
        assert process.poll() is None, f"the server ended with status {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return time.monotonic() - begun
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer within {deadline_s} s")


@pytest.fixture(scope="session")
def app_url(offline_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `python app.py`, started once in a process of its own that cannot leave this machine."""
    port = free_port()
    log = tmp_path_factory.mktemp("app") / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=offline_environment,
                                   stdout=out, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        wait_until_served(f"http://127.0.0.1:{port}/", process)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=20)
        print(log.read_text())
