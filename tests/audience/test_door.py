"""Codes: who comes in and as what, cookies that cannot be made up, wrong codes that are slowed."""

import hmac
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import app
from playground.errors import PlaygroundError
from playground.ui import door as door_module
from playground.ui.door import COOKIE, FORGET_S, LASTS_S, LONGEST_PAUSE_S, Door, Refused, readable_code
from playground.ui.guard import address_of
from tests.audience.served import CLASS, TEACHER, Served, serve
from tests.page.fake import Clock

HTML = {"accept": "text/html,*/*"}


def make(clock: Clock | None = None, **more: Any) -> Door:
    clock = clock or Clock()
    return Door(**({"audience": "class", "class_code": CLASS, "teacher_code": TEACHER} | more), clock=clock, now=clock)


def with_cookie(door: Door, role: str) -> dict[str, str]:
    return {"cookie": "other=1; " + door.cookie(role, False).split(";")[0]}


def test_each_code_opens_as_its_role_whatever_its_case_and_dashes() -> None:
    door = make()
    assert door.enter("K7M 2XP", "a") == "guest"
    assert door.enter(TEACHER.upper().replace("-", ""), "a") == "teacher"
    with pytest.raises(Refused) as caught:
        door.enter("", "a")
    assert caught.value.status == 401


def test_a_cookie_says_the_role_until_it_ends() -> None:
    clock = Clock(1_000_000.0)
    door = make(clock)
    for role in ("guest", "teacher"):
        headers = with_cookie(door, role)
        assert door.role(headers) == role
        clock.now += LASTS_S + 1
        assert door.role(headers) == ""


def test_a_cookie_that_was_changed_or_made_under_another_code_is_worth_nothing() -> None:
    door = make()
    value = door.cookie("guest", False).split(";")[0].split("=", 1)[1]
    role, ends, signature = value.split(".")
    for forged in (
        f"teacher.{ends}.{signature}", f"guest.{int(ends) + 9}.{signature}", f"guest.{ends}.{'0' * 64}",
        f"guest.{ends}.", "guest", "", "own.9999999999.", f"guest.٣.{signature}", f"guest.{ends}.é",
    ):  # fmt: skip
        assert door.role({"cookie": f"{COOKIE}={forged}"}) == ""
    assert make(class_code="another").role({"cookie": f"{COOKIE}={value}"}) == ""
    assert make(teacher_code="another-one").role({"cookie": f"{COOKIE}={value}"}) == role
    assert make().role({"cookie": f"{COOKIE}={value}"}) == role, "the same codes after a restart: nobody enters again"


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites() -> None:
    for role, lasts in (("guest", True), ("teacher", False)):
        parts = [part.strip() for part in make().cookie(role, secure=True).split(";")]
        assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(parts)
        assert any(part.startswith("Max-Age") for part in parts) is lasts
    assert "Secure" not in make().cookie("guest", secure=False)


def test_codes_are_compared_in_constant_time_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return hmac.compare_digest(a, b)

    door = make()
    monkeypatch.setattr(door_module, "hmac", SimpleNamespace(compare_digest=compare))
    for code in ("wrong", CLASS, TEACHER):
        compared.clear()
        door._role_of_code(code)
        assert len(compared) == 2
        assert {len(side) for pair in compared for side in pair} == {32}, "digests: not even the length shows"


def pauses(door: Door, clock: Clock, tries: int) -> list[float]:
    """How long each of many wrong tries had to wait, from one address."""
    waited = []
    for number in range(tries):
        begun = clock.now
        while True:
            try:
                door.enter(f"wrong{number}", "attacker")
            except Refused as refused:
                if refused.status == 401:
                    break
                clock.now += refused.wait_s
        waited.append(clock.now - begun)
    return waited


