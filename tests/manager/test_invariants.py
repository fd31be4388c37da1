"""The manager under arbitrary histories: loads that go step by step, fail or are given up, a clock that jumps."""

import gc
import weakref
from collections.abc import Generator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from playground.errors import PlaygroundError
from tests.manager.fakes import MB, Stepped

SIZES = {"a": 30, "b": 40, "c": 60, "d": 100, "e": 150}
BUDGET = 120
models = st.sampled_from(sorted(SIZES))
visits = st.sampled_from(["x", "y", "z"])
numbers = st.integers(0, 50)


class Histories(RuleBasedStateMachine):
    """Whatever people do, and in whatever order loads go on, the books are right."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Stepped(SIZES, BUDGET, active=3, queue_s=50, idle_s=500)
        self.wishes: list[tuple[str, Generator[Any, None, Any]]] = []
        self.leases: list[tuple[str, Any]] = []
        self.seen: list[weakref.ref[Any]] = []
        self.kept: list[Any] = []
        self.forgotten: list[Any] = []

    @property
    def entries(self) -> dict[str, Any]:
        return self.world.manager._loads.entries

    @rule(model=models, visit=visits)
    def wish(self, model: str, visit: str) -> None:
        self.wishes.append((model, self.world.manager.acquire(model, visit)))
        self.look(len(self.wishes) - 1)

    @rule(model=models, visit=visits)
    def use(self, model: str, visit: str) -> None:
        """Want a model and stay for as long as loading takes."""
        wanted = (model, self.world.manager.acquire(model, visit))
        self.wishes.append(wanted)
        for _ in range(25):
            if wanted not in self.wishes:
                return
            self.look(self.wishes.index(wanted))
            self.go_on(0, 1)

    @rule(index=numbers)
    def look(self, index: int) -> None:
        if not self.wishes:
            return
        model, wish = self.wishes[index % len(self.wishes)]
        try:
            next(wish)
        except StopIteration as done:
            self.leases.append((model, done.value))
            self.seen.append(weakref.ref(done.value.model))
        except PlaygroundError:
            pass
        else:
            return
        self.wishes.remove((model, wish))

    @rule(index=numbers)
    def give_up(self, index: int) -> None:
        if self.wishes:
            model, wish = self.wishes.pop(index % len(self.wishes))
            wanted = self.waiters(model)
            wish.close()
            wish.close()
            if model in self.entries and len(self.waiters(model)) > 0:
                assert not self.entries[model].stopping, "a load that others wait for was stopped"
            entry = self.entries.get(model)
            if entry is not None and entry.model is None and not entry.waiters:
                assert entry.stopping, "a load that nobody waits for goes on"
            assert len(wanted) - len(self.waiters(model)) <= 1, "another's wish was touched"

    def waiters(self, model: str) -> set[object]:
        return set(self.entries[model].waiters) if model in self.entries else set()

    @rule(index=numbers, times=st.integers(1, 4))
    def go_on(self, index: int, times: int) -> None:
        for _ in range(times):
            before = {n: bool(e.waiters) for n, e in self.entries.items() if e.model is not None}
            order = [str(h.name) for h in self.world.manager._ledger.idle(("model",))]
            reserved = self.world.manager.memory().reserved_bytes
            self.world.step(index)
            gone = [name for name in before if name not in self.entries]
            assert not any(before[name] for name in gone), "a model in use was evicted"
            assert set(gone) == set(order[: len(gone)]), "not the least recently used ones"
            if gone:
                assert self.world.manager.memory().reserved_bytes > reserved, "evicted in vain"

    @rule(index=numbers)
    def give_back(self, index: int) -> None:
        if self.leases:
            _, lease = self.leases.pop(index % len(self.leases))
            lease.release()
            lease.release()

    @rule(model=models)
    def unload(self, model: str) -> None:
        in_use = any(name == model for name, _ in self.leases)
        try:
            self.world.manager.unload(model)
        except PlaygroundError:
            return
        assert not in_use, "unloaded in use"

    @rule(mb=st.integers(1, 50))
    def keep(self, mb: int) -> None:
        state = object()
        self.kept.append(self.world.manager.keep(mb * MB, lambda: self.forgotten.append(state)))

    @rule(index=numbers, touch=st.booleans())
    def use_or_drop_kept(self, index: int, touch: bool) -> None:
        if self.kept and touch:
            self.kept[index % len(self.kept)].touch()
        elif self.kept:
            self.kept.pop(index % len(self.kept)).release()

    @rule(model=models, stage=st.sampled_from(["fetching", "loading"]), defect=st.booleans())
    def will_fail(self, model: str, stage: str, defect: bool) -> None:
        self.world.loader.fails[model] = stage
        self.world.loader.error = KeyError if defect else PlaygroundError

    @rule(seconds=st.sampled_from([0.1, 1, 30, 600]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds
        in_use = {name for name, _ in self.leases}
        self.world.manager.sweep()
        assert in_use <= set(self.entries), "swept in use"

    @invariant()
    def never_more_than_the_budget(self) -> None:
        memory = self.world.manager.memory()
        assert memory.reserved_bytes + memory.resident_bytes + memory.kept_bytes <= memory.budget_bytes

    @invariant()
    def one_load_in_flight_per_model(self) -> None:
        assert all(count <= 1 for count in self.world.loader.most_running.values())

    @invariant()
    def all_leases_of_a_model_have_one_object(self) -> None:
        for name, lease in self.leases:
            assert lease.model is self.entries[name].model

    @invariant()
    def at_most_three_hold_models(self) -> None:
        assert len(self.leases) <= 3

    @invariant()
    def states_are_old_or_new_never_half(self) -> None:
        leased = {name for name, _ in self.leases}
        for info in self.world.manager.models():
            if info.state in ("ready", "in use"):
                assert self.entries[info.id].model is not None
            if info.id in leased:
                assert info.state == "in use"

    def teardown(self) -> None:
        for _, wish in self.wishes:
            wish.close()
        for _, lease in self.leases:
            lease.release()
        self.wishes, self.leases = [], []
        self.world.finish()
        assert not self.world.jobs, "a load nobody waits for goes on"
        for kept in self.kept:
            kept.release()
        for model in SIZES:
            self.world.manager.unload(model)
        memory = self.world.manager.memory()
        assert (memory.reserved_bytes, memory.resident_bytes, memory.kept_bytes) == (0, 0, 0)
        assert not any(self.world.loader.running.values())
        gc.collect(0)
        assert all(ref() is None for ref in self.seen), "an unloaded model is still held"


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
