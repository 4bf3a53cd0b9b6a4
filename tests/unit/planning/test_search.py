import math
from dataclasses import replace

import pytest

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import Limits, WorkerRange
from pd_operator.planning.load import Load, steady_load
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Limit, PlanningError
from pd_operator.planning.search import Sizing, search_plan


def size(
    rate: float,
    ttft_ms: float = 800,
    tpot_ms: float = 25,
    *,
    profile: str = "llama-3.1-70b-h100",
    limits: Limits | None = None,
    prompt: float = 1155,
) -> Sizing:
    objectives = Objectives(Objective(90, ttft_ms / 1e3), Objective(90, tpot_ms / 1e3))
    load = steady_load(rate, prompt, 211)
    means = limits or Limits(transfer_bytes_per_second_per_gpu=50e9)
    return search_plan(load, objectives, load_bundled(profile), means, RouterClass.LOAD_AWARE)


@pytest.mark.parametrize(
    ("profile", "rate", "ttft_ms", "tpot_ms", "gpus"),
    [
        ("qwen3-32b-h100", 20, 1000, 40, 6),
        ("llama-3.1-8b-h100", 50, 300, 12, 4),
        ("llama-3.1-70b-h100", 20, 800, 25, 12),
    ],
)
def test_worked_examples(
    profile: str, rate: float, ttft_ms: float, tpot_ms: float, gpus: int
) -> None:
    sizing = size(rate, ttft_ms, tpot_ms, profile=profile)
    assert sizing.feasible
    assert sizing.plan.gpus == gpus
    assert sizing.carried_requests_per_second == rate


def test_the_predictions_keep_the_objectives() -> None:
    plan_ = size(50).plan
    ttft, tpot = plan_.prefill.percentiles, plan_.decode.percentiles
    assert ttft is not None
    assert tpot is not None
    assert ttft.p50 < ttft.p90 <= 0.8
    assert ttft.p90 < ttft.p99
    assert tpot.p50 < tpot.p90 <= 0.025
    assert plan_.prefill.utilization <= 0.85


def test_the_chosen_plan_is_the_cheapest_of_all_sizes() -> None:
    sizing = size(50)
    assert len(sizing.alternatives) == 4
    assert sizing.plan.gpus == min(one.gpus for one in sizing.alternatives if one.feasible)


def test_sizes_may_be_given_and_kept_alike() -> None:
    limits = Limits(prefill_tensor_parallel=(4,), decode_tensor_parallel=(8,))
    only = size(20, limits=limits).plan
    assert (only.prefill.tensor_parallel_size, only.decode.tensor_parallel_size) == (4, 8)
    alike = size(20, limits=Limits(same_size=True))
    assert all(
        one.prefill.tensor_parallel_size == one.decode.tensor_parallel_size
        for one in alike.alternatives
    )


def test_workers_that_do_not_fill_nodes_are_left_out() -> None:
    small_nodes = size(20, limits=Limits(gpus_per_node=4))
    assert all(one.prefill.tensor_parallel_size == 4 for one in small_nodes.alternatives)
    with pytest.raises(PlanningError, match=r"fits nodes of 2 GPUs: there is TP4, TP8"):
        size(20, limits=Limits(gpus_per_node=2))


def test_a_budget_that_binds_carries_what_it_can() -> None:
    free, bound = size(50), size(50, limits=Limits(gpu_budget=20))
    assert free.plan.gpus > 20
    assert bound.plan.gpus <= 20
    assert not bound.feasible
    assert 0 < bound.carried_requests_per_second < 50
    assert bound.summary.startswith(f"The load needs {free.plan.gpus} GPUs; 20 carry")
    # What is carried is carried within the objectives.
    assert bound.plan.prefill.latency_seconds <= 0.8 * 1.001
    assert bound.plan.decode.latency_seconds <= 0.025 * 1.001


