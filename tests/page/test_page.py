"""The page in a real browser, with the real model `tales`, as somebody meets it who does not know it."""

import gzip
import json
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.page.visitor import COLLECT, PATIENCE_MS, PAYLOADS, chips, choose_from_menu, number, opened, steps, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def text(page: Page, app_url: str) -> Iterator[Page]:
    """`python app.py`, opened."""
    with opened(page, app_url):
        yield page


def test_the_first_visit_shows_a_recorded_run_before_any_model_is_loaded(text: Page) -> None:
    assert chips(text) > 20
    expect(text.locator("#text-view")).to_contain_text("A recorded run")
    text.locator("#text-view .pg-chip").nth(8).click()
    expect(text.locator("#text-view .pg-after")).to_contain_text("after")
    expect(text.locator("#text-view .pg-bar").first).to_be_visible()


def test_a_click_on_run_writes_as_many_tokens_as_were_asked_for(text: Page) -> None:
    write(text, "The sky is", 12)
    written = steps(text)
    assert [s["index"] for s in written] == list(range(len(written)))
    assert len(written) == 12 or text.evaluate("window.frames_.at(-1).finished.reason") == "eos"
    expect(text.locator("#text-run")).to_be_enabled()
    expect(text.locator("#text-again")).to_be_enabled()


def test_the_same_seed_writes_the_same_text_and_a_new_seed_another(text: Page) -> None:
    write(text, "Once upon a time", 20)
    first = "".join(s["text"] for s in steps(text))
    for button, same in (("again", True), ("again-new", False)):
        text.evaluate("window.frames_ = []")
        expect(text.locator(f"#text-{button}")).to_be_enabled()
        text.click(f"#text-{button}")
        text.wait_for_function("window.frames_.some(f => f.finished && f.total)")
        assert ("".join(s["text"] for s in steps(text)) == first) is same


def test_a_fork_keeps_what_came_before_and_writes_the_token_that_was_chosen(text: Page) -> None:
    write(text, "Once upon a time", 20)
    before = steps(text)
    at = 4
    other = next(c for c in before[at]["candidates"] if c["token_id"] != before[at]["token_id"])
    text.locator("#text-view .pg-chip").nth(5 + at).click()
    text.evaluate("window.frames_ = []")
    row = text.locator("#text-view .pg-row", has=text.locator(".pg-bar:enabled"))
    index = [c["token_id"] for c in before[at]["candidates"]].index(other["token_id"])
    row.nth(index).locator(".pg-bar").click()
    text.locator("#text-view .pg-go:visible").click()
    text.wait_for_function("window.frames_.some(f => f.finished && f.total > 5)")
    after = steps(text)
    assert [s["token_id"] for s in after[:at]] == [s["token_id"] for s in before[:at]]
    assert after[at]["token_id"] == other["token_id"]


def test_beams_are_shown_and_the_sampling_sliders_say_why_they_sleep(text: Page) -> None:
    text.get_by_role("radio", name="beam").check()
    expect(text.locator("#text-search-note")).to_contain_text("Beam search")
    expect(text.locator("#text-temperature input[type=range]")).to_be_disabled()
    expect(text.locator("#text-num_beams input[type=range]")).to_be_enabled()
    write(text, "Once upon a time", 8)
    assert any(e["event"] == "beam" for f in text.evaluate("window.frames_") for e in f["events"])
    text.get_by_role("radio", name="sample").check()
    expect(text.locator("#text-temperature input[type=range]")).to_be_enabled()


def test_an_empty_prompt_and_one_that_is_too_long_are_both_answered(text: Page) -> None:
    write(text, "", 5)
    assert steps(text)
    write(text, "word " * 2000, 5)
    expect(text.locator("#text-view .pg-messages")).to_contain_text("context window")
    assert steps(text)


def test_a_number_box_that_is_left_empty_or_out_of_bounds_gets_a_number_and_the_run_works(text: Page) -> None:
    box = text.locator("#text-temperature input[type=number]")
    for typed, left in (("", "0.8"), ("-3", "0"), ("99", "2"), ("1.25", "1.25")):
        number(text, "temperature", 0.8)
        box.fill(typed)
        write(text, "Once", 3)
        expect(box).to_have_value(left)
        assert text.evaluate("window.frames_.findLast(f => f.started).started.settings.temperature") == float(left)


