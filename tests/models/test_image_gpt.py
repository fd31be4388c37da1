"""A tiny random ImageGPT as the Hub has them, through the page's adapter: against transformers' own `generate`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from playground import fields
from playground.errors import PlaygroundError
from playground.events import Finished, TokenStep
from playground.manager import ModelManager
from playground.modalities import pixels
from playground.models import _image_gpt

COUNT, SIDE = 30, 8


def folder(place: Path, clusters: list[Any] | None = None) -> Path:
    """Configuration, weights and colours; no tokenizer."""
    from transformers import ImageGPTConfig, ImageGPTForCausalImageModeling

    torch.manual_seed(0)
    config = ImageGPTConfig(vocab_size=COUNT + 1, n_positions=SIDE * SIDE, n_embd=16, n_layer=2, n_head=2)
    ImageGPTForCausalImageModeling(config).save_pretrained(place)
    given = torch.rand(COUNT, 3).mul(2).sub(1).tolist() if clusters is None else clusters
    (place / "preprocessor_config.json").write_text(json.dumps({"clusters": given}))
    return place


def written(place: Path, **values: Any) -> list[Any]:
    manager = ModelManager("own")
    asked = {"model": str(place), "prompt": "", "max_new_tokens": SIDE * SIDE, "search": "greedy", **values}
    events = list(pixels.generate(fields.build(pixels.Settings, asked), manager))
    manager.close()
    return events


def test_a_picture_without_a_prompt_is_what_generate_draws(tmp_path: Path) -> None:
    from transformers import ImageGPTForCausalImageModeling

    place = folder(tmp_path / "igpt")
    events = written(place)
    steps = [event for event in events if isinstance(event, TokenStep)]
    assert isinstance(events[-1], Finished) and len(steps) == SIDE * SIDE
    module = ImageGPTForCausalImageModeling.from_pretrained(place).eval()
    begin = torch.tensor([[COUNT]])
    wanted = module.generate(begin, max_new_tokens=SIDE * SIDE - 1, do_sample=False, pad_token_id=0)[0, 1:].tolist()
    assert [step.token_id for step in steps][:-1] == wanted
    names = _image_gpt.colours(place)
    assert events[-1].text == "".join(names[step.token_id] for step in steps)


def test_the_beginning_of_a_picture_is_gone_on_with(tmp_path: Path) -> None:
    place = folder(tmp_path / "igpt")
    names = _image_gpt.colours(place)
    events = written(place, prompt=f"{names[3]} {names[7]}\n{names[3].upper()}", max_new_tokens=4)
    started = next(event for event in events if hasattr(event, "prompt_tokens") and hasattr(event, "settings"))
    assert [token.token_id for token in started.prompt_tokens] == [COUNT, 3, 7, 3]
    assert written(place, prompt="a cat", max_new_tokens=4)[-1].text == written(place, max_new_tokens=4)[-1].text


def test_the_token_that_begins_a_picture_is_never_written(tmp_path: Path) -> None:
    place = folder(tmp_path / "igpt")
    for seed in range(4):
        events = written(place, search="sample", temperature=2.0, top_k=0, top_p=1.0, seed=seed, max_new_tokens=20)
        assert COUNT not in [event.token_id for event in events if isinstance(event, TokenStep)]


def test_colours_that_round_to_one_are_told_apart(tmp_path: Path) -> None:
    names = _image_gpt.colours(folder(tmp_path / "igpt", [[0.0, 0.0, 0.0], [0.0001, 0.0, 0.0], [1.0, -1.0, 2.0]]))
    assert names == ["#808080", "#808081", "#ff00ff"]


@pytest.mark.parametrize("clusters", [[], [[1.0, 2.0]], "text", [[None, 1, 2]], [[0.0, 0.1, 0.2]] * 3])
def test_colours_that_are_none_or_too_few_are_refused(tmp_path: Path, clusters: Any) -> None:
    with pytest.raises(PlaygroundError, match="colours"):
        written(folder(tmp_path / "igpt", clusters))
