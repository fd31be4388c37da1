"""Start, hold, one step, stop, rewind, and what happens when nobody looks: with a lesson whose steps need leave."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from playground.building import BUILDING
from playground.errors import PlaygroundError
from playground.people import Limits, Person, Quotas
from playground.trainings._training import DEFECT, TEACHER
from playground.visits import Bounds, Visits
from tests.manager.fakes import MB
from tests.page.fake import PATIENCE_S
from tests.trainings.fake import OTHER, TOKEN, Config, World, became, gone, reached, world


@pytest.fixture
def here() -> Iterator[World]:
    with world() as made:
        yield made


def values(steps: int, start: float = 1.0) -> list[float]:
    """What the lesson's number is after each step, by hand."""
    found = []
    for step in range(1, steps + 1):
        start = start * 1.1 + step
        found.append(start)
    return found


def alive() -> list[str]:
    """The trainings' threads that are left."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("training")]


def settled(here: World, expected: int) -> None:
    """Nothing more is computed than so many steps."""
    time.sleep(0.3)
    assert here.fake.computed == expected


def test_a_run_goes_on_to_its_end_and_has_every_step_in_its_curve(here: World) -> None:
    here.fake.open()
    training = here.start(20)
    became(training, "finished")
    frame = here.frame()
    assert frame["state"] == "finished"
    assert frame["step"] == frame["steps"] == 20
    assert frame["series"]["loss"] == [[i + 1, pytest.approx(v)] for i, v in enumerate(values(20))]
    assert not frame["resumable"]
    assert frame["rewindable"][0] == 0
    assert frame["rewindable"][-1] == 20


def test_pause_holds_after_the_step_that_is_being_made_and_one_step_is_one(here: World) -> None:
    training = here.start(20)
    here.fake.allow(3)
    reached(training, 3)
    training.pause()
    here.fake.allow(5)  # one is used: the fourth step has begun already
    became(training, "paused")
    assert here.frame()["step"] == 4
    assert here.frame()["held"]
    settled(here, 4)
    training.step()
    became(training, "paused")
    reached(training, 5)
    settled(here, 5)
    here.fake.open()
    training.resume()
    became(training, "finished")
    assert [v for _, v in here.frame()["series"]["loss"]] == pytest.approx(values(20))
    assert here.fake.opened == [""]  # what was held was never read from the disk


def test_stop_ends_within_one_step_and_gives_everything_back(here: World) -> None:
    training = here.start(20)
    here.fake.allow(3)
    reached(training, 3)
    assert here.manager.memory().reserved_bytes == 10 * MB
    training.stop()
    here.fake.allow(5)
    gone(training)
    assert here.fake.computed <= 4
    assert here.manager.memory().reserved_bytes == 0
    assert alive() == []
    assert here.room.jobs() == []
    frame = here.frame()
    assert (frame["state"], frame["resumable"], frame["held"]) == ("paused", True, False)
    assert frame["rewindable"][-1] == frame["step"]
    here.fake.open()
    training.resume()
    became(training, "finished")
    assert [v for _, v in here.frame()["series"]["loss"]] == pytest.approx(values(20))
    assert here.fake.opened[1:] == [f"step-{frame['step']:07d}"]


def test_a_run_that_nobody_looks_at_leaves_a_checkpoint_and_computes_no_more(here: World) -> None:
    training = here.start(20)
    with training.watched():
        here.fake.allow(2)
        reached(training, 2)
        here.clock.now += 1000  # somebody looks all the time
        here.fake.allow(1)
        reached(training, 3)
    here.clock.now += 9  # a moment longer than a run may be left alone
    here.fake.allow(5)
    gone(training)
    assert here.fake.computed == 4
    assert here.manager.memory().reserved_bytes == 0
    frame = here.frame()  # the page is back
    assert frame["state"] == "paused"
    assert frame["resumable"]
    assert "no page looked" in frame["notices"][-1]
    assert frame["rewindable"][-1] == 4
    assert len(frame["series"]["loss"]) == 4
    here.fake.open()
    training.resume()
    became(training, "finished")
    assert [v for _, v in here.frame()["series"]["loss"]] == pytest.approx(values(20))


def test_a_held_run_that_nobody_looks_at_gives_its_memory_back(here: World) -> None:
    training = here.start(20)
    here.fake.allow(1)
    reached(training, 1)
    training.pause()
    here.fake.allow(1)
    became(training, "paused")
    assert here.manager.memory().reserved_bytes == 10 * MB
    here.clock.now += 9
    gone(training)
    assert here.manager.memory().reserved_bytes == 0
    assert training.call(lambda live: live.value) == pytest.approx(values(2)[1])  # a question brings it back


def test_a_rewound_run_goes_on_as_it_would_have(here: World) -> None:
    here.fake.allow(17)
    training = here.start(20)
    reached(training, 17)
    before = here.frame()
    assert 10 in before["rewindable"]
    training.pause()
    here.fake.allow(1)
    became(training, "paused")
    training.rewind(10)
    frame = here.frame()
    assert (frame["step"], frame["state"]) == (10, "paused")
    assert [step for step, _ in frame["series"]["loss"]] == list(range(1, 11))
    assert [entry["step"] for entry in frame["checkpoints"]] == [5, 10]
    assert max(frame["rewindable"]) == 10
    here.fake.open()
    training.resume()
    became(training, "finished")
    after = here.frame()
    assert [v for _, v in after["series"]["loss"]] == pytest.approx(values(20))
    assert [e for e in after["checkpoints"] if e["step"] <= 15] == before["checkpoints"]  # samples, too


def test_a_running_run_that_is_rewound_runs_on(here: World) -> None:
    training = here.start(30)
    here.fake.allow(12)
    reached(training, 12)
    rewinding = threading.Thread(target=lambda: training.rewind(5))
    rewinding.start()
    here.fake.open()
    rewinding.join(PATIENCE_S)
    became(training, "finished")
    assert "step-0000005" in here.fake.opened
    assert [v for _, v in here.frame()["series"]["loss"]] == pytest.approx(values(30))


def test_what_is_no_checkpoint_is_refused_with_those_there_are(here: World) -> None:
    training = here.start(20)
    here.fake.allow(6)
    reached(training, 6)
    training.pause()
    here.fake.allow(1)
    became(training, "paused")
    with pytest.raises(PlaygroundError, match="no checkpoint of step 4; there are: 0, 5, 7"):
        training.rewind(4)
    training.rewind(0)
    assert here.frame()["series"]["loss"] == []


def test_a_run_that_diverges_stops_with_the_lessons_sentence_and_keeps_the_last_good_checkpoint(here: World) -> None:
    here.fake.open()
    training = here.start(20, fails_at=11)
    became(training, "error")
    gone(training)
    frame = here.frame()
    assert frame["error"] == "The loss is lost at step 11."
    assert frame["rewindable"] == [0, 5]  # that of step 10 was never seen to go on
    assert not frame["resumable"]
    assert here.manager.memory().reserved_bytes == 0
    with pytest.raises(PlaygroundError, match="has diverged: rewind"):
        training.resume()
    assert training.call(lambda live: live.step) == 5
    training.rewind(5)
    assert here.frame()["error"] is None
    training.resume()  # the same happens again
    became(training, "error")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [(RuntimeError("/secret/path"), DEFECT), (MemoryError(), "The memory ran out at step 2: train something smaller.")],
)
def test_a_step_that_breaks_is_a_sentence_without_its_text(here: World, fault: Exception, sentence: str) -> None:
    here.fake.open()
    here.fake.fault = fault
    training = here.start(20, fails_at=3)
    became(training, "error")
    assert here.frame()["error"] == sentence


def test_what_does_not_fit_is_refused_with_both_figures_before_anything_begins(here: World) -> None:
    here.fake.bytes = 120 * MB
    training = here.start()
    became(training, "error")
    gone(training)
    assert here.frame()["error"] == "Fake needs about 120 MB, 100 MB are free: train something smaller."
    assert here.fake.opened == []


def test_a_loaded_model_that_nobody_uses_goes_for_a_training(here: World) -> None:
    for _ in here.manager.load("a"):
        pass
    here.fake.bytes = 80 * MB
    here.fake.open()
    became(here.start(), "finished")
    assert here.manager.memory().resident_bytes == 0


def test_every_step_passes_the_gate_as_training(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[tuple[str, str, int | None]] = []
    whole = here.manager._gate.turn

    def turn(visit: str = "", kind: str = "generate", most: int | None = None) -> Any:
        turns.append((visit, kind, most))
        return whole(visit, kind, most)

    monkeypatch.setattr(here.manager._gate, "turn", turn)
    here.fake.open()
    became(here.start(20), "finished")
    assert len(turns) >= 20
    assert set(turns) == {(TOKEN, "train", 1)}


def test_a_training_builds_its_network_when_nobody_else_builds_one(here: World) -> None:
    here.fake.open()
    with BUILDING:
        training = here.start(5)
        time.sleep(0.3)
        assert training.record.step == 0
    became(training, "finished")


def test_two_visits_train_step_by_step_in_turn(here: World) -> None:
    first, second = here.start(50), here.start(50, token=OTHER, lesson="other")
    here.fake.open()
    here.lessons["other"].open()
    for training in (first, second):
        became(training, "finished")
    assert here.frame()["lesson"] == "fake"
    assert here.frame(OTHER)["lesson"] == "other"


def test_the_teacher_stops_a_training(here: World) -> None:
    here.trainings.of(TOKEN).person = Person(TOKEN, "1.2.3.4")
    training = here.start(20)
    here.fake.allow(2)
    reached(training, 2)
    (job,) = here.room.jobs()
    assert (job["modality"], job["steps"]) == ("train fake", 2)
    assert here.room.stop(job["id"]) == 1
    here.fake.allow(5)
    became(training, "paused")
    assert here.frame()["notices"] == [TEACHER]
    assert here.frame()["rewindable"][-1] == here.frame()["step"] <= 4
    assert here.room.jobs() == []


def test_the_seconds_of_a_guest_are_counted_and_end_a_training() -> None:
    with world("public", quotas=Quotas(Limits(running=1, queued=2, tokens=100, seconds=5))) as here:
        training = here.start(20)
        here.fake.allow(2)
        reached(training, 2)
        here.room.quotas.spent(TOKEN, 6.0)
        here.fake.allow(5)
        became(training, "paused")
        assert "seconds of computing a day" in here.frame()["notices"][-1]
        with pytest.raises(PlaygroundError, match="seconds of computing"):
            training.resume()
        with pytest.raises(PlaygroundError, match="seconds of computing"):
            here.start(20)


def test_another_lesson_of_the_same_visit_holds_the_first(here: World) -> None:
    first = here.start(20)
    here.fake.allow(3)
    reached(first, 3)
    second = here.start(20, lesson="other")
    here.fake.allow(1)
    gone(first)
    assert first.state == "paused"
    assert "Other began to train" in first.record.notices[-1]
    here.fake.open()
    first.resume()
    here.lessons["other"].allow(1)
    became(second, "paused")
    became(first, "finished")


def test_a_new_run_of_a_lesson_takes_the_place_of_the_one_before(here: World) -> None:
    first = here.start(20)
    here.fake.allow(3)
    reached(first, 3)
    here.fake.open()
    second = here.start(10)
    became(second, "finished")
    frame = here.frame()
    assert frame["run"] == second.id != first.id
    assert frame["steps"] == 10
    with pytest.raises(PlaygroundError, match="over"):
        first.resume()


def test_only_so_many_train_at_once() -> None:
    with world(at_once=1) as here:
        training = here.start(20)
        with pytest.raises(PlaygroundError, match="1 trainings go on at once"):
            here.start(20, token=OTHER)
        here.fake.open()
        became(training, "finished")
        here.lessons["other"].open()
        became(here.start(20, token=OTHER, lesson="other"), "finished")


def test_words_are_followed_from_when_they_are_asked_for(here: World) -> None:
    training = here.start(20)
    here.fake.allow(4)
    reached(training, 4)
    training.pause()
    here.fake.allow(1)
    became(training, "paused")
    training.watch_words("The", ("x", "y"))  # also while it is held
    words = here.frame()["words"]
    assert (words["prompt"], words["words"], words["steps"]) == ("The", ["x", "y"], [5])
    here.fake.open()
    training.resume()
    became(training, "finished")
    words = here.frame()["words"]
    assert words["steps"] == list(range(5, 21))
    assert words["p"][1] == pytest.approx([2 * v for v in values(20)[4:]])
    with pytest.raises(PlaygroundError, match="bad is no word"):
        training.watch_words("The", ("bad",))
    training.rewind(10)
    assert here.frame()["words"]["steps"] == list(range(5, 11))
    training.watch_words("", ())
    assert here.frame()["words"] is None


def test_a_question_is_answered_between_two_steps_and_changes_nothing(here: World) -> None:
    training = here.start(20)
    training.pause()
    here.fake.allow(1)
    became(training, "paused")
    training.rewind(0)
    with pytest.raises(PlaygroundError, match="No step has been made yet"):
        training.call(lambda live: live.value)
    here.fake.open()
    training.resume()
    reached(training, 2)
    assert training.call(lambda live: live.value) in values(20)
    with pytest.raises(PlaygroundError, match="no such thing"):
        training.call(lambda live: (_ for _ in ()).throw(PlaygroundError("no such thing")))
    with pytest.raises(PlaygroundError, match="mistake of its own"):
        training.call(lambda live: 1 / 0)
    became(training, "finished")
    assert [v for _, v in here.frame()["series"]["loss"]] == pytest.approx(values(20))


def test_gradients_by_layer_are_caught_on_the_way(here: World) -> None:
    here.fake.open()
    became(here.start(20), "finished")
    gradients = here.frame()["gradients"]
    assert gradients["layers"] == ["first", "second"]
    assert gradients["norms"] == [0.5, 1.5]


def test_a_frame_has_what_the_page_was_promised_and_brings_only_what_is_new(here: World) -> None:
    idle = here.frame()
    training = here.start(20)
    here.fake.allow(7)
    reached(training, 7)
    frame = here.frame()
    promised = {"run", "lesson", "state", "place", "notices", "error", "config", "step", "steps", "elapsed_s", "left_s",
                "version", "series", "gradients", "checkpoints", "first", "words", "saved", "resumable", "held",
                "rewindable"}  # fmt: skip
    assert set(frame) == set(idle) == promised
    assert (idle["run"], idle["state"]) == (None, "idle")
    assert frame["config"] == {"steps": 20, "seed": 3, "start": 1.0, "look_every": 5, "fails_at": 0}
    assert [e["step"] for e in frame["checkpoints"]] == [5]
    assert frame["checkpoints"][0]["panels"]["sample"]["kind"] == "text"
    here.fake.allow(4)
    reached(training, 11)
    later = here.frame(since=frame["version"])
    assert later["version"] > frame["version"]
    assert (later["first"], [e["step"] for e in later["checkpoints"]]) == (1, [10])
    here.trainings.of(TOKEN).show("fake")  # a page that turns to it anew gets all of it
    assert here.frame(since=later["version"])["first"] == 0


def test_at_the_end_nothing_is_left_of_threads_folders_and_memory() -> None:
    with world() as here:
        folder = here.trainings.workshop.path
        for token in (TOKEN, OTHER):
            reached(here.start(1000, token=token, lesson="fake" if token == TOKEN else "other"), 0)
        here.fake.open()
        here.lessons["other"].open()
        assert folder.exists()
        here.trainings.close()
        assert not folder.exists()
        assert here.manager.memory().reserved_bytes == 0
        assert here.room.jobs() == []
        assert alive() == []


def test_a_visit_that_ends_takes_its_trainings_along_but_not_one_that_trains() -> None:
    visits = Visits(Bounds(visits=1))
    with world(visits=visits) as here:
        visits.visit(TOKEN)
        training = here.start(20)
        visits.visit(OTHER)  # one too many, but the first still trains
        assert here.trainings.busy(TOKEN)
        here.fake.open()
        became(training, "finished")
        visits.visit("c" * 32)
        deadline = time.monotonic() + PATIENCE_S
        while any(here.trainings.workshop.path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not list(here.trainings.workshop.path.iterdir())
        assert here.frame()["run"] is None


def test_the_longest_away_go_when_too_many_have_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.trainings._all.MOST_VISITS", 2)
    with world() as here:
        here.fake.open()
        for token in (TOKEN, OTHER, "c" * 32):
            became(here.start(5, token=token), "finished")
        assert here.trainings.of("c" * 32).training is not None
        assert here.trainings.of(TOKEN).training is None


def test_values_that_no_lesson_takes_are_refused_and_the_run_goes_on(here: World) -> None:
    training = here.start(20)
    with pytest.raises(TypeError):
        here.start(20, nonsense=1)
    assert here.trainings.of(TOKEN).training is training
    assert Config().steps == 20
