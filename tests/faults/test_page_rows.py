"""Rows 8, 10 and 11 in a real browser: a lost connection, a full queue, several tabs."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from gradio_client import Client
from playwright.sync_api import expect

from tests.faults.control import ASKED, PATIENCE_S, Page, control, tokens, until
from tests.page.visitor import COLLECT, PATIENCE_MS, begin, number, steps, write

browser_test = pytest.mark.browser
TOAST = ".toast-wrap [data-testid=toast-text]"
CHIPS = "n => [...document.querySelectorAll('#text-view .pg-chip')].filter(c => c.textContent).length === n"
PROMPT = ASKED["prompt"]


class Wire(socketserver.ThreadingTCPServer):
    """The network between a browser and a page: it can be cut, with everything that is under way on it."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Through)
        self.port, self.whole, self.open = port, True, set[socket.socket]()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def cut(self) -> None:
        self.whole = False
        for end in list(self.open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.whole = True


class Through(socketserver.BaseRequestHandler):
    """One connection."""

    server: Wire

    def handle(self) -> None:
        if not self.server.whole:
            return
        with socket.create_connection(("127.0.0.1", self.server.port)) as there:
            self.server.open |= {self.request, there}
            back = threading.Thread(target=self.pour, args=(there, self.request), daemon=True)
            back.start()
            self.pour(self.request, there)
            back.join()
            self.server.open -= {self.request, there}

    def pour(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def wired(url: str) -> Iterator[Wire]:
    """A wire to the page at `url`."""
    with Wire(int(url.rsplit(":", 1)[1].strip("/"))) as wire:
        threading.Thread(target=wire.serve_forever, daemon=True).start()
        yield wire
        wire.cut()
        wire.shutdown()


def opened(here: Page, context: Any, url: str = "") -> Any:
    """The page in a new tab of a browser, with the control request's settings."""
    tab = context.new_page()
    arrive(url or here.url, tab)
    for name in ("seed", "temperature", "top_k", "top_p", "max_new_tokens"):
        if name == "seed":
            tab.fill("#text-seed input", str(ASKED[name]))
            tab.keyboard.press("Tab")
        else:
            number(tab, name, ASKED[name])
    return tab


def arrive(url: str, tab: Any) -> None:
    tab.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    tab.goto(url)
    expect(tab.locator("#text-view .pg-chip").first).to_be_visible()
    expect(tab.locator("#text-stop")).to_be_disabled()


def ids(tab: Any) -> list[int]:
    return [step["token_id"] for step in steps(tab)]


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    yield made
    made.close()


@browser_test
@pytest.mark.slow
def test_row_8_after_a_lost_connection_the_output_that_was_finished_meanwhile_is_there(
    here: Page, context: Any
) -> None:
    before = here.written()
    with wired(here.url) as wire:
        tab = opened(here, context, wire.url)
        here.computing.stop()
        here.computing.allow(5)
        begin(tab, PROMPT)
        tab.wait_for_function("(window.frames_.at(-1) || {}).total === 5")
        run = here.visits.visit(tab.evaluate("playground.visit()")).current["text"]
        wire.cut()
        here.computing.allow(None)
        until(lambda: run.ended, "the end")
        assert not tab.evaluate("window.frames_.some(f => f.finished)"), "the connection was not lost"
        wire.mend()
        found_again(tab, run, before)
    assert here.written() == before


def found_again(tab: Any, run: Any, before: Any) -> None:
    """The run is on the page after a reload, and the next one is as it."""
    tab.reload()
    expect(tab.locator("#text-view .pg-state")).to_contain_text("length limit")
    tab.wait_for_function(CHIPS, arg=5 + 12)
    assert tokens(json.loads(run.frame())["events"]) == before
    tab.evaluate(COLLECT)
    tab.click("#text-again")
    tab.wait_for_function("window.frames_.some(f => f.finished)")
    assert ids(tab) == [token for token, _ in before]


@browser_test
@pytest.mark.slow
def test_row_10_when_gradios_own_queue_is_full_the_page_says_what_to_do_and_the_next_click_works(
    here: Page, context: Any
) -> None:
    before = here.written()
    tab = opened(here, context)
    tab.fill("#text-prompt textarea", PROMPT)
    queue, most = here.blocks._queue, here.blocks._queue.max_size
    try:
        queue.max_size = 0
        tab.click("#text-run")
        expect(tab.locator(TOAST)).to_contain_text("press Run again in a minute")
        expect(tab.locator(".toast-title")).to_have_text("The waiting line is full")
        with pytest.raises(Exception, match=r"[Qq]ueue is full"):
            here.client.submit(**ASKED, api_name="/text").result(PATIENCE_S)
    finally:
        queue.max_size = most
    expect(tab.locator("#text-prompt textarea")).to_have_value(PROMPT)
    tab.evaluate(COLLECT)
    tab.click("#text-run")
    tab.wait_for_function("window.frames_.some(f => f.finished)")
    assert ids(tab) == [token for token, _ in before]
    assert here.written() == before


def test_row_10_in_our_queue_the_place_is_said_and_falls_and_nobody_is_lost(here: Page) -> None:
    before, most = here.written(), dict(here.manager._admission._most)
    clients = [Client(here.url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 60}) for _ in "abc"]
    here.manager._admission._most = {True: 1, False: 1}
    try:
        here.computing.stop()
        jobs = []
        for count, client in enumerate(clients):
            jobs.append(client.submit(**ASKED, api_name="/text"))
            until(lambda n=count: here.manager._leases and len(here.manager._admission) == n, "the place")
        until(lambda: {"event": "queued", "place": 2} in _brief(jobs[2]), "place 2")
        here.computing.allow(None)
        for job in jobs:
            assert job.result(PATIENCE_S)["event"] == "finished"
        places = [e["place"] for e in _brief(jobs[2]) if e["event"] == "queued"]
        assert places == sorted(places, reverse=True)
    finally:
        here.manager._admission._most = most
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(control, clients)) == [before] * 3
    for client in clients:
        client.close()
    assert here.written() == before


