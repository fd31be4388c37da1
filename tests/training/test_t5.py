"""The T5 lesson against transformers' T5, against itself after an interruption, and against arithmetic."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from playground.errors import PlaygroundError
from playground.panels import Bars, Text
from playground.training import t5
from playground.training._pairs import UNK
from playground.training.t5 import EOS, PAD, SENTINEL, SENTINELS, SPECIAL, T5, Config, NGram, corrupt, mend
from tests.conftest import ROOT
from tests.training import text_lessons

TINY = Config(task="spans", repeats=0, vocab_size=320, n_layer=2, n_head=2, n_embd=32, block_size=24, batch_size=4,
              steps=8, warmup=2, eval_every=4, held_out=0.2)  # fmt: skip
WORDS = replace(TINY, task="pronunciation", held_out=0.02)


@pytest.fixture
def config(corpus: Path) -> Config:
    return replace(TINY, corpus=str(corpus))


def run(config: Config, **given: Any) -> Any:
    return text_lessons.run(t5, config, **given)


# ── against transformers ─────────────────────────────────────────────────────


def test_our_t5_computes_what_transformers_t5_computes_with_the_same_weights(config: Config, tmp_path: Path):
    from transformers import AutoTokenizer, T5ForConditionalGeneration

    _, _, live = run(config)
    text_lessons.shaken(live.model)
    t5.export(tmp_path / "model", live, torch.float32)
    theirs, loading = T5ForConditionalGeneration.from_pretrained(
        tmp_path / "model", dtype=torch.float32, output_loading_info=True
    )
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    text = "The owl<extra_id_0> in the wood."
    assert tokenizer(text)["input_ids"] == [*live.tokenizer.encode(text).ids, EOS] == live.task.ask(text)
    rng = np.random.default_rng(0)
    pairs = [corrupt(rng.integers(len(SPECIAL), 300, n).tolist(), 0.3, 3, rng) for n in (200, 40)]  # past 128 places
    inputs, outputs = t5.collate(pairs)
    labels = outputs.masked_fill(outputs == PAD, -100)
    with torch.no_grad():
        ours = live.model(inputs, outputs)
        out = theirs.eval()(input_ids=inputs, attention_mask=(inputs != PAD).long(), labels=labels)
    torch.testing.assert_close(ours[outputs != PAD], out.logits[outputs != PAD], rtol=0, atol=1e-4)
    assert t5._loss(live.model, inputs, outputs, bf16=False)[0].item() == pytest.approx(out.loss.item(), rel=1e-5)


def test_the_likeliest_output_is_the_one_transformers_generates(config: Config, tmp_path: Path):
    from transformers import T5ForConditionalGeneration

    _, _, live = run(replace(config, steps=40, learning_rate=5e-3))
    t5.export(tmp_path / "model", live, torch.float32)
    theirs = T5ForConditionalGeneration.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    inputs = torch.tensor([live.task.ask("The owl<extra_id_0> wood. It was a good<extra_id_1>, and")])
    expected = theirs.generate(inputs, max_new_tokens=12, do_sample=False, num_beams=1)[0].tolist()
    ours = t5.sample(live.model, inputs, count=12)[0]
    assert ours == [t for t in expected[1:] if t != EOS]


@pytest.mark.parametrize("both_ways", [True, False])
def test_distances_fall_into_the_buckets_that_transformers_gives_them(both_ways: bool):
    from transformers.models.t5.modeling_t5 import T5Attention

    distance = torch.arange(-300, 301)
    theirs = T5Attention._relative_position_bucket(distance, both_ways, t5.BUCKETS, t5.FARTHEST)
    assert torch.equal(t5.bucket(distance, both_ways), theirs)


def test_the_decoder_sees_nothing_of_what_comes_after_and_the_encoder_all():
    torch.manual_seed(0)
    model = T5(TINY)
    x, y = torch.randint(len(SPECIAL), 300, (1, 9)), torch.randint(len(SPECIAL), 300, (1, 10))
    other_y, other_x = y.clone(), x.clone()
    other_y[0, 6], other_x[0, 8] = 40, 40
    with torch.no_grad():
        before = model(x, y)
        after = model(x, other_y)
        torch.testing.assert_close(before[:, :7], after[:, :7])
        assert not torch.allclose(before[:, 7:], after[:, 7:])
        assert (model(other_x, y) - before).abs().amax(-1).min() > 1e-6


# ── span corruption ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(("rate", "length"), [(0.15, 3), (0.5, 1), (0.9, 20), (0.01, 1), (0.15, 1.5)])
def test_span_corruption_can_be_undone(rate: float, length: float):
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 8, 63, 400):
        ids = rng.integers(len(SPECIAL), 500, n).tolist()
        for _ in range(20):
            assert mend(corrupt(ids, rate, length, rng)) == ids


def test_spans_hide_the_rate_and_have_the_mean_length_and_never_touch():
    ids = list(range(100, 200))
    gaps, first = [], set()
    for seed in range(200):
        inputs, targets = corrupt(ids, 0.15, 3, np.random.default_rng(seed))
        marks = [t for t in inputs if t5.is_sentinel(t)]
        assert marks == list(range(SENTINEL, SENTINEL + 5))  # 15 tokens in gaps of 3
        assert [t for t in targets if t5.is_sentinel(t)] == [*marks, SENTINEL + 5]
        assert not any(t5.is_sentinel(a) and t5.is_sentinel(b) for a, b in zip(inputs, inputs[1:], strict=False))
        assert inputs[-1] == targets[-1] == EOS
        lengths = [len(gap) for gap in t5.split_spans(targets).values()][:-1]
        assert sum(lengths) == 15 and min(lengths) >= 1
        gaps += lengths
        first.add(inputs.index(SENTINEL))
    assert len(set(gaps)) > 5
    assert 0 in first and len(first) > 20  # a text may begin with a gap


def test_span_corruption_of_a_worked_example():
    pair = ([50, SENTINEL, 53, SENTINEL + 1, EOS], [SENTINEL, 51, 52, SENTINEL + 1, 54, SENTINEL + 2, EOS])
    assert mend(pair) == [50, 51, 52, 53, 54]
    assert t5.split_spans([57, SENTINEL, 58, EOS, 59]) == {SENTINEL: [58]}  # before a mark and after the end: nothing


def test_more_gaps_than_marks_are_never_cut():
    _, targets = corrupt(list(range(100, 612)), 0.5, 1, np.random.default_rng(0))
    assert [t for t in targets if t5.is_sentinel(t)] == list(range(SENTINEL, SENTINEL + SENTINELS))


# ── the baseline, by hand ────────────────────────────────────────────────────


def test_the_ngram_takes_the_longest_context_it_has_seen_and_the_smaller_token_at_a_tie():
    ngram = NGram([((1, 2), 7), ((1, 2), 7), ((1, 2), 8), ((1, 3), 9), ((1, 3), 9), ((4, 2), 6)])
    assert ngram.guess((1, 2)) == 7
    assert ngram.guess((1, 9)) == 7  # after 1: 7 twice, 9 twice, 8 once
    assert ngram.guess((9, 9)) == 7  # of all: 7 and 9 twice
    assert ngram.accuracy([((1, 2), 7), ((4, 5), 6), ((1, 3), 7), ((0, 0), 9)]) == 0.5


def test_ngrams_of_spans_read_the_two_tokens_before_each_hidden_one(config: Config):
    pair = ([50, SENTINEL, 53, SENTINEL + 1, EOS], [SENTINEL, 51, 52, SENTINEL + 1, 54, SENTINEL + 2, EOS])
    assert t5.Spans(config).examples(pair) == [((50, PAD), 51), ((51, 50), 52), ((53, 52), 54)]


def test_ngrams_of_spans_count_every_token_of_the_texts_that_are_trained_on(config: Config):
    spans = t5.Spans(config)
    counted = spans.counted()
    assert len(counted) == sum(map(len, spans.docs))
    a, b, c = spans.docs[0][:3].tolist()
    assert counted[:3] == [((PAD, PAD), a), ((a, PAD), b), ((b, a), c)]


def test_ngrams_of_words_read_letters_at_the_phonemes_place_and_the_phoneme_before():
    words = t5.Pronunciations(WORDS)
    (pair,) = [words._pair("ox", "AA K S")]
    o, x, aa, k, s = pair[0][:2] + pair[1][:3]
    assert words.examples(pair) == [((o, PAD, x, PAD), aa), ((x, aa, PAD, o), k), ((PAD, k, PAD, x), s)]


# ── words and their sounds ───────────────────────────────────────────────────


def test_no_held_out_word_is_trained_on_in_any_of_its_pronunciations():
    words = t5.Pronunciations(WORDS)
    name = words.tokenizer.id_to_token
    trained = {"".join(map(name, x[:-1])) for x, _ in words.pairs(0)}
    assert len(words.held_words) > 1000
    assert trained.isdisjoint(words.held_words)
    assert trained | set(words.held_words) == words.spoken.keys()


def test_letters_and_phonemes_are_tokens_and_a_strange_letter_is_unknown():
    words = t5.Pronunciations(WORDS)
    encode = words.tokenizer.encode
    assert encode("ch").tokens == ["c", "h"]
    assert encode("CH AH").tokens == ["CH", "AH"]
    assert encode("é").ids == [UNK]
    assert words.show([*encode("tea").ids, EOS], [*encode("T IY").ids, EOS]) == "tea: T IY"


def test_a_word_counts_as_exact_in_each_of_its_pronunciations_and_in_no_other():
    words = t5.Pronunciations(WORDS)
    ids = lambda text: words.tokenizer.encode(text).ids
    asked = [[*ids("a"), EOS]] * 3
    assert words.exact(asked, [ids("AH"), ids("EY"), ids("OW")]) == pytest.approx(2 / 3)


def test_a_run_on_words_shows_their_sounds_and_how_many_are_exact():
    *_, last = t5.train(replace(WORDS, steps=2, eval_every=2), torch.Generator())
    assert last.panels["sample"].text.startswith("playground:")
    assert "words_exact" in last.scalars
    assert 0.5 < last.scalars["ngram_accuracy"] < 1


# ── training ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(config: Config, optimizer: str, tmp_path: Path):
    config = replace(config, optimizer=optimizer)
    losses, whole, _ = run(config)
    first, _, _ = run(config, checkpoint=(3, tmp_path / "checkpoint"))
    second, resumed, _ = run(config, start=tmp_path / "checkpoint")
    assert first + second == losses
    assert whole.keys() == resumed.keys()
    for name in whole:
        assert torch.equal(whole[name], resumed[name]), name


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(config: Config):
    assert run(config)[0] == run(config)[0]
    assert run(config)[0] != run(replace(config, seed=1))[0]


def test_the_loss_begins_near_the_log_of_the_vocabulary_and_falls_below_half_of_it(config: Config):
    losses, _, live = run(replace(config, steps=150, learning_rate=5e-3, batch_size=16))
    start = math.log(live.config.vocab_size)
    assert losses[0] == pytest.approx(start, abs=1)
    assert np.mean(losses[-5:]) < start / 2


def test_every_pair_of_a_pass_is_in_one_batch_and_batches_hold_pairs_of_like_length():
    rng = np.random.default_rng(0)
    pairs = [([9] * n, [9]) for n in rng.integers(1, 30, 640)]
    found = t5.batches(pairs, 16, seed=0, epoch=0)
    flat = [i for batch in found for i in batch]
    assert len(flat) == len(set(flat)) == 640
    spread = [max(len(pairs[i][0]) for i in b) - min(len(pairs[i][0]) for i in b) for b in found]
    assert np.mean(spread) < 3
    assert found != t5.batches(pairs, 16, seed=0, epoch=1)


def test_a_step_shows_the_gap_filled_in_and_the_held_out_accuracy_beside_the_ngrams(config: Config):
    *_, last = t5.train(config, torch.Generator().manual_seed(0))
    bars = last.panels["next token right"]
    assert isinstance(bars, Bars) and isinstance(last.panels["held-out answers"], Text)
    assert last.panels["sample"].text.startswith("The sky is[")
    assert bars.values == (last.scalars["held_out_accuracy"], last.scalars["ngram_accuracy"])
    assert "live" not in last.to_json()
    json.dumps(last.to_json())


def test_sampling_with_the_same_generator_gives_the_same_output(config: Config):
    _, _, live = run(config)
    inputs = torch.tensor([live.task.ask("The<extra_id_0>.")])
    draw = lambda seed: t5.sample(live.model, inputs, torch.Generator().manual_seed(seed), 12, temperature=1.0)
    assert draw(1) == draw(1) != draw(2)


def test_a_learning_rate_that_is_too_high_stops_with_a_sentence_that_names_it(config: Config):
    with pytest.raises(PlaygroundError, match=r"at step \d+ .*1e\+09.*diverged. Lower the learning rate"):
        run(replace(config, learning_rate=1e9, steps=50, warmup=1))


def test_a_width_that_the_heads_do_not_divide_is_refused_with_both_numbers():
    with pytest.raises(PlaygroundError, match=r"width \(32\).*heads \(5\)"):
        T5(replace(TINY, n_head=5))


def test_a_corpus_that_is_not_there_and_one_without_texts_are_named(config: Config, tmp_path: Path):
    with pytest.raises(PlaygroundError, match="nowhere"):
        t5.Spans(replace(config, corpus="nowhere"))
    with pytest.raises(PlaygroundError, match="no text to train on"):
        t5.Spans(replace(config, corpus=str(tmp_path)))


@pytest.mark.parametrize(
    "text", ["a", "🙂🙃🐈" * 20, "كان القط في البيت وكان الكلب في الحديقة", "\x00\x07 b", "שלום. " * 50]
)
def test_texts_of_one_character_of_emoji_and_from_right_to_left_are_trained_on(text: str, tmp_path: Path):
    (tmp_path / "own.txt").write_text(text, encoding="utf-8")
    losses, _, _ = run(replace(TINY, corpus=str(tmp_path), steps=2))
    assert len(losses) == 2 and all(map(math.isfinite, losses))


@pytest.mark.parametrize("text", ["", "   \n "])
def test_empty_texts_are_refused_with_one_sentence(text: str, tmp_path: Path):
    (tmp_path / "own.txt").write_text(text, encoding="utf-8")
    with pytest.raises(PlaygroundError, match="no text to train on"):
        run(replace(TINY, corpus=str(tmp_path)))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "playground.training.t5", *arguments]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("task", ["spans", "pronunciation"])
def test_the_command_line_prints_one_object_a_step_and_the_same_ones_again(task: str):
    arguments = ("--steps", "3", "--seed", "5", "--json", "--task", task, "--batch-size", "4", "--n-layer", "1")
    first = command(*arguments)
    assert first.returncode == 0, first.stderr
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert all(line["event"] == "train" and line["loss"] > 0 for line in lines)
    if task == "spans":
        again = command(*arguments)
        assert [line["loss"] for line in lines] == [json.loads(line)["loss"] for line in again.stdout.splitlines()]


def test_the_command_line_answers_bad_values_with_one_sentence_and_no_traceback():
    done = command("--task", "poetry", "--json")
    assert done.returncode == 2
    assert done.stderr.strip() == "t5: task must be one of spans, pronunciation, got 'poetry'."


def test_the_help_lists_every_knob():
    shown = command("--help").stdout
    for name in Config.__dataclass_fields__:
        assert "--" + name.replace("_", "-") in shown


def test_the_command_line_trains_checkpoints_goes_on_and_exports(corpus: Path, tmp_path: Path):
    common = ["--corpus", str(corpus), "--repeats", "0", "--vocab-size", "320", "--n-layer", "1", "--n-embd", "32",
              "--block-size", "16", "--json", "--checkpoint", str(tmp_path / "c")]  # fmt: skip
    assert command(*common, "--steps", "2").returncode == 0
    done = command(*common, "--steps", "4", "--export", str(tmp_path / "model"))
    assert [json.loads(line)["step"] for line in done.stdout.splitlines()] == [3, 4], done.stderr
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {p.name for p in (tmp_path / "model").iterdir()}
    again = command(*common, "--steps", "4", "--until", "4", "--export", str(tmp_path / "again"))
    assert again.stdout == "" and (tmp_path / "again" / "config.json").exists(), again.stderr
