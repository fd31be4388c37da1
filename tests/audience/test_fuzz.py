"""Nonsense for every kind of handler, endpoint and route of the page: 4 inputs each here, 10,000 for each single one in
the benchmark."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from benchmarks import fuzz
from playground import fields
from playground.manager import ModelManager
from tests.conftest import free_port
from tests.trainings.test_lessons import SMALL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of the real page with the real models, as strangers get it; lessons that nobody gave other sizes are
    small ones."""
    from playground.lessons import catalogue
    from playground.ui.page import launch

    whole = catalogue.config

    def small(name: str, values: Any, own: Any = None) -> Any:
        usual = fields.defaults(catalogue.config_class(name))
        given = {key: value for key, value in values.items() if value != usual.get(key)}
        return whole(name, {**values, **SMALL[name], **given}, own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", fuzz.SECRET)
        patch.setattr(catalogue, "config", small)
        manager, port = ModelManager(audience="public"), free_port()
        page, visits = launch(manager, port=port, block=False)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
        visits.close()
        page.close(verbose=False)
        manager.close()


@pytest.mark.timeout(900)
def test_no_answer_to_nonsense_tells_anything_of_the_computer(client: Any) -> None:
    found = fuzz.targets(client)
    some = fuzz.of_each_kind(found)
    kinds, names = ({re.sub(r"_\d+$", "", target.name) for target in of} for of in (found, some))
    assert {"text", "code"} <= kinds == names
    assert len(some) > 40
    seen = fuzz.fuzz(client, 4, some=some)
    assert sum(seen.values()) >= 4 * len(some)


@pytest.mark.parametrize("planted", ["Traceback (most recent call last)", "/home/somebody/secret.txt", fuzz.SECRET])
def test_a_planted_leak_is_found(client: Any, planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from playground.errors import PlaygroundError
    from playground.ui.runner import Runner

    def tell(*_: Any) -> Any:
        raise PlaygroundError(f"It is {planted}.")

    monkeypatch.setattr(Runner, "_settings", tell)
    with pytest.raises(AssertionError, match="It is"):
        fuzz.fuzz(client, 3, some=[target for target in fuzz.targets(client) if target.name == "run"])
