"""Who may hold a model: so many runs at once, the others wait in turn.

A run that holds a model holds its key/value cache too. Beside a large model that is what memory is short of, so few
may; small models leave room for a whole class, whose runs then alternate at the gate and all of them are seen to move.
"""

from collections.abc import Callable, Sequence

from playground.manager._turns import FairQueue
from playground.models._spec import Spec

ACTIVE, ACTIVE_SMALL = 8, 32
SMALL_MB = 100  # of weights in float32

MayRun = Callable[[str, Sequence[str]], bool]


class Admission:
    """Small and large models have a queue each. Not thread-safe."""

    def __init__(self, most: int | None = None) -> None:
        self._most = {small: most or (ACTIVE_SMALL if small else ACTIVE) for small in (False, True)}
        self._queues: dict[bool, FairQueue[object]] = {small: FairQueue() for small in (False, True)}
        self._inside: dict[object, tuple[bool, str]] = {}  # whether its model is small, and its visit

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._queues.values()))

    def ask(self, spec: Spec, waiter: object, visit: str, may_run: MayRun) -> int:
        """0: it may go in, and has; else its place (1 is next), and it waits there."""
        small = 0 < spec.memory_mb <= SMALL_MB
        queue = self._queues[small]
        if waiter not in queue:
            queue.join(visit, waiter)
        running = [name for _, name in self._inside.values()]

        def may(name: str) -> bool:
            return may_run(name, running)

        inside = sum(one == small for one, _ in self._inside.values())
        if inside >= self._most[small] or queue.first(may) is not waiter:
            return queue.place(waiter, may)
        queue.serve(may)
        self._inside[waiter] = small, visit
        return 0

    def leave(self, waiter: object) -> None:
        """It waits no more, or comes out; nothing happens to one that does neither."""
        self._inside.pop(waiter, None)
        for queue in self._queues.values():
            queue.leave(waiter)