def test_wrong_codes_are_slowed_more_and_more_and_for_that_address_only() -> None:
    clock = Clock(1000.0)
    door = make(clock)
    waited = pauses(door, clock, 14)
    assert waited[:3] == [0, 0, 0]
    assert waited[3:] == sorted(waited[3:])
    assert waited[-1] == LONGEST_PAUSE_S
    with pytest.raises(Refused, match="try again in") as caught:
        door.enter(CLASS, "attacker")
    assert caught.value.status == 429, "not even the right code, or a guesser would be told"
    assert door.enter(CLASS, "somebody else") == "guest"
    clock.now += FORGET_S
    assert door.enter(CLASS, "attacker") == "guest"


def test_who_knows_the_class_code_cannot_guess_the_teachers_the_faster() -> None:
    clock = Clock(1000.0)
    door = make(clock)
    for number in range(3):
        with pytest.raises(Refused):
            door.enter(f"wrong{number}", "student")
        if number < 2:
            assert door.enter(CLASS, "student") == "guest"
    with pytest.raises(Refused) as caught:
        door.enter("wrong", "student")
    assert caught.value.status == 429


def test_the_book_of_failures_is_bounded() -> None:
    door = make()
    for number in range(door_module.REMEMBERED + 50):
        with pytest.raises(Refused):
            door.enter("wrong", str(number))
    assert len(door._failures) == door_module.REMEMBERED


def test_random_codes_are_short_readable_and_differ() -> None:
    codes = {readable_code(6) for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 7 and code[3] == "-" and not set(code) & set("01ilo") for code in codes)


@pytest.mark.parametrize(
    ("codes", "words"),
    [(("abc", ""), "at least 4"), (("abcd", "abcde"), "at least 6"), (("abc-def", "ABCDEF"), "are the same")],
)
def test_codes_that_are_no_use_are_refused_with_a_sentence(codes: tuple[str, str], words: str) -> None:
    with pytest.raises(PlaygroundError, match=words):
        Door("class", *codes)


def test_on_ones_own_computer_nothing_is_asked_and_everything_is_allowed() -> None:
    door = Door("own", CLASS, TEACHER)
    assert not door.locked
    assert not door.has_codes
    assert door.role({}) == "own"


