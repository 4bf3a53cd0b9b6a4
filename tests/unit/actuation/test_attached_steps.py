"""How a pool of other hands shrinks: by the pod that its workload takes, and by no request."""

from dataclasses import replace
from typing import Any

import pytest

from pd_operator.actuation.attached_steps import Removal, attached_steps
from pd_operator.actuation.steps import (
    DrainRules,
    NoteIdle,
    PoolTarget,
    PutOnTraffic,
    ReportWaiting,
    SetReplicas,
    Step,
    TakeOffTraffic,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import EngineLoad, Known, PoolObservation, WorkerObservation

NOW = 1_000_000.0
HIGHEST, CHEAPEST = Removal.HIGHEST, Removal.CHEAPEST


def worker(number: int, running: int = 0, **changes: Any) -> WorkerObservation:
    engine = EngineLoad(None, running, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, ())
    serving = WorkerObservation(f"w-{number}", Role.DECODE, load=Known(engine, 0.0, "engine"))
    return replace(serving, **changes)


def steps(
    desired: int,
    *workers: WorkerObservation,
    removal: Removal = HIGHEST,
    routed: bool = False,
    replicas: int | None = None,
    **pool: Any,
) -> list[Step]:
    count = len(workers) if replicas is None else replicas
    seen = PoolObservation(Role.DECODE, count, workers, **pool)
    return attached_steps(PoolTarget(seen, desired, NOW, DrainRules(300)), removal, routed=routed)


@pytest.mark.parametrize("removal", Removal)
@pytest.mark.parametrize("routed", [True, False])
def test_workers_are_added_at_once_whatever_the_kind(removal: Removal, routed: bool) -> None:
    pool = (worker(0, 5), worker(1, 5))
    assert steps(4, *pool, removal=removal, routed=routed) == [SetReplicas(4)]
    assert steps(2, *pool, removal=removal, routed=routed) == []


def test_the_highest_ordinal_goes_first_however_busy_the_others_are() -> None:
    numbers = [worker(n, running=0 if n == 2 else 3) for n in (2, 9, 10)]
    (waiting,) = steps(2, *numbers)
    assert isinstance(waiting, ReportWaiting)
    assert waiting.worker == "w-10"


def test_without_a_router_of_ours_a_worker_goes_when_it_is_idle_twice() -> None:
    busy = worker(0, 4)
    assert steps(1, busy, worker(1)) == [NoteIdle("w-1", NOW)]
    assert steps(1, busy, worker(1, idle_since=NOW - 0.5)) == []
    assert steps(1, busy, worker(1, idle_since=NOW - 2)) == [SetReplicas(1, ("w-1",))]
    forgotten, waiting = steps(1, busy, worker(1, 1, idle_since=NOW - 2))
    assert forgotten == NoteIdle("w-1", None)
    assert isinstance(waiting, ReportWaiting)


def test_behind_a_router_of_ours_it_drains_first() -> None:
    assert steps(1, worker(0, 4), worker(1, 7), routed=True) == [
        TakeOffTraffic("w-1", NOW, NOW + 300)
    ]
    drain: dict[str, Any] = {
        "traffic": False,
        "drain_started": NOW - 50,
        "drain_deadline": NOW + 250,
    }
    assert steps(1, worker(0, 4), worker(1, **drain), routed=True) == [NoteIdle("w-1", NOW)]
    done = worker(1, idle_since=NOW - 2, **drain)
    assert steps(1, worker(0, 4), done, routed=True) == [SetReplicas(1, ("w-1",))]
    assert steps(2, worker(0, 4), worker(1, 2, **drain), routed=True) == [PutOnTraffic("w-1")]


def test_of_a_deployment_the_idle_one_is_made_the_cheapest() -> None:
    ready = worker(0, idle_since=NOW - 2)
    assert steps(2, ready, worker(1, 3), worker(2, 1), removal=CHEAPEST) == [
        SetReplicas(2, ("w-0",))
    ]
    # One that is not ready goes before any cost counts, and may hold requests.
    lost = worker(1, 3, ready=False, unready_seconds=5.0)
    said = steps(2, ready, lost, worker(2, 1), removal=CHEAPEST)
    assert [type(step) for step in said] == [ReportWaiting]


def test_a_worker_that_never_came_up_goes_without_waiting() -> None:
    starting = worker(1, ready=False, started=False, pending=True)
    for removal in (HIGHEST, CHEAPEST):
        assert steps(1, worker(0, 4), starting, removal=removal) == [SetReplicas(1, ("w-1",))]


def test_as_many_as_are_wanted_go_on_serving() -> None:
    unready = worker(0, ready=False)
    said = steps(1, unready, worker(1, idle_since=NOW - 2))
    assert [type(step) for step in said] == [ReportWaiting]


def test_of_a_kind_that_nobody_knows_none_is_taken_away() -> None:
    idle = worker(1, idle_since=NOW - 2)
    said = steps(1, worker(0), idle, removal=Removal.UNKNOWN, routed=True)
    assert [type(step) for step in said] == [ReportWaiting]


@pytest.mark.parametrize("state", [{"settled": False}, {"rolling_out": True}])
def test_nothing_is_lowered_while_the_workload_is_on_the_move(state: dict[str, Any]) -> None:
    done = worker(1, idle_since=NOW - 2)
    found = steps(1, worker(0, 4), done, **state)
    assert not any(isinstance(step, SetReplicas) for step in found)


def test_a_number_without_pods_falls_only_where_it_stands_for_nobody() -> None:
    pool = (worker(0, 4), worker(2, 4))
    # Of a StatefulSet, w-1 is missing, and w-2 would go.
    assert [type(step) for step in steps(1, *pool, replicas=3)] == [ReportWaiting]
    assert steps(1, *pool, replicas=3, removal=CHEAPEST) == [SetReplicas(2)]
