"""What a denoising run goes on from: its places, or the settings that lead there again."""

import dataclasses
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from playground.denoising import files
from playground.errors import PlaygroundError
from playground.events import Event, Progress, Reason
from playground.modalities._denoising_memory import enough
from playground.modalities._denoising_settings import KEPT, STRIP_PICTURES, unit

SAME_SHAPE = 0.02  # how far the proportions of a mask may be from those of its picture


@dataclass(frozen=True)
class KeptPictures:
    """What a run left: its plan and the places before its steps. `index` is the step that comes next, counted as they
    were taken; `done`: there is none. Where the place before it is no longer kept, `last` is one before, and `wanted`
    that step."""

    model: str
    run_id: str
    settings: Any
    plan: Any
    places: Any
    last: Any
    done: bool = False
    wanted: int | None = None

    @property
    def index(self) -> int:
        """The step that comes next."""
        return int(self.last.taken) if self.wanted is None else self.wanted

    @property
    def bytes(self) -> int:
        """What keeping it costs."""
        plan = self.plan
        held = [plan.start, plan.mask, *(x for w in (plan.words, plan.unwanted) for x in (w.hidden, w.mask, w.pooled))]
        brought = len(self.settings.picture) + len(self.settings.mask)
        return int(self.places.bytes + self.last.bytes + brought + sum(t.nbytes for t in held if t is not None))

    def rewind(self, index: int, token_id: None = None) -> "KeptPictures":
        """The place before step `index`; where it was let go, the last one before it, from which `reached` leads there.

        Raises:
            PlaygroundError: there is no such step.
        """
        if not 0 <= index <= self.index:
            raise PlaygroundError(f"There is no step {index}: the run has steps 0 to {self.index - 1}.")
        last = self.last if index == self.index or not len(self.places) else self.places.before(index)
        return dataclasses.replace(self, last=last, done=False, wanted=index)

    def adapted(self, settings: Any, model: Any, plan: Any) -> Any:
        """The place to go on from, with another scheduler or seed where the settings say so."""
        from playground.denoising.loop import changed

        scheduler = plan.scheduler if plan.scheduler != self.plan.scheduler else None
        other = (plan.seeds, plan.other_seed) != (self.plan.seeds, self.plan.other_seed)
        seed = plan.seeds[0] if other else None
        return changed(model, plan, self.last, scheduler, seed)


@dataclass(frozen=True)
class Replay:
    """The place before step `index`, to be reached again: `parts` are (settings, the step before which they end)."""

    model: str
    run_id: str
    parts: tuple[tuple[Any, int], ...]
    index: int

    @property
    def settings(self) -> Any:
        """Those of its last part."""
        return self.parts[-1][0]

    def rewind(self, index: int, token_id: None = None) -> "Replay":
        """The same, before another step."""
        parts = [(settings, min(until, index)) for settings, until in self.parts]
        first = next((i for i, part in enumerate(parts) if part[1] >= index), len(parts) - 1)
        return dataclasses.replace(self, parts=tuple(parts[: first + 1]), index=index)


def rebuild(started: dict[str, Any], settings_class: type, index: int, given: Any = None) -> Replay:
    """What a run that left no state goes on from, before step `index`: it is computed again.

    `started` is its first event as JSON, with `before` where it went on from another run; `given` are settings
    that still have the picture and the mask it began with.

    Raises:
        PlaygroundError: these cannot be had any more.
    """
    parts = [*started.get("before", ()), {"until": index, "settings": started["settings"]}]
    names = {f.name for f in dataclasses.fields(settings_class)}
    found = []
    for part in parts:
        values = {n: v for n, v in {**started["settings"], **part["settings"]}.items() if n in names}
        if given is not None:
            values |= {"picture": given.picture, "mask": given.mask}
        found.append((settings_class(**values), int(part["until"])))
    return Replay(started["model"], started["run_id"], tuple(found), index).rewind(index)


def reached(kept: KeptPictures, lease: Any) -> Generator[Event, Reason | None, tuple[Any, Reason | None]]:
    """Take the steps from `last` to `index` again; (state, None), or (None, reason) where that was stopped."""
    from playground.denoising.loop import denoise

    last, singly = kept.last, lease.model.is_large(kept.plan.shape, len(kept.plan.seeds))
    with (
        enough(kept.settings, lease.model),
        closing(denoise(lease.model, kept.plan, last, lease.turn, singly)) as going,
    ):
        while last.taken < kept.index:
            reason = yield Progress("taking the same steps again", last.taken, kept.index, "steps")
            step = next(going, None) if reason is None else None
            if step is None:
                return None, reason
            last = step.next
    return dataclasses.replace(kept, last=last), None


def replayed(replay: Replay, lease: Any) -> Generator[Event, Reason | None, tuple[Any, Reason | None]]:
    """Compute up to a place again; (state, None), or (None, reason) where that was stopped."""
    from playground.denoising.loop import denoise, opening
    from playground.denoising.places import Places

    model = lease.model
    kept: KeptPictures | None = None
    for settings, until in replay.parts:
        full = dataclasses.replace(
            settings, width=settings.width or model.size, height=settings.height or model.size, pause_after=0
        )
        full = stepped(full, model)
        with lease.turn(), enough(full, model):
            plan, _ = made_plan(full, model)
            place = opening(model, plan) if kept is None else kept.adapted(full, model, plan)
        places = Places() if kept is None else kept.places
        singly = model.is_large(plan.shape, len(plan.seeds))
        with enough(full, model), closing(denoise(model, plan, place, lease.turn, singly)) as going:
            while place.taken < until:
                reason = yield Progress("taking the same steps again", place.taken, replay.index, "steps")
                step = next(going, None) if reason is None else None
                if step is None:
                    if reason is not None:
                        return None, reason
                    break
                places.add(step.place)
                place = step.next
        kept = KeptPictures(replay.model, replay.run_id, full, plan, places, place)
    return kept, None


