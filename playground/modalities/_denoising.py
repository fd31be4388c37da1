"""The engine of every modality that denoises: settings in, events out.

    settings → model (a lease) → words → noise → one denoising step at a time → pictures → Finished

`generate` is a generator as that of `_tokens`: whoever holds it draws, waits, or stops it by `send(Reason.USER)`; then
the next event is the `Finished`. Its state is a `KeptPictures`: every step's latents, scheduler and random numbers
(bounded), from which a new run goes on, or forks with other words, guidance, seed or scheduler.
"""

import dataclasses
import hashlib
import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

from playground.denoising import files
from playground.errors import PlaygroundError
from playground.events import Event, Finished, ImageStep, Notice, Progress, PromptToken, Reason, Started
from playground.modalities._denoising_memory import enough, no_memory, too_large
from playground.modalities._denoising_settings import check, going_on, limits, offered, one_step, settings_class
from playground.modalities._denoising_state import (
    KeptPictures,
    Replay,
    carried,
    made_plan,
    reached,
    rebuild,
    replayed,
    scheduled,
    stepped,
)
from playground.modalities._lent import Run, lent
from playground.modalities._limits import clamp
from playground.models import _classifier

__all__ = [
    "KeptPictures",
    "Replay",
    "generate",
    "going_on",
    "limits",
    "offered",
    "one_step",
    "rebuild",
    "settings_class",
]

EVERY_S = 1 / 15  # small pictures travel at most so often; the last step's always
CHECKED_S = 0.5  # how often the classifier looks at them while a picture is made,
LEGIBLE_PX = 32  # where they are large enough to show anything


def generate(
    settings: Any, manager: Any, start: KeptPictures | Replay | None = None, *, modality: str, run_id: str = "",
    visit: str = "",
) -> Run:  # fmt: skip
    """Make pictures of words, or go on from a kept state with the settings as they are now.

    Yields Progress and Queued while the model comes, Notice where a value was changed, Started, then ImageStep events,
    and always one Finished at the end.

    Raises:
        PlaygroundError: settings that no run can begin with.
    """
    settings, said = carried(settings, start)
    check(settings)
    yield from lent(
        manager.acquire(settings.model, visit),
        run_id,
        lambda lease, run: _run(settings, lease, start, modality, run, said),
    )


def _run(
    settings: Any, lease: Any, start: KeptPictures | Replay | None, modality: str, run_id: str, said: list[str]
) -> Generator[Event, Reason | None, Finished]:
    """All events of a run but the last, which is returned."""
    from playground.denoising.places import Places

    model = lease.model
    if not hasattr(model, "predict"):
        raise PlaygroundError(f"{settings.model} makes no pictures: choose a model of the list in this tab.")
    asked = settings.number
    settings = dataclasses.replace(settings, width=settings.width or model.size, height=settings.height or model.size)
    settings, other = scheduled(settings, model)
    settings, sentences = clamp(stepped(settings, model), limits(settings, model), settings.model)
    if settings.strip != "off" and asked == 1:
        sentences.append(f"A film strip of one picture would be none: it has {settings.number}.")
    sentences = [*other, *sentences]
    reason = yield Progress("reading the words")
    with lease.turn(), enough(settings, model):
        plan, more = made_plan(settings, model)
        model.ready()
    for sentence in (*said, *sentences, *more):
        reason = reason or (yield Notice(sentence))
    kept: KeptPictures | None = None
    if start is not None and reason is None:
        kept, reason = yield from (replayed(start, lease) if isinstance(start, Replay) else reached(start, lease))
    begun: Any = None if kept is None else kept.adapted(settings, model, plan)
    reason = reason or (yield _started(settings, model, plan, modality, run_id, kept))
    places = Places() if kept is None else kept.places.copy(before=begun.taken)
    if reason is not None:
        state = begun and KeptPictures(settings.model, run_id, settings, plan, places, begun)
        return Finished(run_id, 1, reason, "", 0, state=state)
    return (yield from _Making(settings, lease, plan, places, run_id, begun).steps())


