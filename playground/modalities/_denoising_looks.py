"""What happens inside one denoising step: computed once more, for whoever opens it.

One forward pass from the kept place, with the words and without them: both guesses of the finished picture, what the
words change between them, and where each place of the picture looked at which word.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from playground.denoising import files
from playground.errors import PlaygroundError
from playground.events import Event, Finished, Looked, Progress, Reason
from playground.modalities._denoising_memory import enough
from playground.modalities._denoising_state import KeptPictures, Replay, reached, replayed
from playground.modalities._lent import Run, lent

if TYPE_CHECKING:
    from torch import Tensor

FINEST = 32  # places of a map in each direction


def look(
    kept: KeptPictures | Replay, index: int, picture: int, manager: Any, *, run_id: str = "", visit: str = ""
) -> Run:
    """Look into step `index` of picture number `picture` (from 0): one `Looked`, then Finished. A Replay is one before
    that very step.

    Raises:
        PlaygroundError: there is no such step or picture.
    """
    if isinstance(kept, KeptPictures) and not 0 <= index < kept.index:
        raise PlaygroundError(f"There is no step {index}: the run has steps 0 to {kept.index - 1}.")
    yield from lent(
        manager.acquire(kept.model, visit), run_id, lambda lease, run: _looked(kept, index, picture, lease, run)
    )


def near(kept: KeptPictures, picture: int, manager: Any, *, run_id: str = "", visit: str = "") -> Run:
    """The training pictures nearest to a finished picture: one `Looked` with "near" [{"name", "distance", "picture"}]
    and "typical" (`_neighbours`); nothing near where the model has none beside it. Then Finished.
    """
    yield from lent(manager.acquire(kept.model, visit), run_id, lambda lease, run: _near(kept, picture, lease, run))


def _near(
    kept: KeptPictures, picture: int, lease: Any, run_id: str
) -> Generator[Event, Reason | None, Finished]:  # fmt: skip
    import torch

    latents, known = kept.last.latents if kept.done else kept.last.clean, getattr(lease.model, "neighbours", None)
    if latents is None:
        raise PlaygroundError("There is no picture yet: no step was taken.")
    if not 0 <= picture < len(latents):
        raise PlaygroundError(f"There is no picture {picture}: the run makes {len(latents)}.")
    yield Progress("comparing with the training pictures")
    found: list[dict[str, Any]] = []
    if known is not None:
        with lease.turn(), enough(kept.settings, lease.model):
            nearest = known.nearest(latents[picture : picture + 1])
            decoded = lease.model.decode(torch.cat([one for _, _, one in nearest])) if nearest else None
            urls = () if decoded is None else files.small(decoded, files.LOOKED_PX)
        found = [{"name": name, "distance": round(apart, 4), "picture": url}
                 for (name, apart, _), url in zip(nearest, urls, strict=True)]  # fmt: skip
    why = "" if found or known is None else "They are known for pictures of the model's own size only."
    yield Looked({"near": found, "typical": known.typical if known else None, "why": why})
    return Finished(run_id, 1, Reason.EOS, "", 0)


def _looked(
    kept: KeptPictures | Replay, index: int, picture: int, lease: Any, run_id: str
) -> Generator[Event, Reason | None, Finished]:
    going = replayed(kept, lease) if isinstance(kept, Replay) else reached(kept.rewind(index), lease)
    found, reason = yield from going
    if reason is not None:
        return Finished(run_id, 0, reason, "", 0)
    place = found.last
    if not 0 <= picture < len(place.latents):
        raise PlaygroundError(f"There is no picture {picture}: the run makes {len(place.latents)}.")
    yield Progress("looking into the step")
    with lease.turn(), enough(found.settings, lease.model):
        values = inside(lease.model, found.plan, place, picture)
    yield Looked(values)
    return Finished(run_id, 1, Reason.EOS, "", 0)


def inside(model: Any, plan: Any, place: Any, picture: int) -> dict[str, Any]:
    """The step after `place`, as JSON values.

    "noisy", "guess", "free" (without the words) and "bound" (with them, unguided) are pictures; "difference" how far
    apart the last two are at each place, (height, width) from 0 to 1; "words" the share of attention that each place
    gives to each word, all its tokens together: [{"index", "text", "map": (height, width)}], and "rest" what goes
    elsewhere ("elsewhere" says where).
    """
    import torch

    from playground.denoising import schedulers
    from playground.models import _attention, _classifier, _words

    scheduler, latents = schedulers.copied(place.scheduler), place.latents[picture : picture + 1]
    t = scheduler.timesteps[place.index]
    alpha, sigma = schedulers.level(scheduler, place.index)
    words = _words.row(plan.words, picture)
    with torch.inference_mode(), model.watched() as layers:
        scaled = scheduler.scale_model_input(latents, t) if hasattr(scheduler, "scale_model_input") else latents
        both = model.joined(_words.row(plan.unwanted, picture), words)
        free, bound = model.predict(torch.cat([scaled] * 2), t, both, plan.guidance).chunk(2)
    strength = 1.0 if model.guided_inside or plan.guidance <= 1 else plan.guidance
    guesses = [
        schedulers.clean(scheduler, p, place.index, latents) for p in (free + strength * (bound - free), free, bound)
    ]
    size = (alpha**2 + sigma**2) ** 0.5 or 1.0
    decoded = _classifier.shown(model.decode(torch.cat([*guesses, latents / size])))
    guess, without, with_words, noisy = files.small(decoded, files.LOOKED_PX)
    shape = (int(latents.shape[2]), int(latents.shape[3]))
    smaller = min(1.0, FINEST / max(shape))
    size_of_maps = (max(1, round(shape[0] * smaller)), max(1, round(shape[1] * smaller)))
    apart = (bound - free).float().pow(2).mean(1).sqrt()
    apart = torch.nn.functional.adaptive_avg_pool2d(apart, size_of_maps)[0]
    drawn = _attention.maps([layer[1:] for layer in layers], shape, size_of_maps)[0] if layers else None
    named = _words.whole(words.pieces[0])
    picture_too = "the picture itself and " if getattr(model, "one_sequence", False) else ""
    seen = [] if drawn is None else [
        {"index": places[0], "text": text, "map": rounded(drawn[places].sum(0))} for text, places in named
    ]  # fmt: skip
    return {
        "step": place.taken, "picture": picture, "noisy": noisy, "guess": guess, "free": without,
        "bound": with_words, "difference": rounded(apart / apart.max().clamp(min=1e-8)),
        "apart": round(float(apart.mean() / bound.float().pow(2).mean().sqrt().clamp(min=1e-8)), 4),
        "words": seen,
        "elsewhere": picture_too + "signs that are no words",
        "rest": None if drawn is None else round(1 - float(sum(drawn[places].sum(0).mean() for _, places in named)), 4),
    }  # fmt: skip


def rounded(grid: "Tensor") -> list[list[float]]:
    """(height, width) as lists, to four digits."""
    return [[round(float(value), 4) for value in line] for line in grid.tolist()]


__all__ = ["inside", "look", "near"]
