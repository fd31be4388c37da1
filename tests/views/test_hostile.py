"""Text is text: payloads, characters that turn lines around, tokens without end."""

import pytest

from tests.views.recorded import Writer, frame

PAYLOADS = [
    "<img src=x onerror=window.hit=1>", "<script>window.hit=1</script>", "${window.hit=1}", "`;window.hit=1;//",
    "{{constructor.constructor('hit=1')()}}", "<svg/onload=window.hit=1>", "<style>*{display:none}</style>",
    "'\"><iframe srcdoc='<script>parent.hit=1</script>'>", "javascript:window.hit=1", "&lt;b&gt;&#60;img onerror&#62;",
    "</script><script>window.hit=1</script>",
]  # fmt: skip


def poisoned(payload: str):
    """A run in which everything that can be text is the payload."""
    started, steps, finished = Writer().run(4)
    started |= {"model": payload, "prompt": payload, "run_id": payload}
    started["prompt_tokens"] = [{**t, "text": payload} for t in started["prompt_tokens"]]
    for step in steps:
        step |= {"text": payload, "piece": payload, "run_id": payload}
        for candidate in step["candidates"][:3]:
            candidate |= {"text": payload, "removed_by": payload}
    finished |= {"stop_string": payload, "reason": "stop_string", "message": payload, "run_id": payload}
    history = [{"role": payload, "content": payload}, {"role": "user", "content": payload}]
    progress = {"stage": payload, "done": 1, "total": 2, "unit": payload}
    return frame(started, steps, 4, finished, history=history, notices=[payload], error=payload, progress=progress)


def test_a_payload_anywhere_runs_nothing_and_makes_no_element(stage):
    for i, payload in enumerate(PAYLOADS):
        stage.feed(poisoned(payload)).select(3)
        stage.move(temperature=1.5 + i / 100)
        stage.page.locator(".pg-bar").first.click()
        stage.settle()
        assert stage.text(".pg-error") == payload
        assert stage.text(".pg-model") == payload
        assert stage.page.locator("#host img, #host script, #host iframe, #host style, #host b, #host a").count() == 0
    stage.page.wait_for_timeout(100)
    assert stage.page.evaluate("() => window.hit") is None


def test_payloads_in_beams_run_nothing(stage):
    started, events = Writer(search="beam").beams(5)
    for event in events:
        for beam in event["beams"]:
            beam |= {"text": PAYLOADS[0], "so_far": PAYLOADS[0] * 3}
    stage.feed(frame(started, events, 5))
    stage.page.locator(".pg-beam").nth(1).click()
    stage.settle()
    assert stage.page.evaluate("() => window.hit") is None
    assert stage.page.locator("#host img").count() == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_a_token_of_two_thousand_letters_breaks_no_line(stages, width):
    stage = stages(width=width)
    started, steps, finished = Writer().run(12)
    steps[4] |= {"text": " " + "x" * 2000, "piece": " " + "x" * 2000}
    steps[4]["candidates"][0]["text"] = "y" * 2000
    started |= {"model": "m" * 400, "prompt": "p" * 3000}
    started["prompt_tokens"][1]["text"] = "p" * 3000
    stage.feed(frame(started, steps, 12, finished, notices=["n" * 900], error="e" * 900)).select(4)
    assert stage.page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    text = stage.page.locator(".pg-text")
    assert text.evaluate("e => e.scrollWidth <= e.clientWidth + 1")


def test_right_to_left_text_runs_from_right_to_left_and_arrows_follow_the_eye(stage):
    started, steps, finished = Writer().run(8)
    words = ["كان", " يا", " ما", " كان", " ثعلب", " صغير", " في", " الغابة"]
    for step, word in zip(steps, words, strict=True):
        step |= {"text": word, "piece": word}
    for token, word in zip(started["prompt_tokens"], words, strict=False):
        token["text"] = word
    stage.feed(frame(started, steps, 8, finished))
    first, second = (stage.chips.nth(i).bounding_box() for i in (0, 1))
    assert first["x"] > second["x"]
    stage.chips.nth(0).focus()
    stage.page.keyboard.press("ArrowLeft")
    assert stage.chips.nth(1).evaluate("e => e === document.activeElement")


def test_a_character_that_turns_text_around_is_drawn_as_its_number(stage):
    started, steps, finished = Writer().run(3)
    steps[1] |= {"text": " a\u202eb\u200b", "piece": " a\u202eb\u200b"}
    stage.feed(frame(started, steps, 3, finished))
    assert stage.chips.nth(1).inner_text() == "·a⟨202E⟩b⟨200B⟩"


def test_the_bytes_of_a_split_character_are_joined_to_the_token_that_completes_it(stage):
    started, steps, finished = Writer().run(3)
    steps[0] |= {"text": "", "piece": "\\xE2\\x82"}
    steps[1] |= {"text": "€", "piece": "\\xAC"}
    stage.feed(frame(started, steps, 3, finished))
    assert stage.chips.nth(0).inner_text() == "\\xE2\\x82"
    assert "pg-split" in stage.chips.nth(0).get_attribute("class")
    assert stage.chips.nth(1).inner_text() == "€"


def test_text_that_waited_for_a_stop_string_stands_on_its_own_token(stage):
    started, steps, finished = Writer().run(3)
    steps[0] |= {"text": "", "piece": " The"}
    steps[1] |= {"text": " The end", "piece": " end"}
    stage.feed(frame(started, steps, 3, finished))
    assert stage.chips.nth(0).inner_text() == "·The"
    assert stage.chips.nth(1).inner_text() == "·end"


def test_line_breaks_are_drawn_and_made_and_special_tokens_are_tags(stage):
    started, steps, finished = Writer().run(4)
    steps[1] |= {"text": ".\n\n", "piece": ".\n\n"}
    steps[3] |= {"text": "", "piece": "<|im_end|>", "special": True}
    stage.feed(frame(started, steps, 4, finished))
    assert stage.chips.nth(1).inner_text() == ".⏎⏎"
    assert stage.chips.nth(2).bounding_box()["y"] > stage.chips.nth(1).bounding_box()["y"] + 10
    assert stage.chips.nth(3).inner_text() == "<|im_end|>"
    assert stage.chips.nth(3).get_attribute("aria-label").startswith("special token")
