"""Runs belong to visits: they start once, stop within one step, are found again, and stay within bounds."""

import json
import re
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from playground.errors import PlaygroundError
from playground.events import Finished, Reason
from playground.json_text import dumps
from playground.run import ABANDONED_S, DEFECT, Run
from playground.visits import STEPS_PER_FRAME, Bounds, Prepared, Visits, Watcher, numbered
from tests.page.fake import PATIENCE_S, Clock, State, Tape, ended, reached


def started(
    visits: Visits, tape: Tape, request: Any = "a", token: str = "0" * 32, name: str = "fake", **more: Any
) -> Run:
    return visits.visit(token).start(name, request, lambda before: Prepared(tape.generate, **more))


def steps(frame: str) -> list[int]:
    return [event["seq"] for event in json.loads(frame)["events"]]


def test_a_run_that_is_stopped_computes_at_most_one_step_more() -> None:
    tape, visits = Tape(), Visits()
    tape.allow(3)
    run = reached(started(visits, tape), 3)
    visits.visit("0" * 32).stop("fake")
    tape.allow(100)
    assert ended(run) and tape.computed <= 4
    assert json.loads(run.frame())["finished"]["reason"] == "user"
    assert tape.closed
    assert run.resumable


def test_a_run_that_still_loads_is_stopped_too_and_leaves_nothing_to_go_on_from() -> None:
    tape, visits = Tape(loading=True), Visits()
    run = started(visits, tape)
    run.stop()
    tape.allow(10)
    ended(run)
    assert tape.closed
    assert json.loads(run.frame())["finished"]["reason"] == "user"
    assert not run.resumable


def test_a_new_request_stops_the_old_run_with_new_input_and_waits_for_its_end() -> None:
    first, second, visits = Tape(), Tape(), Visits()
    first.allow(2)
    old = reached(started(visits, first, "one"), 2)
    first.allow(50)
    new = started(visits, second, "two")
    assert new is not old
    assert old.ended
    assert first.reason is Reason.NEW_INPUT


def test_the_same_request_while_it_runs_is_a_double_click_and_starts_nothing() -> None:
    first, second, visits = Tape(), Tape(), Visits()
    assert started(visits, first, "one") is started(visits, second, "one")
    first.allow(1)
    assert second.computed == 0
    assert not second.closed


def test_two_clicks_at_the_same_moment_start_one_run() -> None:
    tapes, visits = [Tape() for _ in range(8)], Visits()
    barrier, runs = threading.Barrier(8), []

    def click(tape: Tape) -> None:
        barrier.wait(PATIENCE_S)
        runs.append(started(visits, tape, "same"))

    threads = [threading.Thread(target=click, args=(tape,)) for tape in tapes]
    [t.start() for t in threads]
    [t.join(PATIENCE_S) for t in threads]
    assert len(runs) == 8
    assert len({run.id for run in runs}) == 1


def test_a_stop_that_overtook_its_run_ends_it_and_one_that_came_late_does_not() -> None:
    visits, early, late = Visits(), Tape(), Tape()
    visit = visits.visit("0" * 32)
    visit.stop("fake", click=12)  # Run was click 11, and is still on its way
    overtaken = visit.start("fake", 1, lambda before: Prepared(early.generate), 11)
    early.allow(9)
    assert ended(overtaken) and early.computed <= 1
    run = visit.start("fake", 2, lambda before: Prepared(late.generate), 14)
    visit.stop("fake", click=13)  # pressed before that Run
    late.allow(2)
    reached(run, 2)
    assert not run.ended
    visit.stop("fake", click=15)
    late.allow(5)
    assert ended(run) and late.reason is Reason.USER


def test_a_stop_while_a_run_waits_for_the_one_before_ends_both() -> None:
    visits, first, second = Visits(), Tape(), Tape()
    visit = visits.visit("0" * 32)
    old = visit.start("fake", 1, lambda before: Prepared(first.generate), 1)
    runs: list[Any] = []
    clicking = threading.Thread(
        target=lambda: runs.append(visit.start("fake", 2, lambda v: Prepared(second.generate), 2))
    )
    clicking.start()
    visit.stop("fake", click=3)
    first.allow(5)
    second.allow(9)
    clicking.join(PATIENCE_S)
    assert ended(old) and ended(runs[0]) and second.computed <= 1


@pytest.mark.parametrize(
    ("sent", "token", "click"),
    [("0" * 32 + ".17", "0" * 32, 17), ("0" * 32, "0" * 32, 0), (None, None, 0), ("x.3", "x.3", 0), (7, 7, 0)],
)
def test_the_number_of_a_click_is_told_from_the_token(sent: Any, token: Any, click: int) -> None:
    assert numbered(sent) == (token, click)


