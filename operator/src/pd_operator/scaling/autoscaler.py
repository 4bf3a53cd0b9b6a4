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
from pd_operator.demand import RELEASE_PERCENT
from pd_operator.planning.engine import EngineModel
from pd_operator.planning.plan import Plan
from pd_operator.scaling.chain import decide, having_seen
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.foresight import foreseen_lately
from pd_operator.scaling.lead_time import lead_time_seconds, startup_seconds
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown
from pd_operator.scaling.plans import Plans, plans_for
from pd_operator.scaling.pool_forecasts import FittedForecaster, PoolForecasts, forecast_pools
from pd_operator.scaling.settings import ScalingSettings


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
    plans = (
        Plans(engine, engine)
        if isinstance(engine, Unknown)
        else plans_for(spec, engine.model, forecasts, high, observation, seen)
    )
    if spec.autoscaling.mode is Mode.PAUSED:
        return Outcome(observation, forecasts, plans.ahead, plans.now, None, memory)
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
        plans.ahead,
        plans.now,
        settings,
        replace(seen, foreseen=foreseen_lately(seen.foreseen, high, observation)),
        beside=plans.beside,
        engine_measured=measured,
    )
    return Outcome(observation, forecasts, plans.ahead, plans.now, decision, remembered)
