"""A newcomer's clumsy hour: somebody who double-clicks, goes back, opens a second tab, loses the network, picks a file.

    python -m benchmarks.clumsy [--minutes 60] [--seed 1] [--audience own|class]

A real browser on the real page, seeded: the same number does the same things. After each one, every message on the
page must be one that helps: no traceback, no bare "Error", nothing of the libraries' own, a whole sentence. Now and
then, and at the end, a run with fixed settings must write what it wrote at first. Printed: what was done, every
sentence that was shown, and what was wrong.
"""

import argparse
import errno
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_MS = 90_000
SAID = ".toast-wrap [data-testid=toast-text], .toast-title, .pg-error, .pg-notice, .page-panel-error, .tr-error"
UNHELPFUL = re.compile(
    r"Traceback|Exception|\bError\b|undefined|\bnull\b|NaN\b.*object|\[object|errored out|File \"|/site-packages/|"
    r"status code|HTTP \d|KeyError|Errno|Queue is full\. Max"
)
PROMPTS = (
    "Once upon a time", "", " ", "x" * 3000, "The sky is\n\n\n", "\u202eabc", "<b>bold</b>", "What is 2 + 2?",
    "\U0001f600" * 40, "The cat and the dog",
)  # fmt: skip
NUMBERS = ("", "-1", "0", "1e9", "abc", "0.5", "3")
CONTROL = {"seed": 7, "temperature": 1.3, "top_k": 0, "top_p": 1, "max_new_tokens": 12}
RUN_ID = "() => (window.clumsy || {}).run || null"
WATCH = """() => {
    if (window.clumsyWatches) return;
    window.clumsyWatches = true;
    const before = playground.frame;
    playground.frame = (tab, text) => {
        const frame = JSON.parse(text);
        const {run, finished, total} = frame;
        if (tab === 'text' && run) window.clumsy = {run, ended: Boolean(finished), total};
        before(tab, text);
    };
}"""
ENDED = "run => window.clumsy && window.clumsy.run !== run && window.clumsy.ended"
DRAWN = """() => [...document.querySelectorAll('#text-view .pg-chip')].filter(c => c.textContent).length
    > window.clumsy.total"""
WRITTEN = "() => [...document.querySelectorAll('#text-view .pg-chip')].map(c => c.textContent).join('')"
STATE = """() => ({clumsy: window.clumsy, tab: {...document.querySelector('#text-tab').dataset},
    run: document.querySelector('#text-run').disabled, stop: document.querySelector('#text-stop').disabled,
    values: [...document.querySelectorAll('#text-tab input[type=number]')].map(i => `${i.ariaLabel} ${i.value}`),
    prompt: document.querySelector('#text-prompt textarea').value,
    text: document.querySelector('#text-tab').innerText.slice(0, 1500)})"""
GOING = "() => ['running', 'loading', 'queued'].includes(document.querySelector('#text-tab').dataset.state)"