def test_another_click_in_the_very_moment_of_a_beginning_stops_that_run() -> None:
    first, second, visits = Tape(), Tape(), Visits()
    trim, clicks = visits.trim, []

    def click_meanwhile(visit: Any) -> None:
        if not clicks:
            clicks.append(threading.Thread(target=lambda: clicks.append(started(visits, second, "two"))))
            clicks[0].start()
            first.allow(5)
            clicks[0].join(PATIENCE_S)
        trim(visit)

    visits.trim = click_meanwhile  # type: ignore[method-assign]
    old = started(visits, first, "one")
    assert ended(old) and first.reason is Reason.NEW_INPUT
    assert visits.visit("0" * 32).current["fake"] is clicks[1]


def test_a_run_nobody_watches_for_ten_seconds_stops_and_can_go_on() -> None:
    clock, tape = Clock(), Tape()
    run = started(Visits(clock=clock), tape)
    tape.allow(2)
    reached(run, 2)
    clock.now = ABANDONED_S - 0.1
    tape.allow(1)
    reached(run, 3)
    assert not run.ended
    clock.now = ABANDONED_S
    tape.allow(5)
    ended(run)
    assert tape.computed == 4
    assert run.resumable
    assert "no page looked" in json.loads(run.frame())["status"]["notices"][0]


def test_a_run_that_is_watched_goes_on_however_long_it_takes() -> None:
    clock, tape = Clock(), Tape()
    run = started(Visits(clock=clock), tape)
    with Watcher(run, clock=clock):
        clock.now = 1000.0
        tape.allow(5)
        reached(run, 5)
        assert not run.ended
    clock.now += ABANDONED_S  # counted from the moment the last watcher left
    tape.allow(2)
    ended(run)
    assert tape.computed == 6


def test_frames_come_at_most_forty_times_a_second_and_lose_no_step() -> None:
    clock, tape = Clock(), Tape()
    run = started(Visits(clock=clock), tape)
    with Watcher(run, clock=clock) as watcher:
        tape.allow(5)
        reached(run, 5)
        first = watcher.frame()
        tape.allow(5)
        reached(run, 10)
        clock.now += 1 / 41
        assert watcher.frame() is None
        clock.now += 1 / 41
        second = watcher.frame()
    assert first and second
    assert steps(first) + steps(second) == list(range(1, 11))


def test_nothing_new_is_no_frame() -> None:
    clock, tape = Clock(), Tape()
    run = started(Visits(clock=clock), tape)
    tape.allow(1)
    reached(run, 1)
    watcher = Watcher(run, clock=clock)
    assert watcher.frame()
    clock.now += 1
    assert watcher.frame() is None


def test_a_frame_after_a_pause_holds_the_newest_forty_and_the_total_shows_the_gap() -> None:
    clock, tape = Clock(), Tape()
    run = started(Visits(clock=clock), tape)
    watcher = Watcher(run, sent=0, clock=clock)
    tape.allow(100)
    reached(run, 100)
    frame = watcher.frame()
    assert frame
    assert steps(frame) == list(range(100 - STEPS_PER_FRAME + 1, 101))
    assert json.loads(frame)["total"] == 100
    assert steps(run.frame(60)) == list(range(61, 101)), "resync answers with everything from there"


def test_a_page_that_comes_back_gets_every_step_and_the_rest_of_the_run() -> None:
    clock, tape, visits = Clock(), Tape(), Visits()
    run = started(visits, tape)
    tape.allow(70)
    reached(run, 70)
    found = visits.visit("0" * 32).current["fake"]
    again = Watcher(found, clock=clock)
    whole = again.frame()
    assert whole
    assert steps(whole) == list(range(1, 71))
    tape.allow(1)
    reached(run, 71)
    run.stop()
    tape.allow(5)
    ended(run)
    last = again.frame()
    assert last
    assert again.done
    assert steps(last)[0] == 71
    assert json.loads(last)["finished"]["reason"] == "user"


def test_two_visits_never_see_each_other() -> None:
    visits, tapes = Visits(), {c: Tape(name=c) for c in "abcdef"}
    runs = {}
    for c, tape in tapes.items():
        tape.allow(20)
        runs[c] = started(visits, tape, token=c * 32)
    for c, run in runs.items():
        reached(run, 20)
        texts = "".join(event["text"] for event in json.loads(run.frame())["events"])
        assert re.fullmatch(f"( {c}[0-9]+)+", texts)
        others = [visits.visit(o * 32).runs for o in tapes if o != c]
        assert all(run.id not in held for held in others)
    visits.visit("a" * 32).stop("fake")
    tapes["a"].allow(5)
    tapes["b"].allow(5)
    ended(runs["a"])
    reached(runs["b"], 25)
    assert not runs["b"].ended


