"""Who holds how many bytes. Pure bookkeeping: no threads, no models, a clock that is given.

Always: reserved + resident + kept ≤ budget, and of the kept states only the newest may be larger than
`KEPT_BYTES`. Room is made from what nobody uses, least recently used first, and only if that makes enough
of it: nothing is dropped in vain.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

KEPT_BYTES = 128 << 20  # for all states that runs can go on from; those that go are computed again where needed


@dataclass(eq=False)
class Holding:
    """Bytes that a model or a kept state takes. `users` > 0: never dropped."""

    name: Hashable
    bytes: int
    last_used: float
    kind: str  # "model" or "kept"
    users: int = 0
    drop: Callable[[], None] = field(default=lambda: None, repr=False)


class Ledger:
    """The accounts of one device's memory. Not thread-safe: its owner locks."""

    def __init__(self, budget: int, clock: Callable[[], float], kept_bytes: int = KEPT_BYTES) -> None:
        self.budget, self.kept_bytes = budget, kept_bytes
        self._clock = clock
        self._reserved: dict[Hashable, int] = {}
        self._held: dict[Hashable, Holding] = {}

    @property
    def reserved(self) -> int:
        return sum(self._reserved.values())

    def held(self, kind: str) -> int:
        """Bytes of all holdings of one kind."""
        return sum(h.bytes for h in self._held.values() if h.kind == kind)

    @property
    def free(self) -> int:
        return self.budget - self.reserved - sum(h.bytes for h in self._held.values())

    def idle(self, kinds: tuple[str, ...] = ("model", "kept")) -> list[Holding]:
        """What could be dropped, least recently used first."""
        unused = [h for h in self._held.values() if not h.users and h.kind in kinds]
        return sorted(unused, key=lambda h: h.last_used)

    def most(self) -> int:
        """The largest request that could be met now."""
        return self.free + sum(h.bytes for h in self.idle())

    def reserve(self, name: Hashable, count: int) -> list[Holding] | None:
        """Set `count` bytes aside. The holdings that had to go, already out of the accounts (their owner drops
        them), or None where even without all idle ones there is not enough; then nothing changed."""
        if name in self._reserved or name in self._held:
            raise ValueError(f"{name!r} has an account already")
        victims = self._victims(count, ("model", "kept"))
        if victims is not None:
            self._reserved[name] = count
        return victims

    def _victims(self, count: int, kinds: tuple[str, ...]) -> list[Holding] | None:
        missing, victims = count - self.free, []
        for holding in self.idle(kinds):
            if missing <= 0:
                break
            victims.append(holding)
            missing -= holding.bytes
        if missing > 0:
            return None
        for holding in victims:
            del self._held[holding.name]
        return victims

    def settle(self, name: Hashable, count: int, drop: Callable[[], None]) -> Holding | None:
        """A reservation becomes a holding of `count` bytes; None (and the reservation stays) where that is more
        than was set aside and the rest is not free."""
        if count - self._reserved[name] > self.free:
            return None
        del self._reserved[name]
        self._held[name] = holding = Holding(name, count, self._clock(), "model", drop=drop)
        return holding

    def cancel(self, name: Hashable) -> None:
        """Give a reservation back; idempotent."""
        self._reserved.pop(name, None)

    def keep(self, name: Hashable, count: int, drop: Callable[[], None]) -> list[Holding] | None:
        """Hold a kept state, in room made from older kept states only; None where it does not fit."""
        victims = self._victims(count, ("kept",))
        if victims is None:
            return None
        surplus = self.held("kept") + count - self.kept_bytes
        for holding in self.idle(("kept",)):
            if surplus <= 0:
                break
            surplus -= holding.bytes
            victims.append(self._held.pop(holding.name))
        self._held[name] = Holding(name, count, self._clock(), "kept", drop=drop)
        return victims

    def touch(self, name: Hashable) -> None:
        if name in self._held:
            self._held[name].last_used = self._clock()

    def remove(self, name: Hashable) -> Holding | None:
        """Close an account; idempotent."""
        return self._held.pop(name, None)

    def get(self, name: Hashable) -> Holding | None:
        return self._held.get(name)