class _Making:
    """One run between its first step and its pictures. `last` is where it stands."""

    def __init__(self, settings: Any, lease: Any, plan: Any, places: Any, run_id: str, begun: Any) -> None:
        self.settings, self.lease, self.plan, self.places, self.run_id = settings, lease, plan, places, run_id
        self.last, self.seq, self.elapsed_s = begun, 0, 0.0
        self.singly = lease.model.is_large(plan.shape, len(plan.seeds))
        self.first_s: float | None = None
        self.went_on = begun is not None
        self._shown_at = self._checked_at = -1e9
        self._hidden: list[int] = []  # pictures whose small ones only show colours

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One computing step; what it takes counts, waiting for it does not."""
        with self.lease.turn():
            began = time.perf_counter()
            yield
            self.elapsed_s += time.perf_counter() - began

    def steps(self) -> Generator[Event, Reason | None, Finished]:
        """All steps that are left; the end is returned."""
        from playground.denoising.loop import denoise, opening

        self.last = self.last if self.last is not None else opening(self.lease.model, self.plan)
        while True:
            with closing(denoise(self.lease.model, self.plan, self.last, self.turn, self.singly)) as going:
                found = yield from self._taken(going)
            if isinstance(found, Finished):
                return found
            reason = yield Notice(found)
            if reason is not None:
                return self.end(reason)

    def _taken(self, going: Iterator[Any]) -> Generator[Event, Reason | None, Finished | str]:
        """The steps of a loop; the end, or what is said before the step that went wrong is taken once more."""
        model = self.lease.model
        while True:
            try:
                step = next(going, None)
            except (MemoryError, RuntimeError) as error:
                if not no_memory(error):
                    raise
                if self.singly:
                    return self.end(Reason.ERROR, too_large(self.settings, model))
                self.singly = True
                return "There was too little memory for all at once: the predictions are computed one after another."
            if step is None:
                return self.end(Reason.EOS)
            if not bool(step.next.latents.isfinite().all()):
                with self.lease.turn():
                    widened = model.widen()
                if widened:
                    return f"Step {step.index + 1} gave numbers that are none (NaN): it is taken again in float32."
                return self.end(Reason.ERROR, f"Step {step.index + 1} gave numbers that are none (NaN): try "
                                              "another scheduler, or less guidance.")  # fmt: skip
            self.places.add(step.place)
            self.last, self.seq = step.next, self.seq + 1
            with enough(self.settings, model):
                event = self.event(step)
            reason = yield event
            if reason is not None:
                return self.end(reason)
            if step.index + 1 < step.steps:
                if self.seq == self.settings.pause_after:
                    return self.end(Reason.PAUSED)
                if self.elapsed_s > self.settings.time_limit_s:
                    return self.end(Reason.TIME_LIMIT)

    def event(self, step: Any) -> ImageStep:
        """The step as it travels; with small pictures, unless the last ones are too fresh."""
        if self.first_s is None:
            self.first_s = self.elapsed_s
        noisy: tuple[str, ...] = ()
        guess: tuple[str, ...] = ()
        size = (step.alpha**2 + step.sigma**2) ** 0.5 or 1.0  # latents of every scheduler look alike at variance 1
        if step.index + 1 == step.steps or time.perf_counter() - self._shown_at >= EVERY_S:
            self._shown_at = time.perf_counter()
            preview = self.lease.model.preview
            noisy, guess = self._small(preview(step.place.latents / size), preview(step.next.clean))
        return ImageStep(self.run_id, self.seq, step.index, step.steps, step.timestep, step.alpha, step.sigma,
                         step.sigma / size, step.pull, noisy, guess, self.elapsed_s,
                         step.place.approximate)  # fmt: skip

    def _small(self, noisy: Any, guess: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Both as they travel, without what the classifier blocks."""
        if min(guess.shape[1:3]) >= LEGIBLE_PX and time.perf_counter() - self._checked_at >= CHECKED_S:
            self._hidden = _classifier.blocked(_classifier.scores(guess))
            self._checked_at = time.perf_counter()
        noisy, guess = (_classifier.covered(pictures, self._hidden) for pictures in (noisy, guess))
        return files.small(noisy), files.small(guess)

    def end(self, reason: Reason, message: str | None = None) -> Finished:
        """The end, with the pictures; those of a run that was stopped are its last guess."""
        pictures: tuple[str, ...] = ()
        unsafe: tuple[float, ...] = ()
        blocked: list[int] = []
        latents = None if self.last is None else self.last.latents if reason is Reason.EOS else self.last.clean
        if latents is not None and reason not in (Reason.ERROR, Reason.NEW_INPUT):  # nobody waits for those
            try:
                with self.turn(), enough(self.settings, self.lease.model):
                    decoded = self.lease.model.decode(latents)
                    unsafe = _classifier.scores(decoded)
            except PlaygroundError as error:
                reason, message = Reason.ERROR, str(error)
            else:
                blocked = _classifier.blocked(unsafe)
                message = message or _blocked(blocked, unsafe)
                pictures = tuple(
                    self.png(_classifier.blurred(picture) if number in blocked else picture, number)
                    for number, picture in enumerate(decoded)
                )
        kept = None
        if self.last is not None:
            kept = KeptPictures(self.settings.model, self.run_id, self.settings, self.plan, self.places, self.last,
                                done=reason is Reason.EOS)  # fmt: skip
        pace = self.seq / self.elapsed_s if self.elapsed_s else 0.0
        return Finished(
            self.run_id, self.seq + 1, reason, "", 0, first_token_s=self.first_s, tokens_per_s=pace, message=message,
            pictures=pictures, unsafe=unsafe, blocked=tuple(blocked), state=kept,
        )  # fmt: skip

    def png(self, picture: Any, number: int) -> str:
        """A finished picture as a data URL; the file says what made it."""
        told = dataclasses.asdict(self.settings) | {"went_on": self.went_on}
        told |= {"frame": number} if self.plan.shares else {"seed": self.plan.seeds[number], "number": 1}
        about = {name: value for name, value in told.items() if name not in ("picture", "mask", "pause_after")}
        about |= {"began_from_a_picture": bool(self.settings.picture), "model": os.path.basename(self.settings.model)
                  if os.path.isabs(self.settings.model) else self.settings.model}  # fmt: skip
        return files.url(files.png(picture, about | {"steps_taken": self.last.taken}), "image/png")


def _started(settings: Any, model: Any, plan: Any, modality: str, run_id: str, start: KeptPictures | None) -> Started:
    pieces = tuple(PromptToken(i, piece.text) for i, piece in enumerate(plan.words.pieces[0]) if piece.text)
    told = dataclasses.asdict(settings) | {"picture": "", "mask": ""}
    told |= {f"{name}_is": digest(getattr(settings, name)) for name in ("picture", "mask")}
    return Started(run_id, modality, settings.model, settings.prompt, pieces, told, vocab_size=0,
                   context_window=model.encoders.longest, parent=start.run_id if start else None,
                   parent_index=start.index if start else None)  # fmt: skip


def digest(text: str) -> str:
    """A few letters that are others for another text; none of none."""
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else ""


def _blocked(which: list[int], scores: tuple[float, ...]) -> str | None:
    """What is said of pictures that are not shown."""
    if not which:
        return None
    told = " and ".join(f"{'it' if len(scores) == 1 else f'picture {n + 1}'} ({scores[n]:.0%})" for n in which)
    return f"The picture classifier takes {told} for not safe for work, so that only its colours are shown."
