"""Nonsense for every handler and route of the running page: what comes back may say no, and nothing about the computer.

    python -m benchmarks.fuzz [--examples 10000]

Handlers and endpoints are read from the page's own configuration, routes from the app. Inputs come from
hypothesis: wrong types, wrong counts, huge and tiny numbers, file-like objects, paths, scripts, half characters.
An answer fails where it holds a traceback, an absolute path, the content of a system file, or the secret that lies
in the server's environment. Only this machine is asked.
"""

import argparse
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

SECRET = "hf_fuzzfuzzfuzzfuzzfuzzfuzzfuzzfuzz"  # noqa: S105 the one that must not come back
EVENTS = 12  # of one answer's stream; then the reader leaves
SPOKEN_S = 10.0
LEAKS = re.compile(
    r"Traceback \(most recent|File \\?\"|site-packages|root:x:0|"
    + SECRET
    + r"|(?<![\w.:/])/(?:home|root|usr|etc|tmp|var|work|opt)/\w"
)
PATHS = (
    "/etc/passwd",
    "../../../../etc/passwd",
    "file:///etc/passwd",
    "assets/../../etc/passwd",
    "app.py",
    ".git/config",
)
ROUTES = ("/gradio_api/file=", "/gradio_api/proxy=", "/file=", "/static/", "/assets/", "/custom_component/",
          "/gradio_api/upload_progress?upload_id=", "/gradio_api/component_server/", "/theme.css?",
          "/svelte/", "/")  # fmt: skip


def values() -> Any:
    """What may stand where a setting, a token or a visit is expected."""
    from hypothesis import strategies as st

    files = st.sampled_from(PATHS).map(
        lambda p: {"path": p, "url": p, "orig_name": p, "meta": {"_type": "gradio.FileData"}}
    )
    scripts = st.sampled_from(("<img src=x onerror=alert(1)>", "${alert(1)}", "{{7*7}}", "\ud800", "\x00", "a" * 5000))
    plain = st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=40), st.sampled_from(PATHS), scripts, files,
    )  # fmt: skip
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    )


class Target:
    """One handler of the page, or endpoint of its API."""

    def __init__(self, client: Any, dependency: dict[str, Any], usual: dict[int, Any]) -> None:
        self.client, self.id = client, dependency["id"]
        self.usual = [usual.get(component) for component in dependency["inputs"]]  # what its controls show at first
        self.name = dependency.get("api_name") or f"handler {dependency['id']}"
        self.inputs, self.queued = len(dependency["inputs"]), dependency.get("queue") is not False

    def call(self, data: list[Any], event_data: Any) -> str:
        """Everything that comes back, status first."""
        session = secrets.token_hex(6)
        body = {"data": data, "fn_index": self.id, "session_hash": session, "event_data": event_data}
        content = json.dumps(body).encode("utf-8", "surrogatepass")
        headers = {"content-type": "application/json"}
        path = "/gradio_api/queue/join" if self.queued else "/gradio_api/run/predict"
        answer = self.client.post(path, content=content, headers=headers)
        said = f"{answer.status_code} {answer.text}"
        if self.queued and answer.status_code == 200:
            said += "".join(self._stream(session))
        return said

    def _stream(self, session: str) -> Iterator[str]:
        """A part of what the handler streams; whoever reads then leaves, as people do."""
        with self.client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as answer:
            for count, line in enumerate(line for line in answer.iter_lines() if line.startswith("data:")):
                yield line
                if count >= EVENTS or '"process_completed"' in line or '"close_stream"' in line:
                    return


def targets(client: Any) -> list[Target]:
    """All handlers that run on the server, from the page's own configuration."""
    config = client.get("/config").json()
    usual = {component["id"]: component["props"].get("value") for component in config["components"]}
    return [Target(client, d, usual) for d in config["dependencies"] if d.get("backend_fn")]


def leak(said: str, sent: str) -> str | None:
    """What of the computer an answer tells, with a little around it; what was sent may come back."""
    for found in LEAKS.finditer(said):
        if found.group() not in sent:
            return said[max(0, found.start() - 80) : found.end() + 120]
    return None


