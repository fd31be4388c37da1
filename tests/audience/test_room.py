"""The code page and the view of the room in a real browser, and who is told anything about the room."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.audience.served import CLASS, PATIENCE_S, TEACHER, Served, serve
from tests.audience.test_together import foreign, tabs, until

PATIENCE_MS = PATIENCE_S * 1000
SIZES = {"projector": (1280, 720), "phone": (390, 844)}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serve(monkeypatch, "class", active=2) as page:
        yield page


@pytest.fixture
def look(browser: Any) -> Iterator[Any]:
    """Opens fresh browser tabs; fails the test on any script error."""
    wrong: list[str] = []
    contexts = []

    def open_page(**options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        page: Page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


def enter(page: Page, served: Served, code: str) -> None:
    page.goto(served.url)
    page.fill("#code", code)
    page.keyboard.press("Enter")
    expect(page.locator("#text-run")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_code_is_asked_on_any_screen_in_either_theme(served: Served, look: Any, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    page = look(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(served.url)
    expect(page.get_by_label("Code")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    contrast = """() => {
      const luminance = (colour) => {
        const [r, g, b] = colour.match(/[0-9.]+/g)
          .map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const page = getComputedStyle(document.body).backgroundColor;
      return [...document.querySelectorAll("h1, p, label, button, .wrong")].map((node) => {
        const style = getComputedStyle(node);
        const behind = style.backgroundColor === "rgba(0, 0, 0, 0)" ? page : style.backgroundColor;
        const [a, b] = [luminance(style.color), luminance(behind)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
      });
    }"""
    page.fill("#code", "not it")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not the code")
    assert min(page.evaluate(contrast)) >= 4.5
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")


@pytest.mark.browser
def test_a_student_enters_once_and_a_reload_asks_nothing(served: Served, look: Any) -> None:
    page = look()
    enter(page, served, " K7M 2xp ")
    page.reload()
    expect(page.locator("#text-run")).to_be_visible()
    page.wait_for_timeout(1000)
    assert page.get_by_role("tab").all_inner_texts() == ["Text", "Train", "Models"]
    page.get_by_role("tab", name="Models").click()
    expect(page.locator(".page-model").first).to_be_visible()
    assert page.locator(".page-models .page-act:visible").count() == 0, "loading is the teacher's"


@pytest.mark.browser
@pytest.mark.parametrize("size", SIZES)
def test_the_teacher_sees_who_runs_and_waits_and_stops_one_or_all(served: Served, look: Any, size: str) -> None:
    width, height = SIZES[size]
    people = tabs(served, 3)
    with ThreadPoolExecutor(3) as pool:
        runs = []
        for count, tab in enumerate(people):
            runs.append(pool.submit(tab.run, f"canary{count:03}x", max_new_tokens=400))
            until(lambda n=count: len(served.manager._leases) + len(served.manager._admission) == n + 1)
        page = look(viewport={"width": width, "height": height})
        enter(page, served, TEACHER)
        page.get_by_role("tab", name="Room").click()
        room = page.locator("#room-view")
        rows = room.locator("tbody tr")
        expect(rows).to_have_count(3)
        for number in (1, 2, 3):
            expect(rows.nth(number - 1)).to_contain_text(f"Visit {number}")
        expect(rows.nth(2)).to_contain_text("waiting, place 1")
        expect(room).to_contain_text("1 run computes, 2 wait")  # one for the gate, one beyond the active limit
        expect(room).to_contain_text(re.compile("Memory: 10.MB of 100.MB in use. Loaded: A"))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        served.world.allow(40)
        expect(room).to_contain_text(re.compile(r"[1-9]\d steps"))
        rows.nth(2).get_by_role("button", name="Stop").click()
        expect(rows).to_have_count(2)
        assert "The teacher stopped this run" in runs[2].result(PATIENCE_S)
        room.get_by_role("button", name="Stop all").click()

        def idle() -> bool:
            page.wait_for_timeout(200)  # a click takes its time: not so many steps that a run ends by itself
            served.world.allow(2)  # the steps they are in; what was allowed before may be used up
            return not served.manager._leases and not len(served.manager._admission)

        until(idle)
        expect(room).to_contain_text("Nothing runs.")
        for run in runs[:2]:
            assert "The teacher stopped this run" in run.result(PATIENCE_S)
        assert foreign({"the teacher": page.content()}) == [], "somebody's text is on the teacher's page"


@pytest.mark.browser
def test_a_teacher_loads_and_unloads_in_the_browser(served: Served, look: Any) -> None:
    page = look()
    enter(page, served, TEACHER)
    page.get_by_role("tab", name="Models").click()
    row = page.locator(".page-model").nth(1)
    row.get_by_role("button", name="Load B").click()
    expect(row).to_contain_text("ready")
    row.get_by_role("button", name="Unload B").click()
    expect(row).not_to_contain_text("ready")


def test_nobody_but_the_teacher_is_told_anything_or_stops_anybody(served: Served) -> None:
    guest, teacher = served.browser(code=CLASS).open(), served.browser(code=TEACHER).open()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(guest.run, "canary001x", max_new_tokens=3)
        until(lambda: len(served.manager._leases) == 1)
        other = served.browser(code=CLASS).open()
        for data in ({}, {"id": 1}):
            assert json.loads(other.ask("room-view", "stop", data)[0]) == {"allowed": False}
        answer = json.loads(teacher.ask("room-view", "stop", {"id": "1"})[0])
        assert answer["allowed"] and len(answer["jobs"]) == 1
        assert set(answer["jobs"][0]) == {
            "id", "visit", "modality", "model", "state", "place", "steps", "seconds", "stopping"}  # fmt: skip
        assert answer["jobs"][0]["stopping"] is False
        assert "canary" not in json.dumps(answer)
        assert guest.visit not in json.dumps(answer)
        served.world.open()
        assert "max_new_tokens" in run.result(PATIENCE_S)


def test_on_ones_own_computer_there_is_no_room_and_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, "own") as served:
        tab: Any = served.browser().open()
        assert not [c for c in tab.config["components"] if c["props"].get("elem_id") == "room-view"]
        served.world.open()
        assert "finished" in tab.run("x", model="b", max_new_tokens=2)
