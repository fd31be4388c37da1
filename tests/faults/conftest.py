"""A page with room for one model of the size of `tales`."""

from collections.abc import Iterator

import pytest

from tests.faults.control import TALES_MB, Page, served, until


@pytest.fixture(scope="package")
def one_page() -> Iterator[Page]:
    with pytest.MonkeyPatch.context() as patch, served(patch, TALES_MB + 35) as page:
        yield page


@pytest.fixture
def here(one_page: Page) -> Iterator[Page]:
    """That page; nothing is held or broken at first, and nothing goes on at the end."""
    one_page.computing.faults.clear()
    one_page.computing.allow(None)
    yield one_page
    one_page.computing.faults.clear()
    one_page.computing.allow(None)
    for visit in list(one_page.visits._visits.values()):
        for run in list(visit.runs.values()):
            run.stop()
    until(one_page.idle, "the end of all runs")
