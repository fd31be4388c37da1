import math

import pytest
import torch

from playground.decoding.loop import decode
from playground.errors import PlaygroundError
from playground.events import BeamStep, Finished, Progress, Reason, TokenStep
from tests.decoding.reference import GPT2Stepper, plan_of, run

SETTINGS = {"search": "sample", "temperature": 1.5, "repetition_penalty": 1.2, "seed": 3, "max_new_tokens": 20}
STILL = {"clock": lambda: 0.0}


def paused(stepper, vocabulary, plan, after, start=None):
    """A run that is stopped after some steps: (its steps, finished)."""
    events, steps = decode(stepper, vocabulary, plan, run_id="run", start=start, **STILL), []
    for event in events:
        steps.append(event)
        if len(steps) == after:
            return steps, events.send(Reason.USER)
    raise AssertionError("the run was shorter")


def numbers(steps):
    """All that a step says but its place in the stream."""
    return [
        (s.index, s.token_id, s.text, s.logprob, s.probability, s.random, s.candidates, s.known, s.tail) for s in steps
    ]


@pytest.mark.parametrize("after", [1, 2, 7, 19])
def test_a_paused_run_goes_on_bit_for_bit(tiny, after):
    model, vocabulary = tiny
    plan = plan_of(vocabulary, **SETTINGS)
    whole, _, end = run(GPT2Stepper(model), vocabulary, plan, **STILL)
    first, stopped = paused(GPT2Stepper(model), vocabulary, plan, after)
    kept = stopped.state
    assert kept.index == after and kept.text == "".join(s.text for s in first) and kept.bytes > 0
    rest, _, again = run(GPT2Stepper(model, kept.cache), vocabulary, plan, start=kept, **STILL)
    assert numbers(first + rest) == numbers(whole)
    assert (again.text, again.tokens, again.reason) == (end.text, end.tokens, end.reason)


def test_one_step_at_a_time_writes_what_one_run_writes(tiny):
    model, vocabulary = tiny
    whole, _, _ = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **SETTINGS), **STILL)
    kept, steps = None, []
    for n in range(1, 21):
        stepper = GPT2Stepper(model, kept.cache if kept else None)
        plan = plan_of(vocabulary, **(SETTINGS | {"max_new_tokens": n}))
        one, _, end = run(stepper, vocabulary, plan, start=kept, **STILL)
        steps, kept = steps + one, end.state
    assert numbers(steps) == numbers(whole)


@pytest.mark.parametrize("index", [0, 1, 5, 19, 20])
def test_a_run_that_is_rewound_writes_the_same_again(tiny, index):
    model, vocabulary = tiny
    plan = plan_of(vocabulary, **SETTINGS)
    whole, _, end = run(GPT2Stepper(model), vocabulary, plan, **STILL)
    kept = end.state.rewind(index)
    assert kept.tokens == tuple(s.token_id for s in whole[:index])
    again, _, _ = run(GPT2Stepper(model, kept.cache), vocabulary, plan, start=kept, **STILL)
    assert numbers(again) == numbers(whole[index:])


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
@pytest.mark.parametrize("index", [0, 4])
def test_a_fork_writes_the_forced_token_and_goes_on_from_it(tiny, search, index):
    model, vocabulary = tiny
    plan = plan_of(vocabulary, **(SETTINGS | {"search": search, "num_beams": 3}))
    whole, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **SETTINGS), **STILL)
    forced = whole[index].candidates[-1].token_id
    kept = end.state.rewind(index, forced)
    fork, _, _ = run(GPT2Stepper(model, kept.cache), vocabulary, plan, start=kept, **STILL)
    assert (fork[0].index, fork[0].token_id, fork[0].random) == (index, forced, None)
    best, worst = whole[index].candidates[0], whole[index].candidates[-1]
    assert fork[0].logprob == pytest.approx(worst.logit - best.logit + math.log(best.raw_probability), abs=1e-4)
    written = [*plan.input_ids, *(s.token_id for s in whole[:index]), forced]
    with torch.no_grad():
        logits = model(torch.tensor([written])).logits[0, -1]
    assert {c.token_id: c.logit for c in fork[1].candidates} == pytest.approx(
        {c.token_id: float(logits[c.token_id]) for c in fork[1].candidates}, abs=1e-3)  # fmt: skip


def test_a_kept_state_serves_many_runs(tiny):
    model, vocabulary = tiny
    plan = plan_of(vocabulary, **SETTINGS)
    _, stopped = paused(GPT2Stepper(model), vocabulary, plan, 5)
    kept = stopped.state
    length = kept.cache.get_seq_length()
    runs = [numbers(run(GPT2Stepper(model, kept.cache), vocabulary, plan, start=kept, **STILL)[0]) for _ in range(3)]
    assert runs[0] == runs[1] == runs[2] and kept.cache.get_seq_length() == length