def _brief(job: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k in ("event", "place")} for e in job.outputs()]


@browser_test
@pytest.mark.slow
def test_row_11_two_tabs_of_one_browser_are_two_visits_and_neither_disturbs_the_other(here: Page, context: Any) -> None:
    before = [token for token, _ in here.written()]
    one, two = opened(here, context), opened(here, context)
    assert one.evaluate("playground.visit()") != two.evaluate("playground.visit()")
    here.computing.stop()
    here.computing.allow(4)
    begin(one, PROMPT)
    one.wait_for_function("(window.frames_.at(-1) || {}).total >= 1")
    begin(two, PROMPT)
    two.wait_for_function("window.frames_.some(f => f.run)")
    here.computing.allow(None)
    for tab in (one, two):
        tab.wait_for_function("window.frames_.some(f => f.finished)")
        assert ids(tab) == before
    one.click("#text-again")
    assert ids(two) == before
    assert [token for token, _ in here.written()] == before


@browser_test
@pytest.mark.slow
def test_row_11_a_duplicated_tab_shows_the_same_run_and_both_can_write(here: Page, context: Any) -> None:
    before = [token for token, _ in here.written()]
    one = opened(here, context)
    write(one, PROMPT)
    text = one.locator("#text-view .pg-text").inner_text()
    with context.expect_page() as waiting:
        one.evaluate("() => { window.open(location.href); }")  # a copy of the session storage goes along
    two = waiting.value
    two.set_default_timeout(PATIENCE_MS)
    two.wait_for_function(CHIPS, arg=5 + 12)
    assert two.evaluate("playground.visit()") == one.evaluate("playground.visit()")
    assert two.locator("#text-view .pg-text").inner_text() == text
    expect(two.locator("#text-seed input")).to_have_value("7")
    for tab in (two, one, two):
        write(tab, PROMPT)
        assert ids(tab) == before
    assert [token for token, _ in here.written()] == before


@browser_test
@pytest.mark.slow
def test_row_11_the_back_button_finds_the_run_again(here: Page, context: Any) -> None:
    before = [token for token, _ in here.written()]
    tab = opened(here, context)
    write(tab, PROMPT)
    text = tab.locator("#text-view .pg-text").inner_text()
    tab.goto("about:blank")
    tab.go_back()
    tab.wait_for_function(CHIPS, arg=5 + 12)
    assert tab.locator("#text-view .pg-text").inner_text() == text
    write(tab, PROMPT)
    assert ids(tab) == before
    tab.go_forward()
    tab.go_back()
    tab.wait_for_function(CHIPS, arg=5 + 12)
    assert [token for token, _ in here.written()] == before
