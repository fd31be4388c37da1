"""The page as a whole: figures under moved sliders, and scripts wherever text can stand."""

from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect
from transformers import AutoModelForCausalLM

from playground.models._places import ASSETS
from tests.models.test_tales import theirs
from tests.page.conftest import POISON
from tests.page.visitor import choose_model, fill, number, open_group, steps, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REDRAWN = """([steps, started, now]) => steps.map((step, i) => playground.pipeline(
    step, started, {...started.settings, ...now}, steps.slice(0, i).map(s => s.token_id))
    .atoms.filter(a => a.token_id !== null).map(a => [a.token_id, a.probability]))"""
SETTINGS: list[dict[str, Any]] = [
    {"repetition_penalty": 1.5},
    {"repetition_penalty": 0.7, "temperature": 1.4},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2, "temperature": 0.6, "top_k": 9},
    {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3, "temperature": 1.8, "top_k": 150, "min_p": 0.01},
]


@pytest.mark.parametrize("biases", [{}, {" dog": 4.0, " the": -3.0}], ids=["no bias", "biased"])
def test_redrawn_steps_agree_with_exact_figures_with_penalties_too(held: Page, biases: dict[str, float]) -> None:
    """A run of tales; its past under other penalties by the browser, by transformers over the whole vocabulary."""
    open_group(held, "penalties", "#text-logit_bias textarea")
    fill(held, "#text-logit_bias textarea", "\n".join(f"{word} = {bias}" for word, bias in biases.items()))
    number(held, "temperature", 1.2)
    write(held, "The dog saw the dog and the dog", 20)
    written = steps(held)
    started = held.evaluate("window.frames_.findLast(f => f.started).started")
    assert len(started["logit_bias"]) == len(biases)
    model = AutoModelForCausalLM.from_pretrained(ASSETS / "models" / "tales", dtype=torch.float32).eval()
    prompt = [t["token_id"] for t in started["prompt_tokens"]]
    ids = torch.tensor([[*prompt, *(s["token_id"] for s in written)]])
    with torch.no_grad():
        rows = model(ids).logits[0, len(prompt) - 1 : -1]
    off = {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "typical_p": 1, "repetition_penalty": 1}
    moved = 0.0
    for now in SETTINGS:
        shown = held.evaluate(REDRAWN, [written, started, off | now])
        for i, (atoms, row) in enumerate(zip(shown, rows, strict=True)):
            exact = theirs(now, biases)(ids[:, : len(prompt) + i], row[None].clone())[0].softmax(-1)
            plain = row.softmax(-1)
            assert len(atoms) >= 50
            worst = max(abs(p - float(exact[t])) for t, p in atoms)
            assert worst < 1e-3, f"step {i} under {now}: {worst}"
            moved = max(moved, float((exact - plain).abs().max()))
    assert moved > 0.1, "the settings changed the figures"


def test_scripts_as_tokens_and_as_a_models_name_are_text_in_the_whole_page(held: Page) -> None:
    choose_model(held, "window.hit=90")
    expect(held.locator("#text-model-note")).to_contain_text("window.hit=91")
    for name, value in (("temperature", 2), ("top_k", 0), ("top_p", 1)):
        number(held, name, value)
    write(held, "<script>window.hit=92</script>", 30)
    scripts = [i for i, s in enumerate(steps(held)) if "window.hit" in s["text"]]
    assert scripts, "no token was a script"
    text = "".join(s["text"] for s in steps(held))
    prompt = len(held.evaluate("window.frames_.findLast(f => f.started).started.prompt_tokens"))
    for i in scripts[:3]:
        chip = held.locator("#text-view .pg-chip").nth(prompt + i)
        chip.hover()
        chip.click()
        expect(held.locator("#text-view .pg-where")).to_have_text(f"step {i + 1} of {len(steps(held))}")
        expect(held.locator("#text-view .pg-bars")).to_contain_text("window.hit")
    held.get_by_role("tab", name="Models").click()
    expect(held.locator(".page-model", has_text="poisoned")).to_contain_text(POISON)
    held.get_by_role("tab", name="Code").click()
    held.get_by_role("tab", name="Text").click()
    held.reload()  # the run comes back with everything in it
    expect(held.locator("#text-view .pg-chip").nth(prompt + scripts[0])).to_contain_text("window.hit")
    expect(held.locator("#text-prompt textarea")).to_have_value("<script>window.hit=92</script>")
    held.wait_for_timeout(300)
    assert held.evaluate("window.hit") is None
    assert held.locator("img[src=x], svg[onload], [onerror]").count() == 0
    assert "window.hit" in text
