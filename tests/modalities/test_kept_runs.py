"""A run that was stopped goes on as if it had not been, takes single steps, and forks, on a real manager."""

import gc
import weakref
from contextlib import closing
from typing import Any

import pytest

from playground import fields
from playground.errors import PlaygroundError
from playground.events import BeamStep, Event, Finished, Reason, Started
from playground.modalities import text
from tests.modalities.driven import drive, ids, tokens

LENGTH = 16


@pytest.fixture
def write(manager: Any, tiny_model: str) -> Any:
    """Runs a modality to its end, or stops it after `stop_after` tokens."""

    def write(start: Any = None, stop_after: int = 1000, **values: Any) -> list[Event]:
        given = {"prompt": "The sky", "model": tiny_model, "max_new_tokens": LENGTH, "seed": 3, **values}
        return drive(manager, start, stop_after, given)

    return write


def end(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


@pytest.mark.parametrize("search", ["greedy", "sample"])
@pytest.mark.parametrize("stop_after", [1, 7])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(write: Any, search: str, stop_after: int) -> None:
    whole = write(search=search)
    first = write(search=search, stop_after=stop_after)
    assert end(first).reason is Reason.USER and end(first).tokens == stop_after
    second = write(end(first).state, search=search, max_new_tokens=LENGTH - stop_after)
    assert ids(first) + ids(second) == ids(whole)
    assert [e.logprob for e in tokens(first) + tokens(second)] == [e.logprob for e in tokens(whole)], "bit for bit"
    assert [e.index for e in tokens(second)] == list(range(stop_after, LENGTH))
    assert (end(second).text, end(second).tokens) == (end(whole).text, LENGTH)


@pytest.mark.parametrize("values", [{"search": "greedy"}, {"search": "sample"}, {"search": "beam", "num_beams": 3}])
def test_a_run_whose_state_was_let_go_goes_on_from_its_steps_as_it_would_have(write: Any, values: Any) -> None:
    first = write(**values)
    told = [event.to_json() for event in first]
    started = next(event for event in told if event["event"] == "started")
    state = text.rebuild(started, told, end(first).tokens)
    assert ids(write(state, **values)) == ids(write(end(first).state, **values))
    with pytest.raises(PlaygroundError, match="There is no step"):
        text.rebuild(started, told, end(first).tokens + 1)


def test_single_steps_write_the_same_text(write: Any) -> None:
    whole = write()
    events = write(max_new_tokens=1)
    written = ids(events)
    while len(written) < LENGTH:
        events = write(end(events).state, max_new_tokens=1)
        assert len(ids(events)) == 1 and end(events).reason is Reason.MAX_NEW_TOKENS
        written += ids(events)
    assert written == ids(whole)


def test_a_fork_keeps_what_came_before_and_takes_the_given_token(write: Any) -> None:
    whole = write()
    step = tokens(whole)[5]
    other = next(c.token_id for c in step.candidates if c.token_id != step.token_id)
    fork = write(end(whole).state.rewind(5, other), max_new_tokens=4)
    started = next(e for e in fork if isinstance(e, Started))
    assert (started.parent, started.parent_index) == (step.run_id, 5)
    assert [e.index for e in tokens(fork)] == [5, 6, 7, 8] and ids(fork)[0] == other
    assert tokens(fork)[0].logprob == next(c.logit for c in step.candidates if c.token_id == other) - (
        next(c.logit for c in step.candidates if c.token_id == step.token_id) - step.logprob
    )
    again = write(end(whole).state.rewind(5), max_new_tokens=LENGTH - 5)
    assert ids(again) == ids(whole)[5:], "without another token the same numbers lead to the same text"


def test_a_fork_at_the_first_step_begins_after_the_prompt(write: Any) -> None:
    whole = write()
    assert ids(write(end(whole).state.rewind(0))) == ids(whole)


def test_other_settings_change_what_follows_and_not_what_was(write: Any) -> None:
    whole = write()
    cold = write(end(whole).state.rewind(4), search="greedy", max_new_tokens=4)
    assert all(e.rank == 0 and e.random is None for e in tokens(cold))
    assert end(cold).text.startswith("".join(e.text for e in tokens(whole)[:4]))


def test_a_prompt_that_was_edited_meanwhile_does_not_confuse_a_kept_run(write: Any) -> None:
    whole = write()
    started = next(e for e in write(end(whole).state, prompt="Something else") if isinstance(e, Started))
    assert started.prompt == started.settings["prompt"] == "The sky"


def test_steps_that_do_not_exist_and_other_models_are_refused(write: Any) -> None:
    state = end(write()).state
    for index in (-1, LENGTH + 1):
        with pytest.raises(PlaygroundError, match=str(index)):
            state.rewind(index)
    with pytest.raises(PlaygroundError, match="cannot go on with tales"):
        write(state, model="tales")


def test_a_kept_run_holds_no_model_and_knows_its_bytes(write: Any, manager: Any, tiny_model: str) -> None:
    state = end(write()).state
    # 2 layers, keys and values, 32 numbers of 4 bytes for every position but the last; and one row of logits
    length = len(state.prompt_tokens) + LENGTH - 1
    assert state.bytes >= length * 2 * 2 * 32 * 4
    acquiring = manager.acquire(tiny_model)
    try:
        while True:
            next(acquiring)
    except StopIteration as done:
        module = weakref.ref(done.value.model.module)
        done.value.release()
    manager.unload(tiny_model)
    del acquiring
    gc.collect()
    assert module() is None, "the weights are gone while the state stays"
    assert len(ids(write(state, max_new_tokens=2))) == 2, "and it goes on with the model loaded again"


def test_a_beam_search_that_was_stopped_goes_on(write: Any, manager: Any, tiny_model: str) -> None:
    whole = write(search="beam", num_beams=3)
    given = {"prompt": "The sky", "model": tiny_model, "max_new_tokens": LENGTH, "search": "beam", "num_beams": 3}
    with closing(text.generate(fields.build(text.Settings, given), manager)) as run:
        steps = 0
        for event in run:
            steps += isinstance(event, BeamStep)
            if steps == 5:
                break
        stopped = run.send(Reason.USER)
        while not isinstance(stopped, Finished):  # the best hypothesis so far is shown, too
            stopped = next(run)
    assert stopped.reason is Reason.USER
    second = write(stopped.state, search="beam", num_beams=3, max_new_tokens=LENGTH - stopped.state.index)
    assert end(second).text == end(whole).text
