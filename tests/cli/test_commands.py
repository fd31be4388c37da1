"""The command line, as a person or a script meets it: in processes of its own (`tests/house/test_readme.py` begins them
from nothing)."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.warm import warm
from tests.conftest import ROOT

TOKEN_KEYS = {"event", "run_id", "seq", "index", "position", "lane", "token_id", "text", "probability", "logprob",
              "random", "entropy_bits", "candidates"}  # fmt: skip
CANDIDATE_KEYS = {"token_id", "text", "logit", "raw_probability", "probability", "removed_by"}
SKY = ("text", "The sky is", "--model", "tales", "--max-new-tokens", "12")


@pytest.fixture(scope="module")
def playground(offline_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with warm(tmp_path_factory.mktemp("warm"), offline_environment) as process:
        yield process.call


def strict(line: str) -> Any:
    """JSON without NaN and Infinity."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(line, parse_constant=refuse)


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [strict(line) for line in done.stdout.splitlines()]


def of(kind: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e for e in found if e["event"] == kind]


def fails_in_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2
    assert {strict(line)["event"] for line in done.stdout.splitlines()} <= {"progress"}, "nothing was written"
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_models_are_listed_as_json(playground: Any) -> None:
    done = playground("models", "--json")
    models = {m["id"]: m for m in strict(done.stdout)}
    assert done.returncode == 0 and {"tales", "smollm2-135m-instruct"} <= set(models)
    for m in models.values():
        assert {"id", "title", "modality", "architecture", "parameters", "licence", "size_mb", "state", "path"} <= set(
            m
        )
    assert (models["tales"]["state"], models["tales"]["path"]) == (
        "embedded",
        str(ROOT / "assets" / "models" / "tales"),
    )


def test_models_are_listed_for_people(playground: Any) -> None:
    done = playground("models")
    assert done.returncode == 0 and done.stdout.startswith("tales ")


def test_sampling_prints_one_object_per_token_and_then_the_end(playground: Any) -> None:
    flags = ("--search", "sample", "--temperature", "0.8", "--top-k", "40", "--top-p", "0.95", "--min-p", "0",
             "--repetition-penalty", "1", "--seed", "7", "--json")  # fmt: skip
    found = events(playground(*SKY, *flags))
    tokens, end = of("token", found), found[-1]
    assert [t["index"] for t in tokens] == list(range(len(tokens))) and len(tokens) == end["tokens"] == 12
    for t in tokens:
        assert set(t) >= TOKEN_KEYS and t["lane"] == 0
        assert 0 <= t["random"] < 1
        assert t["token_id"] in [c["token_id"] for c in t["candidates"]]
        assert all(set(c) >= CANDIDATE_KEYS for c in t["candidates"])
        kept = [c for c in t["candidates"] if c["removed_by"] is None]
        assert 0.999 < sum(c["probability"] for c in kept) < 1.001 or len(kept) == len(t["candidates"])
        assert {c["removed_by"] for c in t["candidates"]} <= {None, "top_k", "top_p"}
        assert all(c["probability"] == 0 for c in t["candidates"] if c["removed_by"])
        chosen = next(c for c in t["candidates"] if c["token_id"] == t["token_id"])
        assert math.isclose(chosen["probability"], t["probability"], rel_tol=1e-6)
        assert math.isclose(math.log(chosen["raw_probability"]), t["logprob"], abs_tol=1e-5)
    assert {"event", "reason", "text", "tokens", "first_token_s", "tokens_per_s"} <= set(end)
    assert end["event"] == "finished" and end["reason"] == "max_new_tokens"
    assert end["text"] == "".join(t["text"] for t in tokens)
    assert not end["text"].startswith("The sky is")
    assert [s["seq"] for s in found if "seq" in s] == list(range(len(tokens) + 2))


def test_greedy_draws_no_number_and_takes_the_favourite(playground: Any) -> None:
    for t in of("token", events(playground(*SKY, "--search", "greedy", "--json"))):
        assert t["random"] is None
        assert t["token_id"] == max(t["candidates"], key=lambda c: c["raw_probability"])["token_id"]


