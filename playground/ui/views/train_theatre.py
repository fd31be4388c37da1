"""The view of a training as two Gradio components: the theatre, and the answers to what it asks.

The theatre's value is one frame: a JSON string (CONTRACT: `playground/trainings`, `frame`). Answers travel beside it
in a component of their own, so that a question never waits for the training's frames. Both templates are static and
hold no placeholder, because Gradio evaluates placeholders; everything that a data set, a model or a person wrote is
put in place by textContent.
"""

from typing import Any

import gradio as gr

TEMPLATE = '<div class="pg-theatre tr-theatre"></div>'

# Gradio offers a listener for every name that stands in quotes here: theatre.start(…), theatre.ask(…).
ON_LOAD = """
const sends = ['start', 'pause', 'resume', 'step', 'stop', 'rewind', 'words', 'ask', 'own', 'save', 'download',
  'resync', 'compare', 'choose'];
const begin = () => window.playground && window.playground.train
  ? window.playground.train.mount(element, props, (name, data) => sends.includes(name) && trigger(name, data), watch)
  : setTimeout(begin, 20);
begin();
"""
ON_ANSWER = """
const begin = () => window.playground && window.playground.train
  ? watch('value', () => window.playground.train.answer(props.value))
  : setTimeout(begin, 20);
begin();
"""


class TrainTheatre(gr.HTML):
    """A training from its data to a saved model. `facts`: what each lesson is called and says about each stage, as
    JSON text, for `train_theatre.js`."""

    def __init__(self, value: str | None = None, *, facts: str = "{}", **kwargs: Any) -> None:
        kwargs.setdefault("html_template", TEMPLATE)
        kwargs.setdefault("js_on_load", ON_LOAD)
        kwargs.setdefault("apply_default_css", False)
        super().__init__(value, facts=facts, **kwargs)

    def postprocess(self, value: str | None) -> str | None:
        """The frame as it is: it is data for the script above, never markup."""
        return value


class TrainAnswers(gr.HTML):
    """The newest answer, `{"what", "number", "value" | "error"}` as JSON text; nothing of it is drawn here."""

    def __init__(self, value: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("html_template", '<div class="tr-answers"></div>')
        kwargs.setdefault("js_on_load", ON_ANSWER)
        kwargs.setdefault("apply_default_css", False)
        super().__init__(value, **kwargs)

    def postprocess(self, value: str | None) -> str | None:
        """The answer as it is."""
        return value