def of_each_kind(found: list[Target]) -> list[Target]:
    """The endpoints, and of the handlers of one name (those of several tabs: `run`, `run_1`, …) the first and the last;
    presets and examples have one name, too."""
    kinds: dict[str, list[Target]] = {}
    for target in found:
        kinds.setdefault(re.sub(r"_\d+$", "", target.name), []).append(target)
    return [target for kind in kinds.values() for target in dict.fromkeys((kind[0], kind[-1]))]


def fuzz(client: Any, examples: int, report: Any = None, some: list[Target] | None = None) -> Counter[str]:
    """Every target (or `some`) and route with so many inputs; statuses counted.

    Raises:
        AssertionError: an answer that tells something of the computer, with the input that brought it.
    """
    from hypothesis import HealthCheck, Phase, settings

    seen: Counter[str] = Counter()
    calm = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),  # a smaller input that leaks is not looked for: each takes a stream of answers
    )
    for target in targets(client) if some is None else some:
        _nonsense(target, calm, seen)
        if report:
            report(f"{target.name}: {examples} inputs")
    for route in ROUTES:
        _stray(client, route, calm, seen)
    return seen


def _nonsense(target: Target, calm: Any, seen: Counter[str]) -> None:
    from hypothesis import given
    from hypothesis import strategies as st

    # mostly what the page would send, with one or a few values replaced; now and then nothing of it
    places = st.integers(0, max(0, target.inputs - 1))
    few = st.lists(st.tuples(places, values()), min_size=1, max_size=3).map(
        lambda pairs: _replaced(target.usual, pairs)
    )
    anything = st.integers(0, target.inputs + 2).flatmap(lambda n: st.lists(values(), min_size=n, max_size=n))

    @calm
    @given(few | few | anything, st.none() | values())
    def check(data: list[Any], event_data: Any) -> None:
        said = target.call(data, event_data)
        seen[said[:3]] += 1
        found = leak(said, json.dumps([data, event_data], ensure_ascii=False))
        assert found is None, f"{target.name}: {found}"

    check()


def _replaced(usual: list[Any], pairs: list[tuple[int, Any]]) -> list[Any]:
    return [dict(pairs).get(place, value) for place, value in enumerate(usual)]


def _stray(client: Any, route: str, calm: Any, seen: Counter[str]) -> None:
    from hypothesis import given
    from hypothesis import strategies as st

    @calm
    @given(st.sampled_from(PATHS) | st.text(max_size=30))
    def check(rest: str) -> None:
        answer = client.get(httpx_path(route + rest))
        seen[str(answer.status_code)] += 1
        page = "text/html" in answer.headers.get("content-type", "")  # Gradio's page names no file of the computer
        assert page or leak(answer.text, rest) is None, f"{route}{rest}: {leak(answer.text, rest)}"
        assert SECRET not in answer.text and "root:x:0" not in answer.text, f"{route}{rest}"
        assert not answer.text.startswith('"""'), f"{route}{rest} is a source file"

    check()


def httpx_path(text: str) -> str:
    """A path that arrives as it is written, dots and all."""
    from urllib.parse import quote

    return quote(text.encode("utf-8", "replace"), safe="/=?&.:%")


def main() -> None:
    """Serve the page and fuzz it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--examples", type=int, default=10_000, help="inputs for every handler and route")
    parser.add_argument("--port", type=int, default=7910)
    arguments = parser.parse_args()
    os.environ["HF_TOKEN"] = SECRET

    import httpx

    from playground.manager import ModelManager
    from playground.ui.page import launch

    manager = ModelManager(audience="public")
    page, visits = launch(manager, port=arguments.port, block=False)
    with httpx.Client(base_url=f"http://127.0.0.1:{arguments.port}", timeout=60) as client:
        print(dict(fuzz(client, arguments.examples, print)))
    visits.close()
    page.close()
    manager.close()


if __name__ == "__main__":
    main()
