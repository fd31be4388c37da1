"""The live probability view as a Gradio component.

Its value is one frame: a JSON string with the newest events of a run (CONTRACT: see
`theatre.js`).
"""

from typing import Any

from playground.ui.views.data_view import DataView

TEMPLATE = '<div class="pg-theatre"></div>'

# Gradio offers a listener for every name that stands in quotes here: theatre.resync(…), theatre.fork(…).
ON_LOAD = """
const sends = ['resync', 'fork', 'name', 'mask', 'near'];
const begin = () => window.playground && window.playground.theatre
  ? window.playground.theatre.mount(element, props, (name, data) => sends.includes(name) && trigger(name, data), watch)
  : setTimeout(begin, 20);
begin();
"""


class TokenTheatre(DataView):
    """Text as tokens, and for each of them why it was chosen.

    `tab` is the name under which `playground.settings(tab, {…})` reaches this view in the browser.
    Listeners: `resync` (event data `{run, from}`) asks for a frame with every event from there;
    `fork` (`{run, index, token_id}`) asks to go on from before that step with that token;
    `mask` (`{run, masks}`) asks for a run over the same text with the tokens of these numbers hidden;
    `name` (`{run, index, version}`) asks which token the number falls on where the snapshot has no name for it;
    `near` (`{run}`) asks which training pictures are nearest to the one that was written.
    """

    TEMPLATE = TEMPLATE
    ON_LOAD = ON_LOAD

    def __init__(self, value: str | None = None, *, tab: str = "text", **kwargs: Any) -> None:
        super().__init__(value, tab=tab, **kwargs)
