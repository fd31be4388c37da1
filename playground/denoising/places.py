"""The moments before the steps of one run, as many as its memory allows."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playground.denoising.loop import Place

KEPT_BYTES = 64 << 20  # of one run's places; where that is too little, every second one is let go


class Places:
    """The places of one run, by the steps that led there; bounded, so that a thousand steps cost no more than some.
    `bytes` is what they cost."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._every = 1
        self._kept: dict[int, Place] = {}
        self.bytes = 0

    def add(self, place: "Place") -> None:
        """Keep one, and let every second one go where they have become too many; the first and newest stay."""
        self._keep({**self._kept, place.taken: place}, self.bytes + place.bytes)
        while self.bytes > self._most and len(self._kept) > 3:
            self._every *= 2
            newest, first = max(self._kept), min(self._kept)
            self._keep({i: p for i, p in self._kept.items() if i in (first, newest) or i % self._every == 0})

    def _keep(self, places: dict[int, "Place"], count: int | None = None) -> None:
        self._kept = places
        self.bytes = sum(place.bytes for place in places.values()) if count is None else count

    def copy(self, before: int) -> "Places":
        """Those before step `before`, for a run that goes on from there."""
        twin = Places(self._most)
        twin._every = self._every
        twin._keep({i: p for i, p in self._kept.items() if i < before})
        return twin

    def before(self, index: int) -> "Place":
        """The last one that is kept at or before step `index`."""
        return self._kept[max((i for i in self._kept if i <= index), default=min(self._kept))]

    def __len__(self) -> int:
        return len(self._kept)
