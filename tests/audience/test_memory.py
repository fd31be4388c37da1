"""500 visits that come, write and go leave the memory as it was, and nothing of theirs behind."""

import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from playground.manager._machine import trim
from playground.run import Run
from playground.visits import Bounds
from tests.audience.served import CLASS, Served, Tab, serve

MB = 1 << 20
FIRST, VISITS, MOST_MB = 100, 500, 50


def resident() -> int:
    """Bytes of this process in memory, once the C library has given back what is free, as it is made to each minute."""
    gc.collect()
    trim()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(served: Served, visits: int = VISITS, prompt: str = "canary" * 50) -> float:
    """How many MB more the process has after so many visits than after the first hundred."""
    first = served.browser(code=CLASS).open()
    served.world.open()

    def live(_: int) -> None:
        tab = Tab(served, cookies=first.http.cookies)
        tab.config = first.config
        tab.run(prompt, max_new_tokens=10)
        tab.http.close()

    before = 0
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(live, range(FIRST)))
        before = resident()
        list(pool.map(live, range(FIRST, visits)))
    return (resident() - before) / MB


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_after_five_hundred_visits_the_memory_is_what_it_was_after_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, "class") as served:
        more = grown(served)
        print(f"{more:.1f} MB")
        assert more <= MOST_MB
        assert len(served.visits._visits) <= Bounds().visits
        assert served.manager._leases == {}
        assert len(served.manager._admission) == 0
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith("run-")], "a visit's thread is left"


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_a_planted_leak_of_each_runs_frames_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    leaked: list[Any] = []
    start = Run.start

    def defect(self: Run) -> None:
        leaked.append(bytearray(os.urandom(4096)) * 128)  # 512 kB a run
        start(self)

    monkeypatch.setattr(Run, "start", defect)
    with serve(monkeypatch, "class") as served:
        assert grown(served, visits=FIRST + 150) > MOST_MB
