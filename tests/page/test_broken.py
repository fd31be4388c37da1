"""Broken and hostile models on the page, through the API and on the command line: one sentence, and life goes on."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Page, expect
from safetensors.torch import load_file, save_file

from playground.models._places import ASSETS
from tests.conftest import ROOT
from tests.models import test_safety as hostile
from tests.models import tiny
from tests.page.visitor import Served, begin, choose_model, steps, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PROMPT = "The sky is"
READ = 4  # tokens of it, with the one that begins a text


def spoiled(folder: Path, name: str, spoil: Callable[[torch.Tensor], None]) -> Path:
    """`tales` with one tensor changed."""
    shutil.copytree(ASSETS / "models" / "tales", folder)
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    path = folder / index[name]
    weights = load_file(path)
    weights[name] = weights[name].clone()
    spoil(weights[name])
    save_file(weights, path, metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def nan_at_step_5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After the prompt it writes steps 0 to 4; the place of its next token has no numbers, so step 5 has NaN logits."""

    def spoil(positions: torch.Tensor) -> None:  # (context, n_embd)
        positions[READ + 4] = torch.nan

    return spoiled(tmp_path_factory.mktemp("nan") / "breaks", "transformer.wpe.weight", spoil)


@pytest.fixture(scope="module")
def infinite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One token's logit is infinite from the first step on."""

    def spoil(tokens: torch.Tensor) -> None:  # (V, n_embd)
        tokens[3000, 0] = torch.inf

    return spoiled(tmp_path_factory.mktemp("inf") / "explodes", "transformer.wte.weight", spoil)


def good(page: Page) -> list[int]:
    """What `tales` writes with seed 1 and the page's defaults."""
    choose_model(page, "Tales (small")
    write(page, PROMPT, 15)
    return [s["token_id"] for s in steps(page)]


def test_nan_logits_are_said_the_steps_before_stay_and_the_next_run_is_as_before(
    held: Page, nan_at_step_5: Path
) -> None:
    for name, value in (("temperature", "2"), ("top_k", "0"), ("top_p", "1")):  # so that no text ends before step 5
        held.fill(f"#text-{name} input[type=number]", value)
        held.keyboard.press("Tab")
    before = good(held)
    assert len(before) > 5
    choose_model(held, str(nan_at_step_5))
    begin(held, PROMPT, 15)
    held.wait_for_function("window.frames_.some(f => f.status.state === 'error')")
    written = steps(held)
    assert [s["index"] for s in written] == [0, 1, 2, 3, 4]
    assert [s["token_id"] for s in written] == before[:5], "until then it is the same model"
    error = held.locator("#text-view .pg-error")
    expect(error).to_contain_text("Step 5: the model gave NaN logits")
    expect(error).to_contain_text("choose another model")
    held.locator("#text-view .pg-chip").nth(READ + 2).click()
    expect(held.locator("#text-view .pg-where")).to_have_text("step 3 of 5")
    expect(held.locator("#text-view .pg-bar").first).to_be_visible()
    assert good(held) == before
    expect(error).to_be_hidden()


def test_infinite_logits_are_said_and_the_next_run_is_as_before(held: Page, infinite: Path) -> None:
    before = good(held)
    choose_model(held, str(infinite))
    begin(held, PROMPT, 15)
    held.wait_for_function("window.frames_.some(f => f.status.state === 'error')")
    expect(held.locator("#text-view .pg-error")).to_contain_text("Step 0: the model gave")
    expect(held.locator("#text-view .pg-error")).to_contain_text("logits (")
    assert good(held) == before


def test_over_the_api_a_fault_is_one_sentence_and_the_next_request_is_as_before(
    served: Served, nan_at_step_5: Path, infinite: Path
) -> None:
    served.hold.move(None)
    client = Client(served.url, verbose=False)
    asked = {"max_new_tokens": 12, "temperature": 2.0, "top_k": 0, "top_p": 1.0, "seed": 5, "api_name": "/text"}

    def tokens(events: Any) -> list[int]:
        return [e["token_id"] for e in events if e["event"] == "token"]

    before = tokens(client.submit(PROMPT, model="tales", **asked))
    assert len(before) == 12
    for folder, count, words in ((nan_at_step_5, 5, "Step 5: the model gave NaN"), (infinite, 0, "Step 0: the model")):
        job = client.submit(PROMPT, model=str(folder), **asked)
        assert tokens(job) == before[:count], "what was written before stays"
        with pytest.raises(AppError, match=words) as caught:
            job.result()
        assert "Traceback" not in str(caught.value)
        assert tokens(client.submit(PROMPT, model="tales", **asked)) == before


def test_on_the_command_line_a_fault_is_one_line_and_status_2(
    nan_at_step_5: Path, offline_environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "playground", "text", PROMPT, "--model", str(nan_at_step_5), "--temperature", "2",
               "--top-k", "0", "--top-p", "1", "--max-new-tokens", "12", "--json"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=offline_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["index"] for e in events if e["event"] == "token"] == [0, 1, 2, 3, 4]
    (line,) = done.stderr.strip().splitlines()
    assert "Step 5: the model gave NaN logits" in line


LOOP = "{% for a in range(10**9) %}{% for b in range(10**9) %}{% endfor %}{% endfor %}"


def looping_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(LOOP)


FOLDERS = {name: hostile.HOSTILE[name] for name in
           ("pickle only", "auto_map", "a link out of the folder", "a header longer than the file")}  # fmt: skip


def test_a_hostile_folder_gets_one_sentence_in_the_models_panel_and_the_page_goes_on(
    held: Page, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where a payload would leave its mark
    resident = served.manager.memory().resident_bytes
    held.get_by_role("tab", name="Models").click()
    for i, (spoil, reason) in enumerate(FOLDERS.values()):
        folder = tiny.folder(tmp_path / str(i) / "model")
        spoil(folder)
        held.fill("#models-add textarea, #models-add input", str(folder))
        held.click("#models-add-load")
        error = held.locator(".page-panel-error")
        expect(error).to_contain_text(reason)
        told = error.inner_text()
        assert "\n" not in told.strip()
        assert "Traceback" not in told
        assert str(tmp_path) not in told
        assert not list(tmp_path.glob("**/ran-by-*"))
        assert served.manager.memory().resident_bytes == resident
    held.get_by_role("tab", name="Text").click()
    write(held, PROMPT, 3)
    assert steps(held)


def test_a_chat_template_that_loops_is_never_run(held: Page, served: Served, tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    looping_template(folder)
    held.get_by_role("tab", name="Models").click()
    held.fill("#models-add textarea, #models-add input", str(folder))
    held.click("#models-add-load")
    row = held.locator(".page-model", has_text=str(folder))
    expect(row.locator("button")).to_have_text("Unload")
    held.get_by_role("tab", name="Text").click()
    choose_model(held, str(folder))
    expect(held.get_by_role("radio", name="chat")).to_be_disabled()
    write(held, "abc", 3)
    assert len(steps(held)) == 3
    held.get_by_role("tab", name="Models").click()
    row.locator("button").click()
    expect(row).to_have_count(0)