def test_a_cache_that_cannot_be_cut_is_computed_again_with_progress(tiny):
    model, vocabulary = tiny

    class Uncut(GPT2Stepper):
        def crop(self, length):
            return length == 0 and super().crop(0)

        def fork(self):
            return Uncut(self.model, super().fork().cache)

    plan = plan_of(vocabulary, **SETTINGS)
    whole, _, end = run(Uncut(model), vocabulary, plan, **STILL)
    kept = end.state.rewind(6)
    events = list(decode(Uncut(model, kept.cache), vocabulary, plan, run_id="run", start=kept, **STILL))
    assert [e.done for e in events if isinstance(e, Progress)] == [0, 1, 2, 3, 4, 5]
    assert numbers([e for e in events if isinstance(e, TokenStep)]) == numbers(whole[6:])
    stopped = decode(Uncut(model, kept.cache), vocabulary, plan, run_id="run", start=kept, **STILL)
    next(stopped)
    assert stopped.send(Reason.USER).reason is Reason.USER


@pytest.mark.parametrize("after", [1, 4])
def test_a_paused_beam_search_goes_on_with_all_its_rows(tiny, after):
    model, vocabulary = tiny
    plan = plan_of(vocabulary, search="beam", num_beams=3, max_new_tokens=10, eos_token_ids=(60, 61))
    whole, beams, end = run(GPT2Stepper(model), vocabulary, plan, **STILL)
    first, stopped = paused(GPT2Stepper(model), vocabulary, plan, after)
    kept = stopped.state
    assert stopped.text == kept.text and kept.beams is not None and kept.bytes > 0
    rest, more, again = run(GPT2Stepper(model, kept.cache), vocabulary, plan, start=kept, **STILL)
    assert [b.beams for b in (*first, *more)] == [b.beams for b in beams]
    assert numbers(rest) == numbers(whole) and again.text == end.text


@pytest.mark.parametrize("changed", [{"search": "greedy"}, {"search": "beam", "num_beams": 2}])
def test_a_paused_beam_search_can_go_on_with_another_search_from_its_best_row(tiny, changed):
    model, vocabulary = tiny
    settings = {"search": "beam", "num_beams": 4, "max_new_tokens": 9}
    _, stopped = paused(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **settings), 4)
    kept = stopped.state
    steps, _, end = run(
        GPT2Stepper(model, kept.cache), vocabulary, plan_of(vocabulary, **(settings | changed)), start=kept
    )
    assert [s.index for s in steps] == [4, 5, 6, 7, 8] and end.text.startswith(kept.text)


def test_a_finished_beam_search_can_be_forked_at_any_token(tiny):
    model, vocabulary = tiny
    _, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="beam", num_beams=3, max_new_tokens=8))
    kept = end.state.rewind(3)
    steps, _, _ = run(
        GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="greedy", max_new_tokens=6), start=kept
    )
    with torch.no_grad():
        favourite = int(model(torch.tensor([[1, 5, 9, *kept.tokens]])).logits[0, -1].argmax())
    assert steps[0].index == 3 and steps[0].token_id == favourite


def test_text_that_waited_for_a_stop_string_is_not_lost_by_a_pause(tiny):
    model, vocabulary = tiny
    whole, _, _ = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="greedy"))
    stop = "".join(s.piece for s in whole[2:5])
    settings = {"search": "greedy", "stop_strings": (stop + "never",)}
    plain, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **settings), **STILL)
    for after in range(1, 12):
        first, stopped = paused(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **settings), after)
        kept = stopped.state
        rest, _, again = run(
            GPT2Stepper(model, kept.cache), vocabulary, plan_of(vocabulary, **settings), start=kept, **STILL
        )
        assert numbers(first + rest) == numbers(plain) and again.text == end.text
        assert stopped.text == "".join(s.piece for s in first)


def test_a_run_goes_on_past_the_stop_string_that_ended_it(tiny):
    model, vocabulary = tiny
    whole, _, _ = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, search="sample", temperature=2.0))
    settings = {"search": "sample", "temperature": 2.0, "stop_strings": (whole[2].piece,)}
    first, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **settings))
    assert end.reason is Reason.STOP_STRING and end.state.stopped
    plan = plan_of(vocabulary, **(settings | {"stop_strings": ()}))
    rest, _, again = run(GPT2Stepper(model, end.state.cache), vocabulary, plan, start=end.state)
    assert [s.token_id for s in first + rest] == [s.token_id for s in whole]
    assert again.text == end.text + "".join(s.piece for s in rest)


@pytest.mark.parametrize("index", [-1, 21])
def test_a_step_that_is_not_there_cannot_be_gone_back_to(tiny, index):
    model, vocabulary = tiny
    _, _, end = run(GPT2Stepper(model), vocabulary, plan_of(vocabulary, **SETTINGS))
    with pytest.raises(PlaygroundError, match=f"0 to 20, got {index}"):
        end.state.rewind(index)


@pytest.mark.parametrize("search", ["sample", "beam"])
def test_events_are_numbered_and_turns_surround_nothing_but_computing(tiny, search):
    model, vocabulary = tiny
    inside, turns = [False], [0]

    class Turn:
        def __enter__(self):
            inside[0], turns[0] = True, turns[0] + 1

        def __exit__(self, *_):
            inside[0] = False

    plan = plan_of(vocabulary, **(SETTINGS | {"search": search, "num_beams": 2}))
    events = []
    for event in decode(GPT2Stepper(model), vocabulary, plan, run_id="run", seq=5, turn=Turn):
        assert not inside[0], "nobody holds the device while the consumer looks"
        events.append(event)
    assert [e.seq for e in events] == list(range(5, 5 + len(events))) and isinstance(events[-1], Finished)
    assert turns[0] == len([e for e in events if isinstance(e, BeamStep if search == "beam" else TokenStep)])
