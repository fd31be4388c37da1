"""The view of a run that denoises, as two Gradio components: the theatre, and what was found inside a step.

The theatre's value is one frame of the run: a JSON string (CONTRACT: as in `theatre.js`, with image steps).
"""

from typing import Any

from playground.ui.views.data_view import DataView

TEMPLATE = '<div class="pg-theatre pc-theatre"></div>'

# Gradio offers a listener for every name that stands in quotes here: theatre.resync(…), theatre.fork(…).
ON_LOAD = """
const sends = ['resync', 'fork', 'look', 'near', 'before', 'reuse'];
const begin = () => window.playground && window.playground.pictures
  ? window.playground.pictures.mount(element, props, (name, data) => sends.includes(name) && trigger(name, data), watch)
  : setTimeout(begin, 20);
begin();
"""
ON_ANSWER = """
const begin = () => window.playground && window.playground.pictures
  ? watch('value', () => window.playground.pictures.answer(window.playground.tabOf(element, "image"), props.value))
  : setTimeout(begin, 20);
begin();
"""


class PictureTheatre(DataView):
    """Pictures as they come out of noise, and for each step what happens inside.

    `tab` is the name under which `playground.settings(tab, {…})` reaches this view in the browser.
    Listeners: `resync` (event data `{run, from}`) asks for a frame with every event from there;
    `fork` (`{run, index}`) asks to go on from before that step with the settings as they are now;
    `look` (`{run, index, picture}`) asks what happens inside that step, for the answers beside it;
    `near` (`{run, picture}`) asks which training pictures are nearest to a finished one;
    `before` (`{run}`) asks which other runs of this visit are kept, for a page that was loaded anew;
    `reuse` (`{settings}`) asks to show the settings that a saved picture carries.
    """

    TEMPLATE = TEMPLATE
    ON_LOAD = ON_LOAD

    def __init__(self, value: str | None = None, *, tab: str = "image", **kwargs: Any) -> None:
        super().__init__(value, tab=tab, **kwargs)


class PictureAnswers(DataView):
    """The newest answer to a look, `{"run", "index", "picture", "values" | "error"}`, to what is near, or to which
    runs there are (`{"before": [frames]}`), as JSON text; nothing is drawn."""

    TEMPLATE = '<div class="pc-answers"></div>'
    ON_LOAD = ON_ANSWER

    def __init__(self, value: str | None = None, *, tab: str = "image", **kwargs: Any) -> None:
        super().__init__(value, tab=tab, **kwargs)
