"""What the full view of every token costs.

    python -m benchmarks.decoding [--models tales smollm2-135m-instruct] [--tokens 48] [--rounds 5]

The same float32 weights, in turns, so that a busy machine is equally busy for all: the bare loop (forward,
cache, argmax), transformers' `generate`, greedy and sampled, and the project's loop with everything that the
page shows, under the same settings. Printed: milliseconds a token, the median over the rounds (and the best
round), and the ratios to the bare loop and to `generate` of the same kind. Prompt reading is not counted.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

PROMPT = "Once upon a time there was a little girl who lived in a house near the forest."


def bare(model: Any, ids: list[int], tokens: int) -> tuple[list[int], float]:
    """Forward, cache, argmax: the tokens and the seconds after the prompt."""
    import torch
    from transformers import DynamicCache

    from playground.models._causal import cache_argument

    with torch.inference_mode():
        kept = {cache_argument(model): DynamicCache(config=model.config)}
        logits = model(input_ids=torch.tensor([ids]), **kept, use_cache=True).logits[:, -1]
        written, begun = [], time.perf_counter()
        for _ in range(tokens):
            token = logits.argmax(-1)
            written.append(int(token))
            logits = model(input_ids=token[:, None], **kept, use_cache=True).logits[:, -1]
        return written, time.perf_counter() - begun


def generate(model: Any, ids: list[int], tokens: int, settings: dict[str, Any]) -> tuple[list[int], float]:
    """The same by transformers under its names of `settings`, the time of its prompt taken off."""
    import torch

    prompt = torch.tensor([ids])

    def timed(count: int) -> tuple[list[int], float]:
        begun = time.perf_counter()
        out = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, min_new_tokens=count, pad_token_id=0,
            **settings,
        )  # fmt: skip
        return out[0, len(ids) :].tolist(), time.perf_counter() - begun

    _, first = timed(1)
    written, seconds = timed(tokens + 1)
    return written[:tokens], seconds - first


def full_view(adapter: Any, ids: list[int], tokens: int, settings: dict[str, Any]) -> tuple[list[int], float]:
    """The project's loop, every TokenStep made."""
    from playground.decoding.loop import Plan, decode, filters_from, search_from

    vocabulary = adapter.vocabulary
    plan = Plan(tuple(ids), filters_from(settings, vocabulary), search_from(settings), tokens + 1,
                context_window=adapter.context_window)  # fmt: skip
    events = decode(adapter.stepper(), vocabulary, plan, run_id="benchmark")
    written, begun = [], 0.0
    for event in events:
        written.append(getattr(event, "token_id", -1))
        if len(written) == 1:
            begun = time.perf_counter()
        if len(written) == tokens + 1:
            break
    return written[:tokens], time.perf_counter() - begun


def measure(name: str, tokens: int, rounds: int) -> None:
    """One model, all ways in turn."""
    from playground.manager import ModelManager

    manager = ModelManager(dtype="float32")
    lease = _last(manager.acquire(name))
    with lease:
        adapter = lease.model
        model, ids = adapter.module, adapter.vocabulary.encode(PROMPT)
        sampled = {"temperature": 0.8, "top_k": 0, "top_p": 0.95, "repetition_penalty": 1.1}
        ways: dict[str, Callable[[], tuple[list[int], float]]] = {
            "bare loop": lambda: bare(model, ids, tokens),
            "generate, greedy": lambda: generate(model, ids, tokens, {"do_sample": False}),
            "full view, greedy": lambda: full_view(adapter, ids, tokens, {"search": "greedy"}),
            "generate, sampled with top-p": lambda: generate(model, ids, tokens, {"do_sample": True, **sampled}),
            "full view, sampled with top-p": lambda: full_view(adapter, ids, tokens, {"search": "sample", **sampled}),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        texts = {way: run()[0] for way, run in ways.items()}  # also warms up
        for _ in range(rounds):
            for way, run in ways.items():
                seconds[way].append(run()[1])
    print(f"\n{name}: {tokens} tokens, {rounds} rounds, {model.dtype}")
    print(f"  bare loop and full view wrote the same tokens: {texts['bare loop'] == texts['full view, greedy']}")
    for way, times in seconds.items():
        ms = [1000 * t / tokens for t in times]
        against = [t / b for t, b in zip(times, seconds["bare loop"], strict=True)]
        same = seconds["generate, sampled with top-p" if "sampled" in way else "generate, greedy"]
        g = [t / b for t, b in zip(times, same, strict=True)]
        best = min(times) / min(seconds["bare loop"])
        print(
            f"  {way:32} {statistics.median(ms):8.2f} ms a token (best {min(ms):.2f}), "
            f"{statistics.median(against):.3f} × bare (best {best:.3f}), {statistics.median(g):.3f} × generate"
        )
    manager.close()


def _last(events: Any) -> Any:
    """Run a generator to its end; what it returns."""
    while True:
        try:
            next(events)
        except StopIteration as done:
            return done.value


def main() -> None:
    """Measure the models that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["tales", "smollm2-135m-instruct"])
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="CPU threads")
    arguments = parser.parse_args()
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    for name in arguments.models:
        measure(name, arguments.tokens, arguments.rounds)


if __name__ == "__main__":
    main()
