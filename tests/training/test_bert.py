"""The BERT lesson against transformers' BERT, against itself after an interruption, and against arithmetic."""

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
from playground.training import _texts, bert
from playground.training.bert import BERT, CLS, HIDDEN, MASK, PAD, SEP, SPECIAL, UNK, Config, NGram, mask_tokens
from tests.conftest import ROOT
from tests.training import text_lessons

TINY = Config(repeats=0, vocab_size=200, n_layer=2, n_head=2, n_embd=32, block_size=24, batch_size=4, steps=8, warmup=2,
              eval_every=4, held_out=0.2)  # fmt: skip


@pytest.fixture
def config(corpus: Path) -> Config:
    return replace(TINY, corpus=str(corpus))


def run(config: Config, **given: Any) -> Any:
    return text_lessons.run(bert, config, **given)


# ── against transformers ─────────────────────────────────────────────────────


def test_our_bert_computes_what_transformers_bert_computes_with_the_same_weights(config: Config, tmp_path: Path):
    from transformers import AutoTokenizer, BertForMaskedLM

    _, _, live = run(config)
    text_lessons.shaken(live.model)
    bert.export(tmp_path / "model", live, torch.float32)
    theirs, loading = BertForMaskedLM.from_pretrained(tmp_path / "model", dtype=torch.float32, output_loading_info=True)
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    texts = ["The owl sat in the [MASK]. It", "A cat [MASK]"]
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    ids, real = batch["input_ids"], batch["attention_mask"].bool()
    assert ids[0].tolist() == live.tokenizer.encode(texts[0]).ids
    assert tokenizer.mask_token_id == MASK and tokenizer.pad_token_id == PAD and (ids[1] == PAD).any()
    with torch.no_grad():
        ours = live.model(ids)
        logits = theirs.eval()(ids, attention_mask=real.long()).logits
        hidden = theirs.bert(ids, attention_mask=real.long()).last_hidden_state
    torch.testing.assert_close(ours[real], logits[real], rtol=0, atol=1e-4)
    torch.testing.assert_close(live.model.read(ids)[real], hidden[real], rtol=0, atol=1e-4)


def test_padding_changes_nothing_for_the_tokens_before_it():
    torch.manual_seed(0)
    model = BERT(TINY)
    text_lessons.shaken(model)
    ids = torch.randint(len(SPECIAL), 200, (1, 10))
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=torch.long)], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(model(padded)[:, :10], model(ids))


def test_every_place_sees_what_stands_before_and_after_it():
    torch.manual_seed(0)
    model = BERT(TINY)
    text_lessons.shaken(model)
    ids = torch.randint(len(SPECIAL), 200, (1, 10))
    with torch.no_grad():
        before = model(ids)
        for changed in (0, 9):
            other = ids.clone()
            other[0, changed] = len(SPECIAL) + (other[0, changed] + 1) % 100
            assert (model(other) - before).abs().amax(-1).min() > 1e-6


# ── hiding tokens ────────────────────────────────────────────────────────────


def test_of_fifteen_percent_chosen_tokens_80_are_masked_10_swapped_10_kept():
    ids = np.random.default_rng(0).integers(len(SPECIAL), 1000, (400, 500))
    inputs, labels = mask_tokens(ids, 0.15, 1000, np.random.default_rng(1))
    chosen = labels != HIDDEN
    n = chosen.sum()
    close = lambda part, of, p: abs(part / of - p) < 4 * math.sqrt(p * (1 - p) / of)  # four standard errors
    assert close(n, ids.size, 0.15)
    assert close((inputs[chosen] == MASK).sum(), n, 0.8)
    kept = (inputs[chosen] == ids[chosen]).sum()
    assert close(kept, n, 0.1 + 0.1 / 995)  # a swap draws the same token once in 995
    assert (inputs[~chosen] == ids[~chosen]).all()
    assert (labels[chosen] == ids[chosen]).all()
    swapped = inputs[chosen & (inputs != MASK) & (inputs != ids)]
    assert swapped.min() >= len(SPECIAL) and swapped.max() < 1000 and len(set(swapped.tolist())) > 900


def test_special_tokens_are_never_hidden_and_one_other_token_always_is():
    ids = np.array([[CLS, SEP, 77, SEP, PAD, UNK]])
    for seed in range(200):
        inputs, labels = mask_tokens(ids, 0.01, 200, np.random.default_rng(seed))
        assert (labels != HIDDEN).tolist() == [[False, False, True, False, False, False]]
        assert inputs[0, [0, 1, 3, 4, 5]].tolist() == [CLS, SEP, SEP, PAD, UNK]


