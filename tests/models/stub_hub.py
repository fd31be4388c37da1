"""A Hub of a few repositories on a port of this machine, each with a trouble of its own.

Serves what the Hub's client asks for: /api/models/R/revision/V, /api/models/R/tree/V and
/R/resolve/V/FILE with the headers of the real one.
"""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 1 << 14
SIZES = {"large": 10**12, "larger": 10**12}  # what it says of its weights


class Hub(ThreadingHTTPServer):
    """`files`: repository → file name → content. `asked` counts requests by path and repository."""

    daemon_threads = True

    def __init__(self, model: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        whole = {str(p.relative_to(model)): p.read_bytes() for p in model.rglob("*") if p.is_file()}
        self.files = {
            name: dict(whole)
            for name in (
                "tiny",
                "slow",
                "stalled",
                "once-damaged",
                "damaged",
                "once-truncated",
                "large",
                "larger",
                "gated",
                "cached",
                "full",
            )  # fmt: skip
        }
        self.files["pickled"] = {k: v for k, v in whole.items() if "safetensors" not in k} | {"pytorch_model.bin": b"x"}
        config = whole.get("config.json", b"{}").replace(b"{", b'{"auto_map": {"x": "y"},', 1)
        self.files["coded"] = whole | {"config.json": config}
        self.asked: Counter[str] = Counter()
        self.stop = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    """One request."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def handle(self) -> None:
        """A client that goes away in mid-answer is what some of these tests are about."""
        with suppress(ConnectionError):
            super().handle()

    def answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        parts = path.removeprefix("/api/models").strip("/").split("/")
        repo = parts[1] if len(parts) > 1 else ""
        self.server.asked[repo] += 1
        if repo not in self.server.files:
            self.refuse(404, "RepoNotFound")
        elif repo == "gated" and "resolve" in parts:
            self.refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
        elif path.startswith("/api/") and "tree" in parts:
            self.send(json.dumps([self.entry(repo, n, c) for n, c in self.server.files[repo].items()]).encode(), body)
        elif path.startswith("/api/"):
            self.send(json.dumps({"id": f"stub/{repo}", "sha": COMMIT, "siblings": []}).encode(), body)
        else:
            self.file(repo, path.partition("/resolve/")[2].partition("/")[2], body)

    def entry(self, repo: str, name: str, content: bytes) -> dict[str, Any]:
        size = SIZES.get(repo, len(content)) if name.endswith(".safetensors") else len(content)
        entry: dict[str, Any] = {"type": "file", "path": name, "size": size, "oid": hashlib.sha1(content).hexdigest()}
        if name.endswith((".safetensors", ".bin")):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": size, "pointerSize": 130}
        return entry

    def file(self, repo: str, name: str, body: bool) -> None:
        content = self.server.files[repo][name]
        etag = (
            hashlib.sha256(content).hexdigest() if name.endswith(".safetensors") else hashlib.sha1(content).hexdigest()
        )
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        size = SIZES.get(repo, len(content)) if name.endswith(".safetensors") else len(content)
        for key, value in {"ETag": f'"{etag}"', "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(size),
                           "X-Repo-Commit": COMMIT, "Content-Length": str(size - start), "Accept-Ranges": "bytes",
                           "Content-Range": f"bytes {start}-{size - 1}/{size}"}.items():  # fmt: skip
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.server.asked[f"{repo}/{name}"] += 1
            self.pour(repo, name, content[start:])

    def pour(self, repo: str, name: str, content: bytes) -> None:
        if name.endswith(".safetensors"):
            if repo == "damaged" or (repo == "once-damaged" and self.server.asked[f"{repo}/{name}"] == 1):
                content = content[:-1] + bytes([content[-1] ^ 1])
            if repo == "once-truncated" and self.server.asked[f"{repo}/{name}"] == 1:
                content, self.close_connection = content[: len(content) // 2], True
            if repo in ("slow", "stalled"):
                for start in range(0, len(content), PIECE):
                    if repo == "stalled" and start:
                        self.server.stop.wait(60)
                    time.sleep(0.15)
                    self.wfile.write(content[start : start + PIECE])
                    self.wfile.flush()
                    if self.server.stop.is_set():
                        return
                return
        self.wfile.write(content)

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, content: bytes, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def serving(model: Path) -> Iterator[Hub]:
    """The Hub, serving `model` under all its names, until the block ends."""
    hub = Hub(model)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.stop.set()
        hub.shutdown()
        hub.server_close()
