"""One tick's decision, whole and pure: from an observation to the workers there shall be.

    horizons -> forecasts -> plans -> chain of links -> decision, memory

The operator, its simulator and every replay call `autoscale`, and nothing else decides. It reads
no clock, asks nobody and changes nothing: the same values give the same decision.
`docs/decision-port.md` shows how to drive it from a simulator of your own.
"""

from dataclasses import dataclass, replace

from pd_operator.api.autoscaling import Mode
from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import RELEASE_PERCENT, Demand
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.plan import Plan
from pd_operator.planning.planner import plan_service
from pd_operator.scaling.chain import decide, having_seen
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.foresight import foreseen_lately, was_foreseen
from pd_operator.scaling.lead_time import lead_time_seconds, startup_seconds
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown
from pd_operator.scaling.pool_forecasts import FittedForecaster, PoolForecasts, forecast_pools
from pd_operator.scaling.proposal import SidePlans
from pd_operator.scaling.rise import risen
from pd_operator.scaling.settings import ScalingSettings

SPENT_BUDGET_SHARE = 0.2
"""Of the requests that an objective allows to be late, those that a plan may spend.

The rest of the error budget is for what no plan foresees: a load that jumps, the time until a
worker has started, one that fails. Found on the training loads of the policy lab
(`make bench-policies`); between 0.1 and 0.3 little changes.
"""


@dataclass(frozen=True)
class EngineKnowledge:
    """The engine that plans are made for, and whether anybody described or measured it.

    Where nobody did, `model` is a cautious guess: believed where it adds workers, not where it
    removes some.
    """

    model: EngineModel
    measured: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a tick came to.

    - `observation`: what it was made from.
    - `plan_ahead`: for the load when a worker ordered now would serve; `plan_now`: for the present
      load.
    - `decision`: None in mode Paused.
    - `memory`: to hand to the next tick.
    """

    observation: Observation
    forecasts: PoolForecasts
    plan_ahead: Plan | Unknown
    plan_now: Plan | Unknown
    decision: Decision | None
    memory: ScalingMemory


def autoscale(
    observation: Observation,
    fitted: FittedForecaster | Unknown,
    engine: EngineKnowledge | Unknown,
    spec: PDInferenceServiceSpec,
    memory: ScalingMemory,
) -> Outcome:
    """Forecast, plan and decide, once.

    - `observation`: what is, at its own time.
    - `fitted`: a forecaster that has seen the service's history, or why there is none.
    - `engine`: what one worker can do, or why nobody knows.
    - `spec`: what the user wants and allows; tensor-parallel sizes already chosen.
    - `memory`: that of the last tick; `ScalingMemory()` on the first.

    Unknown inputs are carried on as such: they hold workers and never remove any.
    """
    forecasts = forecast_pools(spec, observation, fitted)
    high = forecast_pools(spec, observation, fitted, at_least_percent=RELEASE_PERCENT)
    seen = having_seen(memory, observation)
    if isinstance(engine, Unknown):
        plan_ahead: Plan | Unknown = engine
        plan_now: Plan | Unknown = engine
        beside = SidePlans()
    else:
        plan_ahead = _plan_ahead(spec, engine.model, forecasts)
        plan_now = _plan_now(spec, engine.model, forecasts, observation)
        beside = SidePlans(
            _known(_plan_ahead(spec, engine.model, high)),
            _known(_plan_now(spec, engine.model, forecasts, observation, spent=1.0)),
            _plan_rising(spec, engine.model, observation, seen),
        )
    if spec.autoscaling.mode is Mode.PAUSED:
        return Outcome(observation, forecasts, plan_ahead, plan_now, None, memory)
    settings = (
        ScalingSettings.from_spec(spec)
        .with_scheduled(
            *(forecasts.scheduled[role].min_replicas for role in (Role.PREFILL, Role.DECODE))
        )
        .with_lead_times(
            {role: startup_seconds(spec, observation, role) for role in Role},
            {role: lead_time_seconds(spec, observation, role) for role in Role},
        )
    )
    measured = isinstance(engine, Unknown) or engine.measured
    decision, remembered = decide(
        observation,
        plan_ahead,
        plan_now,
        settings,
        replace(seen, foreseen=foreseen_lately(seen.foreseen, high, observation)),
        beside=beside,
        engine_measured=measured,
    )
    return Outcome(observation, forecasts, plan_ahead, plan_now, decision, remembered)


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
        objectives=ScalingSettings.from_spec(spec).objectives.spending(spent),
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


def _known(plan: Plan | Unknown) -> Plan | None:
    return None if isinstance(plan, Unknown) else plan
