"""What a load must reach, as functions of what was seen: RELIABILITY's figures for a class on two cores."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

STOP_S = 1.0  # p95, or two steps where those take longer
CLOSED_S = 12.0
LAG_S = 0.25  # p99
GROWN_MB = 50.0  # resident memory, the last sixth of a long load over the sixth at half time
LONG = 60  # values, one a minute: states, steps and pages are kept up to bounds that the first hour fills


def part(values: Sequence[float], share: float) -> float:
    """The value below which that share of all values lies; NaN for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def none_lost(counts: Mapping[str, int]) -> str | None:
    """What is wrong, or None."""
    lost = {name: counts.get(name, 0) for name in ("lost", "threads that never came back")}
    return f"lost jobs: {lost}" if any(lost.values()) else None


def no_server_error(counts: Mapping[str, int]) -> str | None:
    """What is wrong, or None."""
    found = {name: count for name, count in counts.items() if name.startswith("status 5") and count}
    return f"answers of the server's own failures: {found}" if found else None


def none_foreign(foreign: Sequence[str]) -> str | None:
    """What is wrong, or None."""
    return f"words of somebody else: {sorted(set(foreign))[:5]}" if foreign else None


def stops(counts: Mapping[str, int], seconds: Sequence[float], step_s: float = 0.0) -> str | None:
    """What is wrong with the seconds from a stop to idle, or None; `step_s` is how long a step takes."""
    if counts.get("never idle after a stop", 0):
        return f"runs that went on after a stop: {counts['never idle after a stop']}"
    late = part(seconds, 0.95)
    return f"from a stop to idle, p95: {late:.2f} s" if late > max(STOP_S, 2 * step_s) else None


def closes(counts: Mapping[str, int], seconds: Sequence[float]) -> str | None:
    """What is wrong with the seconds from a closed tab to idle, or None."""
    if counts.get("never idle after a closed tab", 0):
        return f"runs that went on after their tab was closed: {counts['never idle after a closed tab']}"
    late = max(seconds, default=0.0)
    return f"from a closed tab to idle, at most: {late:.1f} s" if late > CLOSED_S else None


def loop_lag(seconds: Sequence[float]) -> str | None:
    """What is wrong with how late the event loop is, or None."""
    late = part(seconds, 0.99)
    return f"the event loop is late, p99: {late * 1000:.0f} ms" if late > LAG_S else None


def memory(resident_mb: Sequence[float]) -> str | None:
    """What is wrong with resident memory, one value a minute, or None; medians, because it goes up and down."""
    if len(resident_mb) < LONG:
        return None
    sixth = len(resident_mb) // 6
    half, last = resident_mb[3 * sixth : 4 * sixth], resident_mb[-sixth:]
    grown = median(last) - median(half)
    return f"resident memory grew by {grown:.0f} MB after half time" if grown > GROWN_MB else None


def missed(tally: Any, lag: Sequence[float], resident_mb: Sequence[float] = ()) -> list[str]:
    """A sentence for each goal that a load (its `Tally` of benchmarks/load.py) has missed."""
    seconds = tally.seconds
    said = (
        none_lost(tally.counts),
        no_server_error(tally.counts),
        none_foreign(tally.foreign),
        stops(tally.counts, seconds.get("stop to idle", ())),
        closes(tally.counts, seconds.get("closed tab to idle", ())),
        loop_lag(lag),
        memory(resident_mb),
    )
    return [sentence for sentence in said if sentence]
