"""What a guest of a public page may use: per visit, per address, per day; said in a sentence, renewed after a day."""

import json
from collections.abc import Callable, Generator
from typing import Any

import pytest

import app
from playground import people
from playground.errors import PlaygroundError
from playground.events import Event, Finished, Notice, Queued, Reason
from playground.people import ADDRESS, DAY_S, VISIT, Limits, Person, Quotas
from playground.room import STOPPED, Room
from tests.audience.served import serve
from tests.manager.fakes import Stepped
from tests.page.fake import Clock, State, token

ONE = Person("one", "1.1.1.1")


def test_limits_are_written_as_words_and_numbers() -> None:
    assert VISIT["public"].but("tokens=5, running=3") == Limits(running=3, queued=2, tokens=5, seconds=1800)
    assert VISIT["public"].but("") == VISIT["public"]
    for wrong in ("tokens", "tokens=-1", "tokens=many", "words=3"):
        with pytest.raises(PlaygroundError, match=r"running=1,queued=2"):
            Limits().but(wrong)


def test_a_public_visit_has_one_run_that_computes_and_two_that_wait_and_its_address_has_more() -> None:
    assert (VISIT["public"].running, VISIT["public"].queued) == (1, 2)
    for name in ("running", "queued", "tokens", "seconds"):
        assert getattr(ADDRESS["public"], name) > getattr(VISIT["public"], name) > 0
        assert getattr(VISIT["own"], name) == 0


def test_tokens_of_a_day_end_with_a_sentence_that_says_when_they_come_back() -> None:
    clock = Clock(1_000_000.0)
    quotas = Quotas(Limits(tokens=100), clock=clock)
    quotas.wrote(ONE, 99)
    quotas.check(ONE)
    quotas.wrote(ONE, 1)
    clock.now += DAY_S - 3 * 3600 - 12 * 60
    with pytest.raises(PlaygroundError, match=r"100 tokens a day .* are used up.* at \d\d:\d\d UTC, in 3 h 12 min"):
        quotas.check(ONE)
    quotas.check(Person("another", "1.1.1.1"))
    clock.now += 3 * 3600 + 12 * 60
    quotas.check(ONE)


def test_seconds_of_computing_count_and_waiting_does_not() -> None:
    now = Clock()
    world = Stepped({"a": 10}, 100)
    quotas = Quotas(Limits(seconds=10), clock=now)
    quotas.enter(ONE)
    world.manager.govern(quotas.may_run, quotas.spent)
    gate = world.manager._gate
    gate._clock = now
    now.now += 100
    with gate.turn("one"):
        now.now += 9.5
    quotas.check(ONE)
    with gate.turn("one"):
        now.now += 1
    with pytest.raises(PlaygroundError, match="10 seconds of computing a day"):
        quotas.check(ONE)


def test_whoever_drops_the_session_token_is_still_the_same_address() -> None:
    quotas = Quotas(Limits(tokens=100, running=1, queued=2), Limits(tokens=250, running=2, queued=4))
    for number in range(3):
        person = Person(f"visit {number}", "1.1.1.1")
        quotas.check(person)
        quotas.wrote(person, 100)
    with pytest.raises(PlaygroundError, match="one network address"):
        quotas.check(Person("a new one", "1.1.1.1"))
    quotas.check(Person("a new one", "2.2.2.2"))
    for number in range(6):
        quotas.enter(Person(f"run {number}", "3.3.3.3"))
    with pytest.raises(PlaygroundError, match=r"6 runs already, as many as one network address"):
        quotas.enter(Person("run 7", "3.3.3.3"))
    quotas.leave(Person("run 0", "3.3.3.3"))
    quotas.enter(Person("run 7", "3.3.3.3"))


def test_the_fourth_run_of_a_visit_is_refused_and_counts_nowhere() -> None:
    quotas = Quotas(VISIT["public"], ADDRESS["public"])
    for _ in range(3):
        quotas.enter(ONE)
    for _ in range(5):
        with pytest.raises(PlaygroundError, match=r"3 runs already.*\(1 computing, 2 waiting\)"):
            quotas.enter(ONE)
    for _ in range(3):
        quotas.leave(ONE)
    for _ in range(3):
        quotas.enter(ONE)


