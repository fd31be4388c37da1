"""What the buttons of the Text tab do, one by one: presets, examples, reset, again, and what one can take away."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from playground import fields
from playground.modalities import text as modality
from playground.models import catalogue
from tests.page.visitor import COLLECT, Served, number, steps, write

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RADIOS = ("search", "mode")
DEFAULTS = fields.defaults(modality.Settings)


def shows(page: Page, values: dict[str, Any]) -> None:
    """The controls stand at these values."""
    for name, value in values.items():
        if name == "prompt":
            expect(page.locator("#text-prompt textarea")).to_have_value(value)
        elif name == "model":
            title = catalogue()[value][0].title
            expect(page.locator("#text-model input")).to_have_value(re.compile("^" + re.escape(title)))
        elif name in RADIOS:
            expect(page.locator(f"#text-{name} input[value={value}]")).to_be_checked()
        else:
            expect(page.locator(f"#text-{name} input[type=number]")).to_have_value(f"{value:g}")


def settings(page: Page) -> dict[str, Any]:
    """Those of the newest run, as the server took them."""
    return page.evaluate("window.frames_.findLast(f => f.started).started.settings")


def written(page: Page) -> str:
    """Prompt and text of the newest run."""
    frame = page.evaluate("window.frames_.findLast(f => f.finished)")
    return frame["started"]["prompt"] + frame["finished"]["text"]


def test_a_preset_sets_the_controls_and_the_run_follows(held: Page) -> None:
    for title, values in modality.PRESETS.items():
        held.get_by_role("radio", name="sample").check()
        for name, value in (("temperature", 0.3), ("top_k", 7), ("top_p", 0.5), ("min_p", 0.2)):
            number(held, name, value)
        held.get_by_role("radio", name="beam").check()
        expect(held.locator("#text-temperature input[type=range]")).to_be_disabled()
        held.click(f"#text-preset-{title.lower()}")
        shows(held, {name: value for name, value in values.items() if name != "repetition_penalty"})
        write(held, "Once upon a time", 12)
        assert {name: settings(held)[name] for name in values} == values
        sampled = values["search"] == "sample"
        assert {step["random"] is not None for step in steps(held)} == {sampled}
        if not sampled:
            assert {step["rank"] for step in steps(held)} == {0}


def test_the_presets_are_what_their_names_say() -> None:
    presets = modality.PRESETS
    assert list(presets) == ["Greedy", "Balanced", "Wild"]
    assert presets["Greedy"]["search"] == "greedy"
    assert presets["Balanced"]["temperature"] < 1 < presets["Wild"]["temperature"]


def test_an_example_sets_its_prompt_and_settings_and_runs(held: Page) -> None:
    for i, example in enumerate(modality.EXAMPLES):
        held.click(f"#text-example-{i}")
        shows(held, {"model": "tales", **example})  # one without a model goes on with a text
    last = modality.EXAMPLES[-1]
    write(held)
    assert {name: settings(held)[name] for name in last} == last
    assert written(held).startswith(last["prompt"])


def test_reset_brings_every_setting_back_and_leaves_the_prompt(held: Page) -> None:
    held.get_by_role("radio", name="beam").check()
    held.get_by_role("radio", name="sample").check()
    expect(held.locator("#text-temperature input[type=range]")).to_be_enabled()
    moved = {
        "temperature": 1.7,
        "top_k": 3,
        "top_p": 0.4,
        "min_p": 0.3,
        "typical_p": 0.5,
        "max_new_tokens": 9,
        "seed": 77,
    }
    for name, value in moved.items():
        number(held, name, value)
    held.fill("#text-prompt textarea", "The king")
    write(held)
    assert {name: settings(held)[name] for name in moved} == moved
    held.click("#text-reset")
    shows(held, {name: DEFAULTS[name] for name in (*moved, "search")} | {"prompt": "The king"})
    write(held)
    kept = {"prompt": "The king"}
    assert settings(held) == DEFAULTS | kept


def test_the_copied_text_is_prompt_and_text(held: Page, served: Served) -> None:
    held.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
    write(held, "The king said: <b>& “no”</b>\n\n", 15)
    held.evaluate("navigator.clipboard.writeText('something else')")
    held.get_by_role("button", name="Copy text").click()
    expect(held.get_by_role("button", name="Copied")).to_be_visible()
    copied = held.evaluate("navigator.clipboard.readText()")
    assert copied == written(held)
    assert copied.startswith("The king said: <b>& “no”</b>\n\n")


def downloaded(page: Page, button: str) -> tuple[str, str]:
    """Name and content of the file that a click on a button of the Text tab gives."""
    with page.expect_download() as waiting:
        page.locator("#text-view").get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_text(encoding="utf-8")


def test_the_downloaded_text_is_prompt_and_text(held: Page) -> None:
    write(held, "Der König sagte “nein” 🙂", 15)
    name, content = downloaded(held, "Download text")
    assert name == held.evaluate("window.frames_.at(-1).run") + ".txt"
    assert content == written(held)


def test_the_downloaded_run_holds_every_number_that_was_streamed(held: Page) -> None:
    write(held, "Once upon a time", 15)
    name, content = downloaded(held, "Download run (JSON)")
    run = json.loads(content)
    frame = held.evaluate("window.frames_.findLast(f => f.finished)")
    assert name == frame["run"] + ".json"
    assert run["started"] == frame["started"]
    assert run["finished"] == frame["finished"]
    assert run["events"] == steps(held)
    assert [e["seq"] for e in run["events"]] == list(range(1, 16))
    assert "".join(e["text"] for e in run["events"]) == run["finished"]["text"]
    for event in run["events"]:
        chosen = next(c for c in event["candidates"] if c["token_id"] == event["token_id"])
        assert chosen["probability"] == pytest.approx(event["probability"])


def test_again_repeats_the_text_and_a_new_seed_is_shown_and_writes_another(held: Page) -> None:
    number(held, "seed", 4321)
    write(held, "Once upon a time", 25)
    first = written(held)
    runs = {held.evaluate("window.frames_.at(-1).run")}
    for button in ("again", "again-new"):
        held.evaluate("window.frames_ = []")
        expect(held.locator(f"#text-{button}")).to_be_enabled()
        held.click(f"#text-{button}")
        held.wait_for_function("window.frames_.some(f => f.finished && f.total)")
        runs.add(held.evaluate("window.frames_.at(-1).run"))
        seed = int(held.locator("#text-seed input").input_value())
        assert settings(held)["seed"] == seed
        assert (seed == 4321) is (button == "again")
        assert (written(held) == first) is (button == "again")
    assert len(runs) == 3, "each is a run of its own"


def test_control_enter_runs_and_enter_alone_begins_a_line(held: Page) -> None:
    number(held, "max_new_tokens", 4)
    held.evaluate(COLLECT)
    box = held.locator("#text-prompt textarea")
    box.fill("The dog")
    box.press("End")
    box.press("Enter")
    box.type("and the cat")
    expect(box).to_have_value("The dog\nand the cat")
    assert held.evaluate("window.frames_.length") == 0
    box.press("Control+Enter")
    held.wait_for_function("window.frames_.some(f => f.finished)")
    assert held.evaluate("window.frames_.at(-1).started.prompt") == "The dog\nand the cat"
    expect(box).to_have_value("The dog\nand the cat")
