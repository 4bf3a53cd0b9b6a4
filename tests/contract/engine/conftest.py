"""Real engine processes, and the real router in front of them."""

from collections.abc import Iterator

import pytest

from pd_e2e.engine.processes import Fleet, Process


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Process]]:
    """A prefill and a decode that the tests of a module share."""
    fleet = Fleet(tmp_path_factory.mktemp("pair"))
    yield fleet.pair("--stream-interval", "4")
    fleet.stop()