def test_a_budget_takes_no_worker_from_the_fewest_allowed() -> None:
    few = Limits(
        gpu_budget=20,
        prefill_tensor_parallel=(4,),
        decode_tensor_parallel=(4,),
        decode_workers=WorkerRange(2, 9),
    )
    bound = size(20, 3000, prompt=6000, limits=few)  # one decode worker would do
    assert not bound.feasible
    assert (bound.plan.prefill.workers, bound.plan.decode.workers) == (3, 2)


def test_pools_with_loads_of_their_own_carry_shares_of_them() -> None:
    load = steady_load(60, 1155, 211)
    calmer = replace(load.decode, requests_per_second=30.0)
    objectives = Objectives(Objective(90, 0.8), Objective(90, 0.025))
    asked = (objectives, load_bundled("llama-3.1-70b-h100"))
    both = Load(load.prefill, calmer, "two")
    free = search_plan(both, *asked, Limits(), RouterClass.LOAD_AWARE)
    assert free.feasible
    assert free.carried_requests_per_second == 60
    bound = search_plan(both, *asked, Limits(gpu_budget=16), RouterClass.LOAD_AWARE)
    assert (bound.plan.prefill.workers, bound.plan.decode.workers) == (3, 1)
    assert 0.4 < bound.carried_share < 0.7


def test_a_method_that_misses_objectives_is_found_out() -> None:
    load = steady_load(100, 1155, 211)
    objectives = Objectives(Objective(90, 0.8), Objective(90, 0.025))
    sizing = search_plan(
        load,
        objectives,
        load_bundled("llama-3.1-70b-h100"),
        Limits(),
        RouterClass.LOAD_AWARE,
        PlanningMethod.DOPD_AS_PUBLISHED,
    )
    assert not sizing.feasible
    assert sizing.carried_share < 0.6
    assert sizing.summary.startswith("DOPD as published")


def test_a_budget_below_one_worker_of_each_role_is_refused() -> None:
    with pytest.raises(PlanningError, match="a budget of 7 GPUs is less than the fewest workers"):
        size(5, limits=Limits(gpu_budget=7))
    with pytest.raises(PlanningError, match="a budget of 1 GPUs is less than one worker"):
        Limits(gpu_budget=1)


def test_a_prompt_longer_than_the_objective_is_named_with_its_time_at_the_best_size() -> None:
    sizing = size(20, ttft_ms=100)
    assert not sizing.feasible
    assert "TTFT P90 100 ms: prefill of a P90 prompt alone takes" in sizing.summary
    assert "at TP8" in sizing.summary


def test_a_step_longer_than_the_objective_is_named() -> None:
    assert "TPOT 3.0 ms is below the fastest decode step" in size(20, tpot_ms=3).summary


def test_more_workers_than_allowed_are_named() -> None:
    limits = Limits(prefill_workers=WorkerRange(1, 2), decode_workers=WorkerRange(1, 2))
    assert "at most 2 are allowed" in size(100, limits=limits).summary


def test_the_minimum_is_held_without_load() -> None:
    held = size(
        0, limits=Limits(prefill_workers=WorkerRange(2, 4), decode_workers=WorkerRange(3, 4))
    ).plan
    assert (held.prefill.workers, held.decode.workers) == (2, 3)
    assert held.prefill.limited_by is Limit.MINIMUM
    assert held.feasible


@pytest.mark.parametrize("figure", [-1.0, math.nan, math.inf, 1e12])
def test_a_rate_that_makes_no_sense_is_refused(figure: float) -> None:
    with pytest.raises(PlanningError, match="requests per second: expected 0 to 1e\\+09"):
        steady_load(figure, 1000, 100)


@pytest.mark.parametrize("figure", [0.0, -5.0, math.nan, 1e9])
def test_lengths_that_make_no_sense_are_refused(figure: float) -> None:
    with pytest.raises(PlanningError, match="prompt tokens: expected 1 to 1e\\+07"):
        steady_load(1.0, figure, 100)
    with pytest.raises(PlanningError, match="output tokens: expected 1 to 1e\\+07"):
        steady_load(1.0, 100, figure)
