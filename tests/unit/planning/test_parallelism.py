"""Which sizes of workers a service gets when it leaves them to the operator."""

from dataclasses import replace
from typing import Any

import pytest

from pd_operator.api.parallelism import ExpectedLoad
from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.performance import PerformanceProfile, load_bundled
from pd_operator.placement import Trial
from pd_operator.placement.goodput import decode_goodput, prefill_goodput
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import Limits, WorkerRange
from pd_operator.planning.load import steady_load
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.parallelism import (
    OutOfReachError,
    TensorParallel,
    choose_tensor_parallel,
    choose_tensor_parallel_for,
)
from pd_operator.planning.plan import PlanningError
from pd_operator.planning.search import pair_loads

H100 = load_bundled("llama-3.1-70b-h100")  # of TP4 and TP8
QUICK = Trial(requests=4000, precision=0.05)


def objectives(ttft: float = 0.8, tpot: float = 0.025) -> Objectives:
    return Objectives(Objective(90, ttft), Objective(90, tpot))


def chosen(
    rate: int | None,
    wanted: Objectives | None = None,
    limits: Limits | None = None,
    profile: PerformanceProfile = H100,
) -> TensorParallel:
    return choose_tensor_parallel(
        ExpectedLoad(requests_per_second=rate),
        wanted or objectives(),
        profile,
        limits or Limits(),
        RouterClass.POWER_OF_TWO,
    )


def test_a_small_load_gets_small_workers_and_a_large_one_what_serves_it_cheapest() -> None:
    small, large = chosen(5), chosen(50)
    assert (small.prefill, small.decode) == (4, 4)
    assert "Fewest GPUs (8) for 5 requests/s" in small.sentence
    assert (large.prefill, large.decode) == (4, 8)


def test_a_stricter_objective_gets_larger_workers() -> None:
    # A decode step of TP4 takes longer than 12 ms.
    assert chosen(5, objectives(tpot=0.012)).decode == 8
    assert chosen(None, objectives(tpot=0.012)).decode == 8


def test_one_size_for_both_pools_where_it_must_be() -> None:
    one = chosen(50, limits=Limits(same_size=True))
    assert one.prefill == one.decode


def test_a_budget_that_small_workers_alone_fit_decides() -> None:
    strict = objectives(ttft=0.8, tpot=0.012)  # decode of TP8
    assert chosen(None, strict, Limits(gpu_budget=12)) == chosen(None, strict)
    with pytest.raises(PlanningError, match="a budget of 11 GPUs is less than the fewest workers"):
        chosen(None, strict, Limits(gpu_budget=11))
    with pytest.raises(PlanningError, match="a budget of 11 GPUs is less than the fewest workers"):
        chosen(5, strict, Limits(gpu_budget=11))


def test_where_the_pools_may_not_grow_enough_the_sizes_that_carry_most_are_taken() -> None:
    few = Limits(prefill_workers=WorkerRange(1, 2), decode_workers=WorkerRange(1, 2))
    crowded = chosen(60, limits=few)
    assert (crowded.prefill, crowded.decode) == (8, 4)
    assert crowded.sentence.startswith("Most of 60 requests/s")
    assert "at most 2 are allowed" in crowded.sentence


@pytest.mark.parametrize("rate", [None, 20])
def test_an_objective_that_no_size_meets_is_named_with_its_figure(rate: int | None) -> None:
    with pytest.raises(OutOfReachError, match=r"prefill of a P90 prompt alone .* at TP8") as slow:
        chosen(rate, objectives(ttft=0.1))
    assert slow.value.role is Role.PREFILL
    with pytest.raises(OutOfReachError, match="below the fastest decode step") as slower:
        chosen(rate, objectives(tpot=0.003))
    assert slower.value.role is Role.DECODE


def test_an_objective_that_leaves_no_time_to_wait_is_named_too() -> None:
    lone = Limits(gpus_per_node=8, prefill_tensor_parallel=(8,), decode_tensor_parallel=(8,))
    load = steady_load(1.0, 1155, 211)
    router = RouterClass.POWER_OF_TWO
    prefill, _ = pair_loads(load, objectives(), H100, lone, router, (8, 8))
    just = objectives(ttft=prefill.floor_seconds * (1 + 1e-9))
    with pytest.raises(OutOfReachError, match="leaves no time to wait") as why:
        chosen(None, just, lone)
    assert why.value.role is Role.PREFILL


def test_nodes_that_no_size_fills_are_named() -> None:
    with pytest.raises(PlanningError, match="fits nodes of 2 GPUs: there is TP4, TP8"):
        chosen(5, limits=Limits(gpus_per_node=2))


@pytest.mark.parametrize("size", [4, 8])
def test_goodput_without_a_rate_is_what_a_simulation_finds(size: int) -> None:
    # Nodes of one worker, as DistServe simulates them: theirs by simulation, ours by queues.
    worker, wanted = H100.surfaces(size), objectives()
    only = Limits(
        gpus_per_node=size, prefill_tensor_parallel=(size,), decode_tensor_parallel=(size,)
    )
    said = chosen(None, wanted, only).sentence
    prefill, decode = (float(word.removesuffix("/s")) for word in said.split() if "/s" in word)
    load = steady_load(1.0, 1155, 211)
    assert prefill == pytest.approx(prefill_goodput(worker, load, wanted, QUICK), rel=0.15)
    assert decode == pytest.approx(decode_goodput(worker, load, wanted, QUICK), rel=0.15)


SPEC: dict[str, Any] = {
    "model": {"path": "org/model"},
    "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
    "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 12}},
    "prefill": {"maxReplicas": 20},
    "decode": {"maxReplicas": 20},
    "parallelism": "AutoPerRole",
    "expectedLoad": {"requestsPerSecond": 50},
    "metrics": {"prometheusUrl": "http://prometheus:9090"},
}


def of(profile: PerformanceProfile = H100, **fields: Any) -> TensorParallel:
    return choose_tensor_parallel_for(PDInferenceServiceSpec.model_validate(SPEC | fields), profile)


def test_a_spec_says_the_load_the_limits_and_whether_sizes_may_differ() -> None:
    assert (of().prefill, of().decode) == (4, 8)
    alike = of(parallelism="Auto")
    assert alike.prefill == alike.decode
    assert "1,155 prompt and 211 output" in of(expectedLoad=None).sentence
    long = of(expectedLoad={"promptTokens": 3000, "outputTokens": 100}).sentence
    assert "3,000 prompt and 100 output" in long
    with pytest.raises(PlanningError, match="fits nodes of 2 GPUs"):
        of(engine=SPEC["engine"] | {"gpusPerNode": 2})


def test_a_size_that_is_settled_stays() -> None:
    spec = PDInferenceServiceSpec.model_validate(SPEC)
    assert choose_tensor_parallel_for(spec, H100, prefill=8).prefill == 8
    alike = spec.model_copy(update={"parallelism": "Auto"})
    assert choose_tensor_parallel_for(alike, H100, decode=8).prefill in {4, 8}


def test_a_profile_of_one_size_leaves_no_choice() -> None:
    one = replace(H100, by_tensor_parallel_size={8: H100.surfaces(8)})
    assert (of(one).prefill, of(one).decode) == (8, 8)