def test_the_loss_counts_hidden_places_only():
    torch.manual_seed(0)
    model = BERT(TINY)
    ids = torch.randint(len(SPECIAL), 200, (2, 12))
    labels = torch.full_like(ids, HIDDEN)
    labels[0, 3], labels[1, 7] = 50, 60
    loss, _ = bert._loss(model, ids, labels, bf16=False)
    logprobs = model(ids).log_softmax(-1)
    assert loss.item() == pytest.approx(-(logprobs[0, 3, 50] + logprobs[1, 7, 60]).item() / 2, rel=1e-5)


# ── the baseline, by hand ────────────────────────────────────────────────────

A, B, C, D, E = range(len(SPECIAL), len(SPECIAL) + 5)


def rows(*docs: list[int]) -> list[np.ndarray]:
    return [np.array([*doc, SEP]) for doc in docs]


def test_the_ngram_takes_what_stood_oftenest_between_the_two_neighbours():
    ngram = NGram(rows([A, B, C], [A, B, C], [A, D, C], [D, D, D, D, D]), 20)
    assert ngram.guess(A, C) == B
    assert ngram.guess(SEP, B) == A  # a text begins after a [SEP]
    assert ngram.guess(B, SEP) == C


def test_the_ngram_multiplies_both_sides_where_the_pair_was_never_seen():
    # nothing stood between A and E. After A: B twice, D once. Before E: D twice, C once. In all: B 2, C 1, D 3, E 3
    ngram = NGram(rows([A, B], [A, B], [A, D], [D, E], [D, E], [C, E]), 20)
    k, v = 0.1, 20
    score = {B: (2 + k) / (3 + k * v) * (0 + k) / (2 + k * v), D: (1 + k) / (3 + k * v) * (2 + k) / (3 + k * v),
             C: (0 + k) / (3 + k * v) * (1 + k) / (1 + k * v)}  # fmt: skip
    assert ngram.guess(A, E) == max(score, key=lambda t: score[t]) == D


def test_the_ngram_leaves_out_a_neighbour_that_is_hidden_itself():
    ngram = NGram(rows([A, B], [A, B], [A, D], [C, D], [C, D], [E, D]), 20)
    assert ngram.guess(A, MASK) == B  # p(B | A) = 2.1/5, p(D | A) = 1.1/5
    assert ngram.guess(MASK, D) == C


def test_the_ngrams_accuracy_is_counted_over_the_hidden_places():
    ngram = NGram(rows([A, B, C], [A, B, C]), 20)
    inputs = np.array([[CLS, A, MASK, C], [CLS, MASK, B, C]])
    labels = np.array([[HIDDEN, HIDDEN, B, HIDDEN], [HIDDEN, D, HIDDEN, HIDDEN]])
    assert ngram.accuracy(inputs, labels) == 0.5  # B is right; it says A where D was


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


def test_the_loss_begins_at_the_log_of_the_vocabulary_and_falls_by_a_quarter_and_more(config: Config):
    losses, _, live = run(replace(config, steps=150, learning_rate=5e-3, batch_size=16))
    start = math.log(live.config.vocab_size)
    assert losses[0] == pytest.approx(start, abs=0.4)
    assert np.mean(losses[-5:]) < start * 0.75


def test_a_step_shows_the_gap_filled_in_and_the_held_out_accuracy_beside_the_ngrams(config: Config):
    *_, last = bert.train(config, torch.Generator().manual_seed(0))
    gap, filled = last.panels["gap"], last.panels["gaps filled"]
    assert isinstance(gap, Bars) and isinstance(filled, Bars) and isinstance(last.panels["held-out text"], Text)
    assert list(gap.values) == sorted(gap.values, reverse=True) and 0 < sum(gap.values) <= 1
    assert filled.values == (last.scalars["held_out_accuracy"], last.scalars["ngram_accuracy"])
    assert "live" not in last.to_json()
    json.dumps(last.to_json())


def test_held_out_texts_are_never_trained_on_and_the_split_does_not_move(config: Config):
    train, held = _texts.documents(config)
    assert held
    assert set(train).isdisjoint(held)
    assert _texts.documents(replace(config, seed=9)) == (train, held)


def test_filling_in_gives_a_distribution_for_each_gap_and_refuses_a_text_without_one(config: Config):
    _, _, live = run(config)
    first, second = bert.fill(live.model, live.tokenizer, "The [MASK] sat in the [MASK].", top=200)
    assert first != second
    assert sum(first[1]) == pytest.approx(1, abs=1e-4)
    with pytest.raises(PlaygroundError, match=r"no \[MASK\] in 'The owl'"):
        bert.fill(live.model, live.tokenizer, "The owl")
    (only,) = bert.fill(live.model, live.tokenizer, "a hen " * 100 + "[MASK]" + " a hen" * 100)
    assert len(only[0]) == 6