def test_a_visit_computes_one_run_at_a_time_and_an_address_four_while_others_go_on() -> None:
    quotas = Quotas(VISIT["public"], ADDRESS["public"])
    for name, address in [*((f"v{i}", "1.1.1.1") for i in range(6)), ("far", "2.2.2.2")]:
        quotas.enter(Person(name, address))
    assert quotas.may_run("v0", [])
    assert not quotas.may_run("v0", ["v0"])
    assert quotas.may_run("v3", ["v0", "v1", "v2"])
    assert not quotas.may_run("v4", ["v0", "v1", "v2", "v3"])
    assert quotas.may_run("far", ["v0", "v1", "v2", "v3"])


def test_teachers_and_owners_have_no_quota() -> None:
    quotas = Quotas(Limits(running=1, tokens=1), Limits(running=1, tokens=1))
    for role in ("own", "teacher"):
        person = Person("one", "1.1.1.1", role)
        for _ in range(5):
            quotas.enter(person)
        quotas.wrote(person, 1000)
        quotas.check(person)


def test_the_books_are_bounded_and_forget_nobody_who_has_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "REMEMBERED", 50)
    quotas = Quotas(Limits(running=1, queued=0), Limits(running=1, queued=0))
    quotas.enter(ONE)
    for number in range(500):
        quotas.wrote(Person(f"visit {number}", f"10.0.{number // 250}.{number % 250}"), 1)
    assert len(quotas._visits) == len(quotas._addresses) == 50
    with pytest.raises(PlaygroundError, match="1 runs already"):
        quotas.enter(ONE)


# ── in a room ────────────────────────────────────────────────────────────────


def script(events: list[Event], reasons: list[Any]) -> Callable[[], Generator[Event, Reason | None, None]]:
    def generate() -> Generator[Event, Reason | None, None]:
        for event in events:
            reason = yield event
            if reason is not None:
                reasons.append(reason)
                yield Finished("r", 9, reason, "so far", 3, state=State(3))
                return
        yield Finished("r", 9, Reason.EOS, "all", len(events))

    return generate


def test_a_run_ends_in_the_middle_when_the_quota_does_and_keeps_its_state() -> None:
    room, reasons = Room(Stepped({"a": 10}, 100).manager, Quotas(Limits(tokens=3))), list[Any]()
    events = list(room.drive(ONE, "text", "a", script([token(i) for i in range(10)], reasons)))
    assert [type(event).__name__ for event in events] == ["TokenStep"] * 3 + ["Notice", "Finished"]
    assert isinstance(events[3], Notice) and "3 tokens a day" in events[3].text
    assert isinstance(events[4], Finished) and events[4].state.index == 3
    assert reasons == [Reason.STOPPED]
    assert room.jobs() == []
    with pytest.raises(PlaygroundError, match="3 tokens a day"):
        next(room.drive(ONE, "text", "a", script([token(0)], [])))


def test_the_room_tells_who_runs_what_and_never_what_is_written() -> None:
    room, secret = Room(Stepped({"a": 10}, 100).manager), "canary777x"
    events: list[Event] = [Queued(2), token(0, secret), token(1, secret)]
    runs = [room.drive(Person(f"{secret}{i}", secret), "text", "a", script(events, [])) for i in range(2)]
    next(runs[0])
    [next(runs[1]) for _ in range(3)]
    jobs = room.jobs()
    assert [(j["visit"], j["state"], j["place"], j["steps"], j["model"]) for j in jobs] == [
        (1, "waiting", 2, 0, "a"), (2, "running", 0, 2, "a")]  # fmt: skip
    assert secret not in json.dumps(jobs)
    runs[0].close()
    assert [j["visit"] for j in room.jobs()] == [2]