def test_the_page_travels_compressed_where_the_browser_can_read_that(app_url: str) -> None:
    whole = httpx.get(app_url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in whole.headers and len(whole.content) > 1_000_000
    with httpx.stream("GET", app_url, headers={"accept-encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip" and len(raw) < 500_000
    assert packed.headers["cache-control"] == whole.headers["cache-control"] == "no-store"
    assert len(gzip.decompress(raw)) == len(whole.content)


@pytest.mark.parametrize("tab", ["text", "train"])
def test_on_a_phone_the_settings_open_right_below_their_button(page: Page, app_url: str, tab: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    with opened(page, app_url):
        if tab != "text":
            choose_from_menu(page, tab.capitalize())
        button, settings = page.locator(f"#{tab}-fold"), page.locator(f"#{tab}-settings")
        expect(settings).to_be_hidden()
        before = (button.bounding_box() or {})["y"]
        button.click()
        expect(settings).to_be_visible()
        after, top, view = ((one.bounding_box() or {})["y"] for one in (button, settings, page.locator(f"#{tab}-view")))
        assert after == before < top < before + 80 < view
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        button.click()
        expect(settings).to_be_hidden()


def test_control_enter_runs(text: Page) -> None:
    text.evaluate(COLLECT)
    text.fill("#text-max_new_tokens input[type=number]", "4")
    text.fill("#text-prompt textarea", "The dog")
    text.keyboard.press("Control+Enter")
    text.wait_for_function("window.frames_.some(f => f.finished && f.started && f.started.prompt === 'The dog')")


def test_a_script_as_prompt_or_as_model_name_is_only_text(text: Page) -> None:
    for payload in PAYLOADS:
        write(text, payload, 3)
        text.get_by_role("tab", name="Models").click()
        text.fill("#models-add textarea, #models-add input", payload)
        text.click("#models-add-load")
        expect(text.locator(".page-panel-error")).to_contain_text(repr(payload)[1:12])
        text.get_by_role("tab", name="Text").click()
        expect(text.locator("#text-view .pg-chip").first).to_be_visible()
        assert text.evaluate("window.hit") is None, payload


def test_a_page_that_is_loaded_anew_opens_the_tab_that_was_open(text: Page) -> None:
    for name in ("Train", "Models", "Text"):
        text.get_by_role("tab", name=name, exact=True).click()
        expect(text.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
        text.reload()
        expect(text.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")
    text.evaluate("() => addEventListener('pagehide', () => sessionStorage.setItem('playground-tab', 'room'))")
    text.reload()
    expect(text.get_by_role("tab", name="Text", exact=True)).to_have_attribute("aria-selected", "true")


def test_the_models_panel_lists_loads_and_unloads(text: Page) -> None:
    text.get_by_role("tab", name="Models").click()
    row = text.locator(".page-model", has_text="comes with the project").or_(text.locator(".page-model").first).first
    expect(row).to_contain_text(re.compile("parameters.*needs", re.S))
    button = row.locator("button")
    if button.inner_text() == "Unload":
        button.click()
    expect(button).to_have_text("Load")
    button.click()
    expect(button).to_have_text("Unload")
    expect(row).to_contain_text("ready")
    button.click()
    expect(button).to_have_text("Load")


def test_the_browsers_figures_agree_with_an_exact_computation_within_a_thousandth(text: Page) -> None:
    """Past steps are redrawn under other settings by the browser; transformers' warpers are the reference."""
    import torch
    from transformers import GPT2LMHeadModel
    from transformers.generation.logits_process import (
        MinPLogitsWarper,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    write(text, "Once upon a time", 15)
    written = steps(text)
    started = text.evaluate("window.frames_.findLast(f => f.started).started")
    model = GPT2LMHeadModel.from_pretrained("assets/models/tales", dtype=torch.float32).eval()
    ids = [t["token_id"] for t in started["prompt_tokens"]] + [s["token_id"] for s in written]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, len(started["prompt_tokens"]) - 1 : -1]
    wide = {"temperature": 1.4, "top_k": 0, "top_p": 1, "min_p": 0}
    narrow = {"temperature": 0.5, "top_k": 7, "top_p": 0.9, "min_p": 0.02}
    for settings in (wide, narrow):
        warpers = [TemperatureLogitsWarper(settings["temperature"])]
        if settings is narrow:  # elsewhere they are off
            warpers += [
                TopKLogitsWarper(settings["top_k"]),
                TopPLogitsWarper(settings["top_p"]),
                MinPLogitsWarper(settings["min_p"]),
            ]
        for step, row in zip(written, logits, strict=True):
            scores = row[None]
            for warper in warpers:
                scores = warper(torch.tensor([ids]), scores)
            exact = scores.softmax(-1)[0]
            atoms = text.evaluate(
                "([step, started, now]) => playground.pipeline(step, started, {...started.settings, ...now}).atoms",
                [step, started, settings],
            )
            shown = {a["token_id"]: a["probability"] for a in atoms if a["token_id"] is not None}
            worst = max(abs(p - float(exact[t])) for t, p in shown.items())
            assert worst < 1e-3, f"step {step['index']} under {settings}: {worst}"


def test_a_slider_redraws_the_past_without_asking_the_server(text: Page) -> None:
    write(text, "Once upon a time", 20)
    text.locator("#text-view .pg-chip").nth(7).click()
    before = text.locator("#text-view .pg-bars").inner_text()
    asked: list[str] = []
    text.on("request", lambda r: asked.append(r.url) if "queue/join" in r.url or "/run/" in r.url else None)
    text.fill("#text-temperature input[type=number]", "2")
    text.keyboard.press("Tab")
    text.wait_for_function("(before) => document.querySelector('#text-view .pg-bars').innerText !== before", arg=before)
    assert not asked


def test_chat_keeps_the_conversation_and_a_new_message_stops_the_running_answer(page: Page, app_url: str) -> None:
    page.set_default_timeout(PATIENCE_MS * 3)
    page.goto(app_url)
    expect(page.locator("#text-view .pg-chip").first).to_be_visible(timeout=PATIENCE_MS)
    page.locator("#text-model input").click()
    page.get_by_role("option", name=re.compile("SmolLM2 135M")).click()
    expect(page.get_by_role("radio", name="chat")).to_be_enabled(timeout=PATIENCE_MS)
    page.get_by_role("radio", name="chat").check()
    expect(page.locator("#text-new")).to_be_visible(timeout=PATIENCE_MS)
    page.evaluate(COLLECT)
    page.fill("#text-prompt textarea", "Tell me a long story.")
    page.click("#text-run")
    page.wait_for_function("window.frames_.some(f => f.total > 2)", timeout=PATIENCE_MS * 3)
    page.fill("#text-prompt textarea", "Stop. What is your name?")
    page.click("#text-run")
    page.wait_for_function("window.frames_.some(f => f.history.length === 3 && f.total > 1)", timeout=PATIENCE_MS * 3)
    history = page.evaluate("window.frames_.findLast(f => f.history.length === 3).history")
    assert [m["role"] for m in history] == ["user", "assistant", "user"]
    assert history[1]["content"]
    page.evaluate("document.querySelector('#text-stop').click()")  # where it has not ended already


def test_the_code_tab_opens_on_a_recorded_run_and_says_what_a_click_downloads(text: Page) -> None:
    text.get_by_role("tab", name="Code").click()
    expect(text.locator("#code-view .pg-chip").first).to_be_visible()
    expect(text.locator("#code-code .cm-content")).to_contain_text("def fibonacci")
    expect(text.locator("#code-model-note")).to_contain_text(
        re.compile("comes with the page|fetches|on disk|ready|in use")
    )


def test_the_handlers_of_the_page_are_not_part_of_the_api(app_url: str) -> None:
    from gradio_client import Client

    client = Client(app_url, verbose=False)
    names = set(json.loads(json.dumps(client.view_api(return_format="dict")))["named_endpoints"])
    assert names == {"/text", "/code", "/image", "/pixels"}
    events = list(client.submit("The sky is", max_new_tokens=3, seed=7, api_name="/text"))
    assert [e["event"] for e in events][-1] == "finished"


def test_the_sliders_of_the_code_tab_redraw_its_own_past(page: Page, app_url: str) -> None:
    with opened(page, app_url):
        page.get_by_role("tab", name="Code").click()
        page.locator("#code-search").get_by_label("sample").check()
        page.fill("#code-temperature input[type=number]", "2")
        page.keyboard.press("Tab")
        expect(page.locator("#code-view .pg-chip[data-other]").first).to_be_visible()


def test_how_far_an_event_is_is_told_to_one_component_and_not_to_all_that_ever_changed(text: Page) -> None:
    """Gradio does the latter at every message of every stream; a page with the Train tab was seconds late."""
    told = text.evaluate(
        "() => gradio_config.dependencies.filter(d => d.backend_fn).map(d => [d.show_progress_on, d.outputs.length])"
    )
    assert max(outputs for _, outputs in told) > 50
    assert {tuple(on) for on, _ in told if on} == {tuple(told[0][0])}
    assert all(on and len(on) == 1 for on, _ in told)
