"""The command line: one sub-command per modality, `models` and `record`.

    python -m playground models --json
    python -m playground text "The sky is" --temperature 0.8 --seed 7 --json

The flags are the modality's settings. With --json every event is one line of JSON;
without it the text is streamed. Notes go to stderr. Ctrl+C ends a run properly
(reason "user", exit status 130); what a person can solve is one line on stderr and
exit status 2. Set PLAYGROUND_DEBUG=1 to see the traceback of anything else.
"""

import argparse
import dataclasses
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from playground import fields
from playground.errors import PlaygroundError
from playground.events import BeamStep, Event, Finished, ImageStep, Notice, Progress, Queued, Reason, TokenStep
from playground.modalities import offered

FAILED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
FILES = ("picture", "mask")  # settings whose flags name a file
Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"{self.prog}: {' '.join(message.split())} (--help lists the flags)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if not os.environ.get("PLAYGROUND_DEBUG"):
        logging.getLogger().addHandler(logging.NullHandler())  # logs are for the page; here one line says it all
    try:
        arguments = parser().parse_args(argv)
        command: Command = arguments.command
        status = command(arguments)
        sys.stdout.flush()
        return status
    except PlaygroundError as error:
        return _failed(str(error))
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("PLAYGROUND_DEBUG"):
            raise
        return _failed(
            f"this is a defect of the playground: {type(error).__name__}: {error} (PLAYGROUND_DEBUG=1 shows where)"
        )


def _failed(message: str) -> int:
    print(f"playground: {' '.join(message.split())}", file=sys.stderr)
    return FAILED


def parser() -> Parser:
    """All commands and flags."""
    top = Parser(prog="python -m playground", description=_first_line(__doc__), allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for name, modality in offered().items():
        sub = commands.add_parser(name, help=_first_line(modality.__doc__), description=modality.__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)  # fmt: skip
        prompt = fields.defaults(modality.Settings)["prompt"]
        sub.add_argument(
            "prompt",
            nargs="?",
            default=prompt,
            help=f'what the model goes on from; "": it begins by itself; default {prompt!r}',
        )
        fields.add_arguments(sub, modality.Settings, skip=("prompt", *FILES))
        if getattr(modality, "VIEW", "") == "pictures":
            _add_files(sub)
        sub.add_argument("--json", action="store_true", help="one JSON object per line, for every event")
        sub.set_defaults(command=_run_modality, modality=modality)
    _add_record(commands)
    models = commands.add_parser("models", help="the models there are, and where they lie", allow_abbrev=False)
    models.add_argument("--json", action="store_true", help="a list of JSON objects")
    models.set_defaults(command=_list_models)
    return top


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().split("\n")[0].replace("%", "%%")


def _add_files(sub: Any) -> None:
    place = "where the picture goes (of several, the second beside it with -2); default 'picture.png'"
    sub.add_argument("--out", default="picture.png", metavar="FILE", help=place)
    sub.add_argument("--picture", default="", metavar="FILE", help="a picture to begin from (PNG, JPEG, WebP)")
    sub.add_argument("--mask", default="", metavar="FILE", help="where it may change: white places of this picture")


def _add_record(commands: Any) -> None:
    record = commands.add_parser("record", help="record the runs that the page opens with", allow_abbrev=False)
    record.add_argument("modality", nargs="*", help="which ones; none: all")
    record.set_defaults(command=_record)


def _record(arguments: argparse.Namespace) -> int:
    from playground.ui.record import record

    with _manager() as manager:
        for path in record(arguments.modality, manager):
            print(path)
    return 0


# ── models ───────────────────────────────────────────────────────────────────


def _list_models(arguments: argparse.Namespace) -> int:
    with _manager() as manager:
        models = [dataclasses.asdict(model) for model in manager.models()]
    if arguments.json:
        print(json.dumps(models, indent=1))
        return 0
    for m in models:
        size = f"{m['parameters'] / 1e6:>7,.0f} M parameters {m['size_mb']:>6,.0f} MB"
        print(f"{m['id']:<30} {m['modality']:<6} {size}  {m['state']}")
    return 0


@contextmanager
def _manager() -> Iterator[Any]:
    from playground.manager import ModelManager
    from playground.models._trained import user_data

    with closing(ModelManager(audience="own", data_dir=user_data())) as manager:
        yield manager


# ── a modality ───────────────────────────────────────────────────────────────


def _run_modality(arguments: argparse.Namespace) -> int:
    modality = arguments.modality
    for name in FILES:
        if getattr(arguments, name, ""):
            setattr(arguments, name, _data_url(getattr(arguments, name)))
    settings = fields.from_arguments(modality.Settings, arguments)
    out = getattr(arguments, "out", "")
    if out:
        _check_place(out)
    show = _show_json if arguments.json else _show_text
    with _manager() as manager, _interrupts() as interrupted, closing(modality.generate(settings, manager)) as events:
        sent: Reason | None = None
        while True:
            try:
                event = events.send(sent)
            except StopIteration:
                raise RuntimeError("the run ended without saying so") from None
            if isinstance(event, Finished) and event.pictures:
                show(event, _written(event.pictures, out))
            else:
                show(event)
            if isinstance(event, Finished):
                break
            sent = Reason.USER if interrupted() else None
    if event.reason is Reason.ERROR:
        return _failed(event.message or "the run failed")
    return INTERRUPTED if interrupted() else 0


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """The first Ctrl+C asks the run to end properly; the second ends the program at once."""
    seen: list[int] = []

    def note(number: int, frame: Any) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, before)


