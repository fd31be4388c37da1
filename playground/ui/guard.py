"""Who may talk to the server: a Host allow-list, same-origin requests, bounded bodies, closed routes, safe headers.

A page on another site can make a browser send requests here (cross-site request), or point
its own name at this machine and read the answers (DNS rebinding). Names are therefore
checked against a list; literal addresses cannot be rebound and are taken as they are. What
changes something must come from the page itself: browsers say so in `Origin` and
`Sec-Fetch-Site`. Programs (gradio_client, curl) send neither and pass.

What Gradio serves and this page does not need is closed: uploads (nothing here takes a file), deep
links (they keep a session's contents on the disk), proxies, its history and its editors.
"""

import ipaddress
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
MAX_BODY = 8 << 20
SAFE = ("GET", "HEAD", "OPTIONS")
HUGGING_FACE = (".hf.space", ".huggingface.co")
CLOSED = (
    "upload", "upload_progress", "deep_link", "proxy=", "runs", "run-history", "process_recording", "stream",
    "custom_component", "component_server", "dev", "mcp", "profiling", "monitoring",
    "vibe-edit", "undo-vibe-edit", "vibe-code", "vibe-starter-queries",
)  # fmt: skip
LASTING = ("/assets/", "/static/", "/svelte/", "/favicon.ico")  # the same for everybody
SELF = "'self'"
EMBEDDERS = "'self' https://huggingface.co https://*.hf.space"  # on a Space


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


def headers_of(scope: Scope) -> dict[str, str]:
    """Names in lower case and values; of a name that comes twice, the values joined by commas."""
    found: dict[str, str] = {}
    for name, value in scope.get("headers", []):
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}{'; ' if key == 'cookie' else ', '}{text}" if key in found else text
    return found


def address_of(headers: Mapping[str, str], peer: str, wide: bool = False) -> str:
    """The network address that a request is counted for.

    X-Forwarded-For is what a client says, so it counts on a Space only, and there only the last public
    address in it: that is the one the Space's own proxies saw. `wide`: of IPv6, the 64 bits of the network.
    """
    said = [part.strip() for part in headers.get("x-forwarded-for", "").split(",")] if on_space() else []
    for text in [*reversed(said), peer]:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if text != peer and not address.is_global:
            continue
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped:
                return str(address.ipv4_mapped)
            return str(ipaddress.ip_network((address, 64), strict=False)) if wide else str(address)
        return str(address)
    return peer


def is_closed(path: str, query: str = "") -> bool:
    """Whether Gradio answers there and this page does not."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["gradio_api"]:
        parts = parts[1:]
    first = parts[0] if parts else ""
    return any(first == name or (name.endswith("=") and first.startswith(name)) for name in CLOSED) or (
        "deep_link" in parse_qs(query, keep_blank_values=True)
    )


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: Any, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        send = _safe(send, scope.get("path", "/"))
        refusal = self.refusal(scope.get("method", "GET"), headers_of(scope))
        if refusal is None and is_closed(scope.get("path", ""), scope.get("query_string", b"").decode("latin-1")):
            refusal = 404, "There is nothing here."
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


def _safe(send: Send, path: str) -> Send:
    """Adds to every answer what a browser must not do with it."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"content-security-policy", f"frame-ancestors {EMBEDDERS if on_space() else SELF}".encode()),
    ]
    if not path.startswith(LASTING):
        headers.append((b"cache-control", b"no-store"))
    names = {name for name, _ in headers}

    async def sent(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in names]
            message = {**message, "headers": [*kept, *headers]}
        await send(message)

    return sent


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
