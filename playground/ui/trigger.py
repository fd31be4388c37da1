"""What a view's `trigger(name, data)` sent: a dictionary, whatever a stranger's request holds."""

from typing import Any

import gradio as gr


def data(event: gr.EventData) -> dict[str, Any]:
    """The data of a trigger; empty where it is no dictionary."""
    sent = getattr(event, "_data", None)
    return dict(sent) if isinstance(sent, dict) else {}
