"""Makes one picture with each of several models of a stub Hub, in a process of its own.

    python -m tests.models.hub_painter CACHE REPOSITORY …

Prints one JSON object per line: what was said on the way, then the picture.
"""

import json
import sys
from pathlib import Path
from typing import Any

from playground import fields
from playground.events import Finished, ImageStep, Progress, Started
from playground.manager import ModelManager
from playground.modalities import image

SETTINGS: dict[str, Any] = {"prompt": "a red apple", "steps": 3, "seed": 5, "guidance": 3.0}


def paint(manager: ModelManager, model: str, **more: Any) -> list[Any]:
    """All events of one run."""
    return list(image.generate(fields.build(image.Settings, {**SETTINGS, "model": model, **more}), manager))


def main() -> None:
    """Paint with all of them."""
    cache, *repositories = sys.argv[1:]
    manager = ModelManager("own", cache_dir=Path(cache))
    for name in repositories:
        events = paint(manager, f"stub/{name}")
        last = next(event for event in events if isinstance(event, Finished))
        print(json.dumps({
            "model": name, "stages": [event.stage for event in events if isinstance(event, Progress)],
            "started": any(isinstance(event, Started) for event in events), "message": last.message,
            "steps": sum(isinstance(event, ImageStep) for event in events), "pictures": last.pictures,
        }), flush=True)  # fmt: skip
    manager.close()


if __name__ == "__main__":
    main()