@dataclass
class Hour:
    """One person at one browser. `wrong` are the messages that do not help, and whatever else went wrong."""

    url: str
    context: Any
    chance: random.Random
    fill_disk: Callable[[bool], None] = lambda full: None
    done: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    page: Any = None

    def open(self) -> None:
        """A new tab, which becomes the one that is used."""
        self.page = self.context.new_page()
        self.page.add_init_script(f"setInterval(() => window.playground && playground.frame && ({WATCH})(), 50)")
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", self._broken)
        self.page.on("dialog", self._dialog)
        self.page.goto(self.url)
        self.ready()

    def _broken(self, error: Any) -> None:
        self.wrong.append(f"script error: {error}")
        print(self.wrong[-1], getattr(error, "stack", ""), file=sys.stderr, flush=True)

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def ready(self) -> None:
        """Wait until the page has drawn itself."""
        self.page.wait_for_selector("#text-view .pg-chip", state="attached")

    def ask(self, script: str, value: Any = None) -> Any:
        """What a function of the page says. Gradio loads a page anew that was without its server: it is asked again."""
        for left in (2, 1, 0):
            try:
                answer = self.page.wait_for_function(f"([value]) => ({{is: ({script})(value)}})", arg=[value])
                return answer.json_value().get("is")
            except Exception as error:
                if not left or "context was destroyed" not in str(error):
                    raise
                self.page.wait_for_selector("#text-view .pg-chip", state="attached")
        return None

    def read(self, doing: str) -> None:
        """Judge every message that is on the page now."""
        for text in self.ask(
            "s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility()).map(e => e.innerText.trim())", SAID
        ):
            if not text or self.said[text]:
                continue
            self.said[text] += 1
            if UNHELPFUL.search(text) or len(text) < 8:
                self.wrong.append(f"after {doing}: {text!r}")
                print(self.wrong[-1], file=sys.stderr, flush=True)

    # ── what a person does ───────────────────────────────────────────────────

    def double_click(self) -> None:
        self.page.fill("#text-prompt textarea", self.chance.choice(PROMPTS))
        self.page.dblclick("#text-run", no_wait_after=True)

    def hammer(self) -> None:
        for name in self.chance.choices(("run", "stop", "step", "again", "continue", "pause", "again-new"), k=8):
            self.ask(f"() => document.getElementById('text-{name}')?.click()")

    def number(self) -> None:
        name = self.chance.choice(("temperature", "top_k", "top_p", "max_new_tokens"))
        self.page.fill("#text-seed input", self.chance.choice(("7", "-3", "12")))
        box = self.page.locator(f"#text-{name} input[type=number]")
        box.focus()
        box.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }",
                     self.chance.choice(NUMBERS))  # fmt: skip
        self.page.click("#text-run")

    def back_and_forth(self) -> None:
        self.page.click("#text-run")
        self.page.goto("about:blank")
        self.page.go_back()
        self.ready()

    def reload(self) -> None:
        self.page.click("#text-run")
        self.page.reload()
        self.ready()

    def second_tab(self) -> None:
        old = self.page
        self.page.click("#text-run")
        self.open()
        self.page.click("#text-run")
        if len(self.context.pages) > 2:
            old.close()

    def lid(self) -> None:
        """The lid is closed for a while: no network, a frozen page; then everything comes back."""
        self.page.click("#text-run")
        devtools = self.context.new_cdp_session(self.page)
        self.context.set_offline(True)
        devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        time.sleep(self.chance.uniform(1, 4))
        devtools.send("Page.setWebLifecycleState", {"state": "active"})
        self.context.set_offline(False)
        devtools.detach()

    def no_network(self) -> None:
        self.context.set_offline(True)
        self.page.click("#text-run")
        self.page.wait_for_timeout(2500)
        self.read("a click without a network")
        self.context.set_offline(False)
        self.page.wait_for_timeout(2500)

    def wrong_model(self) -> None:
        self.load(self.chance.choice(("nothing/here", "no such model", "/etc", "/nonexistent", "", "../..")))

    def load(self, name: str) -> None:
        self.page.get_by_role("tab", name="Models").click()
        box = self.page.locator("#models-add textarea, #models-add input")
        if box.count() and box.first.is_visible():
            box.first.fill(name)
            self.page.click("#models-add-load")
            self.page.wait_for_timeout(1500)
            self.read(f"loading {name!r}")
        self.page.get_by_role("tab", name="Text").click()

    def full_disk(self) -> None:
        self.fill_disk(True)
        try:
            self.load(f"someone/model-{self.chance.randrange(100)}")
        finally:
            self.fill_disk(False)

    def wrong_file(self) -> None:
        """A picture is dropped on the prompt."""
        self.page.wait_for_selector("#text-prompt textarea")  # the page may be on its way back
        self.ask("""() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(9e4)], 'holiday.png', {type: 'image/png'}));
            const box = document.querySelector('#text-prompt textarea');
            for (const name of ['dragenter', 'dragover', 'drop'])
                box.dispatchEvent(new DragEvent(name, {dataTransfer: data, bubbles: true, cancelable: true}));
            box.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
        }""")

    def tabs(self) -> None:
        self.page.click("#text-run")
        for name in self.chance.sample(("Code", "Models", "Text"), 3):
            self.page.get_by_role("tab", name=name, exact=True).click()
        self.page.get_by_role("tab", name="Text", exact=True).click()

    def chips(self) -> None:
        chips = self.page.locator("#text-view .pg-chip:visible")
        if count := chips.count():
            chips.nth(self.chance.randrange(count)).dblclick(force=True)

    def train(self) -> None:
        """A training is started with whatever, pressed about, and left."""
        self.page.get_by_role("tab", name="Train", exact=True).click()
        self.page.wait_for_selector("#train-view .tr-state")
        box = self.page.locator("#train-settings input[type=number]:visible")
        if count := box.count():
            box.nth(self.chance.randrange(count)).fill(self.chance.choice(("1", "3", "1e9", "-2", "0")))
            self.page.keyboard.press("Tab")
        start = self.page.locator("#train-view [data-act=start]")
        if start.is_visible():  # not while one is held
            start.dblclick(no_wait_after=True)
        for name in self.chance.choices(("start", "pause", "step", "stop", "resume"), k=3):
            self.ask(
                "n => { const b = document.querySelector(`#train-view [data-act=${n}]`); if (b) b.click(); }", name
            )
            self.page.wait_for_timeout(300)
            self.read(f"{name} of a training")
        self.page.get_by_role("tab", name="Text", exact=True).click()

    # ── the whole ────────────────────────────────────────────────────────────

    def once(self) -> None:
        """One clumsy thing, and a look at what the page says."""
        kind = self.chance.choice(KINDS)
        self.done[kind] += 1
        print(f"{time.strftime('%H:%M:%S')} {kind}; {len(self.wrong)} wrong", file=sys.stderr, flush=True)
        try:
            getattr(self, kind)()
            self.page.wait_for_timeout(self.chance.choice((50, 400, 1200)))
            self.read(kind)
        except Exception as error:  # noqa: BLE001 what a driver of browsers says when a page does not answer
            self.context.set_offline(False)
            self.wrong.append(f"{kind}: {' '.join(str(error).split())[:300]}")
            print(self.wrong[-1], file=sys.stderr, flush=True)
            self.page.close()
            self.open()

    def control(self) -> str:
        """What a run with fixed settings writes, on this page as it stands. Gradio loads a page anew that was without
        its server, some time after it is back: where that falls into the run, it is begun again, as a person would."""
        for _ in range(4):
            written = self._control()
            if written is not None:
                return written
        raise AssertionError("the page was loaded anew again and again")

    def _control(self) -> str | None:
        self.page.wait_for_timeout(1500)
        self.page.wait_for_function("() => Boolean(window.clumsyWatches)")
        self.ask("() => { window.clumsyHere = true; return true; }")
        self.page.get_by_role("tab", name="Text", exact=True).click()
        if self.ask(GOING):
            self.page.evaluate("() => document.querySelector('#text-stop').click()")  # it may have ended by itself
            self.page.wait_for_function(f"() => !({GOING})()")
        self.page.click("#text-reset")
        self.page.wait_for_timeout(300)
        self.page.fill("#text-prompt textarea", "Once upon a time")
        self.page.fill("#text-seed input", str(CONTROL["seed"]))
        for name in ("temperature", "top_k", "top_p", "max_new_tokens"):
            self.page.fill(f"#text-{name} input[type=number]", str(CONTROL[name]))
            self.page.keyboard.press("Tab")
        self.page.wait_for_timeout(300)
        before = self.ask(RUN_ID)
        self.page.click("#text-run")
        self.page.wait_for_function(f"run => !window.clumsyHere || ({ENDED})(run)", arg=before)
        self.page.wait_for_function(f"() => !window.clumsyHere || ({DRAWN})()")
        self.page.wait_for_timeout(500)
        return str(self.ask(WRITTEN)) if self.ask("() => Boolean(window.clumsyHere)") else None


