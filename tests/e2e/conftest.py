"""A machine for each test, or one with a running service for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Served, Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """An empty machine."""
    (tmp_path / "data").mkdir()
    return Workplace(folder=tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A machine on which the service runs, for tests that leave it running."""
    place = Workplace(folder=tmp_path_factory.mktemp("served"))
    place.data.mkdir()
    with place.serve() as service:
        service.until_ready()
        yield Served(place=place, service=service)
