"""The manager in single, named situations."""

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.events import Progress, Queued
from playground.manager import ModelManager
from playground.manager._ledger import Ledger
from tests.manager.fakes import MB, FakeLoader, Stepped


def fails(world: Stepped, model: str) -> str:
    with pytest.raises(PlaygroundError) as caught:
        world.get(model)
    return str(caught.value)


def test_importing_the_manager_imports_no_heavy_library() -> None:
    code = "import sys, playground.manager as m; m.ModelManager().models(); print([n for n in ('torch', 'transformers', 'gradio') if n in sys.modules])"  # noqa: E501
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_model_larger_than_the_budget_is_refused_with_figures_before_anything_goes() -> None:
    world = Stepped({"small": 60, "giant": 4100}, 100)
    world.get("small").release()
    message = fails(world, "giant")
    assert "4.1 GB" in message
    assert "100 MB" in message
    assert [i.state for i in world.manager.models()] == ["ready", "failed"]
    assert world.loader.most_running["giant"] == 0, "it was fetched before it was refused"


def test_a_load_that_fails_half_way_leaves_everything_as_it_was() -> None:
    world = Stepped({"a": 50, "b": 60}, 150)
    world.get("a").release()
    before = world.manager.memory()
    world.loader.fails["b"] = "loading"
    assert "B broke while loading" in fails(world, "b")
    assert world.manager.memory() == before
    assert world.get("a").model.spec.id == "a"


def test_a_failed_load_is_not_repeated_at_once_but_later() -> None:
    world = Stepped({"a": 50}, 100)
    world.loader.fails["a"] = "fetching"
    fails(world, "a")
    assert "tried again in 1 s" in fails(world, "a")
    assert world.loader.most_running["a"] == 1
    world.now += 1.1
    assert world.get("a").model.spec.id == "a"


def test_a_failure_blocks_no_other_model() -> None:
    world = Stepped({"a": 50, "b": 50}, 100)
    world.loader.fails["a"] = "loading"
    broken, fine = world.manager.acquire("a"), world.manager.acquire("b")
    next(broken), next(fine)
    world.finish()
    with pytest.raises(PlaygroundError):
        next(broken)
    with pytest.raises(StopIteration):
        next(fine)


def test_a_defect_of_the_program_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    world = Stepped({"a": 50}, 100)
    world.loader.fails["a"], world.loader.error = "loading", KeyError
    message = fails(world, "a")
    assert "broke" not in message
    assert "could not be loaded" in message
    assert "broke while loading" in caplog.text


def test_all_who_wait_get_the_same_error() -> None:
    world = Stepped({"a": 50}, 100)
    world.loader.fails["a"] = "loading"
    wishes = [world.manager.acquire("a", visit) for visit in "xyz"]
    for wish in wishes:
        next(wish)
    world.finish()
    messages = set()
    for wish in wishes:
        with pytest.raises(PlaygroundError) as caught:
            next(wish)
        messages.add(str(caught.value))
    assert messages == {"A broke while loading"}


def test_the_last_one_who_leaves_stops_the_load_and_no_earlier_one() -> None:
    world = Stepped({"a": 50}, 100)
    first, second = world.manager.acquire("a"), world.manager.acquire("a")
    next(first), next(second)
    world.step(), world.step()
    first.close()
    world.step()
    assert world.loader.running["a"] == 1
    second.close()
    world.step()
    assert world.loader.running["a"] == 0
    assert not world.jobs
    assert world.manager.memory().reserved_bytes == 0


def test_who_comes_while_a_stopped_load_ends_gets_a_fresh_one() -> None:
    world = Stepped({"a": 50}, 100)
    first = world.manager.acquire("a")
    next(first)
    first.close()
    second = world.manager.acquire("a")
    assert next(second) == Progress("ending an earlier load")
    world.finish()
    next(second)
    world.finish()
    with pytest.raises(StopIteration) as done:
        next(second)
    assert done.value.value.model.spec.id == "a"


def test_a_load_waits_for_a_model_in_use_instead_of_evicting_it() -> None:
    world = Stepped({"a": 60, "b": 60}, 100)
    lease = world.get("a")
    wish = world.manager.acquire("b")
    next(wish)
    for _ in range(20):
        world.step()
    assert next(wish) == Queued(1)
    assert lease.model.spec.id == "a"
    lease.release()
    world.finish()
    with pytest.raises(StopIteration) as done:
        next(wish)
    assert done.value.value.model.spec.id == "b"
    assert world.manager.models()[0].state == "embedded"


def test_waiting_for_room_ends_with_figures() -> None:
    world = Stepped({"a": 60, "b": 60}, 100, queue_s=10)
    lease = world.get("a")
    wish = world.manager.acquire("b")
    next(wish)
    for _ in range(9):
        world.step()
    world.now += 11
    world.finish()
    with pytest.raises(PlaygroundError, match="needs about 60 MB, 40 MB are free"):
        next(wish)
    assert lease.model.spec.id == "a"


def test_a_cancelled_wait_for_room_evicts_nothing() -> None:
    world = Stepped({"a": 60, "b": 30, "c": 70}, 100)
    world.get("b").release()
    lease = world.get("a")
    wish = world.manager.acquire("c")
    next(wish)
    for _ in range(10):
        world.step()
    wish.close()
    world.finish()
    assert [i.state for i in world.manager.models()] == ["in use", "ready", "embedded"]
    lease.release()


def test_the_least_recently_used_goes_first() -> None:
    world = Stepped({"a": 40, "b": 40, "c": 40}, 100)
    for name in "ab":
        world.now += 1
        world.get(name).release()
    world.now += 1
    world.get("a").release()
    world.get("c").release()
    assert [i.state for i in world.manager.models()] == ["ready", "embedded", "ready"]