def test_a_stopped_run_ends_at_its_next_step_and_no_other_does() -> None:
    room, reasons, other = Room(Stepped({"a": 10}, 100).manager), list[Any](), list[Any]()
    run = room.drive(ONE, "text", "a", script([token(i) for i in range(9)], reasons))
    goes_on = room.drive(Person("two"), "text", "a", script([token(i) for i in range(3)], other))
    next(run), next(goes_on)
    assert room.stop(room.jobs()[0]["id"]) == 1
    rest = list(run)
    assert [type(event).__name__ for event in rest] == ["Notice", "Finished"]
    assert isinstance(rest[0], Notice) and rest[0].text == STOPPED
    assert reasons == [Reason.STOPPED]
    assert len(list(goes_on)) == 3 and not other


def test_what_is_not_computing_yet_is_stopped_too() -> None:
    room, closed = Room(Stepped({"a": 10}, 100).manager), list[str]()

    def wait() -> Generator[Event, Reason | None, None]:
        try:
            while True:
                yield Queued(1)  # as a load does, it hears no reason
        finally:
            closed.append("closed")

    run = room.drive(ONE, "load", "a", wait)
    next(run)
    room.stop()
    assert [type(event).__name__ for event in run] == ["Notice", "Finished"]
    assert closed == ["closed"] and room.jobs() == []


# ── over HTTP ────────────────────────────────────────────────────────────────


def public(monkeypatch: pytest.MonkeyPatch, visit: str = "", address: str = "") -> Any:
    quotas = Quotas(VISIT["public"].but(visit), ADDRESS["public"].but(address))
    return serve(monkeypatch, "public", quotas=quotas)


def test_page_and_api_count_for_one_address_and_the_page_says_when_it_is_enough(monkeypatch: Any) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    with public(monkeypatch, "tokens=4", "tokens=10") as served:
        served.world.open()
        first = served.browser().open()
        assert "are used up" in first.run("x", max_new_tokens=6), "it ends in the middle"
        assert "that one visit may have are used up" in first.run("x", max_new_tokens=1)
        second = served.browser().open()  # a new token: a new visit, the same address
        assert "are used up" not in second.run("x", max_new_tokens=3)
        client = Client(served.url, verbose=False, analytics_enabled=False)
        client.predict("x", max_new_tokens=3, api_name="/text")
        with pytest.raises(AppError, match="one network address"):
            client.predict("x", max_new_tokens=1, api_name="/text")
        assert "one network address" in served.browser().open().run("x", max_new_tokens=1)
        client.close()


def test_a_refused_run_leaves_the_finished_one_on_the_page(monkeypatch: Any) -> None:
    with public(monkeypatch, "tokens=3") as served:
        served.world.open()
        tab = served.browser().open()
        tab.run("canary001x", max_new_tokens=3)
        assert "canary001x" in str(served.visits.visit(tab.visit).current["text"].written)
        tab.run("canary002x", max_new_tokens=3)
        assert "canary001x" in str(served.visits.visit(tab.visit).current["text"].written)


def test_a_public_page_asks_for_no_code_and_lets_nobody_load_by_hand(monkeypatch: Any) -> None:
    with public(monkeypatch) as served:
        tab: Any = served.browser().open()
        assert "not by hand" in tab.ask("models-view", "fetch", {"id": "a"})[0]
        served.world.open()
        assert "finished" in tab.run("x", model="b", max_new_tokens=1), "the first run that needs a model loads it"


def test_a_model_that_there_is_not_never_stands_in_the_room() -> None:
    room, began = Room(Stepped({"a": 10}, 100).manager), list[str]()

    def generate() -> Generator[Event, Reason | None, None]:
        began.append("it began")
        yield token(0)

    with pytest.raises(PlaygroundError, match="There is no model called 'some insult' here"):
        next(room.drive(ONE, "text", "some insult", generate))
    assert room.jobs() == []
    assert began == []


def test_quotas_come_from_flags_and_environment(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("PLAYGROUND_QUOTA", "tokens=7")
    monkeypatch.setenv("PLAYGROUND_QUOTA_ADDRESS", "tokens=8")
    flags = app.arguments(["--audience", "public"])
    assert (flags.quota, flags.quota_address) == ("tokens=7", "tokens=8")
    assert app.arguments(["--audience", "public", "--quota", "seconds=5"]).quota == "seconds=5"
    with pytest.raises(SystemExit, match="A quota is written like"):
        app.main(["--audience", "public", "--quota", "lots"])
