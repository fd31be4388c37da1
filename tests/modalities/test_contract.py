"""What page, command line and API rely on, for every modality that is found."""

import dataclasses
from contextlib import closing
from types import ModuleType
from typing import Any

import pytest

from playground import fields
from playground.errors import PlaygroundError
from playground.events import BeamStep, Event, Finished, Notice, Progress, Queued, Reason, Started, TokenStep
from playground.fields import Kind, Range
from playground.modalities import offered
from playground.plugins import discover

MODALITIES = discover("playground.modalities")
BEFORE, STEPS = (Progress, Queued, Notice), (TokenStep, BeamStep)


WRITING = [name for name, module in MODALITIES.items() if getattr(module, "VIEW", "tokens") == "tokens"]


@pytest.fixture(params=WRITING)
def modality(request: pytest.FixtureRequest) -> ModuleType:
    """One whose steps are tokens."""
    return MODALITIES[request.param]


@pytest.fixture(params=MODALITIES)
def any_modality(request: pytest.FixtureRequest) -> ModuleType:
    return MODALITIES[request.param]


def run(modality: ModuleType, manager: Any, start: Any = None, **values: Any) -> list[Event]:
    settings = fields.build(modality.Settings, {"prompt": "The sky", "max_new_tokens": 12, **values})
    with closing(modality.generate(settings, manager, start)) as events:
        return list(events)


def tokens(events: list[Event]) -> list[int]:
    return [e.token_id for e in events if isinstance(e, TokenStep)]


def test_all_modalities_are_found() -> None:
    assert list(MODALITIES) == ["text", "code", "image", "pixels"]


def test_what_needs_a_model_that_is_not_in_this_copy_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    for ready, found in ((False, ["text", "code"]), (True, ["text", "code", "image", "pixels"])):
        for name in ("image", "pixels"):
            monkeypatch.setattr(MODALITIES[name], "READY", ready)
        assert list(offered()) == found


def test_a_modality_introduces_itself(any_modality: ModuleType) -> None:
    introduction = (any_modality.__doc__ or "").strip()
    assert introduction.split("\n")[0].endswith(".")
    assert len(introduction.split()) > 20
    assert isinstance(any_modality.TITLE, str) and any_modality.TITLE


