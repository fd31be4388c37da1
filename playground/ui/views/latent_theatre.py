"""The view of a latent space as two Gradio components: the theatre, and the answers to what it asks.

The theatre's value is the id of the model that is looked at. Everything else is asked for (`ask`, event data `{id,
model, what, given}`, as `modalities/_latents` says) and answered beside it.
"""

from playground.ui.views.data_view import DataView

# Gradio offers a listener for every name that stands in quotes here: theatre.ask(…).
ON_LOAD = """
const sends = ['ask'];
const begin = () => window.playground && window.playground.latent
  ? window.playground.latent.mount(element, props, (name, data) => sends.includes(name) && trigger(name, data), watch)
  : setTimeout(begin, 20);
begin();
"""
ON_ANSWER = """
const begin = () => window.playground && window.playground.latent
  ? watch('value', () => window.playground.latent.answer(props.value))
  : setTimeout(begin, 20);
begin();
"""


class LatentTheatre(DataView):
    """A code, its picture, and what lies around it."""

    TEMPLATE = '<div class="pg-theatre lt-stage"></div>'
    ON_LOAD = ON_LOAD


class LatentAnswers(DataView):
    """The newest answer, `{"id", "values" | "error"}` as JSON text; nothing of it is drawn here."""

    TEMPLATE = '<div class="lt-answers"></div>'
    ON_LOAD = ON_ANSWER
