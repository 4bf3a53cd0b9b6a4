"""Partitions between two leaders, on the API server: nothing is done twice. See `partitioned`."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from tests.contract.leadership.partitioned import Run, play_orders

from pd_e2e.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(400)]

SEEDS = range(int(os.environ.get("PD_ELECTION_ORDERS", "40")))
"""Forty of them take half a minute; `PD_ELECTION_ORDERS=200` plays those that documents quote."""


@pytest.fixture
def run() -> Iterator[Run]:
    loop = asyncio.new_event_loop()
    yield loop.run_until_complete
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def test_over_many_orders_nobody_acts_twice_or_beside_another(
    control_plane: ControlPlane, pool: str, run: Run
) -> None:
    told = play_orders(SEEDS, control_plane.admin, run, pool)
    print(  # noqa: T201  the figures that the documents quote
        f"orders {len(SEEDS)}, terms that acted {told.terms}, writes accepted {told.accepted}, "
        f"orders in which several terms wrote {told.handed_over}, "
        f"moments at which both act {len(told.both)}, "
        f"writes of a leader of before {len(told.doubles)}"
    )
    assert (told.both, told.doubles) == ([], []), "the seeds of those orders"
    assert told.handed_over >= len(SEEDS) // 4, "the orders tell something"
