"""A click that meets Gradio's stream of answers as it is being closed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page
from starlette.middleware import Middleware

from playground.manager import ModelManager
from tests.conftest import free_port
from tests.page.visitor import begin, never_end, opened, write

CLOSES = b"close_stream"


class SlowClosing:
    """ASGI middleware: the message that closes a stream takes its time, as on a slow network. Once armed, it does so
    once, and `late` says that it has begun."""

    armed = False
    late = 0

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def slowly(message: Any) -> None:
            if SlowClosing.armed and CLOSES in message.get("body", b""):
                SlowClosing.armed = False
                SlowClosing.late += 1
                before, _, closing = message["body"].rpartition(b"data:")
                await send({**message, "body": before, "more_body": True})
                await asyncio.sleep(1.5)
                message = {**message, "body": b"data:" + closing}
            await send(message)

        await self.app(scope, receive, slowly if scope.get("path", "").endswith("/queue/data") else send)


@pytest.fixture
def url() -> Iterator[str]:
    from playground.ui.page import launch

    manager, port = ModelManager(dtype="float32"), free_port()
    page, visits = launch(manager, port=port, block=False, middleware=(Middleware(SlowClosing),))
    list(manager.load("tales"))
    yield f"http://127.0.0.1:{port}/"
    SlowClosing.armed, SlowClosing.late = False, 0
    visits.close()
    page.close(verbose=False)
    manager.close()


@pytest.mark.browser
def test_a_click_while_the_stream_is_being_closed_is_answered(page: Page, url: str) -> None:
    joins: list[bool] = []  # whether it was ours
    page.on("request", lambda r: "/queue/join" in r.url and joins.append("open-the-stream" in (r.post_data or "")))
    with opened(page, url):
        page.wait_for_timeout(1000)  # the streams of its own beginning are closed
        never_end(page, 5)
        SlowClosing.armed = True
        write(page, "Once upon a time", 5)
        for _ in range(100):
            if SlowClosing.late:
                break
            page.wait_for_timeout(50)
        assert SlowClosing.late == 1, "the stream was not closed late"
        begin(page, "The sky is", 6)
        page.wait_for_function("window.frames_.some(f => f.finished && f.total === 6)", timeout=20_000)
        page.wait_for_timeout(2000)
        assert 0 < sum(joins) <= len(joins) - sum(joins), "a stream is opened again once for each request, not for ever"
