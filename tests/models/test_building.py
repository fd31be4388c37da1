"""Several networks built at the same time: each comes out whole."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from playground.building import BUILDING
from playground.models import _weights
from tests.models import tiny


def read(folder: Path, dtype: str = "float32") -> Any:
    job = _weights.read_module(folder, "cpu", dtype)
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def together(*jobs: Callable[[], object]) -> list[BaseException]:
    """All of them in threads of their own; what they raised."""
    raised: list[BaseException] = []

    def guarded(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 it is the result
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return raised


@pytest.fixture
def crossing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who build at once where they can, the first one in is the first one out; nobody waits over a second."""
    from transformers import GPT2LMHeadModel

    init, both, lock = GPT2LMHeadModel.__init__, threading.Event(), threading.Lock()
    inside: list[threading.Thread] = []

    def slow(self: Any, *args: Any, **kwargs: Any) -> None:
        with lock:
            inside.append(threading.current_thread())
        if len(inside) == 1:
            both.wait(1)
        elif len(inside) == 2:
            both.set()
            inside[0].join(1)
        init(self, *args, **kwargs)

    monkeypatch.setattr(GPT2LMHeadModel, "__init__", slow)


@pytest.mark.usefixtures("crossing")
def test_two_models_with_tied_weights_read_at_once_come_out_whole_and_so_do_all_after_them(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path)
    assert together(*[lambda: read(folder)] * 2) == []
    module = read(folder)
    assert module.lm_head.weight is module.transformer.wte.weight
    assert not any(p.is_meta for p in module.parameters())
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.usefixtures("crossing")
def test_counting_a_models_parameters_while_another_is_read(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path)
    expected = 300 * 32 + 64 * 32 + 2 * (12 * 32**2 + 13 * 32) + 2 * 32  # of GPT-2, output tied to input
    counts: list[int] = []
    assert together(lambda: read(folder), lambda: counts.append(_weights.count_parameters(folder))) == []
    assert counts == [expected]
    assert nn.Linear(2, 2).weight.device.type == "cpu"


def test_a_network_that_is_built_in_the_middle_of_a_load_has_its_own_dtype(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import GPT2LMHeadModel

    folder, init, inside = tiny.folder(tmp_path), GPT2LMHeadModel.__init__, threading.Event()
    built: list[torch.dtype] = []

    def slow(self: Any, *args: Any, **kwargs: Any) -> None:
        inside.set()
        threading.Event().wait(0.3)
        init(self, *args, **kwargs)

    def build() -> None:
        assert inside.wait(60)
        with BUILDING:
            built.append(nn.Linear(2, 2).weight.dtype)

    monkeypatch.setattr(GPT2LMHeadModel, "__init__", slow)
    assert together(lambda: read(folder, "bfloat16"), build) == []
    assert built == [torch.float32]
