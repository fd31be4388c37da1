"""What the page says of steps that were written before: names of the others, settings of long ago, messages."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.visitor import COLLECT, Served, choose_model, fill, number, steps, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]
OTHERS = '#text-view .pg-chip[data-other="…"]'


def everything_is_possible(page: Page) -> None:
    for name, value in (("temperature", 2), ("top_k", 0), ("top_p", 1)):
        number(page, name, value)


def which(page: Page) -> str:
    """Ask which of the others it is; what the page says then."""
    page.get_by_role("button", name=re.compile("Which one")).click()
    words = page.locator("#text-view .pg-dice .pg-small")
    expect(words).to_contain_text("it is")
    return words.inner_text()


def shown(text: str) -> str:
    return text.replace(" ", "·").replace("\n", "⏎")


def test_the_token_that_the_number_falls_on_among_the_others_is_the_one_an_exact_computation_finds(held: Page) -> None:
    import numpy as np
    import torch
    from transformers import AutoTokenizer, GPT2LMHeadModel

    write(held, "Once upon a time", 25)
    written = steps(held)
    started = held.evaluate("window.frames_.findLast(f => f.started).started")
    everything_is_possible(held)
    expect(held.locator(OTHERS).first).to_be_visible()
    model = GPT2LMHeadModel.from_pretrained("assets/models/tales", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained("assets/models/tales")
    prompt = [t["token_id"] for t in started["prompt_tokens"]]
    for chip in held.locator(OTHERS).all()[:3]:
        at = int(chip.get_attribute("data-at") or 0)
        index = at - len(prompt)
        ids = prompt + [s["token_id"] for s in written[:index]]
        with torch.no_grad():
            probs = (model(torch.tensor([ids])).logits[0, -1].double() / 2).softmax(-1).numpy()
        order = np.argsort(-probs, kind="stable")
        place = int(np.searchsorted(probs[order].cumsum(), written[index]["uniform"], side="right"))
        chip.click()
        said = which(held)
        assert f"“{shown(tokenizer.decode([order[place]]))}”" in said, said


def test_a_recorded_run_has_names_for_the_others_too(held: Page) -> None:
    everything_is_possible(held)
    held.locator(OTHERS).first.click()
    assert re.search(r"it is “.+” \(", which(held))


def test_after_a_reload_each_step_still_says_what_its_own_settings_did(held: Page) -> None:
    number(held, "temperature", 0.7)
    write(held, "Once upon a time", 6)
    number(held, "temperature", 1.5)
    held.evaluate("window.frames_ = []")
    held.click("#text-continue")
    held.wait_for_function("window.frames_.some(f => f.finished && f.total > 6)")
    held.reload()
    # a recorded run stands there until one's own has come
    expect(held.locator("#text-view .pg-state")).to_have_text(re.compile("^(?!A recorded run).+"))
    held.wait_for_function("document.querySelectorAll('#text-view .pg-chip:not(.pg-given)').length > 7")
    expect(held.locator("#text-temperature input[type=number]")).to_have_value("1.5")
    written = held.locator("#text-view .pg-chip:not(.pg-given)")
    for at, temperature in ((1, "0.7"), (6, "1.5")):
        written.nth(at).click()
        held.locator("#text-view .pg-tile", has_text="temperature").click()
        expect(held.locator("#text-view .pg-large")).to_contain_text(f"Divides the scores by {temperature}:")


def chat(page: Page) -> None:
    choose_model(page, "Talker")
    expect(page.get_by_role("radio", name="chat")).to_be_enabled()
    page.get_by_role("radio", name="chat").check()
    expect(page.locator("#text-new")).to_be_visible()
    number(page, "max_new_tokens", 8)
    page.evaluate(COLLECT)


def test_a_message_that_was_refused_stays_in_its_box_and_one_that_was_sent_leaves_it(held: Page) -> None:
    chat(held)
    box = held.locator("#text-prompt textarea")
    box.fill("Hello")
    seed = held.locator("#text-seed input")
    seed.fill("-5")
    held.dispatch_event("#text-run", "click")  # the number's box is not left, so nothing brings the number back
    expect(held.get_by_text(re.compile("-5")).first).to_be_visible()
    expect(box).to_have_value("Hello")
    seed.fill("5")
    held.click("#text-run")
    expect(box).to_have_value("")
    held.wait_for_function("window.frames_.some(f => f.finished)")


def test_a_message_whose_run_failed_before_its_first_token_is_sent_again_by_again(held: Page, served: Served) -> None:
    chat(held)
    held.get_by_role("button", name="Penalties").click()
    fill(held, "#text-logit_bias textarea", "no number")
    held.fill("#text-prompt textarea", "Tell me a tale")
    held.click("#text-run")
    expect(held.locator("#text-view .pg-error")).to_contain_text("logit_bias")
    fill(held, "#text-logit_bias textarea", "")
    expect(held.locator("#text-again")).to_be_enabled()
    held.evaluate("window.frames_ = []")
    held.click("#text-again")
    held.wait_for_function("window.frames_.some(f => f.finished && f.total > 0)")
    last: dict[str, Any] = held.evaluate("window.frames_.findLast(f => f.finished)")
    assert [m["content"] for m in last["history"]] == ["Tell me a tale"]
    held.fill("#text-prompt textarea", "And another")
    held.evaluate("window.frames_ = []")
    held.click("#text-run")
    held.wait_for_function("window.frames_.some(f => f.finished && f.total > 0)")
    last = held.evaluate("window.frames_.findLast(f => f.finished)")
    assert [m["role"] for m in last["history"]] == ["user", "assistant", "user"]
