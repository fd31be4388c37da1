"""What is remembered of an open page: components that changed, and no second copy of the others."""

import gradio as gr
import pytest
from gradio import state_holder

from playground.ui.sessions import LeanSession, use_lean_sessions


@pytest.fixture
def blocks() -> gr.Blocks:
    with gr.Blocks() as made:
        gr.Slider(0, 10, value=3, label="a")
        gr.State(5)
    return made


def test_an_update_that_changes_nothing_is_not_kept_and_one_that_does_is(blocks: gr.Blocks) -> None:
    session = LeanSession(blocks)
    key = next(k for k, block in session.blocks_config.blocks.items() if isinstance(block, gr.Slider))
    first = session[key]
    session[key] = gr.Slider(0, 10, value=9, label="a", render=False)
    assert session[key] is first
    session[key] = gr.Slider(0, 99, value=9, label="a", render=False)
    assert session[key].maximum == 99
    session._update_config(key)
    session._update_value_in_config(key, 50)
    assert session.config_values == {}
    assert LeanSession(blocks)[key] is first, "another page has what was there at first"


def test_a_state_is_a_pages_own(blocks: gr.Blocks) -> None:
    one, two = LeanSession(blocks), LeanSession(blocks)
    key = next(k for k, block in one.blocks_config.blocks.items() if isinstance(block, gr.State))
    one[key] = 7
    assert (one[key], two[key]) == (7, 5)


def test_the_page_uses_it(monkeypatch: pytest.MonkeyPatch, blocks: gr.Blocks) -> None:
    monkeypatch.setattr(state_holder, "SessionState", state_holder.SessionState)
    use_lean_sessions()
    holder = state_holder.StateHolder()
    holder.set_blocks(blocks)
    assert isinstance(holder["abc"], LeanSession)
