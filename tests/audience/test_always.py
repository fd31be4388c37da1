"""What holds for every audience, line by line as the project promises it, on the page as it is served."""

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from playground.errors import PlaygroundError
from playground.manager import ModelManager
from playground.manager._loader import FileLoader
from playground.ui import guard
from playground.ui.guard import MAX_BODY, Guard, allowed_names
from tests.audience.served import CLASS, Served, serve
from tests.conftest import ROOT
from tests.models import tiny
from tests.models.test_safety import HOSTILE

SOURCES = sorted([*(ROOT / "playground").rglob("*.py"), ROOT / "app.py"])
HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, serve(patch, "class") as page:
        yield page


@pytest.fixture(scope="module")
def own() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, serve(patch, "own") as page:
        yield page


# ── no remote code, no pickle ────────────────────────────────────────────────


def dangers(source: str) -> list[str]:
    """Names of calls in a source that run code or unpickle, and arguments that allow it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
            found += [n for n in names if n.split(".")[0] in ("pickle", "dill", "cloudpickle", "joblib", "subprocess")]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("eval", "exec", "compile", "torch.load", "os.system", "os.popen", "__import__"):
                found.append(name)
            found += [
                f"{k.arg}={ast.unparse(k.value)}"
                for k in node.keywords
                if (k.arg == "trust_remote_code" and ast.unparse(k.value) != "False")
                or (k.arg == "weights_only" and ast.unparse(k.value) != "True")
                or (k.arg == "allow_pickle" and ast.unparse(k.value) != "False")
            ]
    return found


def test_no_source_unpickles_trusts_remote_code_or_runs_what_was_generated() -> None:
    found = {str(p.relative_to(ROOT)): d for p in SOURCES if (d := dangers(p.read_text(encoding="utf-8")))}
    assert found == {"playground/models/_package.py": ["subprocess"]}  # asks pip for a package of weights


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from joblib import load", "torch.load(p)", "f(p, trust_remote_code=True)", "exec(text)",
     "np.load(p, allow_pickle=True)", "from subprocess import run", "f(weights_only=False)"],
)  # fmt: skip
def test_a_planted_danger_is_found(line: str) -> None:
    assert dangers(f"def g():\n    {line}\n")


@pytest.mark.parametrize(
    "name", ["auto_map", "code beside the weights", "a link out of the folder", "index with a parent folder",
             "index with an absolute path", "index with backslashes", "pickle only"],
)  # fmt: skip
def test_a_hostile_folder_is_refused_before_the_library_sees_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(FileLoader, "load", lambda self, spec, folder: iter(seen.append(folder) or ()))
    folder = tiny.folder(tmp_path / "model")
    HOSTILE[name][0](folder)
    manager = ModelManager("own", cache_dir=tmp_path / "cache", dtype="float32")
    with pytest.raises(PlaygroundError, match=HOSTILE[name][1]):
        list(manager.load(str(folder)))
    manager.close()
    assert seen == []


def test_a_chat_template_is_taken_from_the_catalogue_only(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": "{{ 1 / 0 }}"}))
    manager = ModelManager("own", cache_dir=tmp_path / "cache", dtype="float32")
    list(manager.load(str(folder)))
    assert manager._loads.entries[str(folder)].model.chat is False
    manager.close()


# ── no share link, no MCP, no deep links ─────────────────────────────────────


def test_there_is_no_share_link_no_mcp_no_history_and_no_monitoring(own: Served) -> None:
    blocks = own.blocks
    assert not blocks.share
    assert blocks.share_url is None
    assert blocks.mcp_server_obj is None
    assert not blocks.run_history
    assert not blocks.enable_monitoring
    assert blocks.max_file_size <= 4 << 20


CLOSED = [
    ("GET", "/gradio_api/deep_link?session_hash=x"), ("GET", "/?deep_link=abc"), ("GET", "/config?deep_link=abc"),
    ("POST", "/gradio_api/upload"), ("GET", "/gradio_api/upload_progress?upload_id=x"), ("GET", "/gradio_api/mcp/"),
    ("POST", "/gradio_api/mcp/sse"), ("GET", "/gradio_api/mcp/schema"), ("GET", "/gradio_api/proxy=https://x.hf.space"),
    ("GET", "/gradio_api/runs"), ("POST", "/gradio_api/run-history/connect"), ("GET", "/gradio_api/vibe-code"),
    ("POST", "/gradio_api/process_recording"), ("POST", "/gradio_api/vibe-edit/"), ("GET", "/monitoring"),
    ("POST", "/gradio_api/component_server"), ("GET", "/gradio_api/profiling/traces"), ("GET", "/dev/reload"),
    ("GET", "//gradio_api//deep_link"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_what_the_page_does_not_need_is_closed_before_gradio_sees_it(own: Served, method: str, path: str) -> None:
    answer = own.browser().http.request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (404, "There is nothing here.")


def test_uploads_leave_nothing_on_the_disk(own: Served) -> None:
    before = set(Path(own.blocks.GRADIO_CACHE).rglob("*"))
    sent = own.browser().http.post("/gradio_api/upload", files={"files": ("x.html", b"<script>1</script>")})
    assert sent.status_code == 404
    assert set(Path(own.blocks.GRADIO_CACHE).rglob("*")) == before


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "../app.py", "%2e%2e/app.py", "playground/room.py"])
def test_no_file_of_the_computer_is_served(own: Served, path: str) -> None:
    for route in ("/gradio_api/file=", "/gradio_api/file/", "/static/", "/assets/", "/svelte/", "/file="):
        answer = own.browser().http.get(route + path)
        assert answer.status_code in (403, 404, 405, 422), (route, answer.status_code)
        assert "root:" not in answer.text
        assert "import argparse" not in answer.text


# ── who is heard ─────────────────────────────────────────────────────────────


def test_another_name_another_site_and_a_body_too_large_are_refused_over_http(own: Served) -> None:
    http = own.browser().http
    assert http.get("/config", headers={"host": "evil.example"}).status_code == 421
    join = {"data": [], "fn_index": 0, "session_hash": "x"}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert http.post("/gradio_api/queue/join", json=join, headers=headers).status_code == 403
    assert http.post("/gradio_api/queue/join", content=b"x" * (MAX_BODY + 1)).status_code == 413

    def trickle() -> Iterator[bytes]:  # a body that does not say how long it is
        for _ in range(MAX_BODY // 65536 + 2):
            yield b"x" * 65536

    try:
        status = http.post("/gradio_api/queue/join", content=trickle()).status_code
    except (httpx.WriteError, httpx.RemoteProtocolError):  # the server hung up in the middle, which is right too
        status = 413
    assert status >= 400


# ── what browsers are told ───────────────────────────────────────────────────


def test_every_answer_carries_the_headers_and_personal_ones_are_not_kept(served: Served, own: Served) -> None:
    member = served.browser(code=CLASS).open()
    asset = re.search(r'"\./?(assets/[^"]+\.js)"', own.browser().http.get("/", headers=HTML).text)
    assert asset
    paths = ["/", "/config", "/gradio_api/info", "/theme.css", "/nothing", "/gradio_api/deep_link", "/enter"]
    answers = [http.get(p, headers=HTML) for http in (member.http, served.browser().http) for p in paths]
    answers += [member.http.post("/gradio_api/queue/join", json={}), member.http.get("/", headers={"host": "evil"})]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff", answer.url
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
        assert answer.headers.get_list("cache-control") == ["no-store"]
    kept = own.browser().http.get("/" + asset[1])
    assert kept.status_code == 200
    assert "no-store" not in kept.headers.get("cache-control", "")
    assert kept.headers["x-content-type-options"] == "nosniff"
    member.send("text-stop", "click")
    with member.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": member.session}) as stream:
        assert stream.headers["cache-control"] == "no-store"


def test_a_space_may_be_embedded_by_hugging_face_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "who/what")
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"evil")]}
        await Guard(None, allowed_names("0.0.0.0"))(scope, None, send)  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as pool:  # where a browser's tests ran before, this thread has a loop already
        pool.submit(asyncio.run, ask()).result()
    headers = dict(sent[0]["headers"])
    policy = "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
    assert headers[b"content-security-policy"].decode() == policy


def test_planted_a_missing_header_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_safe", lambda send, path: send)
    with serve(monkeypatch, "own") as page, pytest.raises(KeyError):
        _ = page.browser().http.get("/config").headers["x-content-type-options"]


# ── model text never reaches a template ──────────────────────────────────────


def test_no_view_has_a_template_with_a_place_for_text(served: Served, own: Served) -> None:
    found = 0
    for blocks in (served.blocks, own.blocks):
        for block in blocks.blocks.values():
            if isinstance(block, gr.HTML):
                found += 1
                for template in (block.html_template, block.css_template or ""):
                    assert "{{" not in template
                    assert "${" not in template
                assert "innerHTML" not in (block.js_on_load or "")
    assert found >= 4


def test_no_script_of_the_page_parses_text_as_markup() -> None:
    for path in sorted((ROOT / "playground").rglob("*.js")):
        source = path.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in source, f"{path.name}: {word}"