KINDS = ("double_click", "hammer", "number", "back_and_forth", "reload", "second_tab", "lid", "no_network",
         "wrong_model", "full_disk", "wrong_file", "tabs", "chips", "train")  # fmt: skip


def live(hour: Hour, goes_on: Callable[[int], bool], every: int = 15) -> None:
    """Clumsy things as long as `goes_on(count)`, with control runs between them."""
    hour.open()
    first, count = hour.control(), 0
    while goes_on(count):
        hour.once()
        count += 1
        if count % every == 0:
            again(hour, first)
    again(hour, first)


def again(hour: Hour, first: str) -> None:
    """The control run once more."""
    try:
        now = hour.control()
    except Exception as error:  # noqa: BLE001 as above
        hour.wrong.append(f"the page does not work any more: {' '.join(str(error).split())[:300]}")
        print(hour.wrong[-1], hour.ask(STATE), file=sys.stderr, flush=True)
        hour.page.close()
        hour.open()
    else:
        if now != first:
            hour.wrong.append(f"the same run wrote something else: {now!r} instead of {first!r}")
            print(hour.wrong[-1], hour.ask(STATE), file=sys.stderr, flush=True)


def disk_of(home: Path) -> Callable[[bool], None]:
    """Fills the disk below a folder for downloads, as the kernel would say it, or frees it."""
    from playground.models import _fetch

    whole = _fetch._attempt

    def full(*_: Any) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(home))

    def fill(on: bool) -> None:
        _fetch._attempt = full if on else whole  # type: ignore[assignment]

    return fill


def main() -> None:
    """Serve the page in this process and be clumsy with it; exit status 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--audience", choices=("own", "class"), default="own")
    arguments = parser.parse_args()
    os.environ.setdefault("HF_ENDPOINT", "http://127.0.0.1:9")  # no network for models: nothing is fetched here
    from playwright.sync_api import sync_playwright

    from playground.manager import ModelManager
    from playground.ui.page import launch

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    home = Path(tempfile.mkdtemp(prefix="clumsy-"))
    manager = ModelManager(arguments.audience, cache_dir=home)
    blocks, visits = launch(manager, port=port, block=False)
    end = time.monotonic() + arguments.minutes * 60
    path = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        hour = Hour(f"http://127.0.0.1:{port}/", browser.new_context(), random.Random(arguments.seed), disk_of(home))
        live(hour, lambda count: time.monotonic() < end)
        browser.close()
    visits.close()
    blocks.close(verbose=False)
    manager.close()
    shutil.rmtree(home, ignore_errors=True)
    print("done:", dict(hour.done))
    for text in hour.said:
        print("said:", text)
    for text in hour.wrong:
        print("WRONG:", text)
    raise SystemExit(bool(hour.wrong))


if __name__ == "__main__":
    main()
