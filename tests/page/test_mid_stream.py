"""Runs in mid-stream: each is held at a step by the test, so that nothing here depends on speed."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from playground.run import ABANDONED_S
from tests.page.visitor import COLLECT, PATIENCE_MS, Served, begin, choose_model, never_end, state, steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TOTAL = "n => (window.frames_.at(-1) || {}).total === n"
CHIPS = "n => [...document.querySelectorAll('#text-view .pg-chip')].filter(c => c.textContent).length === n"
PROMPT = 5  # tokens of "Once upon a time", the one that begins a text included


def texts(page: Page) -> list[str]:
    """What stands on the chips that are drawn already."""
    return [text for text in page.locator("#text-view .pg-chip").all_text_contents() if text]


def hold_at(page: Page, served: Served, at: int, length: int = 480) -> None:
    """A run that stands before step `at`."""
    never_end(page, length)
    served.hold.move(at)
    begin(page, "Once upon a time")
    page.wait_for_function(TOTAL, arg=at)


def test_stop_ends_a_run_where_it_stands_and_one_step_goes_on_from_there(held: Page, served: Served) -> None:
    hold_at(held, served, 7)
    expect(state(held)).to_contain_text("Writing")
    expect(held.locator("#text-run")).to_be_enabled()
    held.click("#text-stop")
    held.wait_for_function("window.frames_.at(-1).finished")
    before = steps(held)
    assert len(before) == 7, "it computed on after Stop"
    assert held.evaluate("window.frames_.at(-1).finished.reason") == "user"
    expect(state(held)).to_contain_text("Stopped by you")
    expect(held.locator("#text-stop")).to_be_disabled()
    served.hold.move(None)
    held.evaluate("window.frames_ = []")
    held.click("#text-step")
    held.wait_for_function("window.frames_.some(f => f.finished)")
    after = steps(held)
    assert len(after) == 8
    assert [s["token_id"] for s in after[:7]] == [s["token_id"] for s in before]
    held.evaluate("window.frames_ = []")
    number_of_more = 5
    held.fill("#text-max_new_tokens input[type=number]", str(number_of_more))
    held.keyboard.press("Tab")
    held.click("#text-continue")
    held.wait_for_function("window.frames_.some(f => f.finished)")
    assert [s["token_id"] for s in steps(held)][:8] == [s["token_id"] for s in after]
    assert len(steps(held)) == 8 + number_of_more


def test_a_double_click_starts_one_run(held: Page, served: Served) -> None:
    never_end(held, 50)
    served.hold.move(3)
    held.evaluate(COLLECT)
    held.dblclick("#text-run")
    held.wait_for_function(TOTAL, arg=3)
    held.click("#text-run")  # and a third click while it stands there
    served.hold.move(None)
    held.wait_for_function("window.frames_.at(-1).finished")
    assert len(set(held.evaluate("window.frames_.map(f => f.run)"))) == 1
    assert len(steps(held)) == 50


def test_a_stop_that_overtakes_its_run_on_the_way_ends_it_too(held: Page, served: Served) -> None:
    hold_at(held, served, 3)
    late: list[Route] = []
    held.route("**/queue/join*", lambda route: late.append(route) if not late else route.continue_())
    held.fill("#text-prompt textarea", "Another prompt")
    held.click("#text-run")  # its request stays on the way
    held.wait_for_timeout(100)
    assert late, "Run has sent nothing"
    held.click("#text-stop")
    held.wait_for_function("window.frames_.at(-1).finished")
    late[0].continue_()
    held.wait_for_function(
        "r => window.frames_.at(-1).run !== r && window.frames_.at(-1).finished",
        arg=held.evaluate("window.frames_.at(-1).run"),
    )
    assert held.evaluate("window.frames_.at(-1).finished.reason") == "user"
    assert len(steps(held)) <= 1


def test_a_new_message_stops_the_running_answer_and_keeps_the_conversation(held: Page, served: Served) -> None:
    choose_model(held, "Talker")
    expect(held.get_by_role("radio", name="chat")).to_be_enabled()
    held.get_by_role("radio", name="chat").check()
    expect(held.locator("#text-new")).to_be_visible()
    never_end(held, 200)
    served.hold.move(4)
    begin(held, "Tell me a long story.")
    held.wait_for_function(TOTAL, arg=4)
    answer = "".join(s["text"] for s in steps(held))
    expect(held.locator("#text-prompt textarea")).to_have_value("")
    held.fill("#text-prompt textarea", "What is your name?")
    held.click("#text-run")
    held.wait_for_function("window.frames_.some(f => f.history.length === 3 && f.total === 4)")
    history = held.evaluate("window.frames_.findLast(f => f.history.length === 3).history")
    assert [m["role"] for m in history] == ["user", "assistant", "user"]
    assert [m["content"] for m in history] == ["Tell me a long story.", answer, "What is your name?"]
    first = held.evaluate("window.frames_[0].run")
    runs = [run for visit in served.visits._visits.values() for run in visit.runs.values() if run.id == first]
    assert [run.ended for run in runs] == [True]
    assert '"reason":"new_input"' in runs[0].frame()
    assert runs[0].total == 4, "the first answer was written on"
    held.fill("#text-prompt textarea", "What is typed meanwhile stays.")
    served.hold.move(None)
    held.wait_for_function("window.frames_.at(-1).finished")
    expect(held.locator("#text-run")).to_be_enabled()
    expect(held.locator("#text-prompt textarea")).to_have_value("What is typed meanwhile stays.")


def test_a_reload_in_mid_stream_finds_its_run_and_its_settings(held: Page, served: Served) -> None:
    hold_at(held, served, 30)
    held.wait_for_function(CHIPS, arg=PROMPT + 30)
    seen = texts(held)
    held.reload()
    expect(held.locator("#text-prompt textarea")).to_have_value("Once upon a time")
    expect(held.locator("#text-temperature input[type=number]")).to_have_value("2")
    expect(held.locator("#text-view")).not_to_contain_text("A recorded run")
    held.wait_for_function(CHIPS, arg=PROMPT + 30)
    assert texts(held) == seen
    expect(state(held)).to_contain_text("Writing")
    served.hold.move(40)  # it was not stopped: it goes on, and the page with it
    held.wait_for_function(CHIPS, arg=PROMPT + 40)
    assert texts(held)[: len(seen)] == seen


def test_a_hidden_tab_opened_at_step_400_shows_step_3(held: Page, served: Served) -> None:
    hold_at(held, served, 2)
    held.get_by_role("tab", name="Models").click()
    served.hold.move(400)
    held.wait_for_function(TOTAL, arg=400)
    third = held.evaluate("window.frames_.flatMap(f => f.events).find(e => e.seq === 3)")
    held.get_by_role("tab", name="Text").click()
    held.wait_for_function(CHIPS, arg=PROMPT + 400)
    held.locator("#text-view .pg-chip").nth(PROMPT + 2).click()
    where = held.locator("#text-view .pg-where")
    expect(where).to_have_text("step 3 of 400")
    expect(held.locator("#text-view .pg-bar").first).to_be_visible()
    bars = held.locator("#text-view .pg-bars").inner_text()
    scrubber = held.locator("#text-view .pg-scrubber input[type=range]")
    scrubber.evaluate("e => { e.value = 210; e.dispatchEvent(new Event('input', {bubbles: true})); }")
    expect(where).to_have_text("step 211 of 400")
    held.wait_for_function("b => document.querySelector('#text-view .pg-bars').innerText !== b", arg=bars)
    scrubber.evaluate("e => { e.value = 2; e.dispatchEvent(new Event('input', {bubbles: true})); }")
    expect(where).to_have_text("step 3 of 400")
    held.wait_for_function("b => document.querySelector('#text-view .pg-bars').innerText === b", arg=bars)
    shown = third["text"].strip()
    expect(held.locator("#text-view .pg-chip").nth(PROMPT + 2)).to_contain_text(shown)


@pytest.mark.parametrize("silent", [False, True], ids=["with frames", "in a long step"])
def test_a_run_whose_tab_was_closed_ends_and_keeps_what_it_had(browser: Any, served: Served, silent: bool) -> None:
    served.hold.silent = silent
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(served.url)
    expect(page.locator("#text-view .pg-chip").first).to_be_visible()
    hold_at(page, served, 5)
    number = page.evaluate("window.frames_.at(-1).run")
    context.close()
    run = next(r for v in served.visits._visits.values() for r in v.runs.values() if r.id == number)
    run.thread.join(ABANDONED_S + PATIENCE_MS / 1000)
    assert run.ended
    assert run.total == 5
    assert run.resumable
    assert re.search("no page looked at it", " ".join(run.status()["notices"]))
    served.hold.move(None)
    served.hold.silent = False
