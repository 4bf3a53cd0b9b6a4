"""What plans come to on engines that are 30 % slower than their profile, by simulation."""

import numpy as np
import pytest

from pd_operator.api.roles import Role
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.calibration import RoleCalibration, Sample, corrected
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Plan
from pd_operator.planning.planner import plan_service
from pd_operator.simulation import Pools, Requests, ServiceModel, simulate

PACE = 1.3
OBJECTIVES = Objectives(Objective(90, 1.95), Objective(90, 0.024))
BYTES_PER_SECOND = 50e9
REQUESTS = 8000


def played(rate: float) -> Requests:
    draws = np.random.default_rng(5)
    prompts = np.maximum(1, draws.lognormal(np.log(1500) - 0.3, 0.77, REQUESTS)).astype(int)
    answers = np.maximum(2, draws.lognormal(np.log(150) - 0.3, 0.77, REQUESTS)).astype(int)
    return Requests.of(np.cumsum(draws.exponential(1 / rate, REQUESTS)), prompts, answers)


def planned(load: Requests, rate: float, worker: dict[Role, EngineSurfaces]) -> Plan:
    prompts, answers = (
        np.asarray(tokens, dtype=np.float64) for tokens in (load.prompt_tokens, load.output_tokens)
    )
    demand = Demand(
        rate, LengthDistribution.from_samples(prompts), LengthDistribution.from_samples(answers)
    )
    engine = EngineModel(worker[Role.PREFILL], worker[Role.DECODE], BYTES_PER_SECOND)
    return plan_service(
        demand, demand, engine, OBJECTIVES, PoolBounds.up_to(30, 30), RouterClass.LOAD_AWARE
    )


def joint_attainment(load: Requests, plan: Plan, worker: EngineSurfaces) -> float:
    real = worker.slowed(PACE)
    pools = Pools(plan.prefill.workers, plan.decode.workers)
    result = simulate(load, ServiceModel(real, real, BYTES_PER_SECOND), pools, seed=0)
    return float(result.attained(OBJECTIVES).joint)


def learned(role: Role, worker: EngineSurfaces) -> EngineSurfaces:
    known = RoleCalibration(role, "v")
    for second in range(10):
        known = known.learning(2, Sample(float(second), PACE))
    return corrected(worker, known)


@pytest.mark.parametrize("rate", [16.0, 24.0])
def test_plans_by_calibrated_surfaces_hold_where_those_by_the_profile_break(
    surfaces: EngineSurfaces, rate: float
) -> None:
    load = played(rate)
    believed = planned(load, rate, dict.fromkeys(Role, surfaces))
    known = planned(load, rate, {role: learned(role, surfaces) for role in Role})
    assert joint_attainment(load, believed, surfaces) < 0.8
    assert joint_attainment(load, known, surfaces) >= 0.93