def _data_url(name: str) -> str:
    """A file as a data URL; what it holds is looked at by whoever uses it.

    Raises:
        PlaygroundError: it cannot be read.
    """
    from playground.denoising.files import url

    try:
        return url(Path(name).read_bytes(), "image/*")
    except OSError as error:
        raise PlaygroundError(f"{name} cannot be read: {error.strerror or error}.") from error


def _check_place(out: str) -> None:
    """Refuse a place where no file can be written before anything is computed.

    Raises:
        PlaygroundError: its folder is not there, or it is a folder, or its name promises another format.
    """
    if Path(out).suffix.lower() not in ("", ".png"):
        raise PlaygroundError(f"{out} is written as PNG, which says what made it: give it a name that ends with .png.")
    if Path(out).is_dir() or not Path(out).absolute().parent.is_dir():
        raise PlaygroundError(f"{out} is no place for a file: name one in a folder that is there.")


def _written(pictures: Sequence[str], out: str) -> list[str]:
    """Write finished pictures; their paths."""
    from playground.denoising.files import content

    first = Path(out)
    places = [first, *(first.with_name(f"{first.stem}-{i + 1}{first.suffix}") for i in range(1, len(pictures)))]
    for place, picture in zip(places, pictures, strict=True):
        try:
            place.write_bytes(content(picture))
        except OSError as error:
            raise PlaygroundError(f"{place} could not be written: {error.strerror or error}.") from error
    return [str(place) for place in places]


def _show_json(event: Event, paths: Sequence[str] = ()) -> None:
    values = event.to_stream()
    if paths:
        values = {**{n: v for n, v in values.items() if n != "pictures"}, "path": paths[0], "paths": list(paths)}
    print(json.dumps(values, ensure_ascii=False, allow_nan=False), flush=True)


def _show_text(event: Event, paths: Sequence[str] = ()) -> None:
    """The text on stdout as it is written; on stderr what else there is to know."""
    if isinstance(event, TokenStep):
        print(event.text if event.place is None else "", end="", flush=True)
    elif isinstance(event, Notice):
        print(f"note: {event.text}", file=sys.stderr)
    elif isinstance(event, Finished):
        print("\n".join(paths) or event.filled or "", flush=True)
        if event.message and event.reason is not Reason.ERROR:
            print(f"note: {event.message}", file=sys.stderr)
        if sys.stderr.isatty() and not paths:
            print(
                f"{event.tokens} tokens, {event.tokens_per_s:.0f} a second, ended by {event.reason.value}",
                file=sys.stderr,
            )
    elif sys.stderr.isatty() and isinstance(event, (Progress, Queued, BeamStep, ImageStep)):
        print(f"\r{_status(event):<60}\r", end="", file=sys.stderr, flush=True)


def _status(event: Event) -> str:
    if isinstance(event, Queued):
        return f"waiting, place {event.place}"
    if isinstance(event, BeamStep):
        return f"beam step {event.step}"
    if isinstance(event, ImageStep):
        return f"step {event.index + 1} of {event.steps}, {event.noise:.0%} noise"
    assert isinstance(event, Progress)
    return f"{event.stage} {event.done:,.0f} of {event.total:,.0f} {event.unit}" if event.total else event.stage


if __name__ == "__main__":
    sys.exit(main())
