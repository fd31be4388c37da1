"""What a visitor of the page does in these tests: open, write, look; and the page served with a hand on its runs."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, TimeoutError, expect
from tokenizers import Tokenizer

from playground.events import Reason
from playground.run import Run

PATIENCE_MS = 90_000
COLLECT = """() => {
  window.frames_ = [];
  const before = playground.frame;
  playground.frame = (tab, text) => { window.frames_.push(JSON.parse(text)); before(tab, text); };
}"""


@contextmanager
def opened(page: Page, url: str) -> Iterator[Page]:
    """The page at `url`; fails the test on any script error or any request that leaves the machine."""
    wrong: list[str] = []
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append("a dialog opened"), dialog.dismiss()))
    page.on("request", lambda r: r.url.startswith((url, "data:", "blob:")) or wrong.append(r.url))
    page.goto(url)
    expect(page.locator("#text-view .pg-chip").first).to_be_visible()
    expect(page.locator("#text-stop")).to_be_disabled()
    yield page
    assert not wrong


def chips(page: Page) -> int:
    return page.locator("#text-view .pg-chip").count()


FRAMES_LATER = """() => new Promise((done) => {
  let left = 12;
  const next = () => (left-- ? requestAnimationFrame(next) : done());
  next();
})"""


def number(page: Page, name: str, value: float, tab: str = "text") -> None:
    """Type a number into a slider's box, and leave the box."""
    page.fill(f"#{tab}-{name} input[type=number]", str(value))
    page.keyboard.press("Tab")


def fill(page: Page, where: str, value: str) -> None:
    """Fill in a box that has just come: until it keeps what was typed (Gradio may set a box of a group that has just
    been opened once more, sooner than any hand could type)."""
    box = page.locator(where)
    for _ in range(20):
        box.fill(value)
        page.evaluate(FRAMES_LATER)
        if box.input_value() == value:
            return
    raise AssertionError(f"{where} does not keep {value!r}")


def choose_from_menu(page: Page, tab: str) -> None:
    """Open one of the tabs that a narrow page has in a menu (a page that still sets itself up loses clicks, and shuts
    the menu again)."""
    entry = page.locator(".overflow-dropdown button", has_text=tab)
    for _ in range(20):
        if not entry.is_visible():
            page.locator(".overflow-menu > button").first.click()
            page.evaluate(FRAMES_LATER)
        try:
            entry.click(timeout=1000)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"{tab} cannot be opened from the menu")


def open_group(page: Page, name: str, box: str) -> None:
    """Click on a group's head until its box stands there (a click on a page that still sets itself up is lost)."""
    for _ in range(20):
        if page.locator(box).is_visible():
            return
        page.locator(f"#text-group-{name} > button").click()
        page.evaluate(FRAMES_LATER)
    raise AssertionError(f"{name} does not open")


def begin(page: Page, prompt: str | None = None, length: int | None = None) -> None:
    """Click on Run and collect frames."""
    if prompt is not None:
        page.fill("#text-prompt textarea", prompt)
    if length is not None:
        number(page, "max_new_tokens", length)
    page.evaluate(COLLECT)
    page.click("#text-run")


def write(page: Page, prompt: str | None = None, length: int | None = None) -> None:
    """Run, to the end."""
    begin(page, prompt, length)
    page.wait_for_function("window.frames_.some(f => f.finished)")


def never_end(page: Page, length: int) -> None:
    """Let the next run be as long as its limit: at this heat the end of text is as rare as any other token."""
    for name, value in (("temperature", 2), ("top_k", 0), ("top_p", 1), ("max_new_tokens", length)):
        number(page, name, value)


def steps(page: Page) -> list[dict[str, Any]]:
    """The token steps of the newest run, in order."""
    frames = page.evaluate("window.frames_")
    last = next(f["run"] for f in reversed(frames) if f["run"])
    found = {e["seq"]: e for f in frames if f["run"] == last for e in f["events"] if e["event"] == "token"}
    return [found[seq] for seq in sorted(found)]


def state(page: Page) -> Any:
    return page.locator("#text-view .pg-state")


def choose_model(page: Page, name: str) -> None:
    """Choose a model by its title, or name one by hand."""
    box = page.locator("#text-model input")
    box.click()
    option = page.get_by_role("option").filter(has_text=name)
    if option.count():
        option.first.click()
    else:
        box.fill(name)
        box.press("Enter")


@dataclass
class Hold:
    """A hand on the runs of a page: none goes past step `at` before it is moved or let go.

    A run that is held listens: Stop, a new message and a page that left end it where it stands.
    """

    at: int | None = None
    silent: bool = False  # as in a very long step: nothing is new for those who watch
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def move(self, at: int | None) -> None:
        """Hold at another step; None lets all runs go."""
        with self._moved:
            self.at = at
            self._moved.notify_all()

    def install(self, monkeypatch: Any) -> None:
        """Stand between two steps of every run."""
        ask = Run._why_stop

        def why_stop(run: Run) -> Reason | None:
            reason = ask(run)
            while reason is None and self.at is not None and run.total >= self.at:
                with self._moved:
                    self._moved.wait(0.02)
                run.version += not self.silent  # as one that waits for its turn: its watchers get frames
                reason = ask(run)
            return reason

        monkeypatch.setattr(Run, "_why_stop", why_stop)


@dataclass(frozen=True)
class Served:
    """A page that is served by this process."""

    url: str
    hold: Hold
    manager: Any
    visits: Any


def talker(folder: Path, source: Path) -> Path:
    """`tales` with a chat template: it answers nonsense, quickly."""
    shutil.copytree(source, folder)
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    return folder


PAYLOADS = (
    '<img src=x onerror="window.hit=1">', "${window.hit=2}", "{{window.hit=3}}", "<script>window.hit=4</script>",
    '"><svg onload=window.hit=5>', "javascript:window.hit=6", "'-window.hit=7-'",
    "</textarea><img src=x onerror=window.hit=8>",
)  # fmt: skip


def poison(folder: Path) -> Path:
    """A tiny random model whose last 42 tokens are scripts."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    size = tokenizer.get_vocab_size()
    tokenizer.add_tokens([f"{PAYLOADS[i % len(PAYLOADS)]}{i}" for i in range(300 - size)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
