import math

import pytest

from pd_operator.api.roles import Role
from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.objectives import Objective
from pd_operator.planning.plan import Limit, Plan, PoolPlan


def pool(role: Role, workers: int, gpus: int = 4, *, feasible: bool = True) -> PoolPlan:
    return PoolPlan(role, workers, 0.5, 0.1, Limit.UTILIZATION, feasible, "because", gpus)


@pytest.mark.parametrize(
    ("prefill", "decode", "ratio"), [(4, 2, "2:1"), (3, 2, "3:2"), (1, 1, "1:1"), (6, 9, "2:3")]
)
def test_the_ratio_is_in_lowest_terms(prefill: int, decode: int, ratio: str) -> None:
    assert Plan(pool(Role.PREFILL, prefill), pool(Role.DECODE, decode)).ratio == ratio


def test_gpus_are_those_of_both_pools() -> None:
    assert Plan(pool(Role.PREFILL, 3, 4), pool(Role.DECODE, 2, 8)).gpus == 28


def test_a_plan_is_feasible_only_where_both_pools_are() -> None:
    plan = Plan(pool(Role.PREFILL, 1), pool(Role.DECODE, 1, feasible=False))
    assert not plan.feasible
    assert plan.pool(Role.PREFILL).feasible


@pytest.mark.parametrize(
    ("percentile", "seconds"), [(0, 1.0), (100, 1.0), (90, 0.0), (90, -1.0), (90, math.inf)]
)
def test_an_objective_that_cannot_be_is_refused(percentile: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="an objective's"):
        Objective(percentile, seconds)


@pytest.mark.parametrize(("percentile", "share"), [(1, 0.01), (90, 0.9), (99, 0.99)])
def test_an_objective_holds_for_its_percentile_of_the_requests(
    percentile: int, share: float
) -> None:
    assert Objective(percentile, 1.0).share == share


@pytest.mark.parametrize(
    ("policy", "known"),
    [
        (PrefillPolicy.LEAST_LOAD, RouterClass.LOAD_AWARE),
        (PrefillPolicy.CACHE_AWARE, RouterClass.LOAD_AWARE),
        (PrefillPolicy.POWER_OF_TWO, RouterClass.POWER_OF_TWO),
        (PrefillPolicy.ROUND_ROBIN, RouterClass.ROUND_ROBIN),
        (PrefillPolicy.RANDOM, RouterClass.BLIND),
        (PrefillPolicy.BUCKET, RouterClass.BLIND),
    ],
)
def test_what_a_policy_knows_of_the_load_decides_the_queue(
    policy: PrefillPolicy, known: RouterClass
) -> None:
    assert RouterClass.of(policy) is known


def test_an_engine_without_a_network_is_refused() -> None:
    worker = load_bundled("llama-3.1-8b-h100").surfaces(1)
    with pytest.raises(ValueError, match="more than 0 bytes/s"):
        EngineModel(worker, worker, 0.0)
