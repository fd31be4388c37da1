"""Rows 18 and 19: weights in a number format that this computer does not compute in, or computes in slowly."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from playground.manager import _machine
from playground.manager._loader import FileLoader
from tests.faults.control import ASKED, Page
from tests.models import tiny


def reference(folder: Path, here: Page, dtype: torch.dtype) -> list[float]:
    """By transformers itself: the log-probabilities of what a greedy run of the page writes."""
    written = here.written(model=str(folder), temperature=0, max_new_tokens=8)
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype).eval()
    prompt = AutoTokenizer.from_pretrained(str(folder)).encode(ASKED["prompt"])
    ids = torch.tensor([[*prompt, *(token for token, _ in written)]])
    with torch.no_grad():
        logprobs = model(ids).logits.float()[0, len(prompt) - 1 : -1].log_softmax(-1)
    assert [int(row.argmax()) for row in logprobs] == [token for token, _ in written]
    expected = [float(row[token]) for row, (token, _) in zip(logprobs, written, strict=True)]
    assert [p for _, p in written] == pytest.approx(expected, abs=1e-4)
    return expected


def loaded_dtype(here: Page, folder: Path) -> Any:
    return here.manager._loads.entries[str(folder)].model.dtype


def test_row_18_weights_stored_as_fp16_are_computed_in_float32_on_a_cpu(
    here: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.loader, "_dtype", None)
    before = here.written()
    folder = tiny.folder(tmp_path / "half", dtype=torch.float16)
    reference(folder, here, torch.float32)
    assert loaded_dtype(here, folder) == torch.float32
    here.manager.unload(str(folder))
    assert here.written() == before


@pytest.mark.parametrize(("pays", "dtype"), [(False, torch.float32), (True, torch.bfloat16)])
def test_row_19_bf16_is_computed_in_where_a_probe_says_that_it_pays_and_nowhere_else(
    here: Page, tmp_path: Path, pays: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = here.written()
    folder = tiny.folder(tmp_path / "brain", "llama", dtype=torch.bfloat16)
    monkeypatch.setattr(_machine, "bf16_pays", lambda device: pays)
    monkeypatch.setattr(here.loader, "_dtype", None)
    monkeypatch.setattr(here.loader, "_bf16", None)
    list(here.manager.load(str(folder)))
    assert loaded_dtype(here, folder) == dtype
    if dtype == torch.float32:
        reference(folder, here, torch.float32)
    here.manager.unload(str(folder))
    monkeypatch.undo()
    assert isinstance(here.loader, FileLoader)
    assert here.written() == before
