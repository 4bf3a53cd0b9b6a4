"""Who lends a worker to whom, and when nobody does."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pd_operator.api.roles import Role
from pd_operator.planning.plan import Plan
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.loans import FLIPS_PER_HOUR, SHORTEST_LOAN_SECONDS
from pd_operator.scaling.memory import Flip, ScalingMemory
from pd_operator.scaling.observation import EngineLoad, Known, Observation, PoolObservation, Unknown
from pd_operator.scaling.settings import ScalingSettings

from .deciding import (
    AT_ONCE,
    NO_DEMAND,
    Allow,
    MakeLoad,
    MakePlan,
    MakePool,
    Observe,
    decide_after,
    link,
    numbers,
)

NOW = 10_000.0
LONG_SHORT = dict.fromkeys(Role, NOW - 60)
Pools = Callable[[int, int], Observation]


@pytest.fixture
def fleet(observe: Observe, make_pool: MakePool, load: MakeLoad) -> Pools:
    """So many ready workers of each role, all of which can switch; the first has least to do."""

    def build(prefill: int, decode: int) -> Observation:
        pools = [
            switchable(make_pool(role, count, load=load()))
            for role, count in ((Role.PREFILL, prefill), (Role.DECODE, decode))
        ]
        return observe(*pools)

    return build


def switchable(pool: PoolObservation) -> PoolObservation:
    workers = tuple(
        replace(worker, switchable=True, load=busier(worker.load, number))
        for number, worker in enumerate(pool.workers)
    )
    return replace(pool, workers=workers)


def busier(reading: Any, requests: int) -> Known[EngineLoad]:
    load: EngineLoad = reading.value
    return replace(reading, value=replace(load, running_requests=requests))


@pytest.fixture
def enabled(allow: Allow) -> Callable[..., ScalingSettings]:
    def build(**changes: Any) -> ScalingSettings:
        return replace(allow(**changes), role_flips=True)

    return build


def decided(
    seen: Observation,
    now: Plan | Unknown,
    settings: ScalingSettings,
    *flips: Flip,
    ahead: Plan | Unknown | None = None,
) -> Decision:
    memory = ScalingMemory(flips=flips, short_since=LONG_SHORT)
    return decide(seen, ahead or now, now, settings, memory)[0]


def flips(decision: Decision) -> list[tuple[str, Role]]:
    return [(flip.worker, flip.role) for flip in decision.flips]


Enabled = Callable[..., ScalingSettings]


def test_a_pool_that_lacks_workers_now_borrows_the_least_busy_that_the_other_can_spare(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    decision = decided(fleet(2, 4), plan(4, 2), enabled())
    assert flips(decision) == [("chat-decode-0", Role.PREFILL), ("chat-decode-1", Role.PREFILL)]
    assert numbers(decision) == (4, 2)
    assert link(decision, "Loans") == (
        "Chat-decode-0, chat-decode-1 take the role of prefill: prefill needs 4 now and has 2, and "
        "decode can spare 2."
    )


def test_both_directions_are_alike(fleet: Pools, plan: MakePlan, enabled: Enabled) -> None:
    decision = decided(fleet(4, 2), plan(3, 3), enabled())
    assert flips(decision) == [("chat-prefill-0", Role.DECODE)]
    assert numbers(decision) == (3, 3)


def test_what_is_needed_beyond_the_total_falls_to_replicas(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    decision = decided(fleet(2, 3), plan(6, 2), enabled())
    assert flips(decision) == [("chat-decode-0", Role.PREFILL)]
    assert numbers(decision) == (6, 2)


def test_a_lender_that_the_forecast_wants_larger_makes_good_by_replicas(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    decision = decided(fleet(2, 3), plan(3, 2), enabled(), ahead=plan(3, 3))
    assert flips(decision) == [("chat-decode-0", Role.PREFILL)]
    assert numbers(decision) == (3, 3)


def test_what_was_lent_is_made_good_only_within_the_budget(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    """Five workers of four GPUs each are all that the budget allows, lent or not."""
    decision = decided(fleet(2, 3), plan(3, 2), enabled(budget=20), ahead=plan(3, 3))
    assert flips(decision) == [("chat-decode-0", Role.PREFILL)]
    assert numbers(decision) == (3, 2)


def test_nobody_lends_what_it_needs_itself(fleet: Pools, plan: MakePlan, enabled: Enabled) -> None:
    assert decided(fleet(2, 3), plan(4, 3), enabled()).flips == ()


def test_nobody_lends_below_its_minimum(fleet: Pools, plan: MakePlan, enabled: Enabled) -> None:
    assert decided(fleet(3, 3), plan(4, 1), enabled(minimum=3)).flips == ()


def test_a_pool_borrows_no_more_than_its_maximum(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    assert len(decided(fleet(2, 6), plan(5, 1), enabled(maximum=6)).flips) == 3
    assert len(decided(fleet(2, 4), plan(5, 1), enabled(maximum=4)).flips) == 2


def test_a_need_of_a_moment_borrows_nothing(fleet: Pools, plan: MakePlan, enabled: Enabled) -> None:
    seen, now = fleet(2, 4), plan(4, 2)
    assert decide(seen, plan(2, 4), now, enabled(), ScalingMemory())[0].flips == ()


def filled(plan: Plan, batch: float) -> Plan:
    return replace(plan, decode=replace(plan.decode, largest_batch=batch))


def test_decode_borrows_for_what_runs_before_its_length_is_known(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen = fleet(4, 2)  # 0 and 1 sequences run on the decodes
    seen = replace(seen, decode=replace(seen.decode, workers=(seen.decode.workers[1],) * 2))
    crowded = filled(plan(2, 2), 0.7)  # of which a decode should hold no more than this
    decision = decide(seen, crowded, crowded, enabled(), ScalingMemory())[0]
    assert flips(decision) == [("chat-prefill-0", Role.DECODE)]
    roomy = filled(plan(2, 2), 1.5)
    assert decide(seen, roomy, roomy, enabled(), ScalingMemory())[0].flips == ()


def test_decode_lends_nobody_while_more_runs_than_the_rest_may_hold(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen = fleet(2, 4)  # 0 + 1 + 2 + 3 sequences run on the decodes
    assert len(decided(seen, filled(plan(4, 2), 3.0), enabled()).flips) == 2
    assert len(decided(seen, filled(plan(4, 2), 2.0), enabled()).flips) == 1
    assert decided(seen, filled(plan(4, 2), 1.5), enabled()).flips == ()


def test_where_one_pool_is_to_grow_and_the_other_to_shrink_workers_change_over(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen, now, ahead = fleet(2, 4), plan(2, 1), plan(3, 1)
    decision = decided(seen, now, enabled(behavior=AT_ONCE), ahead=ahead)
    assert flips(decision) == [("chat-decode-0", Role.PREFILL)]
    assert "prefill is to grow and decode to shrink" in link(decision, "Loans")
    assert decided(seen, now, enabled(), ahead=ahead).flips == (), "those that are held stay"


def test_disabled_nothing_flips_and_nothing_is_said(
    fleet: Pools, plan: MakePlan, allow: Allow
) -> None:
    decision = decided(fleet(2, 4), plan(4, 2), allow())
    assert decision.flips == ()
    assert "Loans" not in {one.name for one in decision.links}


@pytest.mark.parametrize("unknown", ["demand", "now", "ahead"])
def test_nothing_flips_on_what_is_not_known(
    fleet: Pools, plan: MakePlan, enabled: Enabled, unknown: str
) -> None:
    seen = fleet(2, 4)
    if unknown == "demand":
        seen = replace(seen, demand=NO_DEMAND)
    now = NO_DEMAND if unknown == "now" else plan(4, 2)
    ahead = NO_DEMAND if unknown == "ahead" else plan(4, 2)
    decision = decided(seen, now, enabled(), ahead=ahead)
    assert decision.flips == ()
    assert "while prometheus is unknown" in link(decision, "Loans")


def test_a_guessed_engine_flips_nobody(fleet: Pools, plan: MakePlan, enabled: Enabled) -> None:
    now, memory = plan(4, 2), ScalingMemory(short_since=LONG_SHORT)
    decision, _ = decide(fleet(2, 4), now, now, enabled(), memory, engine_measured=False)
    assert decision.flips == ()


def test_a_pool_lends_nobody_while_one_that_serves_does_not_say_what_it_does(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen, now = fleet(2, 4), plan(3, 2)
    silent = replace(seen.decode.workers[3], load=NO_DEMAND)
    workers = (*seen.decode.workers[:3], silent)
    unread = replace(seen, decode=replace(seen.decode, workers=workers))
    decision = decided(unread, now, enabled())
    assert decision.flips == ()
    assert "decode can spare none" in link(decision, "Loans")
    starting = (*workers[:3], replace(silent, ready=False))
    unready = replace(seen, decode=replace(seen.decode, workers=starting))
    assert len(decided(unready, now, enabled()).flips) == 1


def test_a_borrowed_worker_goes_home_before_others_leave(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen = fleet(4, 2)
    borrowed = replace(seen.prefill.workers[3], home=Role.DECODE)
    workers = (*seen.prefill.workers[:3], borrowed)
    seen = replace(seen, prefill=replace(seen.prefill, workers=workers))
    assert flips(decided(seen, plan(3, 3), enabled())) == [("chat-prefill-3", Role.DECODE)]


def test_workers_of_different_size_do_not_change_roles(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    settings = enabled()
    larger = replace(settings, decode=replace(settings.decode, gpus_per_worker=8))
    assert decided(fleet(2, 4), plan(4, 2), larger).flips == ()


def test_during_a_rollout_nobody_changes_its_role(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen = fleet(2, 4)
    seen = replace(seen, prefill=replace(seen.prefill, rolling_out=True))
    assert decided(seen, plan(4, 2), enabled()).flips == ()


def test_what_was_lent_a_moment_ago_is_not_borrowed_back(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen, now = fleet(2, 4), plan(3, 2)
    lent = Flip(NOW - SHORTEST_LOAN_SECONDS + 1, Role.DECODE)
    assert decided(seen, now, enabled(), lent).flips == ()
    assert len(decided(seen, now, enabled(), replace(lent, time_seconds=NOW - 200)).flips) == 1


def test_a_loan_that_has_just_begun_is_not_ended_by_the_load_of_before(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen, now, lent = fleet(2, 4), plan(2, 2), Flip(NOW - 30, Role.DECODE)
    decision = decided(seen, now, enabled(behavior=AT_ONCE), lent)
    assert numbers(decision) == (2, 3)
    assert "decode keeps 3" in decision.sentence
    old = replace(lent, time_seconds=NOW - SHORTEST_LOAN_SECONDS)
    assert numbers(decided(seen, now, enabled(behavior=AT_ONCE), old)) == (2, 2)


def test_maximum_and_budget_end_a_loan_whenever_it_began(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen, lent = fleet(2, 4), Flip(NOW - 30, Role.DECODE)
    assert numbers(decided(seen, plan(2, 2), enabled(behavior=AT_ONCE, maximum=2), lent)) == (2, 2)
    lowered = enabled(behavior=AT_ONCE, budget=16)
    assert numbers(decided(seen, plan(2, 2), lowered, lent)) == (2, 2)
    # The lender is to grow beside it, and waits for room.
    full = enabled(behavior=AT_ONCE, budget=24)
    assert numbers(decided(seen, plan(3, 3), full, lent)) == (2, 4)


def test_what_a_full_budget_takes_from_one_pool_for_the_other_changes_over(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    """Four workers of four GPUs each; five are needed, and no decode can be spared."""
    full = enabled(behavior=AT_ONCE, budget=16)
    decision = decide(fleet(1, 3), plan(2, 3), plan(1, 3), full, ScalingMemory())[0]
    assert flips(decision) == [("chat-decode-0", Role.PREFILL)]
    assert numbers(decision) == (2, 2)
    roomy = enabled(behavior=AT_ONCE, budget=20)
    decision = decide(fleet(1, 3), plan(2, 3), plan(1, 3), roomy, ScalingMemory())[0]
    assert (flips(decision), numbers(decision)) == ([], (2, 3))


def test_what_a_budget_takes_is_not_the_last_that_serves(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen = fleet(1, 3)
    serving, *others = seen.decode.workers
    starting = (replace(one, ready=False, switchable=False) for one in others)
    seen = replace(seen, decode=replace(seen.decode, workers=(serving, *starting)))
    full = enabled(behavior=AT_ONCE, budget=16)
    decision = decide(seen, plan(2, 3), plan(1, 3), full, ScalingMemory())[0]
    assert flips(decision) == []


def test_there_are_only_so_many_flips_an_hour(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    recent = [Flip(NOW - 3000, Role.PREFILL)] * FLIPS_PER_HOUR
    assert decided(fleet(2, 4), plan(4, 2), enabled(), *recent).flips == ()
    assert len(decided(fleet(2, 4), plan(4, 2), enabled(), *recent[1:]).flips) == 1


def test_a_worker_on_its_way_is_not_asked_for_again(
    fleet: Pools, plan: MakePlan, enabled: Enabled
) -> None:
    seen = fleet(3, 4)
    coming = replace(seen.prefill.workers[2], switching=True, traffic=False)
    workers = (*seen.prefill.workers[:2], coming)
    seen = replace(seen, prefill=replace(seen.prefill, workers=workers))
    assert (seen.prefill.ready, seen.prefill.current) == (2, 3)
    assert decided(seen, plan(3, 2), enabled()).flips == ()


def test_what_waits_already_borrows_nobody(
    fleet: Pools, plan: MakePlan, enabled: Enabled, make_pool: MakePool, load: MakeLoad
) -> None:
    def look(at: float, passes: int, waiting: int) -> Observation:
        busy = load(
            waiting_uncached_tokens=waiting,
            prefill_uncached_tokens_total=10_000 * passes,
            prefill_busy_seconds_total=1.0 * passes,
        )
        prefill = switchable(make_pool(Role.PREFILL, 8, load=busy))
        return replace(fleet(1, 3), prefill=prefill, time_seconds=at)

    seen = (look(NOW, 10, 0), look(NOW + 15, 11, 30_000))
    decision = decide_after(*seen, plan=plan(7, 1), settings=enabled())
    assert decision.prefill.desired == 9, "the guard asks for one more"
    assert decision.flips == ()
