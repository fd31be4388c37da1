"""A newcomer's clumsy minutes end without a message that does not help, and the page writes what it wrote before."""

import random
from typing import Any

import pytest

from benchmarks import clumsy
from tests.faults.control import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_message_of_a_clumsy_sequence_helps_and_the_page_works_after_it(
    browser: Any, here: Page, seed: int
) -> None:
    before = here.written()
    context = browser.new_context()
    hour = clumsy.Hour(here.url, context, random.Random(seed))
    kinds = list(clumsy.KINDS)
    hour.chance.shuffle(kinds)
    hour.open()
    first = hour.control()
    for kind in kinds:
        getattr(hour, kind)()
        hour.page.wait_for_timeout(400)
        hour.read(kind)
    clumsy.again(hour, first)
    context.close()
    assert hour.wrong == []
    assert here.written() == before


def test_planted_messages_that_do_not_help_are_found(browser: Any, here: Page) -> None:
    context = browser.new_context()
    hour = clumsy.Hour(here.url, context, random.Random(1))
    hour.open()
    for text in ("Error", "Traceback (most recent call last)", "KeyError: 'x'", "Connection errored out."):
        hour.page.evaluate("t => { document.querySelector('.pg-error').hidden = false; "
                           "document.querySelector('.pg-error').textContent = t; }", text)  # fmt: skip
        hour.read("a planted message")
        assert hour.wrong, text
        hour.wrong.clear()
    context.close()
