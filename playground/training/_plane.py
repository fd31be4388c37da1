"""Distributions over the plane, and how far two samples of them are apart.

Two dimensions are enough for everything that is hard about a distribution (separate modes, thin curves, sharp
edges), and few enough to see all of it. Every set has mean 0 and a standard deviation near 1.
"""

import re
from pathlib import Path

import numpy as np

from playground.errors import PlaygroundError

NAMES = ("ring", "moons", "spiral", "checkerboard")
MODES, RADIUS, SIGMA = 8, 1.4, 0.1  # of the ring of Gaussians
MAX_POINTS, MAX_BYTES = 20_000, 2_000_000
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
LINE = re.compile(rf"\s*({NUMBER})\s*[,;\s]\s*({NUMBER})\s*")


def ring_centres() -> np.ndarray:
    """The means of the eight Gaussians: (8, 2)."""
    angle = 2 * np.pi * np.arange(MODES) / MODES
    return RADIUS * np.stack([np.cos(angle), np.sin(angle)], 1)


def draw(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` independent points of the distribution `name`: (n, 2)."""
    if name == "ring":
        return ring_centres()[rng.integers(MODES, size=n)] + SIGMA * rng.standard_normal((n, 2))
    if name == "moons":  # two half circles that reach into each other
        angle, lower = np.pi * rng.random(n), rng.random(n) < 0.5
        x = np.where(lower, 1 - np.cos(angle), np.cos(angle))
        y = np.where(lower, 0.5 - np.sin(angle), np.sin(angle))
        points = np.stack([(x - 0.5) / 0.87, (y - 0.25) / 0.5], 1)
        return points + 0.08 * rng.standard_normal((n, 2))
    if name == "spiral":  # two arms of a turn and a half; the root makes every piece of an arm equally full
        turn, arm = 3 * np.pi * np.sqrt(rng.random(n)), rng.choice([-1, 1], n)
        points = (0.21 * arm * turn)[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
        return points + 0.05 * rng.standard_normal((n, 2))
    if name == "checkerboard":  # the black squares of a board of 4 × 4
        row = rng.integers(4, size=n)
        column = 2 * rng.integers(2, size=n) + row % 2
        return (np.stack([column, row], 1) + rng.random((n, 2)) - 2) * 0.85
    raise PlaygroundError(f"There is no distribution called {name!r}; there are: {', '.join(NAMES)}.")


def read_points(text: str) -> np.ndarray:
    """Points that somebody gave: lines of "x,y", or the name of a file of such lines: (n, 2).

    They are moved to mean 0 and scaled (both axes alike) to a standard deviation of 1 along the wider axis.

    Raises:
        PlaygroundError: no file, no points, a line that is none, too many, or all in one place.
    """
    if not text.strip():
        raise PlaygroundError("There are no points: give lines of x,y, or a file that holds them.")
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not LINE.fullmatch(lines[0]):
        lines = _read_file(Path(text.strip()))
    if len(lines) > MAX_POINTS:
        raise PlaygroundError(f"There are {len(lines)} points; at most {MAX_POINTS} can be used.")
    points = np.empty((len(lines), 2))
    for i, line in enumerate(lines):
        match = LINE.fullmatch(line)
        if not match:
            raise PlaygroundError(f"Line {i + 1} of the points is {line[:40]!r}: write two numbers, x,y.")
        points[i] = float(match[1]), float(match[2])
    if not np.isfinite(points).all() or np.abs(points).max() > 1e12:
        raise PlaygroundError("A coordinate of the points is beyond 1e12: write smaller numbers.")
    points -= points.mean(0)
    width = points.std(0).max() if len(points) else 0.0
    if len(points) < 2 or width <= 1e-12:
        raise PlaygroundError("All the points lie in one place: give at least two different ones.")
    return points / width


def _read_file(path: Path) -> list[str]:
    if len(str(path)) > 500 or not path.is_file():
        raise PlaygroundError(f"{str(path)[:60]!r} is neither lines of x,y nor a file of them.")
    if path.stat().st_size > MAX_BYTES:
        raise PlaygroundError(f"{path.name} has {path.stat().st_size:,} bytes; at most {MAX_BYTES:,} can be read.")
    lines = [line for line in path.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    if lines and not LINE.fullmatch(lines[0]) and len(lines) > 1:
        lines = lines[1:]  # a row of headings
    if not lines:
        raise PlaygroundError(f"{path.name} is empty: write one point x,y a line.")
    return lines


# ── how good is a sample? ────────────────────────────────────────────────────


def energy_distance(a: np.ndarray, b: np.ndarray) -> float:
    """2 E|X − Y| − E|X − X'| − E|Y − Y'| of two samples (n, d) and (m, d); 0 for equal ones, never negative.

    Szekely & Rizzo 2013, "Energy statistics", equation 5 (each mean over all pairs, a point with itself included).
    """
    return 2 * _mean_distance(a, b) - _mean_distance(a, a) - _mean_distance(b, b)


def _mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    for i in range(0, len(a), 512):  # in pieces, so that n × m never stands in memory
        total += np.sqrt(np.square(a[i : i + 512, None].astype(float) - b[None]).sum(-1)).sum()
    return float(total / (len(a) * len(b)))


def covered(points: np.ndarray) -> int:
    """How many of the ring's eight Gaussians hold at least a quarter of their fair share of `points` (n, 2)
    within three standard deviations."""
    near = np.linalg.norm(points[:, None] - ring_centres()[None], axis=-1) <= 3 * SIGMA  # (n, 8)
    return int((near.mean(0) >= 1 / (4 * MODES)).sum())
