"""From a clean copy with requirements.txt alone, `python app.py` serves the page and a model writes on it."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT, free_port, wait_until_served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # without `make`, the environment is made first

# run inside the environment: which installed packages does nothing in requirements.txt ask for?
UNASKED = """
import sys
from importlib.metadata import PackageNotFoundError, distribution, distributions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

lines = [line.strip() for line in open(sys.argv[1]) if line.strip() and line[0] != "#"]
seen, todo = set(), [(line, frozenset()) for line in lines]
while todo:
    wanted = todo.pop()
    requirement = Requirement(wanted[0])
    marker = requirement.marker
    if wanted in seen or marker and not any(marker.evaluate({"extra": extra}) for extra in {"", *wanted[1]}):
        continue
    seen.add(wanted)
    try:
        needs = distribution(requirement.name).requires or []
    except PackageNotFoundError:
        continue
    todo += [(need, frozenset(requirement.extras)) for need in needs]
asked = {canonicalize_name(Requirement(line).name) for line, _ in seen} | {"pip", "setuptools", "wheel"}
print(*sorted({canonicalize_name(d.metadata["Name"]) for d in distributions()} - asked))
"""


def test_the_environment_holds_nothing_that_requirements_txt_does_not_bring(run_python):
    done = subprocess.run([run_python, "-c", UNASKED, str(ROOT / "requirements.txt")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.fixture(scope="module")
def served(make_copy, run_python, offline_environment, tmp_path_factory) -> Iterator[tuple[str, float]]:
    """Address of the page and the seconds until it answered; its home is empty and it cannot leave the machine."""
    copy, port = make_copy(), free_port()
    environment = {**offline_environment, "HOME": str(tmp_path_factory.mktemp("home"))}
    log = copy.parent / "clean_start.log"
    with log.open("w") as out:
        process = subprocess.Popen([run_python, "app.py", "--port", str(port)], cwd=copy, env=environment,
                                   stdout=out, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}/", wait_until_served(f"http://127.0.0.1:{port}/", process)
    finally:
        process.terminate()
        process.wait(timeout=20)
        print(log.read_text())


def test_the_page_of_a_clean_copy_writes_with_the_embedded_model(served):
    from gradio_client import Client

    job = Client(served[0], verbose=False).submit("The sky is", model="tales", search="greedy", max_new_tokens=3,
                                                  api_name="/text")  # fmt: skip
    events = list(job)
    tokens = [event for event in events if event["event"] == "token"]
    assert len(tokens) == 3
    assert all(token["text"] for token in tokens)
    assert events[-1]["event"] == "finished"


def test_port_and_host_are_taken_from_the_environment(make_copy, run_python, offline_environment):
    port = free_port()
    environment = {**offline_environment, "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
    process = subprocess.Popen([run_python, "app.py"], cwd=make_copy(), env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait_until_served(f"http://127.0.0.1:{port}/", process)
    finally:
        process.terminate()
        process.wait(timeout=20)
