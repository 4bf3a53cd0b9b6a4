"""A pair of the real SGLang on the CPU, and a simulated pair beside it with the same flags."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pd_e2e.engine.processes import Fleet, Process, until, write_worker_table
from pd_e2e.sglang.environment import ensure_environment
from pd_e2e.sglang.pace import Pace
from pd_e2e.sglang.processes import SglangFleet

PACE = Pace(prefill_ms=5.0, prefill_token_ms=2.0, decode_ms=5.0, decode_sequence_ms=0.5)
"""A prompt of 500 tokens takes a second: long enough to look at the worker meanwhile."""

FIRST, LAST = "test_the_simulator_beside_it.py", "test_role_switch.py"

FLIPS = ("--enable-pd-role-switch", "--disaggregation-decode-enable-radix-cache")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests share one pair: compared while it has done no more than the simulated one.

    And it changes roles last: a decode goes on asking for a prefill that left and came back where
    that is no more.
    """
    order = {FIRST: -1, LAST: 1}
    items.sort(key=lambda item: order.get(item.path.name, 0))


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Process]]:
    """A prefill and a decode of SGLang."""
    fleet = SglangFleet(tmp_path_factory.mktemp("real"), ensure_environment())
    try:
        yield fleet.pair(*FLIPS, *PACE.arguments())
    finally:
        fleet.stop()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Process]]:
    """A prefill and a decode of the simulator, which take what the real ones take."""
    fleet = Fleet(tmp_path_factory.mktemp("simulated"))
    try:
        yield fleet.pair(*FLIPS, "--context-length", "2048", "--max-total-tokens", "8192")
    finally:
        fleet.stop()


@pytest.fixture(scope="session")
def router(
    real: tuple[Process, Process], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Process, Path]]:
    """SGLang's router before the real pair, and its table of workers."""
    fleet = Fleet(tmp_path_factory.mktemp("router"))
    table = tmp_path_factory.mktemp("table") / "workers.json"
    write_worker_table(table, real[:1], real[1:])
    router = fleet.router(table).until_ready("/readiness", seconds=60)
    try:
        until(lambda: router.get_json("/workers")["total"] == 2, "the router knows both", 60)
        yield router, table
    finally:
        fleet.stop()
