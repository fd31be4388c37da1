"""The training pictures beside a model: which are nearest, and how near."""

from pathlib import Path

import pytest
import torch

from playground.models import _neighbours


def test_the_nearest_training_pictures_are_found_by_hand_too(tmp_path: Path) -> None:
    latents = torch.randn(20, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    _neighbours.save(tmp_path, latents, [f"thing {i}" for i in range(20)])
    known = _neighbours.of(tmp_path)
    assert known is not None
    mine = latents[7:8] + 0.1
    found = known.nearest(mine)
    apart = ((latents - mine) ** 2).mean((1, 2, 3)) ** 0.5
    assert [name for name, _, _ in found] == [f"thing {i}" for i in apart.argsort()[:3].tolist()]
    assert [d for _, d, _ in found] == pytest.approx(apart.sort().values[:3].tolist(), abs=0.02)
    assert (found[0][2] - latents[7:8]).abs().max() <= 4 / 127 / 2 + 1e-6
    others = torch.cdist(latents.flatten(1), latents.flatten(1)) / 256**0.5 + torch.eye(20) * 99
    assert known.typical == pytest.approx(float(others.min(1).values.sort().values[10]), abs=0.02)
    assert known.nearest(torch.zeros(1, 4, 4, 4)) == []
    assert _neighbours.of(tmp_path / "nowhere") is None


@pytest.mark.parametrize("broken", ["", "[]", '{"names": ["one"], "typical": 1}', '{"names": 3, "typical": "x"}'])
def test_a_model_whose_neighbours_cannot_be_read_works_without_them(tmp_path: Path, broken: str) -> None:
    _neighbours.save(tmp_path, torch.zeros(2, 4, 8, 8), ["one", "two"])
    assert _neighbours.of(tmp_path) is not None
    (tmp_path / _neighbours.NAMES).write_text(broken)
    assert _neighbours.of(tmp_path) is None
    _neighbours.save(tmp_path, torch.zeros(2, 4, 8, 8), ["one", "two"])
    (tmp_path / _neighbours.FILE).write_bytes(b"no tensors")
    assert _neighbours.of(tmp_path) is None
