"""The page's front door: flags, one ModelManager, launch; nothing else.

python app.py                          on this computer, http://127.0.0.1:7860
python app.py --host 0.0.0.0           for a class in the same network
"""

import argparse
import os
from collections.abc import Sequence

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

AUDIENCES = ("own", "class", "public")


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
    parsed = parser.parse_args(argv)
    alone = is_loopback(parsed.host) and not on_space()
    if parsed.audience == "own" and not alone:
        parser.error(
            f"--audience own needs a page only this computer reaches, got --host {parsed.host}: choose class or public"
        )
    parsed.audience = parsed.audience or ("own" if alone else "public" if on_space() else "class")
    return parsed


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until it is interrupted."""
    flags = arguments(argv)
    from playground.manager import ModelManager
    from playground.ui.page import launch

    manager = ModelManager(audience=flags.audience)
    try:
        launch(manager, host=flags.host, port=flags.port, names=flags.allow_host)
    except OSError as error:
        raise SystemExit(f"The page cannot be served at {flags.host}, port {flags.port}: {error}") from None
    finally:
        manager.close()


if __name__ == "__main__":
    main()
