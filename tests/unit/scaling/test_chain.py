from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pd_operator.api.autoscaling import Mode
from pd_operator.api.roles import Role
from pd_operator.planning.plan import Plan
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import Decision, Reason
from pd_operator.scaling.memory import Change, Recommendation, ScalingMemory
from pd_operator.scaling.observation import EngineLoad, Observation, PoolObservation, Unknown
from pd_operator.scaling.settings import ScalingSettings

Observe = Callable[..., Observation]
MakePlan = Callable[[int, int], Plan]
Allow = Callable[..., ScalingSettings]
MakePool = Callable[..., PoolObservation]
MakeLoad = Callable[..., EngineLoad]

NO_DEMAND = Unknown("Stale", "prometheus", "the newest sample is 240 s old.")
NOTHING = ScalingMemory()
AT_ONCE: dict[str, Any] = {"scaleDown": {"stabilizationWindowSeconds": 0}}


def numbers(decision: Decision) -> tuple[int, int]:
    return decision.prefill.desired, decision.decode.desired


def link(decision: Decision, name: str) -> str:
    return next(one.sentence for one in decision.links if one.name == name)


def test_workers_are_bought_for_the_load_to_come(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, memory = decide(observe(2, 2), plan(4, 3), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (4, 3)
    assert decision.reason is Reason.FORECAST_LOAD
    assert decision.sentence == (
        "Prefill goes from 2 to 4: 4 prefill workers are needed; "
        "decode goes from 2 to 3: 3 decode workers are needed."
    )
    assert not decision.holds
    assert memory.changes == (
        Change(10_000.0, Role.PREFILL, 2),
        Change(10_000.0, Role.DECODE, 1),
    )


def test_a_schedule_has_its_workers_whatever_the_load(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow().with_scheduled(4, 0)
    decision, _ = decide(observe(2, 2), plan(2, 2), plan(2, 2), settings, NOTHING)
    assert numbers(decision) == (4, 2)
    assert decision.reason is Reason.SCHEDULED
    assert link(decision, "Schedule") == (
        "Prefill: a schedule asks for at least 4. Decode: no schedule asks for workers."
    )


def test_a_schedule_has_its_workers_while_nothing_is_known(observe: Observe, allow: Allow) -> None:
    settings = allow().with_scheduled(4, 3)
    blind = observe(2, 2, demand=NO_DEMAND)
    decision, _ = decide(blind, NO_DEMAND, NO_DEMAND, settings, NOTHING)
    assert numbers(decision) == (4, 3)
    assert decision.holds


def test_bounds_and_budget_are_above_a_schedule(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow(maximum=5).with_scheduled(9, 9)
    decision, _ = decide(observe(5, 5), plan(2, 2), plan(2, 2), settings, NOTHING)
    assert numbers(decision) == (5, 5)
    settings = allow(maximum=5, budget=24).with_scheduled(9, 9)
    decision, _ = decide(observe(3, 3), plan(2, 2), plan(2, 2), settings, NOTHING)
    assert numbers(decision) == (3, 3)


def test_workers_that_the_present_load_needs_stay_although_it_will_fall(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    seen = observe(5, 2)
    decision, _ = decide(seen, plan(2, 2), plan(4, 2), allow(behavior=AT_ONCE), NOTHING)
    assert numbers(decision) == (4, 2)
    assert decision.prefill.reason is Reason.PRESENT_LOAD


def test_no_worker_is_bought_for_a_load_that_will_be_gone_when_it_comes(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, _ = decide(observe(2, 2), plan(2, 2), plan(5, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 2)


def test_every_link_leaves_a_sentence_and_its_numbers(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, _ = decide(observe(2, 2), plan(9, 2), plan(3, 2), allow(maximum=5), NOTHING)
    trace = [(one.name, one.prefill, one.decode) for one in decision.links]
    assert trace == [
        ("Forecast", 9, 2),
        ("Present", 9, 2),
        ("Guard", 9, 2),
        ("Schedule", 9, 2),
        ("Unknown", 9, 2),
        ("Stabilization", 9, 2),
        ("RateLimit", 6, 2),
        ("Capacity", 6, 2),
        ("Bounds", 5, 2),
        ("Budget", 5, 2),
    ]
    assert all(one.sentence.endswith(".") for one in decision.links)
    assert link(decision, "RateLimit") == (
        "Prefill: the policies allow 6 for now, where 9 are wanted. "
        "Decode: there is no change to limit."
    )
    assert link(decision, "Bounds").startswith("Prefill: 6 would be above the maximum of 5.")
    assert decision.reason is Reason.AT_MAXIMUM


def test_when_nothing_changes_the_decision_is_steady(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, memory = decide(observe(2, 2), plan(2, 2), plan(1, 1), allow(), NOTHING)
    assert not decision.changes
    assert decision.reason is Reason.STEADY
    assert memory.changes == ()


def test_with_demand_unknown_nothing_is_removed(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    seen = observe(5, 4, demand=NO_DEMAND)
    decision, _ = decide(seen, NO_DEMAND, NO_DEMAND, allow(behavior=AT_ONCE), NOTHING)
    assert numbers(decision) == (5, 4)
    assert decision.holds
    assert "while prometheus is unknown: the newest sample is 240 s old" in link(
        decision, "Unknown"
    )


def test_with_only_the_forecast_unknown_the_present_load_may_still_add(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    unknown = Unknown("NotEnoughHistory", "forecast", "5 bins are needed, there are 2.")
    decision, _ = decide(observe(5, 2), unknown, plan(3, 4), allow(behavior=AT_ONCE), NOTHING)
    assert numbers(decision) == (5, 4)
    assert decision.holds
    assert decision.reason is Reason.PRESENT_LOAD


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
    assert decision.reason is Reason.QUEUE_PRESSURE
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
    assert decision.decode.reason is Reason.QUEUE_PRESSURE


def test_a_queue_at_an_unmeasured_speed_says_nothing(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    fresh = make_pool(Role.PREFILL, 2, load=load(waiting_uncached_tokens=90_000))
    decision, _ = decide(observe(fresh, 2), plan(2, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 2)


def test_a_worker_is_removed_only_after_the_whole_window_agrees(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = NOTHING
    desired = []
    for second in range(0, 331, 15):
        seen = observe(6, 2, at=10_000.0 + second)
        decision, memory = decide(seen, plan(3, 2), plan(3, 2), allow(), memory)
        desired.append((second, decision.prefill.desired, decision.reason))
    assert all(workers == 6 for second, workers, _ in desired if second < 300)
    assert desired[0][2] is Reason.STABILIZED
    assert desired[-1] == (330, 3, Reason.FORECAST_LOAD)


def test_a_short_lull_removes_nothing_and_a_peak_in_it_starts_the_window_anew(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = NOTHING
    for second in range(0, 600, 15):
        workers = 5 if second == 285 else 3
        seen = observe(6, 2, at=10_000.0 + second)
        decision, memory = decide(seen, plan(workers, 2), plan(1, 1), allow(), memory)
        if 300 <= second < 585:
            assert decision.prefill.desired == 5, second
    assert link(decision, "Stabilization").startswith("The recommendation has stood")


def test_after_a_restart_the_first_decision_removes_nothing(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, memory = decide(observe(6, 4), plan(2, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (6, 4)
    assert decision.reason is Reason.STABILIZED
    assert [(one.prefill, one.decode) for one in memory.recommendations] == [(6, 4), (2, 2)]


def test_after_a_long_outage_of_the_operator_the_window_begins_anew(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    old = ScalingMemory(recommendations=(Recommendation(100.0, 2, 2),))
    decision, _ = decide(observe(6, 4), plan(2, 2), plan(2, 2), allow(), old)
    assert numbers(decision) == (6, 4)


def test_a_scale_up_window_waits_for_its_lowest_recommendation(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow(behavior={"scaleUp": {"stabilizationWindowSeconds": 60}})
    memory = ScalingMemory(recommendations=(Recommendation(9_970.0, 3, 2),))
    decision, _ = decide(observe(2, 2), plan(6, 2), plan(2, 2), settings, memory)
    assert numbers(decision) == (3, 2)
    assert decision.reason is Reason.STABILIZED


@pytest.mark.parametrize(
    ("current", "wanted", "rules", "changes", "allowed"),
    [
        # HorizontalPodAutoscaler's defaults: 100 % or 4 pods per 15 s, whichever is more
        (1, 20, {}, [], 5),
        (8, 20, {}, [], 16),
        (8, 20, {}, [(-5.0, 4)], 8),  # 4 at the period's start, all of their 100 % used
        (8, 20, {}, [(-15.0, 4)], 16),  # the period is over
        (1, 9, {"policies": [("Percent", 10, 60)]}, [], 2),  # rounds up: one can become two
        (3, 9, {"policies": [("Pods", 1, 60)]}, [(-30.0, 1)], 3),
        (3, 9, {"policies": [("Pods", 2, 60)]}, [(-30.0, 1)], 4),
        (4, 20, {"policies": [("Pods", 1, 60), ("Percent", 100, 60)]}, [], 8),
        (
            4,
            20,
            {"policies": [("Pods", 1, 60), ("Percent", 100, 60)], "selectPolicy": "Min"},
            [],
            5,
        ),
        (4, 20, {"selectPolicy": "Disabled"}, [], 4),
        (4, 20, {"policies": [("Pods", 1, 60)]}, [(-30.0, -2)], 7),  # 6 at the period's start
    ],
)
def test_scale_up_policies_count_changes_as_the_horizontal_pod_autoscaler_does(
    current: int,
    wanted: int,
    rules: dict[str, Any],
    changes: list[tuple[float, int]],
    allowed: int,
    observe: Observe,
    plan: MakePlan,
    allow: Allow,
) -> None:
    settings = allow(maximum=50, behavior={"scaleUp": _rules(rules)})
    memory = _changed(changes)
    decision, _ = decide(observe(current, 2), plan(wanted, 2), plan(1, 2), settings, memory)
    assert decision.prefill.desired == allowed


@pytest.mark.parametrize(
    ("current", "wanted", "rules", "changes", "allowed"),
    [
        (10, 2, {}, [], 2),  # default: everything at once, after the window
        (10, 2, {"policies": [("Percent", 10, 60)]}, [], 9),
        (5, 1, {"policies": [("Percent", 10, 60)]}, [], 4),  # 4.5 rounds down
        (10, 2, {"policies": [("Pods", 2, 60)]}, [(-30.0, -1)], 9),
        (10, 2, {"policies": [("Pods", 2, 60)]}, [(-30.0, -3)], 10),
        (10, 2, {"policies": [("Pods", 1, 60), ("Percent", 50, 60)]}, [], 5),
        (
            10,
            2,
            {"policies": [("Pods", 1, 60), ("Percent", 50, 60)], "selectPolicy": "Min"},
            [],
            9,
        ),
        (10, 2, {"selectPolicy": "Disabled"}, [], 10),
    ],
)
def test_scale_down_policies_count_changes_as_the_horizontal_pod_autoscaler_does(
    current: int,
    wanted: int,
    rules: dict[str, Any],
    changes: list[tuple[float, int]],
    allowed: int,
    observe: Observe,
    plan: MakePlan,
    allow: Allow,
) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0, **_rules(rules)}}
    settings = allow(maximum=50, behavior=behavior)
    decision, _ = decide(
        observe(current, 2), plan(wanted, 2), plan(1, 2), settings, _changed(changes)
    )
    assert decision.prefill.desired == allowed


def test_no_more_is_asked_for_while_nodes_do_not_come(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    waiting = make_pool(Role.DECODE, 4, homeless=2, homeless_seconds=75.0)
    decision, _ = decide(observe(2, waiting), plan(3, 8), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (3, 4)
    assert decision.decode.reason is Reason.CAPACITY_NOT_COMING
    assert "2 of 4 workers have waited for a node for up to 75 s, longer than 60 s" in link(
        decision, "Capacity"
    )


def test_workers_that_wait_for_a_node_are_asked_for_once(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    waiting = make_pool(Role.DECODE, 4, homeless=2, homeless_seconds=20.0)
    decision, _ = decide(observe(2, waiting), plan(2, 5), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 5)


def test_the_budget_shrinks_both_pools_in_proportion(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, _ = decide(observe(4, 2), plan(8, 4), plan(4, 2), allow(budget=36), NOTHING)
    assert numbers(decision) == (6, 3)
    assert decision.reason is Reason.BUDGET_BOUND
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


def test_while_load_is_unknown_a_queue_takes_no_worker_from_the_other_pool(
    observe: Observe, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    full = make_pool(Role.DECODE, 2, load=load(used_tokens=950))
    seen = observe(4, full, demand=NO_DEMAND)
    decision, _ = decide(seen, NO_DEMAND, NO_DEMAND, allow(budget=24), NOTHING)
    assert numbers(decision) == (4, 2)


def test_the_user_s_bounds_and_budget_count_even_while_load_is_unknown(
    observe: Observe, allow: Allow
) -> None:
    seen = observe(6, 2, demand=NO_DEMAND)
    assert numbers(decide(seen, NO_DEMAND, NO_DEMAND, allow(maximum=4), NOTHING)[0]) == (4, 2)
    assert numbers(decide(seen, NO_DEMAND, NO_DEMAND, allow(minimum=3), NOTHING)[0]) == (6, 3)
    assert numbers(decide(seen, NO_DEMAND, NO_DEMAND, allow(budget=16), NOTHING)[0]) == (3, 1)


def test_a_draining_worker_is_not_decided_about_twice(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool
) -> None:
    pool = make_pool(Role.PREFILL, 3)
    leaving = replace(pool.workers[2], traffic=False)
    draining = replace(pool, workers=(*pool.workers[:2], leaving))
    settings = allow(behavior=AT_ONCE)
    decision, memory = decide(observe(draining, 2), plan(2, 2), plan(2, 2), settings, NOTHING)
    assert (decision.prefill.current, decision.prefill.desired) == (2, 2)
    assert memory.changes == ()


def test_advice_is_the_same_decision_and_takes_nothing_for_carried_out(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    advice, memory = decide(
        observe(2, 2), plan(4, 3), plan(2, 2), allow(mode=Mode.ADVISORY), NOTHING
    )
    acted, _ = decide(observe(2, 2), plan(4, 3), plan(2, 2), allow(), NOTHING)
    assert advice == acted
    assert memory.changes == ()


def _rules(rules: dict[str, Any]) -> dict[str, Any]:
    if "policies" not in rules:
        return rules
    policies = [
        {"type": kind, "value": value, "periodSeconds": period}
        for kind, value, period in rules["policies"]
    ]
    return {**rules, "policies": policies}


def _changed(changes: list[tuple[float, int]]) -> ScalingMemory:
    return ScalingMemory(
        changes=tuple(Change(10_000.0 + ago, Role.PREFILL, delta) for ago, delta in changes)
    )