def test_a_token_that_we_could_not_have_given_is_replaced() -> None:
    visits = Visits()
    for strange in ("", None, "x", "../../etc", "0" * 31, "A" * 32, 7):
        token = visits.visit(strange).token  # type: ignore[arg-type]
        assert re.fullmatch("[0-9a-f]{32}", token)
        assert token != strange


def test_memory_stays_bounded_over_five_hundred_visits() -> None:
    bounds = Bounds(visits=20, runs=3, step_bytes=200_000)
    visits = Visits(bounds)
    for number in range(500):
        tape = Tape()
        tape.allow(20)
        run = started(visits, tape, token=f"{number:032x}")
        reached(run, 20).stop()
        tape.allow(2)
        ended(run)
    assert len(visits._visits) <= bounds.visits
    assert visits.step_bytes <= bounds.step_bytes + run.bytes


@dataclass(frozen=True)
class Asked:
    picture: str
    seed: int = 1


def test_what_runs_were_asked_for_counts_among_what_is_kept() -> None:
    """Pictures that were sent along stay with their runs, also with those that failed at once."""
    bounds = Bounds(visits=500, runs=8, step_bytes=1_000_000)
    visits = Visits(bounds)
    for number in range(40):
        tape = Tape(fault=PlaygroundError("No."))
        tape.allow(1)
        ended(started(visits, tape, ("run", Asked("x" * 100_000), str(number)), token=f"{number:032x}"))
    runs = [run for visit in visits._visits.values() for run in visit.runs.values()]
    assert 1 <= len(runs) <= 11
    assert visits.step_bytes <= bounds.step_bytes + 110_000


def test_a_visit_keeps_its_newest_runs_only() -> None:
    visits = Visits(Bounds(runs=3))
    for number in range(10):
        tape = Tape()
        tape.allow(2)
        run = reached(started(visits, tape, number), 2)
        run.stop()
        tape.allow(3)
        ended(run)
    held = visits.visit("0" * 32).runs
    assert len(held) <= 4
    assert run.id in held


def test_pieces_of_a_run_that_went_on_go_before_runs_that_stand_for_themselves() -> None:
    visits, last = Visits(Bounds(runs=3)), None
    alone = []
    for number in range(2):
        tape = Tape()
        tape.allow(2)
        alone.append(reached(started(visits, tape, number), 2))
        alone[-1].stop()
        tape.allow(1)
        ended(alone[-1])
    for number in range(2, 8):
        at = last.total if last else 0
        tape = Tape(begin=at)
        tape.allow(1)
        last = reached(started(visits, tape, number, parent=last, at=at), at + 1)
        last.stop()
        tape.allow(1)
        ended(last)
    held = visits.visit("0" * 32).runs
    assert {run.id for run in alone} <= set(held) and last is not None and last.id in held
    assert len(json.loads(last.frame())["events"]) == last.total >= 6


def test_a_state_that_the_manager_needs_back_is_gone_and_the_run_goes_on_from_its_steps() -> None:
    kept: list[Any] = []

    def keep(count: int, forget: Any) -> Any:
        kept.append((count, forget))
        return type("Kept", (), {"touch": lambda s: None, "release": lambda s: None})()

    tape, visits = Tape(), Visits(keep=keep)
    tape.allow(2)
    run = reached(started(visits, tape), 2)
    run.stop()
    tape.allow(3)
    ended(run)
    assert kept[0][0] == State(0).bytes
    assert run.resumable
    kept[0][1]()
    assert run.state is None
    assert run.resumable, "its text can be read again"
    run.release()
    assert not run.resumable


def test_a_continued_run_has_its_parents_steps_and_counts_on_from_them() -> None:
    visits, first = Visits(), Tape()
    first.allow(4)
    parent = reached(started(visits, first, 1), 4)
    parent.stop()
    first.allow(3)
    ended(parent)
    second = Tape(name="b", begin=3)
    second.allow(2)
    run = reached(started(visits, second, 2, parent=parent, at=3), 5)
    events = json.loads(run.frame())["events"]
    assert [e["seq"] for e in events] == [1, 2, 3, 4, 5]
    assert [e["text"] for e in events] == [" a0", " a1", " a2", " b3", " b4"]
    assert {e["run_id"] for e in events} == {run.id}
    begun = json.loads(run.frame())["started"]
    assert (begun["parent"], begun["parent_index"]) == (parent.id, 3)


