"""A Gradio component whose value is JSON text for a script of the page, and whose template is static.

Gradio evaluates placeholders in templates, so that none may hold one; everything that a person or a model wrote is
put in place by textContent.
"""

from typing import Any

import gradio as gr


class DataView(gr.HTML):
    """`TEMPLATE` is drawn once, `ON_LOAD` runs then. Gradio offers a listener for every name in quotes there.

    `tab` is the name under which the page's scripts know the view. It stands in the template (`data-tab`) and not among
    the properties: `gr.skip()` for a view that is not drawn yet takes all of these away but the value (Gradio 6.31).
    """

    TEMPLATE = ""
    ON_LOAD = ""

    def __init__(self, value: str | None = None, *, tab: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("html_template", self.TEMPLATE.replace("<div ", f'<div data-tab="{tab}" ', 1))
        kwargs.setdefault("js_on_load", self.ON_LOAD)
        kwargs.setdefault("apply_default_css", False)
        super().__init__(value, **kwargs)

    def postprocess(self, value: str | None) -> str | None:
        """The value as it is: Gradio's own warns of scripts in it, which are never markup here."""
        return value
