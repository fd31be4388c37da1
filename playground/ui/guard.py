"""Who may talk to the server: a Host allow-list, same-origin requests, bounded bodies.

A page on another site can make a browser send requests here (cross-site request), or point
its own name at this machine and read the answers (DNS rebinding). Names are therefore
checked against a list; literal addresses cannot be rebound and are taken as they are. What
changes something must come from the page itself: browsers say so in `Origin` and
`Sec-Fetch-Site`. Programs (gradio_client, curl) send neither and pass.
"""

import ipaddress
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
MAX_BODY = 8 << 20
SAFE = ("GET", "HEAD", "OPTIONS")
HUGGING_FACE = (".hf.space", ".huggingface.co")


def on_space() -> bool:
    """Whether this process is a Hugging Face Space."""
    return bool(os.environ.get("SPACE_ID"))


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine only."""
    if host.strip("[]").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def name_of(authority: str) -> str:
    """The host of `host:port`, lower case, without brackets."""
    try:
        return (urlsplit(f"//{authority}").hostname or "").lower()
    except ValueError:
        return ""


def allowed_names(bound: str, more: Iterable[str] = ()) -> frozenset[str]:
    """The names under which the server may be asked for: this machine's and those given."""
    names = {"localhost", bound.strip("[]").lower(), *(name.lower() for name in more)}
    if not is_loopback(bound):
        here = socket.gethostname().lower()
        names |= {here, here.split(".")[0], here.split(".")[0] + ".local"}
    names |= {name_of(host) for host in os.environ.get("SPACE_HOST", "").split(",") if host}
    return frozenset(names)


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: Any, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope.get("headers", [])}
        refusal = self.refusal(scope.get("method", "GET"), headers)
        if refusal:
            await _answer(send, *refusal)
            return
        await self.app(scope, _bounded(receive), send)

    def refusal(self, method: str, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and sentence for a request that may not pass, or None."""
        host = headers.get("host", "")
        if not self._known(name_of(host)):
            return (
                421,
                f"This server does not answer to the name {name_of(host)!r}; start it with --allow-host to add one.",
            )
        if not headers.get("content-length", "0").isdigit() or int(headers.get("content-length", "0")) > MAX_BODY:
            return 413, f"A request may have at most {MAX_BODY >> 20} MB."
        if method in SAFE:
            return None
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return 403, "This request comes from another site."
        origin = headers.get("origin")
        if origin is not None and not self._same(origin, host, headers.get("x-forwarded-host", "")):
            return 403, "This request comes from another site."
        return None

    def _known(self, name: str) -> bool:
        if name in self.names or (on_space() and name.endswith(HUGGING_FACE)):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _same(self, origin: str, host: str, forwarded: str) -> bool:
        parts = urlsplit(origin)
        if parts.netloc.lower() == host.lower():
            return True
        # behind a Space's proxy the port, the scheme and sometimes the name differ
        return on_space() and parts.hostname is not None and (
            parts.hostname in self.names or parts.hostname == name_of(forwarded)
        )  # fmt: skip


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def counted() -> dict[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY:
            return {"type": "http.disconnect"}
        return message

    return counted


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