@pytest.mark.parametrize(
    "fault", [PlaygroundError("top_k must be 0 or more, got -3."), RuntimeError("secret /root/path")]
)
def test_a_fault_ends_the_run_with_a_sentence_and_never_with_a_traceback(fault: Exception, caplog: Any) -> None:
    tape, visits = Tape(fault=fault), Visits()
    tape.allow(1)
    run = ended(started(visits, tape))
    status = json.loads(run.frame())["status"]
    assert status["state"] == "error"
    assert status["error"] == (str(fault) if isinstance(fault, PlaygroundError) else DEFECT)
    assert "secret" not in run.frame()
    assert tape.closed
    good = Tape()
    good.allow(1)
    reached(started(visits, good, "next"), 1)  # the next request works


def test_a_generator_that_ends_without_finished_is_an_error_not_an_endless_wait() -> None:
    run = ended(Visits().visit(None).start("fake", 1, lambda before: Prepared(lambda: (e for e in ()))))  # type: ignore[arg-type]
    watcher = Watcher(run)
    assert json.loads(watcher.frame() or "")["status"]["state"] == "error"
    assert watcher.done


def test_a_conversation_keeps_the_part_of_an_answer_that_was_stopped() -> None:
    visits, tape = Visits(), Tape()
    tape.allow(2)
    run = reached(started(visits, tape, messages=[{"role": "user", "content": "hi"}]), 2)
    run.stop()
    tape.allow(3)
    ended(run)
    assert run.conversation()[0] == {"role": "user", "content": "hi"}
    assert run.conversation()[1]["role"] == "assistant"
    assert run.conversation()[1]["content"].startswith(" a0 a1")


def test_the_newest_watcher_of_a_view_draws_alone() -> None:
    visit, tape = Visits().visit(None), Tape()
    run = visit.start("fake", 1, lambda before: Prepared(tape.generate))
    old, new = Watcher(run), Watcher(run)
    visit.sit("view", old)
    assert visit.sits("view", old)
    visit.sit("view", new)
    assert visit.sits("view", new)
    assert not visit.sits("view", old)
    for number in range(50):
        visit.sit(number, new)
    assert len(visit._seats) <= 16
    run.stop()
    tape.allow(2)


def test_who_drew_a_run_that_was_forgotten_draws_no_more() -> None:
    visit, tape = Visits().visit(None), Tape()
    run = visit.start("fake", 1, lambda before: Prepared(tape.generate))
    other = visit.start("another", 2, lambda before: Prepared(tape.generate))
    mine, theirs = Watcher(run), Watcher(other)
    visit.sit("view", mine)
    visit.sit("elsewhere", theirs)
    visit.forget("fake")
    assert not visit.sits("view", mine)
    assert visit.sits("elsewhere", theirs)
    other.stop()
    tape.allow(4)


def test_frames_are_json_that_a_browser_reads_even_with_infinite_logits() -> None:
    text = dumps({"a": float("-inf"), "b": float("nan"), "c": 0.1234567890123, "d": [float("inf")], "e": 3})
    assert json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON")) == {
        "a": -1e38, "b": None, "c": 0.1234568, "d": [1e38], "e": 3,
    }  # fmt: skip


def test_finished_is_told_with_the_runs_own_id_and_the_state_stays_inside() -> None:
    tape, visits = Tape(), Visits()
    tape.allow(1)
    run = reached(started(visits, tape), 1)
    run.stop()
    tape.allow(2)
    ended(run)
    finished = json.loads(run.frame())["finished"]
    assert finished["run_id"] == run.id
    assert finished["seq"] == run.total + 1
    assert "state" not in finished
    assert isinstance(run.state, State)
    assert Finished.__slots__  # the state is a field that to_json leaves out


def test_a_failed_run_is_forgotten_once_its_kind_is_tried_again() -> None:
    def broken() -> Any:
        raise PlaygroundError("it does not fit")
        yield

    visit = Visits().visit(None)
    run = visit.start("load a", "a", lambda before: Prepared(broken))
    run.thread.join(10)
    assert run.status()["error"] == "it does not fit"
    visit.clear_failures("load ")
    assert "load a" not in visit.current


def test_a_visitor_finds_room_when_every_visit_is_busy() -> None:
    visits = Visits(Bounds(visits=1))
    first = visits.visit(None)
    release = threading.Event()

    def busy() -> Any:
        release.wait(30)
        yield Finished("", 0, Reason.EOS, "", 0)

    run = first.start("text", "a", lambda before: Prepared(busy))
    assert visits.visit(None).token != first.token
    assert visits.visit(first.token) is first
    release.set()
    run.thread.join(10)
