"""The GPT lesson against transformers' GPT-2, against itself after an interruption, and against arithmetic."""

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from playground.errors import PlaygroundError
from playground.panels import Bars, Text
from playground.training import gpt
from playground.training.gpt import GPT, Config
from tests.conftest import ROOT
from tests.training import text_lessons

TINY = Config(repeats=0, vocab_size=300, n_layer=2, n_head=2, n_embd=32, block_size=24, batch_size=4, steps=8, warmup=2,
              eval_every=4, held_out=0.2)  # fmt: skip


@pytest.fixture
def config(corpus: Path) -> Config:
    return replace(TINY, corpus=str(corpus))


def run(config: Config, **given: Any) -> Any:
    return text_lessons.run(gpt, config, **given)


def test_our_gpt_computes_what_transformers_gpt2_computes_with_the_same_weights(config: Config, tmp_path: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _, _, live = run(config)
    text_lessons.shaken(live.model)
    gpt.export(tmp_path / "model", live, torch.float32)
    theirs, loading = AutoModelForCausalLM.from_pretrained(
        tmp_path / "model", dtype=torch.float32, output_loading_info=True
    )
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    ids = tokenizer("The owl sat in the wood. It", return_tensors="pt")["input_ids"]
    assert ids[0].tolist() == [0, *live.tokenizer.encode("The owl sat in the wood. It").ids]  # as every text begins
    with torch.no_grad():
        torch.testing.assert_close(live.model(ids), theirs.eval()(ids).logits, rtol=0, atol=2e-5)
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == "The owl sat in the wood. It"
    assert tokenizer.eos_token_id == 0


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


def test_the_loss_begins_at_the_log_of_the_vocabulary_and_falls_below_half_of_it(config: Config):
    losses, _, live = run(replace(config, steps=80, learning_rate=5e-3))
    start = math.log(live.config.vocab_size)
    assert losses[0] == pytest.approx(start, abs=0.15)
    assert losses[-1] < start / 2


def test_no_position_sees_what_comes_after_it():
    torch.manual_seed(0)
    model = GPT(TINY)
    ids = torch.randint(0, 300, (1, 10))
    other = ids.clone()
    other[0, 6:] = (other[0, 6:] + 1) % 300
    with torch.no_grad():
        a, b = model(ids), model(other)
    torch.testing.assert_close(a[:, :6], b[:, :6])
    assert not torch.allclose(a[:, 6:], b[:, 6:])


def test_the_learning_rate_rises_stays_and_falls_as_worked_out_by_hand():
    config = replace(TINY, steps=100, warmup=10, decay=0.5, learning_rate=1.0)
    rates = [gpt.learning_rate(config, step) for step in (0, 4, 9, 30, 50, 75, 99)]
    assert rates == pytest.approx([0.1, 0.5, 1, 1, 1, 0.5, 0.02])


def test_with_lines_apart_a_prompt_may_end_in_a_line_break_or_an_indentation():
    docs = ["def f(x):\n    if x:\n        return x\n    return 0", "a = 1"] * 20
    tokenizer = gpt.train_tokenizer(docs, 320, lines=True)
    whole = tokenizer.encode(docs[0]).ids
    for end in (len("def f(x):\n"), len("def f(x):\n    "), len("def f(x):\n    if x:\n        ")):
        start = tokenizer.encode(docs[0][:end]).ids
        assert whole[: len(start)] == start
    assert tokenizer.encode("\n        ").tokens == ["Ċ", "Ġ" * 8]
    assert tokenizer.decode(whole) == docs[0]
    joined = gpt.train_tokenizer(docs, 320)
    start = joined.encode(docs[0][: len("def f(x):\n")]).ids
    assert joined.encode(docs[0]).ids[: len(start)] != start  # without it, the last token of such a prompt is another


def test_held_out_texts_are_never_trained_on_and_the_split_does_not_move(config: Config):
    train, held = gpt.documents(config)
    assert held
    assert set(train).isdisjoint(held)
    assert gpt.documents(config) == (train, held)
    assert gpt.documents(replace(config, seed=9)) == (train, held)


def test_repeats_multiply_the_projects_own_texts_in_training_only(config: Config):
    once, held_once = gpt.documents(replace(config, repeats=1))
    thrice, held_thrice = gpt.documents(replace(config, repeats=3))
    foreign = len(gpt.documents(config)[0])
    assert len(thrice) - foreign == 3 * (len(once) - foreign) > 0
    assert held_once == held_thrice


def test_a_step_shows_a_sample_and_the_watched_words_as_probabilities(config: Config):
    *_, last = gpt.train(config, torch.Generator().manual_seed(0))
    assert isinstance(last.panels["sample"], Text)
    bars = last.panels["next word"]
    assert isinstance(bars, Bars)
    assert bars.labels == (" blue", " potato")
    assert all(0 < p < 1 for p in bars.values)
    assert "live" not in last.to_json()


def test_a_checkpoint_that_could_not_be_written_leaves_the_last_one_whole(config, tmp_path, monkeypatch):
    import safetensors.torch

    folder = tmp_path / "checkpoint"
    run(config, checkpoint=(3, folder))
    _, _, live = run(config)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(safetensors.torch, "save_file", full)
        with pytest.raises(OSError, match="No space left"):
            gpt.save_checkpoint(folder, live)
    assert json.loads((folder / "training.json").read_text())["step"] == 3
    assert len(run(config, start=folder)[0]) == config.steps - 3


def test_a_checkpoint_in_the_first_format_still_loads_and_goes_on_bit_for_bit(config: Config, tmp_path: Path):
    """Before, the text lessons wrote their checkpoints themselves: the same names, and no history."""
    from safetensors.torch import save_file

    config = replace(config, optimizer="muon")
    losses, whole, _ = run(config)
    for step in gpt.train(config, torch.Generator().manual_seed(config.seed)):
        if step.step == 3:
            live = step.live
            tensors = {f"model.{k}": v for k, v in live.model.state_dict().items()}
            for i, optimizer in enumerate(live.optimizers):
                for j, state in optimizer.state_dict()["state"].items():
                    tensors |= {f"optimizer.{i}.{j}.{k}": torch.as_tensor(v) for k, v in state.items()}
            save_file({k: v.contiguous() for k, v in tensors.items()}, tmp_path / "state.safetensors")
            live.tokenizer.save(str(tmp_path / "tokenizer.json"))
            (tmp_path / "training.json").write_text(json.dumps({"step": 3, "config": asdict(live.config)}))
            break
    rest, resumed, _ = run(config, start=tmp_path)
    assert rest == losses[3:]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_checkpoint_of_another_model_is_refused_with_both_values(config: Config, tmp_path: Path):
    run(config, checkpoint=(1, tmp_path / "c"))
    with pytest.raises(PlaygroundError, match=r"n_layer = 2, this run has 3"):
        run(replace(config, n_layer=3), start=tmp_path / "c")


def test_a_learning_rate_that_is_too_high_stops_with_a_sentence_that_names_it(config: Config):
    with pytest.raises(PlaygroundError, match=r"at step \d+ .*1e\+09.*diverged. Lower the learning rate"):
        run(replace(config, learning_rate=1e9, steps=50, warmup=1))


def test_a_corpus_that_is_not_there_and_one_without_texts_are_named(config: Config, tmp_path: Path):
    with pytest.raises(PlaygroundError, match="nowhere"):
        gpt.documents(replace(config, corpus="nowhere"))
    with pytest.raises(PlaygroundError, match="no text to train on"):
        gpt.documents(replace(config, corpus=str(tmp_path)))


def test_a_width_that_the_heads_do_not_divide_is_refused_with_both_numbers():
    with pytest.raises(PlaygroundError, match=r"width \(32\).*heads \(5\)"):
        GPT(replace(TINY, n_head=5))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "playground.training.gpt", *arguments]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True)