def carried(settings: Any, start: KeptPictures | Replay | None) -> tuple[Any, list[str]]:
    """Settings for going on: what a picture was begun with stays; and a sentence where that is not what was asked.

    Raises:
        PlaygroundError: another model is to go on.
    """
    if start is None:
        return settings, []
    if start.model != settings.model:
        raise PlaygroundError(
            f"This picture was begun by {start.model} and cannot go on with {settings.model}: start a new one."
        )
    begun = {name: getattr(start.settings, name) for name in KEPT}
    asked = {name: getattr(settings, name) for name in KEPT}
    if begun["strip"] != "off" and asked["number"] == 1:  # one picture is asked for, and a strip made of it
        asked["number"] = begun["number"]
    other = [
        n for n in KEPT if asked[n] != begun[n] and not (n in ("width", "height", "picture", "mask") and not asked[n])
    ]
    said = [f"A picture goes on with the {' and '.join(other)} it was begun with."] if other else []
    return dataclasses.replace(settings, **begun), said


def stepped(settings: Any, model: Any) -> Any:
    """Sizes that the model's patches fill; several pictures where they are a film strip."""
    step = unit(model)
    many = STRIP_PICTURES if settings.strip != "off" and settings.number == 1 else settings.number
    return dataclasses.replace(
        settings, width=round(settings.width / step) * step, height=round(settings.height / step) * step, number=many
    )


def scheduled(settings: Any, model: Any) -> tuple[Any, list[str]]:
    """The settings with the model's own scheduler, where the one they name is not for it; and a sentence about it."""
    from playground.denoising import schedulers

    known = schedulers.names(model.scheduler_config)
    if settings.scheduler in (schedulers.OWN, *known):
        return settings, []
    said = f"{settings.scheduler} is no scheduler for this model ({', '.join(known)} are): its own is used."
    return dataclasses.replace(settings, scheduler=schedulers.OWN), [said]


def made_plan(settings: Any, model: Any) -> tuple[Any, list[str]]:
    """What the loop is to do, and what is to be said of the words."""
    from playground.denoising.loop import Plan, following
    from playground.denoising.schedulers import build
    from playground.models._words import mixed, repeated

    words, unwanted = model.encode([settings.prompt]), model.encode([settings.negative_prompt], unwanted=True)
    shares, seeds = (), following(settings.seed, settings.number)
    if settings.strip != "off":
        shares, seeds = tuple(i / max(settings.number - 1, 1) for i in range(settings.number)), seeds[:1] * len(seeds)
    if settings.strip in ("words", "both"):
        words = mixed(words, model.encode([settings.to_prompt]), shares)
    else:
        words = repeated(words, settings.number)
    unread = settings.prompt.strip() and not any(piece.text.strip() for piece in words.pieces[0])
    cuts = dict.fromkeys(cut for cut in (*words.cut, *unwanted.cut) if cut)
    said = [f"The model reads {model.encoders.longest} tokens: {shortened(cut)} was left out." for cut in cuts]
    if settings.steps > 1 and getattr(build(settings.scheduler, model.scheduler_config), "order", 1) == 2:
        said.append("This scheduler takes each step in two parts, but for the last one, so that there are nearly twice "
                    "as many.")  # fmt: skip
    if unread:
        said.append("This model knows none of these words: it draws as if there were none.")
    if model.guided_inside and settings.negative_prompt.strip():
        said.append("This model takes its guidance inside and knows no negative prompt.")
    start, mask = _given(settings, model)
    if start is not None and int(settings.steps * settings.strength) == 0:
        said.append("So little strength replaces nothing: this is the picture as the autoencoder gives it back.")
    if mask is not None and not mask.any():
        said.append("The mask is black all over: nothing of the picture may change.")
    plan = Plan(
        words, repeated(unwanted, settings.number), settings.steps, settings.guidance, settings.scheduler, seeds,
        (model.channels, settings.height // model.factor, settings.width // model.factor),
        start, settings.strength if start is not None else 1.0, mask, shares,
        settings.to_seed if settings.strip in ("noise", "both") else None,
    )  # fmt: skip
    return plan, said


def shortened(text: str, most: int = 60) -> str:
    """A text in quotes; of a long one its beginning, to the end of a word, and how many words there are."""
    if len(text) <= most:
        return f"“{text}”"
    return f"“{text[:most].rsplit(' ', 1)[0]} …” ({len(text.split()):,} words)"


def _given(settings: Any, model: Any) -> tuple[Any, Any]:
    """(latents, mask) of a picture that was brought; (None, None) without one."""
    import torch

    if not settings.picture:
        return None, None
    picture = files.brought(files.content(settings.picture), settings.width, settings.height)
    latents = model.encode_pictures(picture[None]).repeat(settings.number, 1, 1, 1)
    if not settings.mask:
        return latents, None
    mask = files.content(settings.mask)
    drawn_on, drawn_as = files.shown_size(files.content(settings.picture)), files.shown_size(mask)
    if not any(abs(drawn_as[0] * h / (drawn_as[1] * w) - 1) < SAME_SHAPE for w, h in (drawn_on, picture.shape[1::-1])):
        raise PlaygroundError("The mask has other proportions than the picture: they would not lie upon each other.")
    drawn = files.brought(mask, settings.width, settings.height, "black").float().mean(-1) / 255
    small = torch.nn.functional.adaptive_max_pool2d(drawn[None, None], latents.shape[2:])
    return latents, (small > 0.5).float()
