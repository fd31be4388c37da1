"""What the computer is asked, and the answers that are believed."""

from pathlib import Path

import psutil
import pytest
import torch

from playground.manager import ModelManager, _machine
from playground.manager._turns import available_cores
from playground.models._weights import place
from tests.models import tiny


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("16Gi", 16 * 2**30),
        ("16GB", 16 * 10**9),
        ("512Mi", 512 * 2**20),
        ("1048576\n", 2**20),
        ("max\n", None),
        ("", None),
    ],
)
def test_amounts_of_memory_are_read(text: str, count: int | None) -> None:
    assert _machine.parse_bytes(text) == count


def test_the_containers_limit_counts_where_it_is_lower_than_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEMORY", raising=False)
    host = psutil.virtual_memory().total
    assert _machine.memory_limit(str(tmp_path)) == host
    limit = tmp_path / "sys/fs/cgroup/memory.max"
    limit.parent.mkdir(parents=True)
    limit.write_text("max\n")
    assert _machine.memory_limit(str(tmp_path)) == host
    limit.write_text(f"{host // 3}\n")
    assert _machine.memory_limit(str(tmp_path)) == host // 3
    older = tmp_path / "sys/fs/cgroup/memory/memory.limit_in_bytes"
    older.parent.mkdir(parents=True)
    older.write_text(f"{host // 4}\n")
    assert _machine.memory_limit(str(tmp_path)) == host // 4
    monkeypatch.setenv("MEMORY", "100Mi")
    assert _machine.memory_limit(str(tmp_path)) == 100 * 2**20


def test_a_spaces_cores_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # where it is set, it caps what we take
    monkeypatch.setenv("CPU_CORES", "3")
    assert available_cores() == 3
    monkeypatch.delenv("CPU_CORES")
    assert 1 <= available_cores() <= (psutil.cpu_count() or 1)


@pytest.mark.parametrize(
    ("stored", "device", "bf16", "dtype"),
    [
        ("float16", "cpu", True, "float32"),
        ("bfloat16", "cpu", False, "float32"),
        ("bfloat16", "cpu", True, "bfloat16"),
        ("float32", "cpu", True, "float32"),
        ("float16", "cuda", True, "float16"),
        ("bfloat16", "cuda", False, "float32"),
        ("bfloat16", "mps", False, "float16"),
    ],
)
def test_the_dtype_follows_what_the_device_can(stored: str, device: str, bf16: bool, dtype: str) -> None:
    assert _machine.choose_dtype(stored, device, bf16) == dtype


def test_bfloat16_is_measured_not_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, speed = 0.0, {torch.float32: 1.0, torch.bfloat16: 5.0}
    product = torch.Tensor.__matmul__

    def timed(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        nonlocal now
        now += speed[left.dtype]
        return product(left, right)

    monkeypatch.setattr(torch.Tensor, "__matmul__", timed)
    monkeypatch.setattr(_machine.time, "perf_counter", lambda: now)
    assert not _machine.bf16_pays("cpu")
    speed[torch.bfloat16] = 0.5
    assert _machine.bf16_pays("cpu")
    assert not _machine.bf16_pays("mps")


def test_what_one_device_cannot_hold_is_placed_by_accelerate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.adapter(tiny.folder(tmp_path))
    ids = torch.tensor([[1, 2, 3]])
    expected = model.stepper().prefill(ids)[0]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1000, 1000))  # a device with 1 kB free
    model.module = place(model.module, "cuda")
    assert model.module.hf_device_map, "the weights were not placed by accelerate"
    torch.testing.assert_close(model.stepper().prefill(ids)[0], expected)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_is_flat_over_twenty_five_cycles_of_loading_and_unloading() -> None:
    manager = ModelManager("class", dtype="float32")
    after: list[int] = []
    for _ in range(25):
        list(manager.load("tales"))
        manager.unload("tales")
        after.append(psutil.Process().memory_info().rss)
    assert manager.memory().resident_bytes == 0
    assert after[24] - after[4] <= 50e6
    manager.close()