def test_the_command_line_prints_one_object_a_step_and_the_same_ones_again():
    arguments = ("--steps", "3", "--seed", "5", "--json")
    first, again = command(*arguments), command(*arguments)
    assert first.returncode == 0, first.stderr
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert all(line["event"] == "train" and line["loss"] > 0 for line in lines)
    assert [line["loss"] for line in lines] == [json.loads(line)["loss"] for line in again.stdout.splitlines()]


def test_the_command_line_answers_bad_values_with_one_sentence_and_no_traceback():
    done = command("--steps", "0", "--json")
    assert done.returncode == 2
    assert done.stderr.strip() == "gpt: steps must be 1 to 100000, got 0."


def test_the_command_line_trains_checkpoints_goes_on_and_exports(corpus: Path, tmp_path: Path):
    common = ["--corpus", str(corpus), "--repeats", "0", "--vocab-size", "300", "--n-layer", "1", "--n-embd", "32",
              "--block-size", "16", "--json", "--checkpoint", str(tmp_path / "c")]  # fmt: skip
    assert command(*common, "--steps", "2").returncode == 0
    done = command(*common, "--steps", "4", "--export", str(tmp_path / "model"))
    assert [json.loads(line)["step"] for line in done.stdout.splitlines()] == [3, 4], done.stderr
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {p.name for p in (tmp_path / "model").iterdir()}
