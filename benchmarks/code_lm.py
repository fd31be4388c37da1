"""What the code model writes after signatures it has never seen.

    python tools/code_corpus.py build/code-texts
    python -m benchmarks.code_lm [--model assets/models/code] [--temperature 0.5] [--seed 0] [--card]

A prompt is the first line of a held-out function, `def name(args):` and a line break, where neither the function nor
the line occurs in the training texts. The page's own decoding loop goes on from it. A completion passes if the model
ended it itself, prompt and completion together parse with `ast`, and the function's body has at least three
statements (those inside an `if` or a loop are not counted). What is written is parsed and never run.
"""

import argparse
import ast
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Finished, Reason
from playground.models._any import opened
from playground.training._texts import END
from playground.training.gpt import Config, documents

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "assets" / "models" / "code"
TEXTS = ROOT / "build" / "code-texts"
FEWEST = 3  # statements of a body
HELD_OUT = 0.02  # as tools/code_corpus.py and tools/train_code.sh have it


@dataclass(frozen=True)
class Completion:
    """One signature, what was written after it, and whether the model ended it."""

    source: str  # library or tests
    prompt: str
    text: str
    tokens: int
    ended: bool

    @property
    def verdict(self) -> str:
        """ "passed", or why not."""
        if not self.ended:
            return "cut off"
        try:
            tree = ast.parse(self.prompt + self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return "does not parse"
        first = tree.body[0]
        body = first.body if isinstance(first, ast.FunctionDef) else []
        return "passed" if len(body) >= FEWEST else "too few statements"


def signature(text: str) -> str | None:
    """The first line of a function with its line break; None where that line alone does not begin one."""
    line = text.split("\n", 1)[0] + "\n"
    try:
        tree = ast.parse(line + "    pass")
    except SyntaxError:
        return None
    return line if isinstance(tree.body[0], ast.FunctionDef) and line.endswith(":\n") else None


def held_out_signatures(texts: Path) -> list[tuple[str, str]]:
    """(source, signature) of the held-out functions, each signature once, none that a training text has.

    Raises:
        PlaygroundError: the texts are not there.
    """
    known: set[str] = set()
    found: dict[str, str] = {}
    for source in ("library", "tests", "classes"):
        config = Config(corpus=str(texts / f"{source}.txt"), repeats=0, held_out=HELD_OUT)
        train, held = documents(config)
        known |= {line.strip() + "\n" for text in train for line in text.split("\n") if "def " in line}
        if source != "classes":
            found |= {s: found.get(s, source) for s in map(signature, held) if s}
    return [(source, s) for s, source in found.items() if s not in known]


def complete(adapter: Any, prompt: str, temperature: float, seed: int, tokens: int) -> tuple[str, int, bool]:
    """(text, tokens, whether the model ended it): the loop of the page, with sampling and no other filter."""
    from playground.decoding.loop import Plan, decode, filters_from, search_from

    settings = {"search": "sample", "temperature": temperature, "top_k": 0, "top_p": 1.0}
    ids, vocabulary, window = tuple(adapter.prompt_ids(prompt)), adapter.vocabulary, adapter.context_window
    plan = Plan(ids, filters_from(settings, vocabulary), search_from(settings), min(tokens, window - len(ids)),
                context_window=window, eos_token_ids=adapter.eos_token_ids, seed=seed)  # fmt: skip
    for event in decode(adapter.stepper(), vocabulary, plan, run_id="benchmark"):
        if isinstance(event, Finished):
            return event.text, event.tokens, event.reason is Reason.EOS
    raise RuntimeError("the run ended without saying so")


def measure(folder: Path, texts: Path, most: int, temperature: float, seed: int, tokens: int) -> list[Completion]:
    """One completion for each of the first `most` signatures; the seed of each is `seed` and its place."""
    signatures = held_out_signatures(texts)[:most]
    adapter = opened(folder, prefix_eos=True)
    return [
        Completion(source, prompt, *complete(adapter, prompt, temperature, seed * 10_000 + i, tokens))
        for i, (source, prompt) in enumerate(signatures)
    ]


def table(completions: Sequence[Completion], texts: Path) -> list[tuple[str, str, str]]:
    """(what, figure, what was asked for)."""
    n = len(completions)
    verdicts = Counter(c.verdict for c in completions)
    passed = [c for c in completions if c.verdict == "passed"]
    rows = [
        ("held-out signatures", str(n), "at least 100"),
        ("completed: ended, parses, three statements or more", f"{len(passed) / n:.1%}", "at least 60 %"),
    ]
    for source in ("library", "tests"):
        part = [c for c in completions if c.source == source]
        if part:
            share = sum(c.verdict == "passed" for c in part) / len(part)
            rows.append((f"of these, from the {source} ({len(part)})", f"{share:.1%}", ""))
    rows += [(why, f"{verdicts[why] / n:.1%}", "") for why in ("cut off", "does not parse", "too few statements")]
    if passed:
        files = [(texts / f"{name}.txt").read_text(encoding="utf-8") for name in ("library", "tests")]
        trained = {doc.strip() for file in files for doc in file.split(END)}
        copied = sum((c.prompt + c.text).strip() in trained for c in passed)
        rows.append(("median tokens of those that passed", f"{statistics.median(c.tokens for c in passed):.0f}", ""))
        rows.append(("of those, word for word a function of the library", f"{copied / len(passed):.1%}", "reported"))
    return rows


def main() -> None:
    """Measure from the command line; errors are one sentence."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.code_lm", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model")
    parser.add_argument("--texts", type=Path, default=TEXTS, help="folder that tools/code_corpus.py wrote")
    parser.add_argument("--signatures", type=int, default=200, help="at most")
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--tokens", type=int, default=280, help="new tokens at most; a completion cut off there fails")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--training", type=Path, help="training.json of its checkpoint: what it was trained with")
    parser.add_argument("--card", action="store_true", help="write the model card into the model's folder")
    parser.add_argument("--show", type=int, default=3, help="completions to print")
    arguments = parser.parse_args()
    if arguments.card and not arguments.training:
        parser.error("--card needs --training: the card says how long it was trained")
    try:
        found = measure(arguments.model, arguments.texts, arguments.signatures, arguments.temperature,
                        arguments.seed, arguments.tokens)  # fmt: skip
    except PlaygroundError as error:
        print(f"code_lm: {error} (tools/code_corpus.py writes the texts)", file=sys.stderr)
        sys.exit(2)
    rows = table(found, arguments.texts)
    for what, figure, asked in rows:
        print(f"{what:52} {figure:>8}   {asked}")
    for completion in found[: arguments.show]:
        print(f"\n# {completion.verdict}, {completion.tokens} tokens\n{completion.prompt}{completion.text}")
    if arguments.card:
        from benchmarks.code_lm_card import write_card

        write_card(arguments.model, rows, found, arguments.training, arguments.texts)


if __name__ == "__main__":
    main()
