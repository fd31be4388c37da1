"""Frames come by several ways and overtake each other: the page shows what the newest one says."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.visitor import opened, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STORE = """frames => {
    const store = new playground.Store();
    for (const frame of frames) store.take(frame);
    return { run: store.current.id, state: store.status.state, steps: store.steps().length, runs: store.runs.size };
}"""


@pytest.fixture
def text(page: Page, app_url: str) -> Iterator[Page]:
    with opened(page, app_url):
        yield page


def frame(run: str, version: int, state: str, *seqs: int, total: int, **more: Any) -> dict[str, Any]:
    events = [{"event": "token", "seq": seq, "index": seq - 1} for seq in seqs]
    return {"run": run, "started": {"run_id": run, "settings": {}}, "events": events, "total": total,
            "version": version, "asked": False, "status": {"state": state}, "finished": None, **more}  # fmt: skip


def test_a_frame_that_was_overtaken_brings_its_steps_and_not_its_status(text: Page) -> None:
    newest = frame("a", 7, "finished", 3, total=3, finished={"seq": 4})
    late = frame("a", 6, "running", 1, 2, 3, total=3, asked=True)
    for frames in ([newest, late], [late, newest]):
        assert text.evaluate(STORE, frames) == {"run": "a", "state": "finished", "steps": 3, "runs": 1}


def test_an_answer_about_an_earlier_run_does_not_bring_it_back(text: Page) -> None:
    old, new = frame("a", 9, "finished", 1, 2, total=2, asked=True), frame("b", 3, "running", 1, total=1)
    assert text.evaluate(STORE, [new, old]) == {"run": "b", "state": "running", "steps": 1, "runs": 2}
    assert text.evaluate(STORE, [old, new])["run"] == "b"


def test_buttons_follow_the_newest_frame(text: Page) -> None:
    write(text, "Once upon a time", 6)
    expect(text.locator("#text-stop")).to_be_disabled()
    running = 'finished: null, status: { state: "running", notices: [] }'
    text.evaluate(f"""() => {{
        const late = {{ ...window.frames_.findLast(f => f.finished), {running} }};
        playground.frame("text", JSON.stringify({{ ...late, version: late.version - 1 }}));
        playground.frame("text", JSON.stringify({{ ...late, run: "another", asked: true }}));
    }}""")
    expect(text.locator("#text-stop")).to_be_disabled()
    text.evaluate(f"""() => {{
        const next = {{ ...window.frames_.findLast(f => f.finished), {running} }};
        playground.frame("text", JSON.stringify({{ ...next, version: next.version + 1 }}));
    }}""")
    expect(text.locator("#text-stop")).to_be_enabled()