def test_starting_for_a_class_prints_the_address_and_codes_that_were_not_given(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PLAYGROUND_CLASS_CODE", "PLAYGROUND_TEACHER_CODE", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    door = app.door_of(app.arguments(["--host", "0.0.0.0", "--port", "7999"]))
    said = capsys.readouterr().out
    assert ":7999 and enter the code" in said
    codes = [line.split()[-1] for line in said.splitlines()]
    assert [door.enter(code, "a") for code in codes] == ["guest", "teacher"]
    monkeypatch.setenv("PLAYGROUND_CLASS_CODE", "from-outside")
    door = app.door_of(app.arguments(["--audience", "class", "--teacher-code", "mine-alone"]))
    assert [door.enter(code, "a") for code in ("from-outside", "mine-alone")] == ["guest", "teacher"]
    assert app.door_of(app.arguments([])).role({}) == "own"


# ── over HTTP ────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, serve(patch, "class") as page:
        yield page


def test_without_the_code_nothing_is_served_but_the_page_that_asks(served: Served) -> None:
    tab = served.browser()
    asked = tab.http.get("/", headers=HTML)
    assert asked.status_code == 401
    assert 'name="code"' in asked.text
    for path in ("/config", "/gradio_api/info", "/theme.css", "/gradio_api/queue/status", "/static/img/logo.svg"):
        answer = tab.http.get(path)
        assert answer.status_code == 401, path
        assert "needs a code" in answer.json()["error"]
    joined = {"data": [], "fn_index": 0, "session_hash": "x"}
    assert tab.http.post("/gradio_api/queue/join", json=joined).status_code == 401
    assert tab.http.post("/gradio_api/call/text", json={"data": []}).status_code == 401


def test_the_page_that_asks_says_for_whom_it_is() -> None:
    from playground.ui.entry import entry_page

    assert "open to one class" in entry_page(locked=True)
    assert "open to everybody" in entry_page(locked=False)


def test_the_code_is_entered_once(served: Served) -> None:
    tab = served.browser()
    entered = tab.http.post("/enter", data={"code": CLASS})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "httponly" in entered.headers["set-cookie"].lower()
    assert tab.http.get("/", headers=HTML).status_code == 200
    assert tab.open().config["components"]


def test_a_wrong_code_is_said_and_its_text_comes_back_nowhere(served: Served) -> None:
    answer = served.browser().http.post("/enter", data={"code": "<img src=x onerror=alert(1)>"})
    assert answer.status_code in (401, 429)
    assert 'role="alert"' in answer.text
    assert "onerror" not in answer.text


def test_programs_send_the_code_in_a_header_or_as_auth(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AuthenticationError

    with serve(monkeypatch, "class") as served:
        served.world.open()
        for how in ({"headers": {"X-Class-Code": CLASS}}, {"auth": ("class", CLASS)}):
            client = Client(served.url, verbose=False, analytics_enabled=False, **how)
            assert client.predict("x", max_new_tokens=2, api_name="/text")["event"] == "finished"
            client.close()
        with pytest.raises(AuthenticationError):
            Client(served.url, verbose=False, analytics_enabled=False, auth=("class", "wrong"))
        assert served.browser().http.get("/config", headers={"X-Class-Code": "wrong"}).status_code == 401
        # a wrong header is slowed as a wrong form is
        codes = [served.browser().http.get("/config", headers={"X-Class-Code": f"no{i}"}).status_code for i in range(4)]
        assert codes[-1] == 429


def test_only_the_teacher_loads_and_unloads(served: Served) -> None:
    guest, teacher = served.browser(code=CLASS).open(), served.browser(code=TEACHER).open()
    said = guest.ask("models-view", "fetch", {"id": "b"})[0]
    assert "the teacher's" in said
    assert '"may_change":false' in said
    assert '"may_change":true' in teacher.ask("models-view", "fetch", {"id": "b"})[0]
    until_state(teacher, "b", "ready")
    assert "the teacher's" in guest.ask("models-view", "drop", {"id": "b"})[0]
    teacher.ask("models-view", "drop", {"id": "b"})
    until_state(teacher, "b", "cached")


def until_state(tab: Any, model: str, state: str) -> None:
    import json

    for _ in range(200):
        found = json.loads(tab.ask("models-view", "halt", {"id": "none"})[0])["models"]
        if next(m["state"] for m in found if m["id"] == model) == state:
            return
    raise AssertionError(f"{model} did not become {state}")


def test_a_student_runs_what_is_loaded_and_is_told_whom_to_ask_for_the_rest(served: Served) -> None:
    guest = served.browser(code=CLASS).open()
    served.world.open()
    assert "ask your teacher to load it, or choose A" in guest.run("x", model="b", max_new_tokens=1)
    assert "finished" in guest.run("x", model="a", max_new_tokens=1)


# ── addresses ────────────────────────────────────────────────────────────────


def test_forwarded_addresses_are_believed_on_a_space_only_and_the_last_public_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {"x-forwarded-for": "8.8.8.8, 93.184.216.34, 10.1.2.3"}
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert address_of(said, "192.168.1.7") == "192.168.1.7"
    monkeypatch.setenv("SPACE_ID", "who/what")
    assert address_of(said, "10.9.9.9") == "93.184.216.34", "what stands left of it, the client can have made up"
    assert address_of({}, "10.9.9.9") == "10.9.9.9"
    assert address_of({"x-forwarded-for": "nonsense"}, "10.9.9.9") == "10.9.9.9"


def test_a_network_of_ipv6_is_one_address_where_it_shall_be() -> None:
    assert address_of({}, "2a00:1450:1:2:3::1", wide=True) == address_of({}, "2a00:1450:1:2:9::7", wide=True)
    assert address_of({}, "2a00:1450:1:2:3::1") == "2a00:1450:1:2:3::1"
    assert address_of({}, "::ffff:192.168.1.7", wide=True) == "192.168.1.7"


def test_the_server_itself_does_not_believe_forwarded_addresses_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, "class") as served:
        codes = [
            served.browser().http.get("/config", headers={"X-Class-Code": f"no{i}", "X-Forwarded-For": f"9.9.9.{i}"})
            for i in range(5)
        ]
        assert codes[-1].status_code == 429, "one address, whatever it says"