def test_beams_come_step_by_step_and_then_the_winners_tokens(playground: Any) -> None:
    found = events(playground(*SKY, "--search", "beam", "--num-beams", "3", "--json"))
    steps = of("beam", found)
    kinds = [e["event"] for e in found if e["event"] in ("beam", "token", "finished")]
    assert kinds == ["beam"] * len(steps) + ["token"] * kinds.count("token") + ["finished"]
    assert [s["step"] for s in steps] == list(range(len(steps)))
    for s in steps:
        assert len([b for b in s["beams"] if not b["finished"]]) <= 3
        assert all({"parent", "token_id", "text", "score", "finished"} <= set(b) for b in s["beams"])
        assert all(b["score"] < 0 for b in s["beams"])
    tokens = of("token", found)
    assert "".join(t["text"] for t in tokens) in [b["so_far"] for b in steps[-1]["beams"]]
    assert all(t["random"] is None for t in tokens)


def test_without_json_the_text_is_streamed(playground: Any) -> None:
    flags = (*SKY, "--seed", "3")
    end = events(playground(*flags, "--json"))[-1]
    done = playground(*flags)
    assert (done.returncode, done.stdout, done.stderr) == (0, end["text"] + "\n", "")


def test_an_empty_prompt_begins_a_text(playground: Any) -> None:
    found = events(playground("text", "", "--max-new-tokens", "5", "--json"))
    started = of("started", found)[0]
    assert [t["token_id"] for t in started["prompt_tokens"]] == [0]
    assert found[-1]["tokens"] == 5


def test_a_prompt_longer_than_the_context_is_cut_with_its_numbers(playground: Any) -> None:
    found = events(playground("text", "The sky is blue. " * 400, "--max-new-tokens", "6", "--json"))
    notice = of("notice", found)[0]["text"]
    read = of("started", found)[0]["prompt_tokens"]
    assert "512" in notice and f"{len(read) - 1:,} kept" in notice
    assert len(read) == 512 - 6 and read[0]["token_id"] == 0
    assert found[-1]["reason"] == "max_new_tokens"


def test_a_top_k_beyond_the_vocabulary_is_brought_back_and_said(playground: Any) -> None:
    found = events(playground(*SKY, "--top-k", "999999", "--json"))
    assert "999,999" in of("notice", found)[0]["text"] and "4,096" in of("notice", found)[0]["text"]
    assert found[-1]["tokens"] > 0


def test_a_text_that_reaches_the_end_of_the_context_says_so(playground: Any) -> None:
    found = events(
        playground("text", "The sky is blue. " * 101, "--search", "greedy", "--max-new-tokens", "100", "--json")
    )
    started, end = of("started", found)[0], found[-1]
    assert end["reason"] == "context_full"
    assert len(started["prompt_tokens"]) + end["tokens"] == end["context_window"] == 512