def test_every_setting_is_described(any_modality: ModuleType) -> None:
    described = fields.describe(any_modality.Settings)
    assert set(described) == {f.name for f in dataclasses.fields(any_modality.Settings)}
    assert all(d.label for d in described.values())
    assert all(d.help for n, d in described.items() if n not in ("length_penalty",)), [
        n for n, d in described.items() if not d.help
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        any_modality.Settings().prompt = "other"


def test_every_filter_and_search_brings_its_settings(modality: ModuleType) -> None:
    names = set(fields.describe(modality.Settings))
    for package, what in (("filters", "Filter"), ("search", "Search")):
        for plugin in discover(f"playground.decoding.{package}").values():
            assert set(fields.describe(getattr(plugin, what))) <= names


def test_defaults_presets_and_examples_are_valid_settings(any_modality: ModuleType) -> None:
    assert fields.build(any_modality.Settings, fields.defaults(any_modality.Settings)) == any_modality.Settings()
    assert len(any_modality.PRESETS) >= 3 and len(any_modality.EXAMPLES) >= 3
    for values in (*any_modality.PRESETS.values(), *any_modality.EXAMPLES):
        fields.build(any_modality.Settings, values)
    assert all(example["prompt"] for example in any_modality.EXAMPLES)


def test_limits_name_settings_that_exist(modality: ModuleType) -> None:
    class Spec:
        context_window = 48

    ranges = modality.limits(modality.Settings(), Spec())
    assert ranges["max_new_tokens"] == Range(1, 47)
    assert set(ranges) <= {n for n, d in fields.describe(modality.Settings).items() if d.kind is Kind.SLIDER}


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_events_come_in_a_legal_order(modality: ModuleType, manager: Any, tiny_model: str, search: str) -> None:
    events = run(modality, manager, model=tiny_model, search=search)
    kinds = [type(e) for e in events]
    assert kinds.count(Started) == 1 and kinds.count(Finished) == 1 and kinds[-1] is Finished
    at = kinds.index(Started)
    assert all(issubclass(k, BEFORE) for k in kinds[:at])
    assert all(issubclass(k, STEPS) for k in kinds[at + 1 : -1])
    if search == "beam":
        assert kinds[at + 1] is BeamStep
        assert BeamStep not in kinds[at + 1 + kinds.count(BeamStep) :], "the winner's tokens come last"
    numbered = [e for e in events if hasattr(e, "seq")]
    assert [e.seq for e in numbered] == list(range(len(numbered)))
    assert len({e.run_id for e in numbered}) == 1
    steps = [e for e in events if isinstance(e, TokenStep)]
    assert [e.index for e in steps] == list(range(len(steps)))
    started, end = events[at], events[-1]
    assert isinstance(started, Started) and isinstance(end, Finished)
    assert [e.position for e in steps] == [len(started.prompt_tokens) + e.index for e in steps]
    assert end.tokens == len(steps) > 0
    assert end.text == "".join(e.text for e in steps)
    assert (end.prompt_tokens, end.context_window) == (len(started.prompt_tokens), 48)


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_same_seed_same_tokens(modality: ModuleType, manager: Any, tiny_model: str, search: str) -> None:
    first, second = (run(modality, manager, model=tiny_model, search=search, seed=5) for _ in range(2))
    assert tokens(first) == tokens(second)


def test_another_seed_draws_other_numbers(modality: ModuleType, manager: Any, tiny_model: str) -> None:
    drawn = [
        [
            e.random
            for e in run(modality, manager, model=tiny_model, search="sample", seed=s)
            if isinstance(e, TokenStep)
        ]
        for s in (1, 2)
    ]
    assert drawn[0][0] != drawn[1][0]


def test_stopping_is_answered_by_finished_at_once_wherever_it_comes(
    modality: ModuleType, manager: Any, tiny_model: str
) -> None:
    total = len(run(modality, manager, model=tiny_model))
    for place in range(total - 1):
        settings = fields.build(modality.Settings, {"prompt": "The sky", "model": tiny_model, "max_new_tokens": 12})
        with closing(modality.generate(settings, manager)) as events:
            for _ in range(place):
                next(events)
            seen = next(events)
            if isinstance(seen, Finished):  # loading takes fewer events when the model is there
                break
            end = events.send(Reason.USER)
            assert isinstance(end, Finished) and end.reason is Reason.USER, place
            assert list(events) == []


def test_nobody_holds_a_model_after_the_end(modality: ModuleType, manager: Any, tiny_model: str) -> None:
    settings = fields.build(modality.Settings, {"prompt": "The sky", "model": tiny_model, "max_new_tokens": 2})
    events = modality.generate(settings, manager)
    while not isinstance(next(events), Finished):
        pass
    states = {str(getattr(m.state, "value", m.state)) for m in manager.models() if m.id == tiny_model}
    assert "in use" not in states


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"temperature": -1.0}, "-1"),
        ({"temperature": float("nan")}, "nan"),
        ({"search": "guess"}, "guess"),
        ({"top_k": -3}, "-3"),
        ({"max_new_tokens": 0}, "0"),
        ({"seed": 1.5}, "1.5"),
        ({"mode": "chat"}, "chat"),
        ({"mode": "chat", "prompt": " "}, "chat"),
        ({"model": "no such model"}, "no such model"),
        ({"prompt": "half \ud83d a character"}, "prompt"),
        ({"prompt": "x" * 500_000}, "500,002 characters"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(
    modality: ModuleType, manager: Any, tiny_model: str, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(PlaygroundError, match=words.replace("(", "")):
        run(modality, manager, **{"model": tiny_model, **values})
    assert tokens(run(modality, manager, model=tiny_model)), "the next request works"


def test_odd_values_are_defined(modality: ModuleType, manager: Any, tiny_model: str) -> None:
    greedy = tokens(run(modality, manager, model=tiny_model, search="greedy"))
    assert tokens(run(modality, manager, model=tiny_model, temperature=0.0)) == greedy
    assert tokens(run(modality, manager, model=tiny_model, top_k=1)) == greedy
    assert tokens(run(modality, manager, model=tiny_model, top_p=0.0)) == greedy
    events = run(modality, manager, model=tiny_model, top_k=10**6, top_p=1.0, min_p=0.0)
    assert any(isinstance(e, Notice) and "1,000,000" in e.text for e in events)
    assert tokens(run(modality, manager, model=tiny_model, prompt="")), "an empty prompt begins a text"
