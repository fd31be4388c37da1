"""The manager itself: who may load what, who holds a model, what goes when memory is short."""

import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from playground.errors import PlaygroundError
from playground.events import Progress, Queued
from playground.manager import _machine
from playground.manager._admission import Admission
from playground.manager._handles import Kept, Lease, Memory, ModelInfo
from playground.manager._house import House
from playground.manager._ledger import Ledger
from playground.manager._loader import FileLoader, Loader
from playground.manager._loads import Entry, Loads, start_thread
from playground.manager._turns import Gate, available_cores
from playground.models import _trained
from playground.models._spec import Spec

AUDIENCES = ("own", "class", "public")
LOOK_S = 0.1  # how often a waiting generator says how far things are


class ModelManager(House):
    """Models: listed, loaded when first needed, shared by everybody, dropped when memory is short.

    `budget_bytes`: for weights and kept states, by default from the container's limit. `idle_s`: a model
    unused for so long is unloaded (None: never). `queue_s`: the longest wait for room. `active`: runs that
    hold a model at once, by default 8, and 32 more with small models; others wait in turn. `data_dir`: where models
    that are made here are kept (None: they are not). The rest is for tests.
    """

    def __init__(
        self,
        audience: str = "own",
        budget_bytes: int | None = None,
        cache_dir: str | Path | None = None,
        data_dir: str | Path | None = None,
        *,
        idle_s: float | None = None,
        queue_s: float = 120.0,
        active: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        loader: Loader | None = None,
        clock: Callable[[], float] = time.monotonic,
        start: Any = start_thread,
    ) -> None:
        if audience not in AUDIENCES:
            raise PlaygroundError(f"audience must be one of {', '.join(AUDIENCES)}, got {audience!r}.")
        self.audience, self._idle_s, self._clock = audience, idle_s, clock
        self._loader = loader or FileLoader(Path(cache_dir) if cache_dir else None, device, dtype)
        budget = int(os.environ.get("PLAYGROUND_BUDGET_MB", 0)) * 10**6 if budget_bytes is None else budget_bytes
        self._changed = threading.Condition()
        self._ledger = Ledger(budget or _machine.default_budget(), clock)
        self._loads = Loads(self._loader, self._ledger, self._changed, clock, queue_s, start)
        self._admission = Admission(active)
        self._leases: dict[object, Entry] = {}
        self._may_run: Callable[[str, Sequence[str]], bool] = lambda visit, running: True
        self._gate = Gate(available_cores(), clock)
        self.data_dir = Path(data_dir) if data_dir else None
        self._adopted = {spec.id: spec for spec in _trained.kept(self.data_dir / "models")} if self.data_dir else {}
        self._closed = False
        self._ending = threading.Event()
        self._warm: threading.Thread | None = None
        self._wait = (lambda: self._changed.wait(LOOK_S)) if start is start_thread else (lambda: False)
        if start is start_thread:
            threading.Thread(target=self._keep_house, name="housekeeping", daemon=True).start()

    # ── using a model ────────────────────────────────────────────────────────

    def acquire(self, model_id: str, visit: str = "") -> Generator[Progress | Queued, None, Lease]:
        """A lease of a model, loaded first if need be; `yield from` it. Closing the generator at any time takes
        back the wish: the load goes on only while somebody else waits for it.

        Raises:
            PlaygroundError: no such model, it does not fit, or it cannot be fetched or read.
        """
        spec = self.spec(model_id, visit)
        waiter = object()
        entry: Entry | None = None
        try:
            while True:
                with self._changed:
                    self._refuse_if_closed()
                    if entry is None:
                        entry = self._loads.join(spec, visit, waiter)
                    lease, event = self._look(entry, waiter, visit)
                    if lease is not None:
                        return lease
                yield event
                with self._changed:
                    self._wait()
        finally:
            with self._changed:
                if waiter not in self._leases:
                    self._admission.leave(waiter)
                    if entry is not None:
                        self._loads.leave(entry, waiter)
                self._changed.notify_all()

    def _look(self, entry: Entry | None, waiter: object, visit: str) -> tuple[Lease | None, Progress | Queued]:
        if entry is None:
            return None, Progress("ending an earlier load")
        if entry.error is not None:
            raise PlaygroundError(str(entry.error))
        if entry.model is None:
            return None, entry.event
        place = self._admission.ask(entry.spec, waiter, visit, self._may_run)
        if place:
            return None, Queued(place)
        self._leases[waiter] = entry
        self._ledger.touch(entry.spec.id)
        return Lease(entry.model, self._gate, visit, lambda: self._give_back(waiter)), entry.event

    def _give_back(self, waiter: object) -> None:
        model = None
        with self._changed:
            self._admission.leave(waiter)
            entry = self._leases.pop(waiter, None)
            if entry is not None:
                self._ledger.touch(entry.spec.id)
                self._loads.leave(entry, waiter)
                if entry.spec.owner and entry.spec.id not in self._adopted and not entry.waiters:
                    model = self._loads.drop(entry.spec.id)  # its visit is over
            self._changed.notify_all()
        del model

    def govern(self, may_run: Callable[[str, Sequence[str]], bool], spent: Callable[[str, float], None]) -> None:
        """Rules of a shared page: `may_run(visit, running)` says whether a visit may hold one more model while those
        visits hold theirs; `spent(visit, seconds)` hears how long each computing step took. Both must be quick."""
        self._may_run, self._gate.spent = may_run, spent

    def waiting(self, visit: str) -> int:
        """The place of a visit whose step has waited long enough to say so (1 is next); else 0."""
        return self._gate.waiting(visit)

    def hurry(self, visit: str) -> None:
        """Let the waiting step of a visit go first, once: it was asked to stop, which it does after that step."""
        self._gate.hurry(visit)

    def load(self, model_id: str, visit: str = "") -> Generator[Progress | Queued, None, None]:
        """Load a model and leave it ready."""
        lease = yield from self.acquire(model_id, visit)
        lease.release()

    def unload(self, model_id: str, visit: str = "") -> None:
        """Drop a loaded model; nothing happens to one that is not loaded.

        Raises:
            PlaygroundError: it is loading or in use.
        """
        spec = self.spec(model_id, visit)
        with self._changed:
            entry = self._loads.entries.get(spec.id)
            if entry is None:
                self._loads.failures.pop(spec.id, None)
                return
            if entry.model is None:
                raise PlaygroundError(f"{spec.title} is loading: stop the loading instead.")
            if entry.waiters:
                raise PlaygroundError(f"{spec.title} is in use by {len(entry.waiters)} run(s): stop them first.")
            model = self._loads.drop(spec.id)
            self._changed.notify_all()
        del model, entry
        self._loader.release()

    def keep(self, count: int, forget: Callable[[], None]) -> Kept:
        """Count a kept state of `count` bytes against the budget. `forget()` is called, once, when it has to go
        for something newer: it must only drop references."""
        name = object()

        def close() -> None:
            with self._changed:
                self._ledger.remove(name)

        def drop() -> None:
            kept.alive = False
            forget()

        kept = Kept(lambda: self._touch(name), close)
        with self._changed:
            victims = self._ledger.keep(name, count, drop)
            for victim in victims or ():
                victim.drop()
        if victims is None:
            drop()
        return kept

    # ── what there is ────────────────────────────────────────────────────────

    def _known(self, visit: str) -> dict[str, Spec]:
        """The catalogue and what was made here, as this visit may see it."""
        with self._changed:
            own = {name: spec for name, spec in self._adopted.items() if spec.owner in ("", visit)}
        specs = self._loader.specs()
        return {**specs, **{name: spec for name, spec in own.items() if name not in specs}}

    def spec(self, model_id: str, visit: str = "") -> Spec:
        """The Spec of an id of the catalogue or of a model that the visit made; on one's own computer also of a Hub
        id or a local folder.

        Raises:
            PlaygroundError: no such model for this audience and visit.
        """
        specs = self._known(visit)
        if model_id in specs:
            return specs[model_id]
        if self.audience == "own":
            from playground.models._places import stranger

            return stranger(model_id, tuple(specs))
        raise PlaygroundError(f"There is no model called {model_id[:80]!r} here; there are: {', '.join(specs)}.")

    def needs(self, model_id: str, visit: str = "") -> int:
        """Bytes of memory that a model takes once it is loaded, in float32; 0 where it is neither here nor in the
        catalogue. Nothing is built for it.

        Raises:
            PlaygroundError: no such model, or its files cannot be read.
        """
        spec = self.spec(model_id, visit)
        folder = self.folder(model_id, visit)
        if folder is None or spec.trusted:
            return self._loader.bytes_needed(spec, None)
        from playground.models._spec import memory_mb
        from playground.models._weights import stored_parameters

        return int(memory_mb(stored_parameters(folder)) * 1e6)

    def folder(self, model_id: str, visit: str = "") -> Path | None:
        """Where a model's files are on this computer; None where they are not.

        Raises:
            PlaygroundError: no such model.
        """
        return self._loader.where(self.spec(model_id, visit))[1]

    def at_hand(self, model_id: str, visit: str = "") -> bool:
        """Whether a model is loaded, being loaded, part of this repository, or made here."""
        spec = self.spec(model_id, visit)
        with self._changed:
            near = spec.id in self._loads.entries or spec.id in self._adopted
        return near or self._loader.where(spec)[0] == "embedded"

    def models(self, visit: str = "") -> list[ModelInfo]:
        """All models of the catalogue, those that the visit made, and whatever else is loaded for everybody."""
        specs = self._known(visit)
        with self._changed:
            loaded = {name: entry.spec for name, entry in self._loads.entries.items() if not entry.spec.owner}
        return [self._info(spec) for spec in {**specs, **loaded}.values()]

    def _info(self, spec: Spec) -> ModelInfo:
        state, path = self._loader.where(spec)
        error = progress = None
        with self._changed:
            entry, failure = self._loads.entries.get(spec.id), self._loads.failures.get(spec.id)
            if entry is not None:
                state = "loading" if entry.model is None else "in use" if entry.waiters else "ready"
                progress = entry.event.to_json() if entry.model is None else None
            elif failure is not None:
                state, error = "failed", str(failure.error)
        return ModelInfo(
            spec.id,
            spec.title,
            spec.modalities[0],
            spec.architecture,
            spec.parameters,
            spec.licence,
            spec.size_mb,
            spec.memory_mb,
            state,
            str(path) if path else None,
            spec.note,
            error,
            spec.modalities,
            progress,
            self.data_dir is not None and not spec.owner and spec.id in self._adopted,
        )

    def memory(self) -> Memory:
        """Where the budget went."""
        with self._changed:
            ledger = self._ledger
            return Memory(ledger.budget, ledger.reserved, ledger.held("model"), ledger.held("kept"))
