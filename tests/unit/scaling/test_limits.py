"""Bounds, GPU budget, and nodes that do not come."""

from dataclasses import replace

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
