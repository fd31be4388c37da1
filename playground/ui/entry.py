"""The entry: without a code nobody gets anything from the server but a page that asks for it.

    GET  any page          the page that asks (401), or what was asked for
    GET  /enter            the page that asks, also for those who are in (to become the teacher)
    POST /enter   code     the cookie, and on to the page
    POST /login   password the same for `gradio_client.Client(url, auth=("class", code))`

Programs may send the code with each request instead, in the header `X-Class-Code`.
"""

import html
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from playground.ui.door import HEADER, Door, Refused
from playground.ui.guard import Receive, Scope, Send, address_of, headers_of

PAGE = Path(__file__).with_name("entry.html")
MARK, FOR_WHOM = "<!-- message -->", "<!-- for whom -->"
CLASS = "This page is open to one class. Your teacher has the code."
TEACHER = "The page itself is open to everybody. With the teacher's code you may also load models and see the room."
MAX_FORM = 4096
OPEN = ("/gradio_api/startup-events",)  # Gradio asks for it itself, when it starts
NEEDED = "This page needs a code: open it in a browser, or send the code in the header X-Class-Code."


def entry_page(sentence: str = "", locked: bool = True) -> str:
    """The page that asks for the code, with what was wrong with the last one; `locked`: nobody comes in without."""
    said = f'<p class="wrong" id="wrong" role="alert">{html.escape(sentence)}</p>' if sentence else ""
    return PAGE.read_text(encoding="utf-8").replace(FOR_WHOM, CLASS if locked else TEACHER).replace(MARK, said)


class Entry:
    """ASGI middleware between the guard and the app."""

    def __init__(self, app: Any, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self.door.has_codes:
            await self.app(scope, receive, send)
            return
        headers, path = headers_of(scope), scope.get("path", "/").rstrip("/") or "/"
        address = address_of(headers, (scope.get("client") or ("",))[0], wide=self.door.audience == "public")
        method = scope.get("method", "GET")
        if path in ("/enter", "/login") and method == "POST":
            await self._try(path, await _form(receive), address, headers, send)
        elif path == "/enter":
            await self._page(send, 200)
        elif self.door.role(headers) and not headers.get(HEADER) or path in OPEN and method == "GET":
            await self.app(scope, receive, send)
        else:
            await self._knock(scope, receive, send, headers, address)

    async def _knock(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], address: str) -> None:
        """A request without a cookie, or with a code in its header."""
        code = headers.get(HEADER, "")
        if code:
            try:
                self.door.enter(code, address)
            except Refused as refused:
                await _json(send, refused.status, str(refused), wait_s=refused.wait_s)
            else:
                await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope.get("method") in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
            await self._page(send, 401)
        else:
            await _json(send, 401, NEEDED)

    async def _page(self, send: Send, status: int, sentence: str = "", wait_s: int = 0) -> None:
        page = entry_page(sentence, self.door.locked)
        await _answer(send, status, page, "text/html; charset=utf-8", *_later(wait_s))

    async def _try(self, path: str, form: dict[str, str], address: str, headers: dict[str, str], send: Send) -> None:
        try:
            role = self.door.enter(form.get("password" if path == "/login" else "code", ""), address)
        except Refused as refused:
            if path == "/login":
                await _json(send, refused.status, str(refused), wait_s=refused.wait_s)
            else:
                await self._page(send, refused.status, str(refused), refused.wait_s)
            return
        secure = "https" in headers.get("x-forwarded-proto", "")
        cookie = ("set-cookie", self.door.cookie(role, secure))
        if path == "/login":
            await _answer(send, 200, json.dumps({"success": True}), "application/json", cookie)
        else:
            await _answer(send, 303, "", "text/plain", cookie, ("location", "/"))


async def _form(receive: Receive) -> dict[str, str]:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_FORM or message["type"] == "http.disconnect":
            return {}
        if not message.get("more_body"):
            return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


async def _json(send: Send, status: int, sentence: str, wait_s: int = 0) -> None:
    body = json.dumps({"error": sentence, "detail": sentence})
    await _answer(send, status, body, "application/json", *_later(wait_s))


def _later(wait_s: int) -> list[tuple[str, str]]:
    return [("retry-after", str(wait_s))] if wait_s else []


async def _answer(send: Send, status: int, text: str, kind: str, *more: tuple[str, str]) -> None:
    body = text.encode()
    headers = [("content-type", kind), ("content-length", str(len(body))), *more]
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
