"""What a view makes of frames: one snapshot, many small ones, holes, runs that follow each other."""

import json
from itertools import pairwise

from tests.views.recorded import Writer, frame


def test_one_snapshot_draws_what_forty_small_frames_drew(stages):
    started, steps, finished = Writer().run(40)
    one, many = stages(), stages()
    one.feed(frame(started, steps, 40, finished))
    for end in range(1, 41):
        many.feed(frame(started, steps[end - 1 : end], end))
    many.feed(frame(started, [], 40, finished))
    one.settle()
    assert one.chips.count() == 40
    assert many.picture() == one.picture()
    assert not one.problems + many.problems


def test_overlapping_and_repeated_frames_change_nothing(stages):
    started, steps, _ = Writer().run(30)
    one, many = stages(), stages()
    one.feed(frame(started, steps, 30))
    for start, end in pairwise([0, 10, 18, 30]):
        many.feed(frame(started, steps[max(0, start - 5) : end], end))
    many.feed(frame(started, steps[3:9], 30))
    assert many.chips.count() == 30
    assert many.page.locator(".pg-flow").inner_text() == one.page.locator(".pg-flow").inner_text()
    assert many.sent("resync") == []


def test_a_gap_asks_once_for_everything_from_the_first_missing_step(stage):
    started, steps, _ = Writer().run(60)
    stage.feed(frame(started, steps[:5], 5), frame(started, steps[20:30], 30), frame(started, steps[30:32], 32))
    assert stage.sent("resync") == [{"run": "run-1", "from": 6}]
    stage.feed(frame(started, steps[5:40], 40))
    assert stage.chips.count() == 40
    assert stage.sent("resync") == [{"run": "run-1", "from": 6}]


def test_a_tab_opened_at_step_45_rebuilds_itself_from_one_frame_and_a_resync(stages):
    started, steps, _ = Writer().run(60)
    late, whole = stages(), stages()
    late.feed(frame(started, steps[10:45], 45))
    assert late.sent("resync") == [{"run": "run-1", "from": 1}]
    late.feed(frame(started, steps[:45], 45))
    whole.feed(frame(started, steps[:45], 45))
    assert late.picture() == whole.picture()


def test_a_remounted_view_keeps_the_sliders_it_was_told(stage):
    started, steps, finished = Writer().run(10)
    stage.feed(frame(started, steps, 10, finished)).move(temperature=1.7)
    stage.page.evaluate("() => window.remount()")
    stage.settle()
    assert stage.page.locator(".pg-columns[data-moved]").count() == 1


def test_a_new_run_replaces_the_shown_one_and_its_opened_token(stage):
    first, second = Writer(run_id="a"), Writer(seed=9, run_id="b")
    started, steps, finished = first.run(20)
    stage.feed(frame(started, steps, 20, finished)).select(3)
    assert stage.text(".pg-where") == "step 4 of 20"
    started, steps, _ = second.run(6)
    stage.feed(frame(started, steps, 6))
    assert stage.chips.count() == 6
    assert stage.text(".pg-where") == "step 6 of 6"


def test_a_forked_run_shows_the_tokens_before_the_fork_as_its_parent_wrote_them(stage):
    writer = Writer(run_id="parent")
    started, steps, finished = writer.run(12)
    stage.feed(frame(started, steps, 12, finished))
    child = {**started, "run_id": "child", "parent": "parent", "parent_index": 5}
    own = [{**step, "run_id": "child", "seq": step["seq"] - 5} for step in steps[5:8]]
    stage.feed(frame(child, own, 3))
    shown = [label.split(",")[0] for label in stage.chips.evaluate_all("all => all.map(c => c.ariaLabel)")]
    assert len(shown) == 8
    assert stage.sent("resync") == []


def test_an_error_without_a_run_leaves_what_is_shown(stage):
    started, steps, finished = Writer().run(8)
    error = "top_k must be 0 (off) or more, got -3"
    stage.feed(frame(started, steps, 8, finished), frame(None, [], 0, None, state="error", error=error))
    assert stage.chips.count() == 8
    assert stage.text(".pg-error") == error


def test_the_end_is_said_in_plain_words(stage):
    started, steps, finished = Writer().run(3)
    ends = {
        "eos": "ended the text itself", "max_new_tokens": "length limit", "context_full": "context window",
        "time_limit": "time limit", "user": "by you", "new_input": "new message",
    }  # fmt: skip
    for reason, words in ends.items():
        stage.feed(frame(started, steps, 3, {**finished, "reason": reason}))
        assert words in stage.text(".pg-state")


def test_loading_shows_bytes_and_a_bar_and_a_queue_its_place(stage):
    progress = {"stage": "Downloading", "done": 43e6, "total": 270e6, "unit": "B"}
    stage.feed(frame(Writer().started(), [], 0, None, state="loading", progress=progress))
    assert stage.text(".pg-state") == "Downloading 43 of 270\u00a0MB"
    assert stage.page.locator(".pg-progress").get_attribute("aria-valuenow") == "16"
    stage.feed(frame(Writer().started(), [], 0, None, state="queued", queued=3))
    assert stage.text(".pg-state") == "Waiting for a turn: place 3"


def test_the_downloaded_run_is_what_was_received(stage, tmp_path):
    started, steps, finished = Writer().run(5)
    stage.feed(frame(started, steps, 5, finished))
    with stage.page.expect_download() as download:
        stage.page.get_by_role("button", name="Download run (JSON)").click()
    download.value.save_as(tmp_path / "run.json")
    run = json.loads((tmp_path / "run.json").read_text())
    assert run == {"started": started, "events": steps, "finished": finished}