def test_kept_states_count_and_make_room_for_models() -> None:
    world = Stepped({"a": 60}, 100)
    gone: list[int] = []
    old = world.manager.keep(30 * MB, lambda: gone.append(0))
    world.now += 1
    new = world.manager.keep(30 * MB, lambda: gone.append(1))
    assert world.manager.memory().kept_bytes == 60 * MB
    lease = world.get("a")
    assert gone == [0]
    assert (old.alive, new.alive) == (False, True)
    refused = world.manager.keep(50 * MB, lambda: gone.append(2))
    assert not refused.alive, "a state may not push out a model"
    assert gone == [0, 2]
    assert lease.model.spec.id == "a"


def test_kept_states_together_stay_within_their_bound_and_the_newest_is_kept_however_large() -> None:
    now = [0.0]
    ledger = Ledger(1000, lambda: now[0], kept_bytes=100)
    for name in range(5):
        now[0] += 1
        assert ledger.keep(name, 40, lambda: None) is not None
        assert ledger.held("kept") <= 100
    assert [h.name for h in ledger.idle(("kept",))] == [3, 4]
    gone = ledger.keep("large", 300, lambda: None)
    assert gone is not None and [h.name for h in gone] == [3, 4]
    assert ledger.held("kept") == 300
    assert ledger.keep("too large", 1001, lambda: None) is None
    assert ledger.held("kept") == 300, "nothing goes in vain"


def test_more_than_so_many_runs_wait_in_turn_round_robin_across_visitors() -> None:
    world = Stepped({"a": 10}, 100, active=1)
    first = world.get("a", "x")
    wishes = {name: world.manager.acquire("a", name[0]) for name in ("x1", "x2", "y1")}
    places = {name: next(wish) for name, wish in wishes.items()}
    places = {name: next(wish) for name, wish in wishes.items()}
    assert places == {"x1": Queued(1), "y1": Queued(2), "x2": Queued(3)}
    order, held = [], first
    for _ in range(3):
        held.release()
        for name, wish in list(wishes.items()):
            try:
                next(wish)
            except StopIteration as done:
                order.append(name)
                held = done.value
                del wishes[name]
                break
    assert order == ["x1", "y1", "x2"]


def test_a_lease_that_is_lost_is_given_back() -> None:
    world = Stepped({"a": 10}, 100)
    world.get("a")
    assert world.manager.models()[0].state == "ready"


def test_a_lease_gives_no_model_after_its_block() -> None:
    world = Stepped({"a": 10}, 100)
    with world.get("a") as lease:
        assert lease.model.spec.id == "a"
    with pytest.raises(PlaygroundError, match="given back"):
        _ = lease.model


def test_a_model_in_use_is_not_unloaded() -> None:
    world = Stepped({"a": 10}, 100)
    lease = world.get("a")
    with pytest.raises(PlaygroundError, match="in use by 1"):
        world.manager.unload("a")
    lease.release()
    world.manager.unload("a")
    world.manager.unload("a")
    assert world.manager.memory().resident_bytes == 0


def test_a_model_nobody_used_for_long_is_unloaded() -> None:
    world = Stepped({"a": 10, "b": 10}, 100, idle_s=60)
    world.get("a").release()
    world.now = 50
    world.get("b").release()
    world.now = 70
    world.manager.sweep()
    assert [i.state for i in world.manager.models()] == ["embedded", "ready"]


def test_a_model_that_takes_more_than_it_said_is_not_kept_beyond_the_budget() -> None:
    world = Stepped({"a": 60}, 100)
    world.loader.actual["a"] = 300 * MB
    assert "300 MB" in fails(world, "a")
    assert world.manager.memory().resident_bytes == 0


def test_other_audiences_get_the_catalogue_only() -> None:
    for audience in ("class", "public"):
        manager = ModelManager(audience, 100 * MB, loader=FakeLoader({"a": 1}))
        with pytest.raises(PlaygroundError, match="there are: a"):
            manager.spec("someone/something")
    with pytest.raises(PlaygroundError, match="audience must be one of"):
        ModelManager("everyone")


class Endless(FakeLoader):
    """A load that never ends by itself, in a real thread."""

    def load(self, spec: Any, folder: Any) -> Any:
        while True:
            time.sleep(0.01)
            yield Progress("loading")


def test_closing_ends_loads_and_drops_models_quickly() -> None:
    manager = ModelManager("class", 100 * MB, loader=Endless({"a": 1}))
    wish = manager.acquire("a")
    next(wish), next(wish)
    begun = time.monotonic()
    manager.close()
    assert time.monotonic() - begun < 2
    assert manager.memory().reserved_bytes == 0
    with pytest.raises(PlaygroundError, match="ending"):
        next(wish)
    assert not [t for t in threading.enumerate() if t.name == "load"]


def test_many_threads_share_one_load() -> None:
    loader = FakeLoader({"a": 1}, steps=20)
    manager = ModelManager("class", 100 * MB, loader=loader)
    models: list[Any] = []

    def run(visit: str) -> None:
        wish = manager.acquire("a", visit)
        while True:
            try:
                next(wish)
            except StopIteration as done:
                with done.value as lease, lease.turn():
                    models.append(lease.model)
                return

    threads = [threading.Thread(target=run, args=(str(i),)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(models) == 20
    assert len(set(map(id, models))) == 1
    assert loader.loaded == ["a"]
    manager.close()


def test_the_house_is_kept_without_being_asked() -> None:
    manager = ModelManager("class", 100 * MB, loader=FakeLoader({"a": 1}), idle_s=0.3)
    list(manager.load("a"))
    assert manager.models()[0].state == "ready"
    deadline = time.monotonic() + 10
    while manager.models()[0].state == "ready" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert manager.models()[0].state == "embedded"
    manager.close()
