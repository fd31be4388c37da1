"""Rows 5, 6, 7, 26 and 27: runs that are stopped, die, lose their page, or stand beside those of others."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gradio import routes

from playground.run import DEFECT
from tests.audience.served import Tab
from tests.faults.control import ASKED, PATIENCE_S, Page, tokens, until

SETTINGS = {name: ASKED[name] for name in ("model", "seed", "temperature", "top_k", "top_p", "max_new_tokens")}
RUN = re.compile(r'\\"run\\":\\"([0-9a-f]{12})\\"')


def tab(page: Page) -> Tab:
    """A browser tab of that page, over HTTP."""
    served: Any = page
    return Tab(served).open()


def run_of(page: Page, one: Tab) -> Any:
    """The current run of a tab, once there is one."""
    return until(lambda: page.visits.visit(one.visit).current.get("text"), "the run")


def texts(run: Any) -> list[tuple[int, float]]:
    return tokens(json.loads(run.frame())["events"])


def test_row_5_a_stopped_run_computes_at_most_one_step_more_on_the_page_and_over_the_api(
    here: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, cancel = threading.Event(), routes.cancel_tasks

    async def cancel_tasks(names: Any) -> Any:
        arrived.set()
        return await cancel(names)

    monkeypatch.setattr(routes, "cancel_tasks", cancel_tasks)
    before = here.written()
    for begin in (by_page, by_api):
        started = here.computing.count
        here.computing.stop()
        here.computing.allow(5)
        stop = begin(here)
        until(lambda n=started: here.computing.count == n + 5, "step 5")
        stop(arrived)
        here.computing.allow(None)
        until(here.idle, "the end")
        assert here.computing.count <= started + 6
        assert here.written() == before


def by_page(page: Page) -> Any:
    one = tab(page)
    one.send("text-run", "click", prompt=ASKED["prompt"], **{**SETTINGS, "max_new_tokens": 400})
    return lambda _: one.ask("text-stop", "click")


def by_api(page: Page) -> Any:
    job = page.client.submit(**{**ASKED, "max_new_tokens": 400}, api_name="/text")

    def stop(arrived: threading.Event) -> None:
        threading.Thread(target=job.cancel, daemon=True).start()  # it is answered when the step is over
        assert arrived.wait(PATIENCE_S)

    return stop


def dies() -> None:
    raise SystemExit("the thread is killed")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_row_6_a_producer_that_dies_ends_with_an_error_on_the_page_not_with_an_endless_wait(here: Page) -> None:
    before = here.written()
    one = tab(here)
    here.computing.faults[:] = [lambda: None] * 3 + [dies]
    heard = one.run(ASKED["prompt"], **SETTINGS)
    assert DEFECT.split(" (")[0] in heard
    assert "killed" not in heard
    assert "Traceback" not in heard
    run = run_of(here, one)
    assert texts(run) == before[:3], "what was written before stays"
    until(here.idle, "the lease")
    again = one.run(ASKED["prompt"], **SETTINGS)
    assert '"process_completed"' in again
    assert texts(run_of(here, one)) == before
    assert here.written() == before


def test_row_7_a_tab_that_closes_in_mid_stream_frees_its_place_and_nobody_else_gets_its_text(here: Page) -> None:
    before = here.written()
    gone, other = tab(here), tab(here)
    here.computing.stop()
    here.computing.allow(4)
    gone.send("text-run", "click", prompt="canary", **{**SETTINGS, "max_new_tokens": 400})
    run = run_of(here, gone)
    run._abandoned_s = 0.2
    with gone.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": gone.session}) as answer:
        next(line for line in answer.iter_lines() if "token_id" in line)
    gone.http.close()
    here.computing.allow(None)
    run.thread.join(PATIENCE_S)
    assert run.ended
    assert run.total < 400
    until(here.idle, "the freed place")
    other.run(ASKED["prompt"], **SETTINGS)
    assert "canary" not in other.heard
    assert texts(run_of(here, other)) == before
    assert here.written() == before


def test_row_26_runs_of_two_visits_that_alternate_step_by_step_write_what_each_writes_alone(here: Page) -> None:
    before = here.written()
    seeds = (7, 8, 9)
    alone = {seed: here.written(seed=seed, max_new_tokens=20) for seed in seeds}
    assert len({tuple(tokens) for tokens in alone.values()}) == 3
    tabs = {seed: tab(here) for seed in seeds}
    turns: list[str] = []
    spent = here.manager._gate.spent
    here.manager._gate.spent = lambda visit, seconds: (turns.append(visit), spent(visit, seconds))  # type: ignore[func-returns-value, assignment]

    def live(seed: int) -> None:
        tabs[seed].run(ASKED["prompt"], **{**SETTINGS, "seed": seed, "max_new_tokens": 10})
        tabs[seed].send("text-continue", "click", prompt="", **{**SETTINGS, "seed": seed, "max_new_tokens": 10})
        for _ in tabs[seed].listen():
            pass

    here.computing.stop()
    with ThreadPoolExecutor(len(seeds)) as pool:
        lives = [pool.submit(live, seed) for seed in seeds]
        until(lambda: len(here.manager._gate._lanes["generate"].waiting) == 2, "all three at the gate")
        here.computing.allow(None)
        for one in lives:
            one.result(PATIENCE_S)
    here.manager._gate.spent = spent
    changes = sum(a != b for a, b in zip(turns, turns[1:], strict=False))
    assert changes > 20, "they did not alternate"
    for seed, one in tabs.items():
        assert texts(run_of(here, one)) == alone[seed]
    assert here.written() == before


def test_row_26_no_visit_can_look_at_go_on_from_or_stop_the_run_of_another(here: Page) -> None:
    before = here.written()
    owner, thief = tab(here), tab(here)
    owner.run("canary of the owner", **SETTINGS)
    run = run_of(here, owner)
    thief.ask("text-view", "resync", {"run": run.id, "from": 1})
    thief.send("text-view", "fork", {"run": run.id, "index": 2, "token_id": 5}, **SETTINGS)
    for _ in thief.listen():
        pass
    thief.send("text-stop", "click")
    assert "canary" not in thief.heard
    assert "no longer kept" in thief.heard
    assert list(here.visits.visit(owner.visit).runs) == [run.id]
    assert here.written() == before


@pytest.mark.slow
def test_row_27_visits_that_come_and_go_leave_nothing_behind_and_the_run_is_as_before(here: Page) -> None:
    """The figure over 500 visits is held by tests/audience/test_memory.py."""
    before = here.written()
    first = tab(here)

    def live(_: int) -> None:
        served: Any = here
        one = Tab(served)
        one.config = first.config
        one.run(ASKED["prompt"], **{**SETTINGS, "max_new_tokens": 3})
        one.http.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(live, range(24)))
    until(here.idle, "the end of all runs")
    assert here.manager._leases == {}
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith("run-")]
    assert here.written() == before
