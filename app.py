"""The page's front door: flags, one ModelManager, launch; nothing else.

python app.py                          on this computer, http://127.0.0.1:7860
python app.py --host 0.0.0.0           for a class in the same network: prints the address and two codes
"""

import argparse
import os
import socket
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

AUDIENCES = ("own", "class", "public")
IDLE_MINUTES = 30.0  # where many share the memory; on one's own computer a model stays until memory is short


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags, with the environment's values as defaults; `audience` is decided here."""
    from playground.ui.guard import is_loopback, on_space

    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if on_space() else "127.0.0.1")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--host", default=host, help="address to bind (default: this computer only)")
    parser.add_argument("--port", type=int, default=os.environ.get("GRADIO_SERVER_PORT") or 7860, help="default 7860")
    parser.add_argument(
        "--audience", choices=AUDIENCES, help="own: any model may be loaded (this computer only); class; public"
    )
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="another name the page is reached by"
    )
    for name, help_ in (
        ("class", "what everybody enters once"),
        ("teacher", "what also loads models and shows the room"),
    ):
        parser.add_argument(
            f"--{name}-code",
            default=os.environ.get(f"PLAYGROUND_{name.upper()}_CODE", ""),
            metavar="CODE",
            help=f"{help_} (default with --audience class: a random one, printed; or PLAYGROUND_{name.upper()}_CODE)",
        )
    for name, whose in (("", "visit"), ("-address", "network address")):
        variable = f"PLAYGROUND_QUOTA{name.upper().replace('-', '_')}"
        parser.add_argument(
            f"--quota{name}",
            default=os.environ.get(variable, ""),
            metavar="LIMITS",
            help=f"of one {whose}: running=1,queued=2,tokens=20000,seconds=1800, the last two a day, 0: no limit "
            f"(or {variable})",
        )
    parser.add_argument(
        "--idle-minutes",
        type=minutes,
        default=os.environ.get("PLAYGROUND_IDLE_MINUTES") or None,
        metavar="MINUTES",
        help=f"unload a model that nobody has used for so long, 0: never (default: never on one's own computer, else "
        f"{IDLE_MINUTES:.0f}; or PLAYGROUND_IDLE_MINUTES)",
    )
    parsed = parser.parse_args(argv)
    alone = is_loopback(parsed.host) and not on_space()
    if parsed.audience == "own" and not alone:
        parser.error(
            f"--audience own needs a page only this computer reaches, got --host {parsed.host}: choose class or public"
        )
    parsed.audience = parsed.audience or ("own" if alone else "public" if on_space() else "class")
    if parsed.idle_minutes is None:
        parsed.idle_minutes = 0.0 if parsed.audience == "own" else IDLE_MINUTES
    return parsed


def minutes(text: str) -> float:
    """A number of minutes, 0 or more.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        count = float(text)
    except ValueError:
        count = -1.0
    if not 0 <= count < 1e6:
        raise argparse.ArgumentTypeError(f"it must be a number of minutes, 0 for never, got {text!r}")
    return count


def address(host: str, port: int) -> str:
    """What others type into their browser."""
    if host in ("0.0.0.0", "::", ""):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(("192.0.2.1", 9))  # nothing is sent: it says which of our addresses others see
                host = probe.getsockname()[0]
        except OSError:
            host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def door_of(flags: argparse.Namespace) -> Any:
    """The door that the flags describe; a class without codes gets random ones."""
    from playground.ui.door import Door, readable_code

    class_code, teacher_code = flags.class_code, flags.teacher_code
    if flags.audience == "class":
        class_code = class_code or readable_code(6)
        teacher_code = teacher_code or readable_code(9)
        print(
            f"For the class: open {address(flags.host, flags.port)} and enter the code   {class_code}\n"
            f"Yours, to load models and to see the room:                   {teacher_code}",
            flush=True,
        )
    return Door(flags.audience, class_code if flags.audience == "class" else "", teacher_code)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until it is interrupted."""
    flags = arguments(argv)
    from playground.errors import PlaygroundError
    from playground.manager import ModelManager
    from playground.models._trained import user_data
    from playground.people import ADDRESS, VISIT, Quotas
    from playground.ui.page import launch

    try:
        quotas = Quotas(VISIT[flags.audience].but(flags.quota), ADDRESS[flags.audience].but(flags.quota_address))
        door = door_of(flags)
    except PlaygroundError as error:
        raise SystemExit(str(error)) from None
    kept = user_data() if flags.audience == "own" else None
    manager = ModelManager(audience=flags.audience, idle_s=flags.idle_minutes * 60 or None, data_dir=kept)
    try:
        launch(manager, host=flags.host, port=flags.port, names=flags.allow_host, door=door, quotas=quotas)
    except OSError as error:
        raise SystemExit(f"The page cannot be served at {flags.host}, port {flags.port}: {error}") from None
    finally:
        manager.close()


if __name__ == "__main__":
    main()
