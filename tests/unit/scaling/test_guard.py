"""Queues and full caches add workers at once."""

import pytest
from tests.unit.scaling.deciding import (
    NO_DEMAND,
    NOTHING,
    Allow,
    MakeLoad,
    MakePlan,
    MakePool,
    Observe,
    link,
    numbers,
)

from pd_operator.api.roles import Role
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import DecisionReason


def test_with_demand_unknown_queues_may_still_add(
    observe: Observe, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    queue = load(
        waiting_uncached_tokens=30_000,
        prefill_uncached_tokens_total=1_000_000,
        prefill_busy_seconds_total=100.0,
    )
    seen = observe(make_pool(Role.PREFILL, 4, load=queue), 2, demand=NO_DEMAND)
    decision, _ = decide(seen, NO_DEMAND, NO_DEMAND, allow(), NOTHING)
    assert numbers(decision) == (5, 2)
    assert decision.reason is DecisionReason.QUEUE_PRESSURE
    assert "120,000 prompt tokens wait, 3.00 s of work where the objective is 0.80 s" in link(
        decision, "Guard"
    )


def test_the_guard_counts_workers_on_their_way(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    queue = load(
        waiting_uncached_tokens=90_000,
        prefill_uncached_tokens_total=1_000_000,
        prefill_busy_seconds_total=100.0,
    )
    on_the_way = make_pool(Role.PREFILL, 5, load=queue, starting=1)
    decision, _ = decide(observe(on_the_way, 2), plan(5, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (5, 2)


@pytest.mark.parametrize("signs", [{"used_tokens": 920}, {"decode_retracted_queue": 1}])
def test_a_decode_pool_without_room_grows_at_once(
    signs: dict[str, int],
    observe: Observe,
    plan: MakePlan,
    allow: Allow,
    make_pool: MakePool,
    load: MakeLoad,
) -> None:
    full = make_pool(Role.DECODE, 2, load=load(**signs))
    decision, _ = decide(observe(2, full), plan(2, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 3)
    assert decision.decode.reason is DecisionReason.QUEUE_PRESSURE


def test_a_decode_pool_with_room_is_left_alone(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    roomy = make_pool(Role.DECODE, 2, load=load(used_tokens=500))
    decision, _ = decide(observe(2, roomy), plan(2, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 2)
    assert link(decision, "Guard").endswith(
        "50% of the KV cache is in use and 0 sequences were put back."
    )


def test_a_queue_at_an_unmeasured_speed_says_nothing(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    fresh = make_pool(Role.PREFILL, 2, load=load(waiting_uncached_tokens=90_000))
    decision, _ = decide(observe(fresh, 2), plan(2, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 2)


def test_while_load_is_unknown_a_queue_takes_no_worker_from_the_other_pool(
    observe: Observe, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    full = make_pool(Role.DECODE, 2, load=load(used_tokens=950))
    seen = observe(4, full, demand=NO_DEMAND)
    decision, _ = decide(seen, NO_DEMAND, NO_DEMAND, allow(budget=24), NOTHING)
    assert numbers(decision) == (4, 2)
