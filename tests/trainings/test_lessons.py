"""The six lessons themselves, small: bit for bit the same after a rewind, and a sentence where they diverge."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from playground.errors import PlaygroundError
from playground.manager import ModelManager
from playground.room import Room
from playground.trainings import Training, Trainings
from tests.page.fake import PATIENCE_S
from tests.trainings.fake import TOKEN

WORDS = {"n_layer": 1, "n_head": 2, "n_embd": 16, "block_size": 16, "batch_size": 2, "vocab_size": 300,
         "eval_every": 6}  # fmt: skip
POINTS = {"data": "moons", "examples": 64, "width": 8, "batch_size": 8, "look_every": 4}
SMALL: dict[str, dict[str, Any]] = {
    "gpt": WORDS,
    "bert": WORDS,
    "t5": WORDS | {"task": "pronunciation"},
    "vae": POINTS,
    "gan": POINTS,
    "diffusion": POINTS | {"data": "shapes", "size": 8, "timesteps": 20, "sampling_steps": 4},
}
MINUTES_S = 6 * PATIENCE_S  # reading the texts takes a while on a busy machine


@contextmanager
def trainings(**options: Any) -> Iterator[Trainings]:
    manager = ModelManager("class", 4 * 10**9)
    made = Trainings(Room(manager), **options)
    try:
        yield made
    finally:
        made.close()
        assert manager.memory().reserved_bytes == 0


def until(training: Training, *states: str) -> None:
    """Wait, as somebody who looks."""
    with training.watched(), training.changed:
        assert training.changed.wait_for(lambda: training.state in states, MINUTES_S), training.state


def weights(live: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in live.model.state_dict().items()}


def last(training: Training) -> dict[str, Any]:
    """The last moment of its timeline, without what a clock measured."""
    entry: dict[str, Any] = json.loads(training.record.timeline.since(0)[1][-1])
    entry["scalars"] = {name: value for name, value in entry["scalars"].items() if not name.endswith("_per_s")}
    assert entry["panels"]
    return entry


@pytest.mark.parametrize("lesson", SMALL)
def test_a_lesson_that_is_rewound_ends_with_the_very_weights_and_samples_it_had(lesson: str) -> None:
    with trainings(timer=lambda: 0.0) as made:  # a timer that stands still: nothing costs too much
        training = made.of(TOKEN).start(lesson, SMALL[lesson] | {"steps": 12})
        until(training, "finished", "error")
        assert training.state == "finished", training.record.error
        before, shown = training.call(weights), last(training)
        loss = training.record.series["loss"].points
        middle = min((s for s in training.record.rewindable if 0 < s < 12), key=lambda s: abs(s - 6))
        for step in (middle, 0):
            training.rewind(step)
            assert training.record.step == step
            training.resume()
            until(training, "finished", "error")
            after = training.call(weights)
            assert all(torch.equal(before[name], after[name]) for name in before)
            assert training.record.series["loss"].points == loss
            assert last(training) == shown
        training.stop()
        until(training, "finished")
        kept = training.call(weights)  # from the disk
        assert all(torch.equal(before[name], kept[name]) for name in before)


@pytest.mark.parametrize("lesson", SMALL)
def test_a_learning_rate_of_a_billion_ends_in_a_sentence(lesson: str) -> None:
    with trainings() as made:
        training = made.of(TOKEN).start(lesson, SMALL[lesson] | {"steps": 300, "learning_rate": 1e9})
        until(training, "finished", "error")
        assert training.state == "error"
        assert training.record.error is not None
        assert "Lower the learning rate" in training.record.error
        assert training.record.rewindable[0] == 0
        for step in training.record.rewindable[1:]:  # what is kept can be gone on from
            training.rewind(step)
            assert all(torch.isfinite(v).all() for v in training.call(weights).values())


def test_a_page_cannot_name_a_place_on_the_server() -> None:
    with trainings() as made:
        for name in ("corpus", "folder", "points"):
            with pytest.raises(PlaygroundError, match=f"'{name}' cannot be set"):
                made.of(TOKEN).start("gpt" if name == "corpus" else "vae", {name: "/etc"})
        with pytest.raises(PlaygroundError, match="no lesson called 'nonsense'"):
            made.of(TOKEN).start("nonsense")
        with pytest.raises(PlaygroundError, match="must be a multiple of the heads"):
            made.of(TOKEN).start("gpt", {"n_embd": 16, "n_head": 3})
        assert made.of(TOKEN).training is None


def test_a_run_too_large_for_the_budget_is_refused_with_both_figures() -> None:
    manager = ModelManager("class", 50 * 10**6)
    made = Trainings(Room(manager))
    training = made.of(TOKEN).start("gpt", {"n_layer": 12, "n_embd": 768, "n_head": 12})
    until(training, "error")
    assert training.record.error is not None
    assert "GPT needs about" in training.record.error
    assert "50 MB are free" in training.record.error
    made.close()
