"""What the Pixels tab says of a picture before it begins."""

from typing import Any

import pytest

from playground import fields
from playground.events import Finished, Notice, Progress, Queued, Reason, Started
from playground.manager import ModelManager
from playground.modalities import pixels


@pytest.mark.parametrize(("values", "said"), [
    ({"prompt": "sunflower"}, ""),
    ({"prompt": ""}, ""),
    ({"prompt": "sunflower", "search": "greedy"}, "The likeliest picture is a blank one"),
    ({"prompt": "sunflower", "search": "beam"}, "The likeliest picture is a blank one"),
    ({"prompt": "sunflower", "temperature": 0.0}, "The likeliest picture is a blank one"),
    ({"prompt": "\U0001f600 zzqx"}, "The model knows none of these words"),
])  # fmt: skip
def test_what_one_should_know_of_a_picture_is_said_before_it_begins(values: dict[str, Any], said: str) -> None:
    manager = ModelManager("own")
    settings = fields.build(pixels.Settings, fields.defaults(pixels.Settings) | {"max_new_tokens": 3, **values})
    events = list(pixels.generate(settings, manager))
    told = [(number, event.text) for number, event in enumerate(events) if isinstance(event, Notice)]
    begun = next(number for number, event in enumerate(events) if isinstance(event, Started))
    assert isinstance(events[-1], Finished)
    assert all(number < begun for number, _ in told)
    assert [text.startswith(said) for _, text in told] == ([True] if said else [])
    stopped = pixels.generate(settings, manager)
    assert isinstance(next(stopped), Progress | Queued | Notice | Started)
    end = stopped.send(Reason.USER)
    while not isinstance(end, Finished):
        end = stopped.send(Reason.USER)
    assert end.reason is Reason.USER
    manager.close()
