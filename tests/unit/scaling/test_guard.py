"""Queues and full caches add workers at once."""

from dataclasses import replace

import pytest
from tests.unit.scaling.deciding import (
    NO_DEMAND,
    NOTHING,
    Allow,
    MakeLoad,
    MakePlan,
    MakePool,
    Observe,
    decide_after,
    link,
    numbers,
)

from pd_operator.api.roles import Role
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.planning.engine import RouterClass
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.observation import EngineLoad, Known, Observation, PoolObservation

PROMPTS = LengthDistribution.constant(1000)


def busy(load: MakeLoad, passes: int, *, waiting: int = 0) -> EngineLoad:
    """An engine that computed so many passes of 10,000 tokens, a second each."""
    return load(
        waiting_uncached_tokens=waiting,
        prefill_uncached_tokens_total=10_000 * passes,
        prefill_busy_seconds_total=1.0 * passes,
    )


def test_with_demand_unknown_queues_may_still_add(
    observe: Observe, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    before = observe(make_pool(Role.PREFILL, 4, load=busy(load, 1)), 2, demand=NO_DEMAND)
    queue = make_pool(Role.PREFILL, 4, load=busy(load, 2, waiting=30_000))
    seen = observe(queue, 2, demand=NO_DEMAND, at=10_015.0)
    decision = decide_after(before, seen, plan=NO_DEMAND, settings=allow())
    assert numbers(decision) == (5, 2)
    assert decision.reason is DecisionReason.QUEUE_PRESSURE
    assert "120,000 prompt tokens wait, 3.00 s of work before half of the workers" in link(
        decision, "Guard"
    )


def test_the_guard_counts_workers_on_their_way(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    before = observe(make_pool(Role.PREFILL, 5, load=busy(load, 1), starting=1), 2)
    queue = make_pool(Role.PREFILL, 5, load=busy(load, 2, waiting=90_000), starting=1)
    seen = observe(queue, 2, at=10_015.0)
    assert numbers(decide_after(before, seen, plan=plan(5, 2), settings=allow())) == (5, 2)


def test_a_fresh_worker_is_not_judged_by_its_warm_up(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    # As SGLang 0.5.23 counts its own warm-up: 4 tokens in 66 ms, which would be 61 tokens/s.
    warm = {"prefill_uncached_tokens_total": 4, "prefill_busy_seconds_total": 0.066_115}
    first = observe(make_pool(Role.PREFILL, 1, load=load(**warm)), 2)
    queue = load(waiting_uncached_tokens=400, **warm)
    seen = observe(make_pool(Role.PREFILL, 1, load=queue), 2, at=10_015.0)
    decision = decide_after(first, seen, plan=plan(1, 2), settings=allow())
    assert numbers(decision) == (1, 2)
    assert "400 prompt tokens wait, at a speed not yet measured" in link(decision, "Guard")


def test_workers_that_computed_more_say_more_about_the_speed(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    def seen(at: float, fast: EngineLoad, slow: EngineLoad) -> Observation:
        workers = tuple(
            replace(make_pool(Role.PREFILL, 1, load=one).workers[0], name=name)
            for name, one in (("fast", fast), ("slow", slow))
        )
        return observe(PoolObservation(Role.PREFILL, 2, workers), 2, at=at)

    def counted(tokens: int, seconds: float, waiting: int = 0) -> EngineLoad:
        return load(
            waiting_uncached_tokens=waiting,
            prefill_uncached_tokens_total=tokens,
            prefill_busy_seconds_total=seconds,
        )

    before = seen(10_000.0, counted(10_000, 9.0), counted(10_000, 9.0))
    # 90,000 tokens in 9 s and 10,000 in 1 s: 100,000 in 10 s.
    after = seen(10_015.0, counted(100_000, 18.0, 15_000), counted(20_000, 10.0, 7_500))
    decision = decide_after(before, after, plan=plan(2, 2), settings=allow())
    assert "22,500 prompt tokens wait, 0.75 s of work" in link(decision, "Guard")


def test_an_answer_from_long_before_tells_no_queue(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    retracted = make_pool(Role.DECODE, 2, load=load(decode_retracted_queue=9))
    old = tuple(
        replace(one, load=Known(one.load.value, 60.0, "engine"))
        for one in retracted.workers
        if isinstance(one.load, Known)
    )
    seen = observe(2, replace(retracted, workers=old))
    decision = decide_after(seen, plan=plan(2, 2), settings=allow())
    assert numbers(decision) == (2, 2)
    assert "No worker's queues are known." in link(decision, "Guard")


def test_requests_that_keep_waiting_for_room_are_pressure_long_before_the_cache_is_full(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    # As a decode with 8,192 tokens of room told it: 512 are kept free for each that runs.
    putting_off = load(
        running_requests=4, decode_prealloc_queue=8, used_tokens=6_291, max_total_tokens=8_192
    )
    first = observe(2, make_pool(Role.DECODE, 2, load=putting_off))
    again = observe(2, make_pool(Role.DECODE, 2, load=putting_off), at=10_015.0)
    once = decide_after(first, plan=plan(2, 2), settings=allow())
    twice = decide_after(first, again, plan=plan(2, 2), settings=allow())
    assert numbers(once) == (2, 2)
    assert numbers(twice) == (2, 3)
    assert "16 requests keep waiting for room" in link(twice, "Guard")


def test_requests_that_pass_through_the_queue_for_room_are_no_pressure(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    seen = [
        observe(2, make_pool(Role.DECODE, 2, load=load(decode_prealloc_queue=queued)), at=at)
        for queued, at in ((3, 10_000.0), (0, 10_015.0), (2, 10_030.0))
    ]
    assert numbers(decide_after(*seen, plan=plan(2, 2), settings=allow())) == (2, 2)


def test_the_same_answer_read_twice_is_one(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    queued = make_pool(Role.DECODE, 2, load=load(decode_prealloc_queue=3))
    older = tuple(
        replace(one, load=Known(one.load.value, 5.1, "engine"))
        for one in queued.workers
        if isinstance(one.load, Known)
    )
    same = observe(2, replace(queued, workers=older), at=10_005.0)
    decision = decide_after(observe(2, queued), same, plan=plan(2, 2), settings=allow())
    assert numbers(decision) == (2, 2)


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
        "50% of the KV cache is in use, 0 sequences were retracted and 0 requests keep waiting for "
        "room."
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


def test_a_queue_before_one_of_several_workers_counts_where_the_router_does_not_see_it(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    # What waits before one worker stays there: those that come could take none of it.
    def seen(at: float, passes: int, waiting: int) -> Observation:
        pool = make_pool(Role.PREFILL, 3, load=busy(load, passes))
        clogged = Known(busy(load, passes, waiting=waiting), 0.1, "engine")
        return observe(
            replace(pool, workers=(replace(pool.workers[0], load=clogged), *pool.workers[1:])),
            2,
            at=at,
        )

    looks = seen(10_000.0, 1, 900_000), seen(10_015.0, 2, 890_000)
    assert numbers(decide_after(*looks, plan=plan(3, 2), settings=allow())) == (3, 2)
    blind = replace(allow(), router=RouterClass.BLIND)
    assert decide_after(*looks, plan=plan(3, 2), settings=blind).prefill.desired > 3


def test_a_guard_asks_for_what_arrives_beside_workers_that_are_clogged(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    # Of 10,000 tokens/s that each computes, 45,000/s arrive: six workers at 85 % and the two
    # whose queues outlast a start-up.
    before = observe(make_pool(Role.PREFILL, 2, load=busy(load, 1, waiting=500_000)), 2)
    queue = make_pool(Role.PREFILL, 2, load=busy(load, 2, waiting=827_500))
    seen = observe(queue, 2, at=10_015.0)
    decision = decide_after(before, seen, plan=plan(2, 2), settings=allow())
    assert "so at least 8 are wanted, 2 being ready" in link(decision, "Guard")


def test_a_clump_of_prompts_between_two_quick_ticks_is_no_load_that_lasts(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    # 10,000 tokens/s arrive at each of two workers, but for 30,000 within the last second.
    looks = [
        observe(
            make_pool(Role.PREFILL, 2, load=busy(load, passes, waiting=waiting)),
            2,
            at=10_000.0 + passes,
        )
        for passes, waiting in [*((passes, 10_000) for passes in range(1, 17)), (17, 30_000)]
    ]
    decision = decide_after(*looks, plan=plan(2, 2), settings=allow())
    assert "so at least 3 are wanted, 2 being ready" in link(decision, "Guard")


@pytest.mark.parametrize(
    ("busy_share", "workers"), [(0.2, 1), (0.26, 2)], ids=["room for a jump", "none"]
)
def test_a_lone_worker_gets_a_second_where_a_jump_would_drown_it(
    observe: Observe, plan: MakePlan, allow: Allow, busy_share: float, workers: int
) -> None:
    one = plan(1, 1)
    small = replace(
        one,
        prefill=replace(one.prefill, utilization=busy_share),
        decode=replace(one.decode, utilization=busy_share),
    )
    decision, _ = decide(observe(1, 1), small, small, allow(), NOTHING)
    assert numbers(decision) == (workers, workers)


def test_batches_that_outgrow_the_plan_add_decodes_before_any_answer_ends(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    # Of a worker with room for 50 sequences on average: 57 are chance, 90 are not.
    batches = plan(2, 1)
    batches = replace(batches, decode=replace(batches.decode, largest_batch=50.0))
    for running, decodes in ((57, 2), (90, 4)):
        crowd = make_pool(Role.DECODE, 2, load=load(running_requests=running))
        decision, _ = decide(observe(2, crowd), batches, batches, allow(), NOTHING)
        assert numbers(decision) == (2, decodes)
    assert "180 sequences run where 2 workers should hold 100" in link(decision, "Guard")


@pytest.mark.parametrize(("waiting", "workers"), [(60_000, 4), (160_000, 6)])
def test_a_worker_whose_queue_will_be_long_yet_is_none_for_what_arrives(
    observe: Observe,
    plan: MakePlan,
    allow: Allow,
    make_pool: MakePool,
    load: MakeLoad,
    waiting: int,
    workers: int,
) -> None:
    # Two engines compute 10,000 tokens/s each. What arrives would take four at most; queues of 6 s
    # do not grow and are gone before a quarter of the start-up, those of 16 s are not.
    looks = [
        observe(
            make_pool(Role.PREFILL, 2, load=busy(load, passes, waiting=waiting)),
            2,
            at=10_000.0 + passes,
            demand=Known(Demand(34.0, PROMPTS, PROMPTS), 5.0, "prometheus"),
        )
        for passes in range(1, 40)
    ]
    decision = decide_after(*looks, plan=plan(2, 2), settings=allow())
    assert f"so at least {workers} are wanted, 2 being ready" in link(decision, "Guard")
