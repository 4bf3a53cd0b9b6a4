"""Perfect knowledge: the operator's planner, asked about the expected load of every moment."""

import numpy as np
import pytest

from pd_e2e.demo.oracle import (
    GpusPerWorker,
    NeededWorkers,
    RequestShape,
    mixed_demand,
    needed_workers,
)
from pd_e2e.loadgen.scenario import TraceScenario
from pd_e2e.loadgen.schedule import LengthPool
from pd_operator.api.roles import Role
from pd_operator.demand import Demand
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Plan
from pd_operator.planning.planner import plan_service

GPUS = GpusPerWorker(prefill=2, decode=4)


def needed(prefill: list[int], decode: list[int]) -> NeededWorkers:
    seconds = np.linspace(0.0, 10.0 * (len(prefill) - 1), len(prefill))
    return NeededWorkers(seconds, 10.0, np.array(prefill), np.array(decode))


def plan_70b(demand: Demand) -> Plan:
    profile = load_bundled("llama-3.1-70b-h100")
    surfaces = profile.surfaces(4)
    engine = EngineModel(surfaces, surfaces, transfer_bytes_per_second=50e9)
    objectives = Objectives(ttft=Objective(90, 0.8), tpot=Objective(90, 0.017))
    return plan_service(
        demand, demand, engine, objectives, PoolBounds.up_to(12, 12), RouterClass.LOAD_AWARE
    )


def test_perfect_knowledge_pays_the_sum_and_a_static_pool_its_own_peak() -> None:
    workers = needed([1, 3, 2], [4, 1, 1])
    assert workers.gpu_seconds(GPUS) == 10.0 * (6 * 2 + 6 * 4)
    assert workers.gpu_seconds_static_peak(GPUS) == 30.0 * (3 * 2 + 4 * 4)


@pytest.mark.parametrize(
    ("workers", "start", "end", "first"),
    [
        (3, 0.0, 30.0, 10.0),
        (3, 12.0, 30.0, 12.0),
        (3, 20.0, 30.0, None),
        (3, 0.0, 10.0, None),
        (2, 15.0, 30.0, 15.0),
        (4, 0.0, 30.0, None),
        (1, -5.0, 30.0, 0.0),
    ],
)
def test_the_first_need_of_a_number_of_workers(
    workers: int, start: float, end: float, first: float | None
) -> None:
    assert needed([1, 3, 2], [1, 1, 1]).first_need(Role.PREFILL, workers, start, end) == first


def test_a_mix_has_the_rates_and_lengths_of_its_parts() -> None:
    short = RequestShape.of(LengthPool(np.array([100, 300]), np.array([10, 10])))
    long = RequestShape.of(LengthPool(np.array([1000]), np.array([100])))
    demand = mixed_demand([short, long], [3.0, 1.0])

    assert demand.requests_per_second == 4.0
    assert demand.prompt_tokens_per_second == pytest.approx(3 * 200 + 1000)
    assert demand.output_tokens_per_second == pytest.approx(3 * 10 + 100)
    # Token by token: each of an answer's tokens is decoded at its prompt's length plus its place.
    contexts = [100 + n for n in range(10)] + [300 + n for n in range(10)]
    short_sum, long_sum = sum(contexts) / 2, sum(1000 + n for n in range(100))
    assert demand.context_tokens_mean == pytest.approx(
        (3 * short_sum + long_sum) / (3 * 10 + 100), rel=1e-3
    )


def test_the_demos_day_moves_prefill_and_decode_in_different_shapes() -> None:
    workers = needed_workers(TraceScenario(), plan_70b, bin_seconds=15.0)
    gpus = GpusPerWorker(4, 4)

    assert workers.prefill.max() / workers.prefill.min() >= 2
    assert workers.decode.max() > workers.decode.min()
    assert not np.array_equal(np.diff(workers.prefill) != 0, np.diff(workers.decode) != 0)
    assert workers.gpu_seconds(gpus) / workers.gpu_seconds_static_peak(gpus) < 0.85
