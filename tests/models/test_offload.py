"""Parts of a picture model that take turns on a device, because they do not fit there together."""

from pathlib import Path
from typing import Any

import pytest
import torch

from playground.errors import PlaygroundError
from playground.models import _offload
from playground.models._any import opened
from tests.denoising.conftest import plan, run
from tests.models import tiny_pictures

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
GB = 10**9


@pytest.mark.parametrize(("sizes", "free", "turns"), [
    ([1 * GB, 2 * GB], None, False),  # a device without memory of its own
    ([1 * GB, 2 * GB], 4 * GB, False),
    ([1 * GB, 2 * GB], 4 * GB - 1, True),
    ([1 * GB, 2 * GB], 3 * GB, True),
])  # fmt: skip
def test_parts_take_turns_where_they_do_not_fit_together(sizes: list[int], free: int | None, turns: bool) -> None:
    assert _offload.in_turn(sizes, free) is turns


def test_a_part_that_does_not_fit_alone_is_refused_with_figures() -> None:
    with pytest.raises(PlaygroundError, match=r"takes 2\.0 GB and about 1 GB to compute with.* has 2\.5 GB free"):
        _offload.in_turn([1 * GB, 2 * GB], 5 * GB // 2)


@pytest.mark.parametrize("kind", tiny_pictures.KINDS)
def test_a_model_whose_parts_take_turns_makes_the_same_pictures(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_pictures.folder(kind, tmp_path / "tiny")
    whole = opened(folder)
    wanted = plan(whole)
    _, expected = run(whole, wanted)
    monkeypatch.setattr(_offload, "free_bytes", lambda device: _offload.ROOM_BYTES + whole.bytes - 1)
    turned = opened(folder)
    assert not hasattr(whole.vae, "_hf_hook")
    came: list[str] = []

    def noted(module: Any, name: str) -> None:
        before = module._hf_hook.pre_forward

        def forward(*given: Any, **more: Any) -> Any:
            came.append(name)
            return before(*given, **more)

        module._hf_hook.pre_forward = forward

    for name, module in (("words", turned.encoders.modules[0]), ("denoiser", turned.denoiser), ("vae", turned.vae)):
        noted(module, name)
    left: list[str] = []
    for name, module in (("denoiser", turned.denoiser), ("vae", turned.vae)):
        monkeypatch.setattr(module._hf_hook, "init_hook", lambda given, n=name: left.append(n) or given)
    _, latents = run(turned, plan(turned))
    assert torch.equal(latents, expected)
    assert torch.equal(turned.decode(latents), whole.decode(latents))
    assert came[0] == "words" and came[-1] == "vae"
    assert left[-1] == "vae", "it stays where the next run's words are to be read"
    pictures = whole.decode(latents)
    assert torch.equal(turned.encode_pictures(pictures), whole.encode_pictures(pictures))
    assert left[-1] == "vae" and left.count("vae") == 2
    assert came.count("denoiser") >= 6
    previous = turned.vae._hf_hook.prev_module_hook
    assert previous is not None, "nothing makes room for the autoencoder"