def test_a_learning_rate_that_is_too_high_stops_with_a_sentence_that_names_it(config: Config):
    with pytest.raises(PlaygroundError, match=r"at step \d+ .*1e\+09.*diverged. Lower the learning rate"):
        run(replace(config, learning_rate=1e9, steps=50, warmup=1))


def test_a_width_that_the_heads_do_not_divide_is_refused_with_both_numbers():
    with pytest.raises(PlaygroundError, match=r"width \(32\).*heads \(5\)"):
        BERT(replace(TINY, n_head=5))


def test_a_corpus_that_is_not_there_and_one_without_texts_are_named(config: Config, tmp_path: Path):
    with pytest.raises(PlaygroundError, match="nowhere"):
        _texts.documents(replace(config, corpus="nowhere"))
    with pytest.raises(PlaygroundError, match="no text to train on"):
        _texts.documents(replace(config, corpus=str(tmp_path)))


@pytest.mark.parametrize(
    "text", ["a", "🙂🙃🐈" * 20, "كان القط في البيت وكان الكلب في الحديقة", "\x00\x07 b", "שלום. " * 50]
)
def test_texts_of_one_character_of_emoji_and_from_right_to_left_are_trained_on(text: str, tmp_path: Path):
    (tmp_path / "own.txt").write_text(text, encoding="utf-8")
    losses, _, live = run(replace(TINY, corpus=str(tmp_path), steps=2))
    assert len(losses) == 2 and all(map(math.isfinite, losses))
    assert live.config.vocab_size <= 200


@pytest.mark.parametrize("text", ["", "   \n ", "\x00\x07"])
def test_texts_without_a_word_are_refused_with_one_sentence(text: str, tmp_path: Path):
    (tmp_path / "own.txt").write_text(text, encoding="utf-8")
    with pytest.raises(PlaygroundError, match=r"no text to train on|hold no character"):
        run(replace(TINY, corpus=str(tmp_path)))


# ── the tokenizer ────────────────────────────────────────────────────────────


def test_the_tokenizer_is_the_same_in_every_process_and_knows_frequent_words_whole():
    program = (
        "import json; from playground.training._texts import documents; from playground.training.bert import *; "
        + ("print(json.dumps(train_tokenizer(documents(Config())[0], 1024).get_vocab(), sort_keys=True))")
    )
    runs = [subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True) for _ in "ab"]
    first, again = (done.stdout for done in runs)
    assert first == again
    vocab = json.loads(first)
    assert len(vocab) == 1024 and [vocab[s] for s in SPECIAL] == [0, 1, 2, 3, 4]
    assert {"the", "sky", "blue"} <= vocab.keys()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "playground.training.bert", *arguments]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True)


def test_the_command_line_prints_one_object_a_step_and_the_same_ones_again(corpus: Path):
    arguments = ("--steps", "3", "--seed", "5", "--json", "--corpus", str(corpus), "--repeats", "0")
    first, again = command(*arguments), command(*arguments)
    assert first.returncode == 0, first.stderr
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert all(line["event"] == "train" and line["loss"] > 0 for line in lines)
    assert [line["loss"] for line in lines] == [json.loads(line)["loss"] for line in again.stdout.splitlines()]


def test_the_command_line_answers_bad_values_with_one_sentence_and_no_traceback():
    done = command("--steps", "0", "--json")
    assert done.returncode == 2
    assert done.stderr.strip() == "bert: steps must be 1 to 100000, got 0."


def test_the_help_lists_every_knob():
    shown = command("--help").stdout
    for name in Config.__dataclass_fields__:
        assert "--" + name.replace("_", "-") in shown


def test_the_command_line_trains_checkpoints_goes_on_and_exports(corpus: Path, tmp_path: Path):
    common = ["--corpus", str(corpus), "--repeats", "0", "--vocab-size", "200", "--n-layer", "1", "--n-embd", "32",
              "--block-size", "16", "--json", "--checkpoint", str(tmp_path / "c")]  # fmt: skip
    assert command(*common, "--steps", "2").returncode == 0
    done = command(*common, "--steps", "4", "--export", str(tmp_path / "model"))
    assert [json.loads(line)["step"] for line in done.stdout.splitlines()] == [3, 4], done.stderr
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {p.name for p in (tmp_path / "model").iterdir()}
    again = command(*common, "--steps", "4", "--until", "4", "--export", str(tmp_path / "again"))
    assert again.stdout == "" and (tmp_path / "again" / "config.json").exists(), again.stderr
