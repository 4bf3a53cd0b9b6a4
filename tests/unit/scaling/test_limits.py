"""Bounds, GPU budget, and nodes that do not come."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.scaling.deciding import (
    NO_DEMAND,
    NOTHING,
    Allow,
    MakePlan,
    MakePool,
    Observe,
    link,
    numbers,
)

from pd_operator.api.roles import Role
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.observation import PoolObservation


def test_bounds_and_budget_are_above_a_schedule(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow(maximum=5).with_scheduled(9, 9)
    decision, _ = decide(observe(5, 5), plan(2, 2), plan(2, 2), settings, NOTHING)
    assert numbers(decision) == (5, 5)
    settings = allow(maximum=5, budget=24).with_scheduled(9, 9)
    decision, _ = decide(observe(3, 3), plan(2, 2), plan(2, 2), settings, NOTHING)
    assert numbers(decision) == (3, 3)


def test_no_more_is_asked_for_while_nodes_do_not_come(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    waiting = make_pool(Role.DECODE, 4, homeless=2, homeless_seconds=75.0)
    decision, _ = decide(observe(2, waiting), plan(3, 8), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (3, 4)
    assert decision.decode.reason is DecisionReason.CAPACITY_NOT_COMING
    assert "2 of 4 workers have waited for a node for up to 75 s, longer than 60 s" in link(
        decision, "Capacity"
    )


@pytest.mark.parametrize("waited_seconds", [20.0, 60.0])
def test_workers_that_wait_for_a_node_are_asked_for_once_and_have_their_whole_timeout(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, waited_seconds: float
) -> None:
    waiting = make_pool(Role.DECODE, 4, homeless=2, homeless_seconds=waited_seconds)
    decision, _ = decide(observe(2, waiting), plan(2, 5), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 5)


def test_a_worker_that_loads_for_long_has_its_node_all_the_same(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    pool = make_pool(Role.DECODE, 4, starting=2)
    slow = replace(pool, workers=tuple(replace(one, age_seconds=500.0) for one in pool.workers))
    decision, _ = decide(observe(2, slow), plan(2, 6), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 6)


def broken(pool: PoolObservation, number: int, **changes: Any) -> PoolObservation:
    """The pool with one of its workers as the kubelet cannot run it."""
    workers = list(pool.workers)
    failing: dict[str, Any] = {
        "ready": False,
        "waiting_reason": "engine: ErrImagePull",
        "age_seconds": 5.0,
    }
    workers[number] = replace(workers[number], **(failing | changes))
    return replace(pool, workers=tuple(workers))


def test_no_more_is_asked_for_while_the_api_server_refuses_pods(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    there = make_pool(Role.PREFILL, 3)
    refused = replace(there, replicas=6, refused="exceeded quota: gpus")
    decision, _ = decide(observe(refused, 2), plan(9, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (6, 2)
    assert decision.reason is DecisionReason.CAPACITY_NOT_COMING
    assert "3 pods are refused (exceeded quota: gpus)" in link(decision, "Capacity")


def test_no_more_is_asked_for_while_the_newest_workers_cannot_run(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    pool = broken(make_pool(Role.DECODE, 3), 2)
    decision, _ = decide(observe(2, pool), plan(2, 6), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 3)
    assert "the newest worker does not run (engine: ErrImagePull)" in link(decision, "Capacity")


def test_no_more_is_asked_for_while_the_newest_workers_do_not_become_ready_in_time(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    late: dict[str, Any] = {"waiting_reason": "", "unready_seconds": 61.0}
    pool = broken(make_pool(Role.DECODE, 3), 2, **late)
    decision, _ = decide(observe(2, pool), plan(2, 6), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 3)
    assert "has not become ready within 60 s" in link(decision, "Capacity")


def test_one_broken_worker_among_younger_ones_that_serve_stops_no_growth(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    pool = broken(make_pool(Role.DECODE, 3), 2, age_seconds=1e6)
    decision, _ = decide(observe(2, pool), plan(2, 6), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 6)


def test_workers_that_do_not_come_are_given_up_when_the_load_is_gone(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    at_once = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    waiting = make_pool(Role.DECODE, 4, homeless=2, homeless_seconds=900.0)
    decision, _ = decide(
        observe(2, waiting), plan(2, 2), plan(2, 2), allow(behavior=at_once), NOTHING
    )
    assert numbers(decision) == (2, 2)


@pytest.mark.parametrize("leaving", [{"terminating": True}, {"traffic": False}])
def test_gpus_that_a_leaving_worker_still_holds_are_not_asked_for_again(
    observe: Observe,
    plan: MakePlan,
    allow: Allow,
    make_pool: MakePool,
    leaving: dict[str, Any],
) -> None:
    # Four GPUs each, and room for four workers.
    pool = make_pool(Role.PREFILL, 2)
    last = replace(pool.workers[1], **leaving)
    replicas = 1 if last.terminating else 2
    shrinking = PoolObservation(Role.PREFILL, replicas, (pool.workers[0], last))
    decision, _ = decide(observe(shrinking, 2), plan(1, 3), plan(1, 3), allow(budget=16), NOTHING)
    assert numbers(decision) == (1, 2)
    assert decision.reason is DecisionReason.BUDGET_BOUND
    assert "4 GPUs are still held by workers on their way out" in link(decision, "Budget")


def test_a_leaving_worker_costs_none_that_is_there(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    pool = make_pool(Role.PREFILL, 3)
    gone = replace(pool.workers[2], terminating=True)
    replaced = PoolObservation(Role.PREFILL, 2, (*pool.workers[:2], gone))
    decision, _ = decide(observe(replaced, 2), plan(2, 2), plan(2, 2), allow(budget=16), NOTHING)
    assert numbers(decision) == (2, 2)


def test_the_budget_shrinks_both_pools_in_proportion(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, _ = decide(observe(4, 2), plan(8, 4), plan(4, 2), allow(budget=36), NOTHING)
    assert numbers(decision) == (6, 3)
    assert decision.reason is DecisionReason.BUDGET_BOUND
    assert link(decision, "Budget") == (
        "48 GPUs are more than the budget of 36; 6 prefill and 3 decode workers fit."
    )


def test_the_budget_never_goes_below_a_minimum(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, _ = decide(
        observe(2, 2), plan(16, 2), plan(2, 2), allow(minimum=2, budget=24), NOTHING
    )
    assert numbers(decision) == (4, 2)


def test_the_user_s_bounds_and_budget_count_even_while_load_is_unknown(
    observe: Observe, allow: Allow
) -> None:
    seen = observe(6, 2, demand=NO_DEMAND)
    assert numbers(decide(seen, NO_DEMAND, NO_DEMAND, allow(maximum=4), NOTHING)[0]) == (4, 2)
    assert numbers(decide(seen, NO_DEMAND, NO_DEMAND, allow(minimum=3), NOTHING)[0]) == (6, 3)
    assert numbers(decide(seen, NO_DEMAND, NO_DEMAND, allow(budget=16), NOTHING)[0]) == (3, 1)