def test_text_stops_before_a_stop_string(playground: Any) -> None:
    end = events(playground("text", "The sky is", "--search", "greedy", "--stop-strings", ".", "--json"))[-1]
    assert end["reason"] == "stop_string" and end["stop_string"] == "." and "." not in end["text"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--temperature", "-1"), ("temperature", "-1")),
        (("--temperature", "nan"), ("temperature", "nan")),
        (("--temperature", "inf"), ("temperature", "inf")),
        (("--temperature", "warm"), ("temperature", "'warm'")),
        (("--top-k", "-3"), ("top_k", "-3")),
        (("--top-k", "2.5"), ("top-k", "'2.5'")),
        (("--top-p", "1.5"), ("top_p", "1.5")),
        (("--search", "guess"), ("search", "'guess'", "greedy, sample, beam")),
        (("--model", "no-such-model"), ("no-such-model",)),
        (("--mode", "chat"), ("tales", "completion")),
        (("--max-new-tokens", "0"), ("max_new_tokens", "0")),
        (("--logit-bias", "sky"), ("logit_bias", "sky")),
        (("--history", "{"), ()),
        (("--no-such-flag",), ("--no-such-flag",)),
        (("--temperature",), ("temperature",)),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_status_two(
    playground: Any, flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    mode = ("--mode", "chat") if "--history" in flags else ()
    fails_in_one_line(playground("text", "The sky is", *flags, *mode, "--json"), *words)


def test_no_command_and_an_unknown_one_are_refused(playground: Any) -> None:
    fails_in_one_line(playground(), "COMMAND")
    fails_in_one_line(playground("dance"), "dance")


def test_a_prompt_that_is_not_utf8_is_refused(offline_environment: dict[str, str]) -> None:
    done = subprocess.run([sys.executable.encode(), b"-m", b"playground", b"text", b"caf\xe9"], cwd=ROOT,
                          env=offline_environment, capture_output=True, timeout=60)  # fmt: skip
    assert done.returncode == 2 and b"UTF-8" in done.stderr and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("arguments", [("--help",), ("text", "--help"), ("code", "--help"), ("models", "--help")])
def test_help_names_every_flag_and_loads_no_heavy_library(
    offline_environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    code = (
        "import sys; from playground.__main__ import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit as end: status = end.code\n"
        "heavy = [m for m in ('torch', 'transformers', 'gradio', 'numpy') if m in sys.modules]\n"
        "sys.exit(f'{status} {heavy}' if status or heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=offline_environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    if arguments[0] in ("text", "code"):
        for flag in ("--model", "--search", "--num-beams", "--temperature", "--top-k", "--top-p", "--min-p",
                     "--repetition-penalty", "--seed", "--max-new-tokens", "--json"):  # fmt: skip
            assert flag in done.stdout


def test_ctrl_c_ends_the_run_properly(offline_environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "playground", "text", "Once", "--max-new-tokens", "500", "--json"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, env=offline_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        for line in process.stdout:
            if '"event": "token"' in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().splitlines()
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == ""
    end = strict(rest[-1])
    assert (end["event"], end["reason"]) == ("finished", "user")
    assert 0 < end["tokens"] < 500


def test_a_reader_that_leaves_is_not_an_error(offline_environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "playground", *SKY, "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=offline_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""


def test_a_defect_is_one_line_too(offline_environment: dict[str, str], tmp_path: Any) -> None:
    """Planted: a manager whose import fails."""
    code = (
        "import sys, types; from playground.__main__ import main\n"
        "broken = types.ModuleType('playground.manager'); sys.modules['playground.manager'] = broken\n"
        "sys.exit(main(['models']))"
    )
    environment = {k: v for k, v in offline_environment.items() if k != "PLAYGROUND_DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "ImportError" in done.stderr
    assert os.linesep in done.stderr


def test_gaps_are_filled_and_the_whole_text_is_printed(playground: Any) -> None:
    done = playground("text", "The sky is [MASK] today.", "--model", "gaps", "--search", "greedy")
    assert done.returncode == 0 and done.stdout.startswith("The sky is ") and done.stdout.endswith(" today.\n")
    found = events(playground("text", "The sky is blue today.", "--masks", "4", "--model", "gaps", "--json"))
    (token,) = of("token", found)
    assert token["place"] == token["position"] == 4
    assert of("finished", found)[0]["reason"] == "filled"
    fails_in_one_line(playground("text", "The sky", "--masks", "9", "--model", "gaps"), "1 to 2", "got 9")


def test_a_word_is_spoken_and_each_token_says_where_the_decoder_looked(playground: Any) -> None:
    done = playground("text", "phone", "--model", "sounds", "--search", "beam")
    assert (done.returncode, done.stdout) == (0, "F OW N\n")
    found = events(playground("text", "phone", "--model", "sounds", "--search", "greedy", "--json"))
    source = of("started", found)[0]["source_tokens"]
    assert [t["text"] for t in source] == [*"phone", "</s>"]
    assert all(len(t["looked"]) % len(source) == 0 < len(t["looked"]) for t in of("token", found))
    fails_in_one_line(playground("text", "two words", "--model", "sounds"), "reads one English word", "'two words'")
