"""Rows 1, 3, 4 and 28: memory that is not there, does not come back, or is wanted by two."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from benchmarks import memory
from playground.manager import ModelManager
from playground.models import _weights
from playground.models._places import ASSETS
from tests.faults.control import ASKED, Page, control, until

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second model as large as `tales`."""
    folder = tmp_path_factory.mktemp("second") / "second"
    shutil.copytree(ASSETS / "models" / "tales", folder)
    return folder


def refused(page: Page, model: str) -> str:
    """The sentence that a run of this model ends with."""
    with pytest.raises(AppError) as caught:
        page.client.submit(**{**ASKED, "model": model}, api_name="/text").result()
    return str(caught.value)


def test_row_1_a_model_that_does_not_fit_is_refused_with_figures_before_anything_is_fetched_or_dropped(
    here: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, memory_before = here.written(), here.manager.memory()
    monkeypatch.setattr(here.loader, "fetch", lambda *_: pytest.fail("it was fetched"))
    said = refused(here, "smollm2-360m-instruct")
    assert "needs about 1.6 GB" in said
    assert "may take 100 MB" in said
    assert "choose a smaller one" in said
    assert here.manager.memory() == memory_before
    loads = list(here.loader.loads)
    assert here.written() == before
    assert here.loader.loads == loads, "it had been dropped for a model that cannot fit"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (MemoryError(), "The memory ran out while second was loading"),
        (OSError(28, "No space left on device"), "The disk is full"),
        (RuntimeError("secret /root/path"), "second could not be loaded"),
    ],
)
def test_row_4_a_load_that_fails_half_way_leaves_the_manager_as_it_was(
    here: Page, second: Path, fault: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.manager.unload("tales")
    before, memory_before = here.written(), here.manager.memory()
    whole: Callable[..., Iterator[Any]] = _weights.read_module

    def half(folder: Path, *more: Any) -> Iterator[Any]:
        events = whole(folder, *more)
        for _ in range(5):
            yield next(events)
        events.close()  # type: ignore[attr-defined]
        raise fault

    here.manager._loads.failures.clear()
    here.manager.unload("tales")
    monkeypatch.setattr(_weights, "read_module", half)
    said = refused(here, str(second))
    assert words in said
    assert "secret" not in said
    assert here.manager.memory().resident_bytes == here.manager.memory().reserved_bytes == 0
    monkeypatch.undo()
    here.manager._loads.failures.clear()
    assert here.written() == before
    assert here.manager.memory() == memory_before
    assert here.written(model=str(second)) == before, "the model that failed loads when nothing is in its way"


def test_row_28_of_two_models_that_do_not_fit_together_the_one_in_use_stays_and_each_is_loaded_once_a_turn(
    here: Page, second: Path
) -> None:
    before, other = here.written(), here.written(model=str(second))
    assert other == before, "it is the same model under another name"
    assert here.written() == before
    assert here.loader.loads[-1] == "tales"
    loads, begun = len(here.loader.loads), here.computing.count
    here.computing.stop()
    here.computing.allow(4)
    holding = here.client.submit(**ASKED, api_name="/text")
    until(lambda: here.computing.count == begun + 4, "the held run")
    waiting = Client(here.url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 60})
    wish = waiting.submit(**{**ASKED, "model": str(second)}, api_name="/text")
    place = until(lambda: next((e for e in wish.outputs() if e["event"] == "queued"), None), "the place")
    assert place["place"] == 1
    assert here.manager.memory().resident_bytes > 0
    assert {m.id: m.state for m in here.manager.models()}["tales"] == "in use"
    assert len(here.loader.loads) == loads, "a model in use was dropped"
    here.computing.allow(None)
    assert holding.result(60)["event"] == "finished"
    assert wish.result(60)["event"] == "finished"
    jobs = [c.submit(**{**ASKED, "model": m}, api_name="/text")
            for _ in range(3) for c, m in ((here.client, "tales"), (waiting, str(second)))]  # fmt: skip
    for job in jobs:
        assert job.result(60)["event"] == "finished"
    assert len(here.loader.loads) <= loads + 1 + len(jobs), "they threw each other out"
    assert here.written() == before
    waiting.close()


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_row_3_after_fourteen_cycles_the_memory_is_what_it_was_after_ten_and_the_run_is_as_before(
    here: Page,
) -> None:
    before = here.written()
    here.manager.unload("tales")
    seen = memory.cycle(here.manager, "tales", 14)  # tests/manager/test_machine.py takes fifty, without a page beside
    print(f"{seen.grown_mb:.1f} MB")
    assert here.manager.memory().resident_bytes == 0
    assert seen.grown_mb <= memory.GOAL_MB
    assert here.written() == before


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_row_3_the_large_model_that_is_installed_gives_its_memory_back_too() -> None:
    manager = ModelManager("class", device="cpu", dtype="float32")
    large = [name for name in memory.installed(manager) if manager.spec(name).memory_mb > 300]
    if not large:
        pytest.skip("no model of that size is installed")
    seen = memory.cycle(manager, large[0], 6)
    assert seen.loaded - seen.before > 300e6, "it was never loaded"
    assert seen.grown_mb <= memory.GOAL_MB
    manager.close()


@needs_proc
@pytest.mark.slow
def test_row_3_a_planted_leak_of_models_is_found(here: Page) -> None:
    leaked: list[Any] = []

    def use(lease: Any) -> None:
        with lease:
            leaked.append(lease.model)

    here.manager.unload("tales")
    assert memory.cycle(here.manager, "tales", 13, use).grown_mb > memory.GOAL_MB
    leaked.clear()


def test_a_model_that_was_unloaded_for_being_idle_comes_back_and_writes_the_same(here: Page) -> None:
    before = here.written()
    here.manager._idle_s = 0.0
    here.manager.sweep()
    here.manager._idle_s = None
    assert here.manager.memory().resident_bytes == 0
    assert here.written() == before
    assert control(here.client) == before
