"""What is shown costs time that the training does not get. This keeps it to a tenth.

Every kind of extra work has a share of the time that plain steps took; it is done as often as its share pays for
it, the first time at once.
"""

import statistics
from collections import deque

SHARES = {"look": 0.04, "state": 0.012, "words": 0.008, "gradients": 0.008}  # of the steps' time; with the frames
# that travel and the record of every step it stays below 0.1
LOOKS = 60  # evenly over a long run
RECENT = 15  # plain steps


class Pace:
    """The accounts of one run. Seconds are given, never measured here; a run's first step, which reads the data, is
    nobody's. `lavish`: how many times its share each kind may have."""

    def __init__(self, steps: int, look_every: int = 0, lavish: float = 1.0) -> None:
        self.steps, self.look_every, self._lavish = steps, look_every, lavish
        self.worked = 0.0
        self._plain: deque[float] = deque(maxlen=RECENT)
        self._spent = dict.fromkeys(SHARES, 0.0)
        self._cost: dict[str, float] = {}
        self._looked_at, self._looks = 0, 0

    @property
    def step_s(self) -> float:
        """What a plain step takes, lately (the median: some have to wait for others); 0: not known yet."""
        return statistics.median(self._plain) if self._plain else 0.0

    def plain(self, seconds: float) -> None:
        """A step without a look took so long."""
        self.worked += seconds
        self._plain.append(seconds)

    def looked(self, step: int, seconds: float | None = None) -> None:
        """A step with a look took so long (None: it was a first one). The first look makes what all others are compared
        with (an n-gram's figures, what is held out): that is nobody's, as a first step is."""
        self._looked_at, self._looks = step, self._looks + 1
        if seconds is not None and self._looks > 1:
            extra = max(0.0, seconds - self.step_s)
            self.worked += seconds - extra
            self.pay("look", extra)

    def pay(self, kind: str, seconds: float) -> None:
        """Extra work of this kind took so long."""
        self._spent[kind] += seconds
        self._cost[kind] = seconds

    def allows(self, kind: str) -> bool:
        """Whether the share of this kind pays for one more."""
        cost = self._cost.get(kind)
        return cost is None or self._spent[kind] + cost <= SHARES[kind] * self._lavish * self.worked

    def look_next(self, step: int) -> bool:
        """Whether the step after `step` should be looked at: often at first, where most happens, then evenly."""
        gap = self.look_every or max(1, min(self._looked_at // 3, -(-self.steps // LOOKS)))
        return bool(self._plain) and step + 1 >= self._looked_at + gap and self.allows("look")

    def rewound(self, step: int) -> None:
        """The run goes on from an earlier step."""
        self._looked_at = min(self._looked_at, step)

    @property
    def extra(self) -> float:
        """What the extras took, as a part of what the steps took."""
        return sum(self._spent.values()) / self.worked if self.worked else 0.0
