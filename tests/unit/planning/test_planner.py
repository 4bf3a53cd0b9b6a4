import math
from dataclasses import replace

import pytest

from pd_operator.demand import Demand, LengthDistribution
from pd_operator.performance import load_bundled
from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Limit, Plan
from pd_operator.planning.planner import plan_service, pool_loads

WORKER = load_bundled("llama-3.1-70b-h100").surfaces(4)
ENGINE = EngineModel(WORKER, WORKER, transfer_bytes_per_second=25e9)
PROMPTS = LengthDistribution((200, 1000, 2700), (0.4, 0.4, 0.2))
ANSWERS = LengthDistribution((30, 130, 600), (0.3, 0.5, 0.2))


def plan(
    rate: float,
    *,
    ttft_ms: float = 800,
    tpot_ms: float = 25,
    percentile: int = 90,
    engine: EngineModel = ENGINE,
    prompts: LengthDistribution = PROMPTS,
    answers: LengthDistribution = ANSWERS,
    maximum: int = 100,
    router: RouterClass = RouterClass.LOAD_AWARE,
    context: float | None = None,
) -> Plan:
    demand = Demand(rate, prompts, answers, context_tokens_mean=context)
    objectives = Objectives(
        Objective(percentile, ttft_ms / 1000), Objective(percentile, tpot_ms / 1000)
    )
    return plan_service(
        demand, demand, engine, objectives, PoolBounds.up_to(maximum, maximum), router
    )


def test_without_load_one_worker_of_each_role_stays() -> None:
    idle = plan(0)
    assert (idle.prefill.workers, idle.decode.workers) == (1, 1)
    assert (idle.prefill.limited_by, idle.decode.limited_by) == (Limit.ONE_WORKER,) * 2
    assert idle.feasible
    assert idle.prefill.utilization == idle.decode.utilization == 0


def test_a_tight_first_token_objective_asks_for_more_than_the_utilization_cap() -> None:
    relaxed, tight = plan(20, ttft_ms=2000), plan(20, ttft_ms=280)
    assert relaxed.prefill.limited_by is Limit.UTILIZATION
    assert tight.prefill.limited_by is Limit.TTFT
    assert tight.prefill.workers > relaxed.prefill.workers
    assert tight.prefill.latency_seconds <= 0.280


def test_prefill_is_never_planned_busier_than_the_cap() -> None:
    for rate in range(1, 60, 3):
        assert plan(rate, ttft_ms=60_000).prefill.utilization <= 0.85 + 1e-9


def test_decode_workers_follow_the_output_and_prefill_workers_the_prompts() -> None:
    base = plan(30)
    long_prompts = plan(30, prompts=PROMPTS.scaled_to_mean(3 * PROMPTS.mean), ttft_ms=3000)
    long_answers = plan(30, answers=ANSWERS.scaled_to_mean(3 * ANSWERS.mean))
    assert long_prompts.prefill.workers >= 3 * base.prefill.workers - 1
    assert long_answers.prefill.workers == base.prefill.workers
    assert long_answers.decode.workers >= 3 * base.decode.workers - 2


def test_a_router_that_knows_nothing_needs_more_prefill_workers() -> None:
    aware = plan(40, ttft_ms=500)
    blind = plan(40, ttft_ms=500, router=RouterClass.BLIND)
    assert blind.prefill.workers > aware.prefill.workers
    assert blind.decode == aware.decode


def test_a_slow_network_binds_and_is_named() -> None:
    slow = plan(20, engine=replace(ENGINE, transfer_bytes_per_second=1e9), ttft_ms=5000)
    assert slow.prefill.limited_by is Limit.NETWORK
    assert slow.decode.limited_by is Limit.NETWORK
    assert slow.prefill.workers == math.ceil(20 * PROMPTS.mean * 327_680 / (0.6 * 1e9))


def test_over_a_slow_network_sequences_are_longer_between_the_pools() -> None:
    demand = Demand(20, PROMPTS, ANSWERS)
    patient = Objectives(Objective(90, 60.0), Objective(90, 0.025))
    fast, slow = (
        pool_loads(demand, demand, EngineModel(WORKER, WORKER, speed), patient, RouterClass.BLIND)
        for speed in (50e9, 5e9)
    )
    moved = PROMPTS.mean * WORKER.kv_bytes_per_token
    # As long again for the wait, which is taken to be as long as the rest.
    assert slow[1].in_prefill_seconds - fast[1].in_prefill_seconds == pytest.approx(
        2 * moved * (1 / 5e9 - 1 / 50e9)
    )


def test_the_hand_over_is_half_a_step_and_one_at_the_batch_of_a_worker_with_all_the_load() -> None:
    demand = Demand(40, PROMPTS, ANSWERS)
    objectives = Objectives(Objective(90, 0.8), Objective(90, 0.025))
    prefill, decode = pool_loads(demand, demand, ENGINE, objectives, RouterClass.LOAD_AWARE)
    assert decode.mean_batch(2) < decode.mean_batch(1) == decode.tightest[1]
    assert prefill.hand_over_seconds == pytest.approx(1.5 * decode.step_seconds(decode.tightest[1]))


def test_kv_room_is_set_aside_for_the_mean_the_reserve_and_the_spread() -> None:
    prompts, answers = LengthDistribution.constant(1000), LengthDistribution.constant(200)
    load = DecodeLoad(Demand(10, prompts, answers), WORKER, Objective(90, 0.025), 25e9)
    # A sequence is on average halfway through its answer; 99 of 100 moments have room.
    spread = 2.33 * math.sqrt(50) * 1200
    assert load.kv_tokens(50) == pytest.approx(50 * 1100 + 50 * 512 + spread)


