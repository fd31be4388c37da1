"""What stays in memory when models come and go: every model that is on this computer, loaded, used and unloaded.

    python -m benchmarks.memory [--cycles 50] [MODEL …]

A cycle is: load, read a prompt, write eight tokens, give back, unload. Printed for each model: resident memory
before, loaded, after cycle 10 and after the last one, and the seconds of a cycle. Goal: after cycle 50 at most
100 MB more than after cycle 10, models one after the other in one process.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

GOAL_MB = 100.0
WARM = 10  # cycles after which what libraries keep for good is there
PROMPT = "Once upon a time there was a dog. One day the dog"


def resident() -> int:
    """Bytes of this process in memory."""
    import psutil

    gc.collect()
    return int(psutil.Process().memory_info().rss)


@dataclass(frozen=True)
class Cycles:
    """Bytes resident before the first cycle, while the model was loaded (the most of all cycles), after each one."""

    model: str
    before: int
    loaded: int
    after: tuple[int, ...]
    seconds: float  # of one cycle, on average

    @property
    def grown_mb(self) -> float:
        """After the last cycle minus after cycle 10 (with fewer than 20: after the half of them), in 10^6 bytes."""
        warm = WARM if len(self.after) >= 2 * WARM else max(1, len(self.after) // 2)
        return (self.after[-1] - self.after[warm - 1]) / 1e6


def installed(manager: Any) -> list[str]:
    """The models that are loaded without a download: in this repository, in a cache, or in an installed package."""
    from playground.models import _package
    from playground.models._spec import Package

    at_hand = [info.id for info in manager.models() if info.state in ("embedded", "cached", "ready")]
    carried = [
        info.id
        for info in manager.models()
        if any(isinstance(s, Package) and _package.installed(s) for s in manager.spec(info.id).sources)
    ]
    return sorted({*at_hand, *carried})


def use(lease: Any) -> None:
    """Read a prompt and write eight tokens, take two denoising steps, or decode a code, as the model does."""
    import torch

    with lease:
        if lease.model.kind == "latent space":
            with lease.turn():
                lease.model.decode(torch.zeros(1, lease.model.latent_dim))
            return
        if hasattr(lease.model, "predict"):
            draw(lease)
            return
        stepper = lease.model.stepper()
        with lease.turn():
            logits, _ = stepper.prefill(torch.tensor([lease.model.prompt_ids(PROMPT)]))
        for _ in range(8):
            with lease.turn():
                logits = stepper.step(logits.argmax(-1))


def draw(lease: Any) -> None:
    """A picture in two steps."""
    from playground.denoising.loop import Plan, denoise
    from playground.denoising.schedulers import OWN

    model, side = lease.model, lease.model.size // lease.model.factor
    with lease.turn():
        words = model.encode([PROMPT])
    plan = Plan(words, words, 2, 1.0, OWN, (1,), (model.channels, side, side))
    *_, last = denoise(model, plan, turn=lease.turn)
    with lease.turn():
        model.decode(last.next.latents)


def obtained(wish: Iterator[Any]) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(wish)
        except StopIteration as done:
            return done.value


def cycle(manager: Any, model: str, count: int, use: Callable[[Any], None] = use) -> Cycles:
    """Load, use and unload one model so many times."""
    before, loaded, after, begun = resident(), 0, list[int](), time.monotonic()
    for _ in range(count):
        use(obtained(manager.acquire(model)))
        loaded = max(loaded, resident())
        manager.unload(model)
        after.append(resident())
    return Cycles(model, before, loaded, tuple(after), (time.monotonic() - begun) / count)


def main() -> None:
    """Measure and print; exit status 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all that are on this computer")
    parser.add_argument("--cycles", type=int, default=50)
    arguments = parser.parse_args()
    from playground.manager import ModelManager

    manager = ModelManager("class")
    print(f"{'':<26}{'before':>9}{'loaded':>9}{'cycle 10':>10}{'last':>9}{'more':>8}   a cycle", flush=True)
    worst = 0.0
    for model in arguments.models or installed(manager):
        seen = cycle(manager, model, arguments.cycles)
        worst = max(worst, seen.grown_mb)
        figures = (seen.before, seen.loaded, seen.after[min(WARM, arguments.cycles) - 1], seen.after[-1])
        row = "".join(f"{value / 1e6:>9.0f}" + (" " if i == 1 else "") for i, value in enumerate(figures))
        print(f"{model:<26}{row}{seen.grown_mb:>8.1f}   {seen.seconds:.1f} s", flush=True)
    manager.close()
    print(f"MB of 10^6 bytes. At most {worst:.1f} more after the last cycle than after cycle 10 (goal: {GOAL_MB:.0f}).")
    raise SystemExit(worst > GOAL_MB)


if __name__ == "__main__":
    main()
