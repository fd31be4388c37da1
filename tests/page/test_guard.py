"""Who may talk to the server, and as what it starts."""

import json
from typing import Any

import pytest

import app
from playground.ui import recorded
from playground.ui.guard import Guard, allowed_names, is_loopback

GUARD = Guard(None, allowed_names("127.0.0.1"))


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "192.168.1.20:7860", "[::1]:7860"])
def test_names_of_this_machine_and_literal_addresses_are_served(host: str) -> None:
    assert GUARD.refusal("GET", {"host": host}) is None


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7860", "", "a b"])
def test_a_name_that_somebody_pointed_here_is_refused(host: str) -> None:
    assert (GUARD.refusal("GET", {"host": host}) or (0,))[0] == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
    ],
)  # fmt: skip
def test_a_request_of_another_site_changes_nothing(headers: dict[str, str]) -> None:
    refused = GUARD.refusal("POST", {"host": "localhost:7860", **headers})
    assert refused
    assert refused[0] == 403


def test_the_page_itself_and_programs_pass() -> None:
    own = {"host": "localhost:7860", "origin": "http://localhost:7860", "sec-fetch-site": "same-origin"}
    assert GUARD.refusal("POST", own) is None
    assert GUARD.refusal("POST", {"host": "localhost:7860"}) is None  # gradio_client sends neither


def test_on_a_space_its_own_name_passes_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "who/what")
    monkeypatch.setenv("SPACE_HOST", "who-what.hf.space")
    guard = Guard(None, allowed_names("0.0.0.0"))
    assert guard.refusal("POST", {"host": "who-what.hf.space", "origin": "https://who-what.hf.space"}) is None
    assert guard.refusal("POST", {"host": "10.1.2.3:7860", "origin": "https://who-what.hf.space"}) is None
    assert guard.refusal("POST", {"host": "who-what.hf.space", "origin": "https://evil.hf.space"}) is not None


def test_a_body_that_is_too_large_is_refused() -> None:
    assert (GUARD.refusal("POST", {"host": "localhost", "content-length": str(1 << 30)}) or (0,))[0] == 413
    assert (GUARD.refusal("POST", {"host": "localhost", "content-length": "many"}) or (0,))[0] == 413


def test_the_audience_is_never_own_where_others_reach_the_page(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    assert app.arguments([]).audience == "own"
    assert app.arguments(["--host", "0.0.0.0"]).audience == "class"
    with pytest.raises(SystemExit):
        app.arguments(["--host", "0.0.0.0", "--audience", "own"])
    assert "choose class or public" in capsys.readouterr().err
    monkeypatch.setenv("SPACE_ID", "who/what")
    assert app.arguments([]).audience == "public"
    with pytest.raises(SystemExit):
        app.arguments(["--host", "127.0.0.1", "--audience", "own"])


def test_host_and_port_come_from_gradios_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7999")
    flags = app.arguments([])
    assert (flags.host, flags.port) == ("0.0.0.0", 7999)
    assert app.arguments(["--port", "8001"]).port == 8001
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("example.org")


def test_idle_models_go_after_half_an_hour_where_many_share_and_never_on_ones_own_computer(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in ("GRADIO_SERVER_NAME", "SPACE_ID", "PLAYGROUND_IDLE_MINUTES"):
        monkeypatch.delenv(name, raising=False)
    assert app.arguments([]).idle_minutes == 0
    assert app.arguments(["--host", "0.0.0.0"]).idle_minutes == 30
    assert app.arguments(["--audience", "public"]).idle_minutes == 30
    monkeypatch.setenv("PLAYGROUND_IDLE_MINUTES", "2.5")
    assert app.arguments([]).idle_minutes == 2.5
    assert app.arguments(["--idle-minutes", "0", "--audience", "class"]).idle_minutes == 0
    for wrong in ("soon", "-1", "nan", "inf"):
        with pytest.raises(SystemExit):
            app.arguments(["--idle-minutes", wrong])
        assert f"got {wrong!r}" in capsys.readouterr().err


def test_the_manager_that_the_page_starts_with_unloads_after_the_minutes_that_were_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from playground.ui import page

    managers: list[Any] = []
    monkeypatch.setattr(page, "launch", lambda manager, **named: managers.append(manager))
    for flags in (["--idle-minutes", "0.5"], ["--idle-minutes", "0"]):
        app.main(flags)
    assert [manager._idle_s for manager in managers] == [30.0, None]


@pytest.mark.parametrize("name", ["text", "code"])
def test_a_recorded_run_has_everything_that_a_live_one_has(name: str) -> None:
    frame = json.loads(recorded.frame(name) or "{}")
    assert frame["started"]["event"] == "started"
    assert frame["finished"]["text"] == "".join(e["text"] for e in frame["events"])
    assert frame["total"] == len(frame["events"]) > 20
    for seq, event in enumerate(frame["events"], start=1):
        assert (event["seq"], event["run_id"]) == (seq, frame["run"])
        assert event["token_id"] in {c["token_id"] for c in event["candidates"]} | set(event["known"]["token_ids"])
        assert 0 < sum(c["probability"] for c in event["candidates"]) <= 1.001
        assert len(event["tail"]["counts"]) == len(event["tail"]["means"]) == len(event["tail"]["variances"])
        sizes = len(event["candidates"]) + sum(event["tail"]["counts"])
        outside = set(event["known"]["token_ids"]) - {c["token_id"] for c in event["candidates"]}
        assert sizes + len(outside) == frame["started"]["vocab_size"]
