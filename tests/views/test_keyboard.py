"""Everything without a mouse."""

import pytest

from tests.views.recorded import Writer, frame


@pytest.fixture
def run(stage):
    started, steps, finished = Writer().run(40)
    return stage.feed(frame(started, steps, 40, finished))


def focused(stage) -> str:
    return str(stage.page.evaluate("() => document.activeElement.getAttribute('aria-label')"))


def test_the_text_is_one_stop_of_the_tab_key(run):
    assert run.page.locator('.pg-text .pg-chip[tabindex="0"]').count() == 1


def test_arrows_move_enter_opens_and_escape_closes(run):
    chips = run.page.locator(".pg-text .pg-chip")
    chips.first.focus()
    run.page.keyboard.press("End")
    assert run.text(".pg-where") == "step 40 of 40"
    for _ in range(3):
        run.page.keyboard.press("ArrowLeft")
    assert focused(run) == chips.nth(40).get_attribute("aria-label")
    assert run.text(".pg-where") == "step 40 of 40"  # moving alone opens nothing
    run.page.keyboard.press("Enter")
    run.settle()
    assert run.text(".pg-where") == "step 37 of 40"
    assert chips.nth(40).get_attribute("aria-pressed") == "true"
    run.page.keyboard.press("ArrowRight")
    run.settle()
    assert run.text(".pg-where") == "step 38 of 40"  # an open one goes along
    run.page.keyboard.press("Escape")
    run.settle()
    assert run.text(".pg-where") == "step 40 of 40"


def test_up_and_down_go_to_the_neighbouring_line(run):
    chips = run.page.locator(".pg-text .pg-chip")
    chips.nth(2).focus()
    top = chips.nth(2).bounding_box()["y"]
    run.page.keyboard.press("ArrowDown")
    below = run.page.evaluate("() => document.activeElement.getBoundingClientRect().y")
    assert below > top + 10
    run.page.keyboard.press("ArrowUp")
    assert abs(run.page.evaluate("() => document.activeElement.getBoundingClientRect().y") - top) < 4


def test_labels_say_token_probability_and_rank(run):
    label = run.chips.nth(5).get_attribute("aria-label")
    assert "probability" in label
    assert "rank" in label
    assert "surprise" in label


def test_the_scrubber_moves_by_keys_and_says_its_step(run):
    run.page.locator(".pg-scrub-track input").focus()
    run.page.keyboard.press("Home")
    run.settle()
    assert run.text(".pg-where") == "step 1 of 40"
    run.page.keyboard.press("ArrowRight")
    run.settle()
    assert run.text(".pg-where") == "step 2 of 40"
    assert "step 2 of 40" in run.page.locator(".pg-scrub-track input").get_attribute("aria-valuetext")


def test_a_token_of_the_prompt_is_no_step(run):
    run.page.locator(".pg-chip.pg-given").first.click()
    run.settle()
    assert run.text(".pg-where") == "in the prompt"
    assert run.page.locator(".pg-scrub-track input").get_attribute("aria-valuetext") == "in the prompt"
    run.page.get_by_role("button", name="One step forward").click()
    run.settle()
    assert run.text(".pg-where") == "step 1 of 40"


def test_play_walks_through_the_steps_and_pause_holds(run):
    run.select(3)
    run.page.get_by_role("button", name="Play the steps").click()
    run.until("() => !document.querySelector('.pg-where').textContent.startsWith('step 4 ')")
    run.page.get_by_role("button", name="Pause").click()
    held = run.text(".pg-where")
    run.page.wait_for_timeout(500)
    assert run.text(".pg-where") == held


def test_a_term_explains_itself_and_escape_closes_it(run):
    term = run.page.locator(".pg-facts summary", has_text="entropy")
    term.focus()
    run.page.keyboard.press("Enter")
    explained = run.page.locator(".pg-facts .pg-explain", has_text="How undecided the model was")
    assert explained.is_visible()
    run.page.keyboard.press("Escape")
    assert not explained.is_visible()


def test_every_button_and_input_has_a_name(run):
    run.page.get_by_role("button", name="more candidates").click()
    nameless = run.page.evaluate(
        "() => [...document.querySelectorAll('#host button, #host input')].filter(e => e.offsetParent)"
        ".filter(e => !(e.getAttribute('aria-label') || e.innerText.trim())).map(e => e.outerHTML)"
    )
    assert nameless == []
