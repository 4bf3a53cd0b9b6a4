"""What is bought, and what is said of it."""

from dataclasses import replace

import pytest
from tests.unit.scaling.deciding import (
    AT_ONCE,
    NO_DEMAND,
    NOTHING,
    Allow,
    MakePlan,
    MakePool,
    Observe,
    link,
    numbers,
)

from pd_operator.api.autoscaling import Mode
from pd_operator.api.roles import Role
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.memory import Change
from pd_operator.scaling.observation import Unknown
from pd_operator.scaling.plans import SidePlans


def test_workers_are_bought_for_the_load_to_come(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, memory = decide(observe(2, 2), plan(4, 3), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (4, 3)
    assert decision.reason is DecisionReason.FORECAST_LOAD
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
    assert decision.reason is DecisionReason.SCHEDULED
    assert link(decision, "Schedule") == (
        "Prefill: a schedule asks for at least 4. Decode: no schedule asks for workers."
    )


def test_a_schedule_has_its_workers_while_nothing_is_known(observe: Observe, allow: Allow) -> None:
    settings = allow().with_scheduled(4, 3)
    blind = observe(2, 2, demand=NO_DEMAND)
    decision, _ = decide(blind, NO_DEMAND, NO_DEMAND, settings, NOTHING)
    assert numbers(decision) == (4, 3)
    assert decision.holds


def test_workers_that_the_present_load_needs_stay_although_it_will_fall(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    seen = observe(5, 2)
    decision, _ = decide(seen, plan(2, 2), plan(4, 2), allow(behavior=AT_ONCE), NOTHING)
    assert numbers(decision) == (4, 2)
    assert decision.prefill.reason is DecisionReason.PRESENT_LOAD


def test_no_worker_is_bought_for_a_load_that_will_be_gone_when_it_comes(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, _ = decide(observe(2, 2), plan(2, 2), plan(5, 2), allow(), NOTHING)
    assert numbers(decision) == (2, 2)


def test_a_need_that_lasts_is_answered_although_the_forecast_is_low(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = NOTHING
    asked = []
    for seconds in (0, 60, 115, 120):
        seen = observe(4, 2, at=10_000.0 + seconds)
        decision, memory = decide(seen, plan(4, 2), plan(8, 2), allow(), memory)
        asked.append(numbers(decision)[0])
    assert asked == [4, 4, 4, 8]
    assert decision.prefill.reason is DecisionReason.PRESENT_LOAD
    assert "8 prefill workers are needed, for 120 s now" in link(decision, "Present")


def test_a_need_that_comes_and_goes_begins_anew(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = NOTHING
    for seconds, needed in ((0, 8), (60, 4), (120, 8), (180, 8)):
        seen = observe(4, 2, at=10_000.0 + seconds)
        decision, memory = decide(seen, plan(4, 2), plan(needed, 2), allow(), memory)
        assert numbers(decision) == (4, 2)


def test_every_link_leaves_a_sentence_and_its_numbers(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, _ = decide(observe(2, 2), plan(9, 2), plan(3, 2), allow(maximum=5), NOTHING)
    trace = [(one.name, one.prefill, one.decode) for one in decision.links]
    assert trace == [
        ("Forecast", 9, 2),
        ("HighForecast", 9, 2),
        ("Fall", 9, 2),
        ("Rise", 9, 2),
        ("Jump", 9, 2),
        ("Guard", 9, 2),
        ("Schedule", 9, 2),
        ("Unknown", 9, 2),
        ("Unmeasured", 9, 2),
        ("Present", 9, 2),
        ("Surprise", 9, 2),
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
    assert decision.reason is DecisionReason.AT_MAXIMUM


def test_when_nothing_changes_the_decision_is_steady(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, memory = decide(observe(2, 2), plan(2, 2), plan(1, 1), allow(), NOTHING)
    assert (decision.prefill.delta, decision.decode.delta) == (0, 0)
    assert decision.reason is DecisionReason.STEADY
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
    assert decision.reason is DecisionReason.PRESENT_LOAD


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


def test_a_worker_goes_only_when_the_high_forecast_needs_it_no_more(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow(behavior=AT_ONCE)
    for high, workers in ((4, 4), (3, 3), (9, 4)):
        beside = SidePlans(high=plan(high, 2))
        seen, needed = observe(4, 2), plan(3, 2)
        decision, _ = decide(seen, needed, needed, settings, NOTHING, beside=beside)
        assert numbers(decision) == (workers, 2)
    assert "none goes that may be needed" in link(decision, "HighForecast")


def test_a_load_that_rises_orders_workers_before_the_forecast_has_learned_of_it(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    beside = SidePlans(rising=plan(4, 3))
    decision, _ = decide(observe(2, 2), plan(2, 2), plan(2, 2), allow(), NOTHING, beside=beside)
    assert numbers(decision) == (4, 3)
    assert decision.reason is DecisionReason.RISING_LOAD


def test_over_a_load_that_falls_no_worker_is_kept_for_what_might_come(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    seen, ahead, now = observe(8, 4), plan(7, 4), plan(4, 2)
    high = SidePlans(high=plan(9, 5))
    kept, _ = decide(seen, ahead, now, allow(behavior=AT_ONCE), NOTHING, beside=high)
    assert numbers(kept) == (8, 4)
    falling = replace(high, falling={role: now.pool(role) for role in Role})
    let_go, _ = decide(seen, ahead, now, allow(behavior=AT_ONCE), NOTHING, beside=falling)
    assert numbers(let_go) == (4, 2)
    assert let_go.reason is DecisionReason.FALLING_LOAD
    assert "the load falls" in link(let_go, "Fall")


def test_two_workers_stay_over_a_load_that_falls(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    now = plan(1, 1)
    falling = SidePlans(falling={role: now.pool(role) for role in Role})
    settings = allow(behavior=AT_ONCE)
    decision, _ = decide(observe(8, 1), plan(7, 1), now, settings, NOTHING, beside=falling)
    assert numbers(decision) == (2, 1)
    assert "2 stay, since it may come back" in link(decision, "Fall")


@pytest.mark.parametrize(("window_seconds", "workers"), [(None, 4), (60, 8)])
def test_a_fall_is_waited_for_only_where_the_user_says_how_long(
    observe: Observe, plan: MakePlan, allow: Allow, window_seconds: int | None, workers: int
) -> None:
    settings = allow(behavior={"scaleDown": {"stabilizationWindowSeconds": window_seconds}})
    _, memory = decide(observe(8, 2), plan(8, 2), plan(8, 2), settings, NOTHING)
    now, later = plan(4, 2), observe(8, 2, at=10_015.0)
    waited, _ = decide(later, plan(8, 2), now, settings, memory)
    assert numbers(waited) == (8, 2)
    falling = SidePlans(falling={Role.PREFILL: now.prefill})
    decision, _ = decide(later, plan(8, 2), now, settings, memory, beside=falling)
    assert numbers(decision) == (workers, 2)


def test_a_need_of_the_moment_is_not_remembered_beyond_it(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    _, memory = decide(observe(4, 2), plan(2, 2), plan(4, 2), allow(), NOTHING)
    window = allow().scale_down_window_seconds(Role.PREFILL)
    later = observe(4, 2, at=10_000.0 + window / 2)
    kept, memory = decide(later, plan(2, 2), plan(4, 2), allow(), memory)
    assert numbers(kept) == (4, 2)
    ended = observe(4, 2, at=10_000.0 + window + 1)
    decision, _ = decide(ended, plan(2, 2), plan(2, 2), allow(), memory)
    assert numbers(decision) == (2, 2)


@pytest.mark.parametrize(("least", "workers"), [(2, 2), (3, 4)])
def test_a_need_that_lasts_is_one_that_misses_the_objective(
    observe: Observe, plan: MakePlan, allow: Allow, least: int, workers: int
) -> None:
    memory, beside = NOTHING, SidePlans(least=plan(least, 2))
    for seconds in (0.0, 60.0, 130.0):
        seen = observe(2, 2, at=10_000.0 + seconds)
        decision, memory = decide(seen, plan(2, 2), plan(4, 2), allow(), memory, beside=beside)
    assert numbers(decision) == (workers, 2)
