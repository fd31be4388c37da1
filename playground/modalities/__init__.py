"""What the playground can make: one file per tab (text, code, …).

A module here is a plug-in. It has a docstring (the tab's introduction), `TITLE`,
`Settings`, `limits(settings, spec)`, `generate(settings, manager, start=None)`, and
as data `PRESETS` and `EXAMPLES`. Page, command line, API and contract tests are
derived from these. `VIEW` says what its steps are: "tokens" where it says nothing, or
"pictures"; `CHATS` is False where no model answers messages. `READY` is False where the
model that it begins with does not come with this copy.
"""

from types import ModuleType
from typing import Any

from playground.plugins import discover


def offered(manager: Any = None) -> dict[str, ModuleType]:
    """The modalities that can be used here, by name and in their order: those whose own model comes with this copy,
    and, where there is a manager to ask, those that another model on this computer serves."""
    here = at_hand(manager) if manager is not None else {}
    return {name: m for name, m in discover(__name__).items() if getattr(m, "READY", True) or name in here}


def at_hand(manager: Any) -> dict[str, str]:
    """By modality the first model that needs no download."""
    found: dict[str, str] = {}
    for info in manager.models():
        if info.state in ("embedded", "cached", "ready", "in use"):
            for name in info.modalities:
                found.setdefault(name, info.id)
    return found
