"""The endpoints `/text` and `/code`, called as a stranger's program calls them: through gradio_client."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from playground import fields
from playground.plugins import discover
from tests.conftest import ROOT, free_port

NAMES = {str: "str", int: "int", float: "float", bool: "bool"}
SKY = {"prompt": "The sky is", "model": "tales", "max_new_tokens": 10, "seed": 7}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a server that has nothing but the endpoints."""
    import gradio as gr
    from gradio_client import Client

    from playground.manager import ModelManager
    from playground.ui.endpoints import add_endpoints

    manager = ModelManager(audience="own")
    with gr.Blocks(analytics_enabled=False) as blocks:
        add_endpoints(manager)
    _, url, _ = blocks.launch(prevent_thread_lock=True, server_port=free_port(), quiet=True)
    client = Client(url, verbose=False, analytics_enabled=False)
    yield client
    client.close()
    blocks.close()
    manager.close()


def stream(client: Any, **values: Any) -> list[dict[str, Any]]:
    return list(client.submit(**values))


def steps(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e for e in events if e["event"] == "token"]


@pytest.mark.parametrize("name", ["text", "code"])
def test_every_setting_is_a_named_typed_parameter_with_its_default(client: Any, name: str) -> None:
    info = client.view_api(return_format="dict", print_info=False)["named_endpoints"][f"/{name}"]
    settings = discover("playground.modalities")[name].Settings
    kinds, values, described = fields.types(settings), fields.defaults(settings), fields.describe(settings)
    parameters = {p["parameter_name"]: p for p in info["parameters"]}
    assert list(parameters) == list(kinds)
    for field, p in parameters.items():
        assert p["parameter_has_default"] and p["parameter_default"] == values[field]
        if described[field].choices:
            assert p["type"]["enum"] == list(described[field].choices)
        else:
            assert p["python_type"]["type"] == NAMES[kinds[field]]


def assert_close(ours: Any, theirs: Any, path: str = "") -> None:
    """Equal, numbers to 1e-4: a matrix product depends on the number of threads in its last digits."""
    if isinstance(ours, float) and isinstance(theirs, float):
        assert ours == pytest.approx(theirs, abs=1e-4), path
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), path
        for key in ours:
            assert_close(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), path
        for i, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_close(*pair, f"{path}[{i}]")
    else:
        assert ours == theirs, path


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_the_stream_is_the_command_lines(client: Any, offline_environment: dict[str, str], search: str) -> None:
    flags = ("--max-new-tokens", "10", "--seed", "7", "--search", search, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "playground", "text", "The sky is", *flags],
        cwd=ROOT, env=offline_environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    events = stream(client, **SKY, search=search, api_name="/text")
    passing = ("run_id", "elapsed_s", "first_token_s", "tokens_per_s")  # differ from run to run

    def lasting(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {k: v for k, v in e.items() if k not in passing}
            for e in found
            if e["event"] in ("started", "beam", "token", "finished")
        ]

    assert_close(lasting(events), lasting(lines))


def test_each_event_comes_once_and_predict_returns_the_last(client: Any) -> None:
    events = stream(client, **SKY, api_name="/text")
    numbers = [e["seq"] for e in events if "seq" in e]
    assert numbers == list(range(12))
    last = client.predict(**SKY, api_name="/text")
    assert last["event"] == "finished" and last["text"] == events[-1]["text"]


def test_code_answers_with_the_same_engine(client: Any) -> None:
    text, code = (stream(client, **SKY, search="greedy", api_name=f"/{n}") for n in ("text", "code"))
    assert [e["token_id"] for e in steps(text)] == [e["token_id"] for e in steps(code)]
    assert next(e for e in code if e["event"] == "started")["modality"] == "code"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"temperature": -1}, "temperature must be 0 or more, got -1"),
        ({"temperature": "hot"}, "'hot'"),
        ({"temperature": None}, "None"),
        ({"search": "guess"}, "greedy, sample, beam"),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"model": "../../etc/passwd"}, "etc/passwd"),
        ({"top_k": 2.5}, "whole number"),
        ({"prompt": ["a", "list"]}, "text"),
        ({"seed": True}, "True"),
        ({"mode": "chat"}, "completion"),
        ({"mode": "chat", "history": "{}"}, ""),
    ],
)
def test_bad_values_give_a_sentence_and_the_next_request_works(client: Any, values: dict[str, Any], words: str) -> None:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        client.predict(**{**SKY, **values}, api_name="/text")
    assert words in str(caught.value) and "Traceback" not in str(caught.value)
    assert client.predict(**SKY, api_name="/text")["tokens"] == 10


def test_a_cancelled_stream_gives_the_model_back(client: Any) -> None:
    job = client.submit(**{**SKY, "max_new_tokens": 400}, api_name="/text")
    for event in job:
        if event["event"] == "token":
            break
    job.cancel()
    assert client.predict(**SKY, api_name="/text")["tokens"] == 10


def test_gaps_and_sounds_answer_as_the_command_line_does(client: Any) -> None:
    events = stream(client, prompt="The sky is blue.", masks="2, 4", model="gaps", search="greedy", api_name="/text")
    assert [t["place"] for t in steps(events)] == [2, 4]
    assert events[-1]["filled"].startswith("The ") and events[-1]["reason"] == "filled"
    spoken = stream(client, prompt="phone", model="sounds", search="beam", api_name="/text")
    assert spoken[-1]["text"] == "F OW N"
    source = next(e for e in spoken if e["event"] == "started")["source_tokens"]
    assert all(len(t["looked"]) % len(source) == 0 < len(t["looked"]) for t in steps(spoken))
