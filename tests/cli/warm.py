"""Commands in processes of their own that need not read the heavy libraries first: a process that has them forks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

# what the libraries bring is read before, whatever the project brings after the fork, as if it had just been started
PROGRAM = """
import json, os, runpy, sys
import torch, transformers
from transformers import BertForMaskedLM, GPT2LMHeadModel, PreTrainedTokenizerFast, T5ForConditionalGeneration

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(asked["files"], start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["playground", *asked["arguments"]]
    runpy.run_module("playground", run_name="__main__", alter_sys=True)
    sys.exit(0)
"""


class Warm:
    """`call("text", "The sky is", …)` is what `python -m playground text "The sky is" …` does."""

    def __init__(self, process: "subprocess.Popen[str]", place: Path) -> None:
        self._process, self._files = process, [place / "out.txt", place / "err.txt"]

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Its status, and what it printed."""
        asked = {"arguments": arguments, "files": [str(file) for file in self._files]}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        out, err = (file.read_text("utf-8") for file in self._files)
        return subprocess.CompletedProcess(arguments, status, out, err)


@contextmanager
def warm(place: Path, environment: dict[str, str]) -> Iterator[Warm]:
    """The process, until the block ends."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, encoding="utf-8") as process:  # fmt: skip
        try:
            yield Warm(process, place)
        finally:
            assert process.stdin is not None
            process.stdin.close()
