"""Other ways to size the pools."""

import numpy as np
import pytest

from pd_operator.simulation import Pools, PoolSnapshot, Requests, Snapshot, WorkerSnapshot
from pd_operator.simulation.policies.horizontal_pod_autoscaler import (
    HorizontalPodAutoscaler,
    HpaBehavior,
    InFlightTargets,
)
from pd_operator.simulation.policies.timetable import Timetable

FEWEST, MOST = Pools(1, 1), Pools(10, 10)
NOTHING = Requests.of([], [], [])
NONE = np.empty(0, dtype=np.float32)


def pool(in_flight: int, serving: int, starting: int = 0) -> PoolSnapshot:
    """`in_flight` requests over the serving workers, the first having all that are left over."""
    each, left = divmod(in_flight, serving)
    workers = tuple(
        WorkerSnapshot(number, each + (number < left), 0, 0, 0, 0, 0, 1, 0, 0.0)
        for number in range(serving)
    )
    return PoolSnapshot(workers, draining=0, starting=starting, busy_seconds=0.0)


def snapshot(at: float, prefill: PoolSnapshot, decode: PoolSnapshot) -> Snapshot:
    return Snapshot(at, NOTHING, NOTHING, NONE, NONE, prefill, decode)


def hpa(**behavior: float) -> HorizontalPodAutoscaler:
    targets = InFlightTargets(prefill=2.0, decode=20.0)
    return HorizontalPodAutoscaler(targets, FEWEST, MOST, HpaBehavior(**behavior))  # type: ignore[arg-type]


def test_a_timetable_is_followed_and_its_last_entry_holds() -> None:
    table = Timetable(10.0, [Pools(1, 1), Pools(2, 3)])
    idle = pool(0, 1)
    wanted = [table.decide(snapshot(at, idle, idle)) for at in (0.0, 9.0, 10.0, 500.0)]
    assert wanted == [Pools(1, 1), Pools(1, 1), Pools(2, 3), Pools(2, 3)]


def test_a_timetable_without_entries_is_refused() -> None:
    with pytest.raises(ValueError, match="an entry"):
        Timetable(10.0, [])


def test_the_autoscaler_asks_for_as_many_workers_as_the_target_needs() -> None:
    assert hpa().decide(snapshot(15.0, pool(6, 2), pool(70, 2))) == Pools(3, 4)


def test_the_autoscaler_leaves_a_pool_within_its_tolerance_alone() -> None:
    assert hpa().decide(snapshot(15.0, pool(21, 10), pool(91, 5))) == Pools(10, 5)


def test_the_autoscaler_removes_workers_only_after_its_window() -> None:
    policy = hpa(down_window_seconds=60.0)
    policy.decide(snapshot(0.0, pool(8, 4), pool(80, 4)))
    for at in (15.0, 30.0, 45.0):
        assert policy.decide(snapshot(at, pool(2, 4), pool(20, 4))) == Pools(4, 4)
    assert policy.decide(snapshot(61.0, pool(2, 4), pool(20, 4))) == Pools(1, 1)


def test_the_autoscaler_grows_no_faster_than_kubernetes_lets_it() -> None:
    assert hpa().decide(snapshot(15.0, pool(200, 2), pool(2000, 5))) == Pools(6, 10)


def test_the_autoscaler_does_not_ask_again_for_what_is_starting() -> None:
    assert hpa().decide(snapshot(15.0, pool(12, 3, starting=3), pool(20, 1))) == Pools(6, 1)


def test_the_autoscaler_averages_the_scrapes_of_its_window() -> None:
    policy = hpa(metric_window_seconds=60.0)
    policy.decide(snapshot(15.0, pool(4, 2), pool(20, 1)))
    assert policy.decide(snapshot(30.0, pool(10, 2), pool(20, 1))).prefill == 4
