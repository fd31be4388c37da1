"""The view of a training as two Gradio components: the theatre, and the answers to what it asks.

The theatre's value is one frame: a JSON string (CONTRACT: `playground/trainings`, `frame`). Answers travel beside it
in a component of their own, so that a question never waits for the training's frames.
"""

from playground.ui.views.data_view import DataView

TEMPLATE = '<div class="pg-theatre tr-theatre"></div>'

# Gradio offers a listener for every name that stands in quotes here: theatre.start(…), theatre.ask(…).
ON_LOAD = """
const sends = ['start', 'pause', 'resume', 'step', 'stop', 'rewind', 'words', 'ask', 'own', 'save', 'download',
  'resync', 'compare', 'choose', 'forget'];
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


class TrainTheatre(DataView):
    """A training from its data to a saved model. What each lesson is called and says about each stage stands in the
    page's head (`train_tab.facts`)."""

    TEMPLATE = TEMPLATE
    ON_LOAD = ON_LOAD


class TrainAnswers(DataView):
    """The newest answer, `{"what", "number", "value" | "error"}` as JSON text; nothing of it is drawn here."""

    TEMPLATE = '<div class="tr-answers"></div>'
    ON_LOAD = ON_ANSWER
