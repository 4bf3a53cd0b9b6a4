"""The plans of a tick: for the load that is expected, for that of now, and what else may come."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import Demand, DemandForecast
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.objectives import Objectives
from pd_operator.planning.plan import Plan, PoolPlan
from pd_operator.planning.planner import plan_service
from pd_operator.scaling.foresight import was_foreseen
from pd_operator.scaling.lead_time import lead_time_seconds
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown
from pd_operator.scaling.pool_forecasts import PoolForecasts
from pd_operator.scaling.slopes import falls, risen

SPENT_BUDGET_SHARE = 0.2
"""Of the requests that an objective allows to be late, those that a plan may spend.

The rest of the error budget is for what no plan foresees: a load that jumps, the time until a
worker has started, one that fails. Found on the training loads of the policy lab
(`make bench-policies`); between 0.1 and 0.3 little changes.
"""


@dataclass(frozen=True)
class SidePlans:
    """Plans for other loads than the expected one; None where nobody made one.

    - `high`: for a load to come that is seldom exceeded.
    - `least`: for the present load with the whole error budget spent. With fewer workers than that
      the objectives are missed, with fewer than `plan_now` only the plan's reserve is used up.
    - `rising`: for the present load, drawn on as it rises.
    - `falling`: the pools for the present load while it plainly falls, where no trusted forecast
      says how it goes on; none else.
    """

    high: Plan | None = None
    least: Plan | None = None
    rising: Plan | None = None
    falling: Mapping[Role, PoolPlan] = field(default_factory=dict)


@dataclass(frozen=True)
class Plans:
    """All plans of a tick.

    - `ahead`: for the load when a worker ordered now would serve; `now`: for the present load.
      Unknown where the load or the engine is.
    """

    ahead: Plan | Unknown
    now: Plan | Unknown
    beside: SidePlans = field(default_factory=SidePlans)


def plans_for(
    spec: PDInferenceServiceSpec,
    engine: EngineModel,
    forecasts: PoolForecasts,
    high: PoolForecasts,
    observation: Observation,
    memory: ScalingMemory,
) -> Plans:
    """Plan for what `forecasts` expect, for the present, and beside them.

    `high` are forecasts that the load seldom exceeds; `memory` has seen this observation.
    """
    now = _plan_now(spec, engine, forecasts, observation)
    return Plans(
        _plan_ahead(spec, engine, forecasts),
        now,
        SidePlans(
            _known(_plan_ahead(spec, engine, high)),
            _known(_plan_now(spec, engine, forecasts, observation, spent=1.0)),
            _plan_rising(spec, engine, observation, memory),
            _pools_falling(now, forecasts, memory),
        ),
    )


def plan_for(
    spec: PDInferenceServiceSpec,
    engine: EngineModel,
    prefill: Demand,
    decode: Demand,
    *,
    spent: float = SPENT_BUDGET_SHARE,
) -> Plan:
    """The workers that these loads of the two pools need, within the spec's maxima.

    `spent` is the share of the error budget that the plan may use.
    """
    return plan_service(
        prefill_demand=prefill,
        decode_demand=decode,
        engine=engine,
        objectives=Objectives.of(spec.objectives).spending(spent),
        bounds=PoolBounds.up_to(spec.prefill.max_replicas, spec.decode.max_replicas),
        router=RouterClass.of(spec.router.prefill_policy),
        method=spec.autoscaling.method,
    )


def _plan_ahead(
    spec: PDInferenceServiceSpec, engine: EngineModel, forecasts: PoolForecasts
) -> Plan | Unknown:
    prefill, decode = forecasts.prefill, forecasts.decode
    if isinstance(prefill, Unknown):
        return prefill
    if isinstance(decode, Unknown):
        return decode
    return plan_for(spec, engine, prefill.demand, decode.demand)


def _plan_now(
    spec: PDInferenceServiceSpec,
    engine: EngineModel,
    forecasts: PoolForecasts,
    observation: Observation,
    *,
    spent: float = SPENT_BUDGET_SHARE,
) -> Plan | Unknown:
    if isinstance(observation.demand, Unknown):
        return observation.demand
    present = forecasts.expected_now(observation.demand.value)
    return plan_for(spec, engine, *present, spent=spent)


def _plan_rising(
    spec: PDInferenceServiceSpec,
    engine: EngineModel,
    observation: Observation,
    memory: ScalingMemory,
) -> Plan | None:
    """The plan for the present load as it will have risen; None where it does not rise.

    A forecast that saw the present load coming knows more than a line: where the climb ends.
    """
    if isinstance(observation.demand, Unknown):
        return None
    present = observation.demand.value
    factors = [
        1.0
        if was_foreseen(memory.foreseen, role, observation)
        else risen(memory.offered, present, lead_time_seconds(spec, observation, role))
        for role in (Role.PREFILL, Role.DECODE)
    ]
    if max(factors) <= 1:
        return None
    prefill, decode = (
        replace(present, requests_per_second=present.requests_per_second * factor)
        for factor in factors
    )
    return plan_for(spec, engine, prefill, decode)


def _pools_falling(
    now: Plan | Unknown, forecasts: PoolForecasts, memory: ScalingMemory
) -> dict[Role, PoolPlan]:
    """The pools for the present load, where it plainly falls and no trusted forecast speaks.

    The last value cannot tell: its margins are those of a load that may go either way.
    """
    if isinstance(now, Unknown) or not falls(memory.offered):
        return {}
    return {role: now.pool(role) for role in Role if not _trusted(forecasts.pool(role))}


def _trusted(forecast: DemandForecast | Unknown) -> bool:
    return not isinstance(forecast, Unknown) and forecast.trusted


def _known(plan: Plan | Unknown) -> Plan | None:
    return None if isinstance(plan, Unknown) else plan
