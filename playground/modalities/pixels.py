"""Write a picture pixel by pixel: each colour is a token, chosen from a distribution like a word of a text.

The model reads all pixels before, from the top left, and says how probable every colour is for the next one. The
settings, the searches and the view are those of texts. Greedy draws nothing at all: of every single pixel white is the
likeliest colour, and a picture of likeliest pixels is no likely picture. Above temperature 1 it splashes. Click a pixel
to see which colours it could have been, and go on from there with another one.
"""

from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from playground import fields
from playground.events import Event, Notice, Reason, Started
from playground.modalities import _tokens
from playground.models import _pixel_neighbours, pixels

TITLE = "Pixels"
ORDER = 35
READY = bool(pixels.SPECS)
CHATS = False
RECORDED_TOKENS = 274  # a whole picture
ANYTHING = "<|any|>"  # what the model is told where it knows none of the words
Run = Generator[Event, Reason | None, None]

Settings = _tokens.settings_class(
    prompt="sunflower", model="pixels", max_new_tokens=274, temperature=0.9, top_k=0, top_p=0.99
)
limits = _tokens.limits
rebuild = _tokens.rebuild

PRESETS: dict[str, dict[str, Any]] = {
    "Greedy": {"search": "greedy"},
    "Balanced": {"search": "sample", "temperature": 0.9, "top_k": 0, "top_p": 0.99, "min_p": 0.0},
    "Wild": {"search": "sample", "temperature": 1.3, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
}

EXAMPLES: tuple[dict[str, Any], ...] = (
    {"prompt": "sunflower"},
    {"prompt": "red apple"},
    {"prompt": "rocket"},
    {"prompt": "pizza"},
    {"prompt": "a dog"},
)


def near(text: str, folder: Path | None) -> dict[str, Any]:
    """The pictures that the model in a folder was trained on which are nearest to the picture that a text is: "near"
    [{"name", "distance", "picture"}], and "typical", how far the first of them is from the nearest other one
    (`_pixel_neighbours`); none where the folder has none, or the text is no whole picture, or a white one."""
    from playground.denoising import files

    known, picture = _pixel_neighbours.of(folder), _pixel_neighbours.picture_of(text)
    nearest = [] if known is None or picture is None else known.nearest(picture)
    if known is None or not nearest:
        return {"near": [], "typical": None}
    others = [apart for name, apart, _ in known.nearest(nearest[0][2], 2) if name != nearest[0][0]]
    found = [{"name": name, "distance": round(apart, 4), "picture": files.enlarged(one)}
             for name, apart, one in nearest]  # fmt: skip
    return {"near": found, "typical": round(others[0], 4) if others else None}


def generate(settings: Any, manager: Any, start: Any = None, **identity: str) -> Run:
    """Write a picture, or go on with one: `_tokens.generate` says how."""
    nothing_follows = True
    events = _tokens.generate(settings, manager, start, nothing_follows, modality="pixels", **identity)
    return events if start is not None else _told(events, settings)


def _told(events: Run, settings: Any) -> Run:
    """The events of a new picture, and before it begins what one should know of it."""
    with closing(events), suppress(StopIteration):
        event = next(events)
        while True:
            reason: Reason | None = None
            for sentence in _sentences(settings, event) if isinstance(event, Started) else ():
                reason = reason or (yield Notice(sentence))
            event = events.send(reason or (yield event))


def _sentences(settings: Any, started: Started) -> list[str]:
    said = []
    likeliest = settings.search != "sample" or settings.temperature == 0 or settings.top_k == 1 or settings.top_p == 0
    if likeliest and settings.model == fields.defaults(Settings)["model"]:
        said.append("The likeliest picture is a blank one: of every single pixel white is the likeliest colour. To see "
                    "more, choose the search “sample” and a temperature near 0.9.")  # fmt: skip
    if settings.prompt.strip() and any(token.text == ANYTHING for token in started.prompt_tokens):
        said.append("The model knows none of these words: it draws whatever comes.")
    return said
