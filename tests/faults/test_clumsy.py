"""What a newcomer's clumsy hour (benchmarks/clumsy.py) calls a message that does not help."""

import random
from typing import Any

import pytest

from benchmarks import clumsy
from tests.faults.control import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


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
