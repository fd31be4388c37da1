"""A theatre in a real browser, fed by hand."""

from typing import Any

import pytest

from tests.views import harness

PICTURE = """() => {
  const copy = document.getElementById('host').cloneNode(true), lines = [];
  copy.querySelectorAll('[hidden]').forEach(e => e.remove());
  for (const e of copy.querySelectorAll('*')) {
    const own = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent).join('');
    lines.push([e.tagName, ...[...e.attributes].map(a => a.name + '=' + a.value).sort(), own].join(' '));
  }
  return lines.join('\\n');
}"""


class Stage:
    """One theatre: `feed` gives it a frame, the rest asks what it shows."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)

    def open(self, dark: bool = False) -> "Stage":
        self.page.goto("about:blank")
        self.page.set_content(harness.page(dark))
        return self

    def feed(self, *frames: str) -> "Stage":
        for frame in frames:
            self.page.evaluate("frame => window.feed(frame)", frame)
        return self.settle()

    def settle(self) -> "Stage":
        self.page.evaluate("() => window.settled()")
        return self

    def until(self, condition: str) -> None:
        """Waits for a condition on the page; redrawing in idle moments takes the time it takes."""
        self.page.wait_for_function(condition, timeout=60_000)

    def move(self, **sliders: Any) -> "Stage":
        self.page.evaluate("values => playground.settings('text', values)", sliders)
        return self.settle()

    def select(self, step: int) -> "Stage":
        """Clicks the chip of a step."""
        self.chips.nth(step).click()
        return self.settle()

    @property
    def chips(self) -> Any:
        """The buttons of written tokens, the prompt's left out."""
        return self.page.locator(".pg-text .pg-chip:not(.pg-given)")

    def sent(self, name: str) -> list[dict[str, Any]]:
        """What was triggered under a name."""
        return [s["data"] for s in self.page.evaluate("() => window.sent") if s["name"] == name]

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.text_content())

    def rows(self) -> list[tuple[str, str]]:
        """(name, percentage) of every visible candidate row."""
        found = self.page.evaluate(
            "() => [...document.querySelectorAll('.pg-row:not([hidden])')]"
            ".map(r => [r.querySelector('.pg-name').textContent, r.querySelector('.pg-figure').textContent])"
        )
        return [(name, figure) for name, figure in found]

    def picture(self) -> str:
        """Everything the theatre shows, one line per element, to compare two of them."""
        return str(self.page.evaluate(PICTURE))


@pytest.fixture(scope="session")
def projector(browser: Any) -> Any:
    """One browser page for all tests that need no size of their own; nothing moves while it is measured."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def stage(projector: Any) -> Stage:
    """An empty theatre in a document of its own."""
    return Stage(projector).open()


@pytest.fixture
def stages(browser: Any) -> Any:
    """Makes further theatres, each in a page of its own: `stages(width=390)`."""
    contexts = []

    def make(width: int = 1280, height: int = 800, dark: bool = False, **kwargs: Any) -> Stage:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **kwargs))
        return Stage(contexts[-1].new_page()).open(dark)

    yield make
    for context in contexts:
        context.close()