def test_long_contexts_fill_the_kv_cache_before_the_step_gets_slow() -> None:
    full = plan(5, context=20_000, tpot_ms=200, answers=LengthDistribution.constant(2000))
    assert full.decode.limited_by is Limit.KV_ROOM


def test_a_relaxed_token_objective_is_held_back_by_the_utilization_cap() -> None:
    load = DecodeLoad(Demand(50, PROMPTS, ANSWERS), WORKER, Objective(90, 10.0), 25e9)
    assert load.batch_limits[Limit.TPOT] == max(load.batch_limits.values())
    step = load.step_seconds(load.batch_limits[Limit.UTILIZATION])
    assert step == pytest.approx(load.fastest_step_seconds / 0.15, rel=1e-3)


def test_the_decode_batch_is_the_fixed_point_of_little_s_law() -> None:
    load = DecodeLoad(Demand(10, PROMPTS, ANSWERS), WORKER, Objective(90, 0.025), 25e9)
    batch = load.mean_batch(2)
    assert batch == pytest.approx(10 / 2 * ANSWERS.mean * load.step_seconds(batch), rel=1e-3)


def test_contexts_are_weighted_by_how_long_sequences_stay() -> None:
    load = DecodeLoad(Demand(10, PROMPTS, ANSWERS), WORKER, Objective(90, 0.025), 25e9)
    assert load.context_tokens > PROMPTS.mean + ANSWERS.mean / 2
    measured = replace(load, demand=replace(load.demand, context_tokens_mean=4321.0))
    assert measured.context_tokens == 4321.0


def test_a_token_objective_below_one_step_is_named_and_not_chased() -> None:
    impossible = plan(20, tpot_ms=10).decode
    assert not impossible.feasible
    assert impossible.workers < 10
    assert impossible.reason == (
        "TPOT 10.0 ms is below the fastest decode step of 15.4 ms of "
        "llama-3.1-70b-h100 at TP4; no number of workers can meet it."
    )


def test_a_first_token_objective_below_the_prompt_s_own_time_is_named_and_not_chased() -> None:
    impossible = plan(20, ttft_ms=60).prefill
    assert not impossible.feasible
    assert impossible.workers < 10
    assert impossible.reason == (
        "TTFT P90 60.0 ms: prefill of a P90 prompt alone takes 181 ms on llama-3.1-70b-h100 at TP4."
    )


@pytest.mark.parametrize(
    ("ttft_ms", "named"),
    [
        (181.5, "prefill, KV transfer and hand-over of a P90 prompt that does not wait take"),
        (20, "prefill of a P90 prompt alone takes"),
    ],
)
def test_the_part_that_breaks_the_objective_is_named(ttft_ms: float, named: str) -> None:
    assert named in plan(20, ttft_ms=ttft_ms).prefill.reason


def test_more_than_the_maximum_is_said_with_the_number_that_would_do() -> None:
    short = plan(100, maximum=3)
    assert (short.prefill.workers, short.decode.workers) == (3, 3)
    assert not short.feasible
    assert short.prefill.reason.endswith("(the utilization cap), at most 3 are allowed.")
    assert short.prefill.latency_seconds == math.inf
    assert short.decode.latency_seconds > 0.025


def test_a_sequence_that_no_worker_has_room_for_is_named() -> None:
    endless = plan(1, context=500_000, tpot_ms=500).decode
    assert not endless.feasible
    assert "500,000 tokens does not fit the KV cache of 362,142 tokens" in endless.reason


def test_an_absurd_load_is_answered_at_once() -> None:
    absurd = plan(1e9, prompts=LengthDistribution.constant(1e6))
    assert not absurd.feasible


@pytest.mark.parametrize(
    ("rate", "ttft_ms", "tpot_ms", "gpus"), [(20, 800, 25, 12), (50, 800, 25, 28)]
)
def test_worked_examples(rate: float, ttft_ms: float, tpot_ms: float, gpus: int) -> None:
    assert plan(rate, ttft_ms=ttft_ms, tpot_ms=tpot_ms).gpus == gpus


def test_the_reason_says_what_one_worker_less_would_break() -> None:
    decode = plan(60).decode
    assert decode.limited_by is Limit.TPOT
    assert decode.reason.endswith(f"; {decode.workers - 1} would break time per output token.")


def test_a_plan_that_spends_less_of_the_error_budget_needs_more_workers() -> None:
    demand = Demand(30.0, PROMPTS, ANSWERS)
    whole = Objectives(Objective(90, 0.3), Objective(90, 0.02))
    plans = [
        plan_service(
            demand, demand, ENGINE, objectives, PoolBounds.up_to(100, 100), RouterClass.BLIND
        )
        for objectives in (whole, whole.spending(0.2))
    ]
    assert plans[1].prefill.workers > plans[0].prefill.workers
    assert plans[1].decode.workers >= plans[0].decode.workers


def test_what_is_late_whatever_the_workers_comes_off_the_budget_first() -> None:
    # One prompt in twenty takes longer than the objective by itself.
    prompts = LengthDistribution((200, 30_000), (0.95, 0.05))
    objectives = Objectives(Objective(90, 0.3), Objective(90, 0.02)).spending(0.2)
    demand = Demand(10.0, prompts, ANSWERS)
    load, _ = pool_loads(demand, demand, ENGINE, objectives, RouterClass.LOAD_AWARE)
    assert load.in_reach
    assert load.planned_share == pytest.approx(1 - 0.05 - 0.2 * (0.10 - 0.05))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_the_budget_is_between_none_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="a share of the budget is 0 to 1"):
        Objective(90, 0.3, share)
