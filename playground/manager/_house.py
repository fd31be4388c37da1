"""What the manager does beside lending models: trainings, models that were made here, and housekeeping."""

import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from playground.errors import PlaygroundError
from playground.manager import _machine
from playground.manager._handles import Reserved
from playground.manager._ledger import Ledger
from playground.manager._loader import Loader
from playground.manager._loads import Loads, gb
from playground.manager._turns import Gate
from playground.models._spec import Folder, Spec

CLOSE_S = 8.0
TRIM_S = 60.0  # how often freed memory is given back to the system


class House:
    """The part of `ModelManager` that nobody who uses a model needs."""

    _changed: threading.Condition
    _ledger: Ledger
    _loads: Loads
    _loader: Loader
    _gate: Gate
    _clock: Callable[[], float]
    _idle_s: float | None
    _adopted: dict[str, Spec]
    _closed: bool
    data_dir: Path | None
    _ending: threading.Event
    _warm: threading.Thread | None

    # ── work that brings its own model: a training ───────────────────────────

    def turn(self, visit: str = "", kind: str = "train", most: int | None = None) -> AbstractContextManager[None]:
        """Compute one step inside the `with` block of this, with at most `most` threads; waits for the turn."""
        return self._gate.turn(visit, kind, most)

    def reserve(self, count: int, title: str, advice: str) -> Reserved:
        """Set `count` bytes aside before anything is allocated; models that nobody uses go for it, if that helps.

        Raises:
            PlaygroundError: there is not enough, with both figures and the advice.
        """
        name = object()
        with self._changed:
            self._refuse_if_closed()
            free = self._ledger.most()
            victims = self._ledger.reserve(name, count)
            dropped = self._loads.let_go(victims) if victims else []
        if victims is None:
            raise PlaygroundError(f"{title} needs about {gb(count)}, {gb(free)} are free: {advice}.")
        if dropped:
            dropped.clear()
            self._loader.release()
        return Reserved(count, lambda: self._unreserve(name))

    def _unreserve(self, name: object) -> None:
        with self._changed:
            self._ledger.cancel(name)
            self._changed.notify_all()

    def _touch(self, name: object) -> None:
        with self._changed:
            self._ledger.touch(name)

    # ── models that were made here ───────────────────────────────────────────

    def adopt(self, spec: Spec) -> None:
        """List a model that was made here, for its owner only (an owner "" is everybody)."""
        with self._changed:
            self._adopted[spec.id] = spec

    def disown(self, model_id: str) -> None:
        """Forget one that was adopted; what is loaded of it goes, at the latest when its last run is over."""
        with self._changed:
            spec = self._adopted.pop(model_id, None)
            entry = self._loads.entries.get(model_id)
            idle = spec is not None and entry is not None and entry.model is not None and not entry.waiters
            model = self._loads.drop(model_id) if idle else None
            self._loads.failures.pop(model_id, None)
            self._changed.notify_all()
        del model, entry
        self._loader.release()

    def remove(self, model_id: str) -> None:
        """Delete a model that was trained here and kept on this computer, with its files.

        Raises:
            PlaygroundError: it is no such model, or a run uses it.
        """
        with self._changed:
            spec, entry = self._adopted.get(model_id), self._loads.entries.get(model_id)
            busy = entry is not None and (entry.model is None or bool(entry.waiters))
        base = (self.data_dir / "models").resolve() if self.data_dir else None
        folder = next((Path(s.path).resolve() for s in spec.sources if isinstance(s, Folder)), None) if spec else None
        if spec is None or spec.owner or base is None or folder is None or folder.parent != base:
            raise PlaygroundError("Only a model that was trained and kept on this computer can be removed.")
        if busy:
            raise PlaygroundError(f"{spec.title} is in use: remove it once its run has ended.")
        self.disown(model_id)
        shutil.rmtree(folder, ignore_errors=True)

    # ── housekeeping ─────────────────────────────────────────────────────────

    def warm(self) -> None:
        """Import the heavy libraries in the background; returns at once."""
        if self._warm is None:
            self._warm = threading.Thread(target=self._loader.warm, name="warm", daemon=True)
            self._warm.start()

    @property
    def is_warm(self) -> bool:
        """Whether loading can begin without importing first."""
        return "torch" in sys.modules and (self._warm is None or not self._warm.is_alive())

    def _keep_house(self) -> None:
        """Sweep and trim now and then, in a thread of its own, until the manager is closed."""
        every = min(TRIM_S / 2, (self._idle_s or TRIM_S) / 4)
        trimmed_at = time.monotonic()
        while not self._ending.wait(every):
            self.sweep()
            if time.monotonic() - trimmed_at >= TRIM_S:
                _machine.trim()
                trimmed_at = time.monotonic()

    def sweep(self) -> None:
        """Unload what nobody has used for `idle_s`."""
        if self._idle_s is None:
            return
        with self._changed:
            old = [h for h in self._ledger.idle(("model",)) if self._clock() - h.last_used >= self._idle_s]
            dropped = [self._loads.drop(str(h.name)) for h in old]
        if dropped:
            dropped.clear()
            self._loader.release()

    def close(self) -> None:
        """End everything: loads stop at their next step, models are dropped; takes at most 10 s."""
        self._ending.set()
        with self._changed:
            self._closed = True
            for entry in list(self._loads.entries.values()):
                if entry.model is None:
                    entry.stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: all(e.model is not None for e in self._loads.entries.values()), CLOSE_S)
            loaded = [name for name, entry in self._loads.entries.items() if entry.model is not None]
            dropped = [self._loads.drop(name) for name in loaded]
        dropped.clear()
        self._loader.release()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise PlaygroundError("The program is ending: start it again.")
