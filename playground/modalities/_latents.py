"""Asking a latent model (a VAE or a GAN): pictures of codes, codes of pictures, and how real a picture looks.

Each question is one short computation. As everywhere, the model is borrowed for it and given back.
"""

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from playground.denoising import files
from playground.errors import PlaygroundError
from playground.events import Event, Finished, Looked, Progress, Reason
from playground.modalities._lent import Run, lent

if TYPE_CHECKING:
    from torch import Tensor

MOST_CODES, MOST_PICTURES = 16, 2
LARGEST = 1e4  # of a code's numbers: nothing holds those of a plain autoencoder near 0
MOST_CHARACTERS = 4 << 20  # of a picture as a data URL
QUESTIONS = ("about", "decode", "encode", "judge", "near")


def ask(
    model: str, what: str, given: dict[str, Any], manager: Any, *, run_id: str = "", visit: str = ""
) -> Run:  # fmt: skip
    """One `Looked`, then Finished.

    (What was sent is read before the model's turn comes, so that nobody waits for it.)

    "about": what the model can do ("latent_dim", "size", "order", "encodes", "judges", "lesson"). "decode": "pictures"
    (data URLs) for given["codes"], lists of numbers, and the verdict on each where there is a judge ("real", 0 to 1).
    "encode" (a VAE): "mean" and "deviation" of each of given["pictures"], the pictures as the model sees them
    ("seen"), and what it makes of their means ("pictures"). "judge" (a GAN): "real" and "seen" for given["pictures"].
    "near": the training picture nearest to that of the first of given["codes"] ("picture", "distance") and how far
    training pictures usually are from the next ("typical"); nothing where they were somebody's own.

    Raises:
        PlaygroundError: a question that cannot be answered; it says why.
    """
    if what not in QUESTIONS:
        raise PlaygroundError(f"{str(what)[:40]!r} is no question: ask for {', '.join(QUESTIONS)}.")
    yield from lent(manager.acquire(model, visit), run_id, lambda lease, run: _answered(what, given, lease, run))


def _answered(
    what: str, given: dict[str, Any], lease: Any, run_id: str
) -> Generator[Event, Reason | None, Finished]:  # fmt: skip
    if getattr(lease.model, "kind", "") != "latent space":
        raise PlaygroundError("This model has no latent space: choose a VAE or a GAN of the list.")
    yield Progress("asking the model")
    brought = read(lease.model, what, given)
    with lease.turn():
        values = answer(lease.model, what, brought)
    yield Looked(values)
    return Finished(run_id, 1, Reason.EOS, "", 0)


def read(model: Any, what: str, given: dict[str, Any]) -> "Tensor | None":
    """What a question brings along, checked: codes (B, L) or pictures (B, H, W, 3) uint8.

    Raises:
        PlaygroundError: it is none, or this model cannot answer such a question.
    """
    if what == "encode" and not model.encodes:
        raise PlaygroundError("A GAN has no encoder: it cannot say which code a picture has. A VAE can.")
    if what == "judge" and not model.judges:
        raise PlaygroundError("Only a GAN has a discriminator that judges pictures.")
    if what == "near":
        model.trained_on  # noqa: B018 drawn before the turn comes, which nobody waits for
    if what in ("decode", "near"):
        return codes(given.get("codes"), model.latent_dim)
    return pictures(given.get("pictures"), model.size) if what in ("encode", "judge") else None


def answer(model: Any, what: str, brought: Any) -> dict[str, Any]:
    """The answer to a question, as `ask` describes it."""
    if what == "decode":
        made = model.decode(brought)
        return {"pictures": files.small(made), **({"real": rounded(model.verdict(made))} if model.judges else {})}
    if what == "near":
        if model.trained_on is None:
            return {}
        apart, picture = model.trained_on.nearest(model.decode(brought[:1])[0])
        return {"distance": round(apart, 4), "picture": files.small(picture[None])[0],
                "typical": round(model.trained_on.typical, 4)}  # fmt: skip
    if what == "encode":
        mean, deviation = model.encode(brought)
        return {"mean": [rounded(row) for row in mean], "deviation": [rounded(row) for row in deviation],
                "seen": files.small(brought), "pictures": files.small(model.decode(mean))}  # fmt: skip
    if what == "judge":
        return {"real": rounded(model.verdict(brought)), "seen": files.small(brought)}
    return {"latent_dim": model.latent_dim, "size": model.size, "order": model.order, "encodes": model.encodes,
            "judges": model.judges, "lesson": model.lesson}  # fmt: skip


def codes(sent: Any, latent_dim: int) -> "Tensor":
    """Codes (B, L) from lists of numbers.

    Raises:
        PlaygroundError: they are none.
    """
    import torch

    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST_CODES:
        raise PlaygroundError(f"Give 1 to {MOST_CODES} codes.")
    for row in sent:
        if not isinstance(row, list) or len(row) != latent_dim:
            raise PlaygroundError(f"A code of this model has {latent_dim} numbers.")
        if not all(isinstance(n, (int, float)) and not isinstance(n, bool) and _small(n) for n in row):
            raise PlaygroundError(f"The numbers of a code lie between -{LARGEST:g} and {LARGEST:g}.")
    return torch.tensor(sent, dtype=torch.float32)


def _small(number: float) -> bool:
    return abs(number) <= LARGEST and math.isfinite(number)


def pictures(sent: Any, size: int) -> "Tensor":
    """Pictures (B, size, size, 3) uint8 from data URLs, cut to a square and laid on white.

    Raises:
        PlaygroundError: they are none that can be read.
    """
    import torch

    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST_PICTURES:
        raise PlaygroundError(f"Give 1 to {MOST_PICTURES} pictures.")
    if not all(isinstance(url, str) and len(url) <= MOST_CHARACTERS for url in sent):
        raise PlaygroundError("A picture is a data URL of at most 4 MB.")
    return torch.stack([files.brought(files.content(url), size, size) for url in sent])


def rounded(numbers: "Tensor") -> list[float]:
    """As a list, to four digits."""
    return [round(float(n), 4) for n in numbers]
