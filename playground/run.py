"""One run: a thread that drives a modality's generator, and what it has shown so far.

The thread belongs to the run, not to a connection: whoever looks `come`s, takes frames
(JSON strings) and `go`es. A run that nobody has looked at for 8 s is stopped, and can go
on from its kept state when its visitor is back.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from playground.errors import PlaygroundError
from playground.events import BeamStep, Event, Finished, ImageStep, Notice, Progress, Queued, Reason, Started, TokenStep
from playground.json_text import dumps
from playground.steps import Steps, weight

ABANDONED_S = 8.0
MAX_STEPS = 4096
DEFECT = "The program made a mistake of its own (its log says which). Prompt and settings are as you left them."

Events = Generator[Event, "Reason | None", None]
Message = dict[str, str]
Keep = Callable[[int, Callable[[], None]], Any]  # the manager's `keep`: counts a state, calls back when it has to go
log = logging.getLogger(__name__)


class Run:
    """What a generator has yielded so far, and the thread that drives it.

    `request` is what was asked for (equal requests are the same click), `messages` the
    conversation the run answers, `inherited` the steps it goes on from. `run_id` and `seq` of
    its events are the run's own, counted from 1 with the inherited steps, without a gap.
    """

    def __init__(
        self,
        run_id: str,
        name: str,
        request: Any,
        generate: Callable[[], Events],
        *,
        messages: Sequence[Message] = (),
        parent: "Run | None" = None,
        at: int = 0,
        clock: Callable[[], float] = time.monotonic,
        keep: Keep | None = None,
        abandoned_s: float = ABANDONED_S,
        place: Callable[[], int] = lambda: 0,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        self.id, self.name, self.request, self.messages = run_id, name, request, tuple(messages)
        self.parent_id, self.at = (parent.id if parent else None), at
        self.changed = threading.Condition()
        self.listeners: set[Callable[[], None]] = set()  # called, briefly, whenever there is something new
        self.version = 0
        self.state: Any = None  # what it can go on from
        self._asked_bytes = weight(request)
        self.given: Any = None  # as in `Prepared`
        self._had_state = self._whole = self._pictures = False  # whole: a picture that is done
        self.text = ""
        self.ended = False
        self._generate, self._clock, self._keep, self._abandoned_s = generate, clock, keep, abandoned_s
        self._kept: Any = None
        self._steps: Steps = Steps(parent._steps, at, (parent.started() or {}).get("settings")) if parent else Steps()
        self._started = self._finished = "null"
        status: dict[str, Any] = {"state": "loading", "progress": None, "queued": None, "notices": [], "error": None}
        self._status = status
        self._place, self._hurry, self._waits_at = place, hurry, 0
        self._wanted: Reason | None = None
        self._watchers = 0
        self._left_at = clock()
        self.thread = threading.Thread(target=self._produce, name=f"run-{run_id}", daemon=True)

    # ── the producer ─────────────────────────────────────────────────────────

    def start(self) -> None:
        """Begin; returns at once."""
        self.thread.start()

    def stop(self, reason: Reason = Reason.USER) -> None:
        """Ask the run to end; it does so within one step."""
        self._wanted = self._wanted or reason
        self._hurry()

    def _produce(self) -> None:
        events = None
        try:
            events = self._generate()
            event = next(events)
            while self._take(event):
                reason = self._why_stop()
                if reason is None:
                    event = next(events)
                    continue
                event = events.send(reason)
                if not isinstance(event, Finished):  # it was not computing yet: nothing to keep
                    event = Finished(self.id, 0, reason, self.text, self._steps.tokens)
        except PlaygroundError as error:
            self.fail(str(error))
        except StopIteration:
            self.fail(DEFECT)
        except Exception:
            log.exception("run %s of %s", self.id, self.name)
            self.fail(DEFECT)
        finally:
            self._generate = None  # type: ignore[assignment]  # it holds the settings and the state it began from
            if events is not None:
                events.close()

    def touch(self) -> None:
        """Its state is about to be used: others go first."""
        if self._kept is not None:
            self._kept.touch()

    def release(self) -> None:
        """Nobody needs its state any more, nor its end; idempotent."""
        self._had_state = False
        self._forget_state()
        if self._kept is not None:
            self._kept.release()

    def _forget_state(self) -> None:
        self.state = None
        self.version += 1

    def _why_stop(self) -> Reason | None:
        if self._wanted:
            return self._wanted
        if len(self._steps) >= MAX_STEPS:
            self.notice(f"A run keeps at most {MAX_STEPS} steps.")
            return Reason.MAX_NEW_TOKENS
        if not self._watchers and self._clock() - self._left_at >= self._abandoned_s:
            self.notice(
                f"Stopped, because no page looked at it for {self._abandoned_s:.0f} s. Continue goes on from here."
            )
            return Reason.USER
        return None

    def _take(self, event: Event) -> bool:
        """Record one event; False at the end."""
        with self.changed:
            if isinstance(event, (TokenStep, BeamStep, ImageStep)):
                self._add_step(event)
            elif isinstance(event, Started):
                values = {k: v for k, v in event.to_json().items() if k not in ("parent", "parent_index")}
                own = {"run_id": self.id, "parent": self.parent_id, "parent_index": self.at if self.parent_id else None}
                self._started = dumps({**values, **own, "before": self._steps.before})
            elif isinstance(event, Progress):
                self._say(state="loading", progress=event.to_json(), queued=None)
            elif isinstance(event, Queued):
                self._say(state="queued", progress=None, queued=event.place)
            elif isinstance(event, Notice):
                self._status["notices"].append(event.text)
            elif isinstance(event, Finished):
                self._end(event)
            self._announce()
            return not self.ended

    def _add_step(self, event: TokenStep | BeamStep | ImageStep) -> None:
        if self._status["state"] != "running":
            self._say(state="running", progress=None, queued=None)
        self._steps.add(event)

    def _end(self, event: Finished) -> None:
        self.state, self.text, self._had_state = event.state, event.text, event.state is not None
        self._whole, self._pictures = bool(getattr(event.state, "done", False)), bool(event.pictures)
        if self.state is not None and self._keep is not None:
            self._kept = self._keep(self.state.bytes, self._forget_state)
        own = {"run_id": self.id, "seq": len(self._steps) + 1}
        self._finished = dumps({**event.to_json(), **own})
        failed = event.reason is Reason.ERROR
        state, error = ("error", event.message or DEFECT) if failed else ("finished", None)
        self._say(state=state, progress=None, queued=None, error=error)
        self.ended = True

    def fail(self, message: str) -> None:
        """End with an error that is shown as it is."""
        with self.changed:
            self._say(state="error", error=message, progress=None, queued=None)
            self.text = self._steps.text
            self.ended = True
            self._announce()

    def _say(self, **values: Any) -> None:
        self._status.update(values)

    def _announce(self) -> None:
        self.version += 1
        self.changed.notify_all()
        for wake in list(self.listeners):
            wake()

    def notice(self, text: str) -> None:
        """Add a sentence that a person should read."""
        with self.changed:
            if text not in self._status["notices"]:
                self._status["notices"].append(text)
                self._announce()

    # ── what was seen ────────────────────────────────────────────────────────

    @property
    def bytes(self) -> int:
        """What its steps, its pictures and what it was asked for hold."""
        return self._steps.bytes + len(self._finished) + self._asked_bytes

    @property
    def total(self) -> int:
        """How many steps there are so far, inherited ones included."""
        return len(self._steps)

    @property
    def tokens_total(self) -> int:
        """How many of the steps are tokens of the text (with beams, the winner's)."""
        return self._steps.tokens

    @property
    def written(self) -> str:
        """The text so far, without the prompt."""
        return self.text if self.ended else self._steps.text

    @property
    def has_started(self) -> bool:
        """Whether the model has seen the prompt."""
        return self._started != "null"

    def started(self) -> dict[str, Any] | None:
        """What the model saw before its first step, as in a frame; None before that."""
        found: dict[str, Any] | None = json.loads(self._started)
        return found

    def conversation(self) -> list[Message]:
        """The messages it answered and, once it has ended, its answer; empty outside of chat."""
        if not self.messages:
            return []
        if self.ended and not self.text and self._status["error"]:
            return list(self.messages[:-1])  # it was never answered: Again asks it again
        answer = [{"role": "assistant", "content": self.text}] if self.ended else []
        return [*self.messages, *answer]

    def frame(self, sent: int = 0, most: int | None = None, brief: bool = False, asked: bool = False) -> str:
        """One JSON string: status and the steps after `sent`, at most the last `most`; `brief`: without what the
        model saw, for a page that has it (a prompt may be long); `asked`: for a page that misses steps. Frames
        overtake each other: the one of the highest `version` is the newest."""
        with self.changed:
            first = max(sent, len(self._steps) - most) if most else sent
            steps = self._steps.events(self.id, first)
            return (
                f'{{"run":{json.dumps(self.id)},"started":{"null" if brief else self._started},'
                f'"events":[{steps}],"total":{len(self._steps)},"version":{self.version},"asked":{json.dumps(asked)},'
                f'"status":{dumps(self.status())},"finished":{self._finished},"resumable":{json.dumps(self.resumable)},'
                f'"history":{dumps(self.messages)}}}'
            )

    def status(self) -> dict[str, Any]:
        """What goes on, as in a frame."""
        with self.changed:
            waits = {"state": "queued", "queued": self._waits_at} if self._waits_at and not self.ended else {}
            return {**self._status, **waits}

    @property
    def has_pictures(self) -> bool:
        """Whether it ended with pictures."""
        return self.ended and self._pictures

    def look_at_queue(self) -> None:
        """Ask where its next step stands, so that frames and status say so."""
        place = 0 if self.ended else self._place()
        with self.changed:
            if place != self._waits_at:
                self._waits_at = place
                self.version += 1

    @property
    def is_whole(self) -> bool:
        """Whether it came to the end of a picture, so that no step is left."""
        return self.ended and self._whole

    @property
    def resumable(self) -> bool:
        """Whether it can go on: from its state, or from its steps where the state has been let go."""
        return self.ended and self._had_state and not self._whole

    def come(self) -> None:
        """Someone looks."""
        with self.changed:
            self._watchers += 1

    def go(self) -> None:
        """Someone stopped looking."""
        with self.changed:
            self._watchers -= 1
            self._left_at = self._clock()
