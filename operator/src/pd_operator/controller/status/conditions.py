"""What can be said about a service after a tick: one small function a condition.

Each returns status, reason and a sentence that says what is so and what to do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pd_operator.api.autoscaling import ForecastModel, Mode
from pd_operator.api.conditions import ConditionReason, ConditionStatus, ConditionType
from pd_operator.api.roles import Role
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.demand import DemandForecast
from pd_operator.performance.calibration import FEWEST_SAMPLES
from pd_operator.scaling.observation import Known, PoolObservation, Unknown

STARTUP_PATIENCE = 2.0
"""A start-up may take so many times its expected seconds before it is called stuck."""


@dataclass(frozen=True)
class ConditionUpdate:
    """A condition's status with its reason."""

    status: ConditionStatus
    reason: ConditionReason
    message: str


def _true(reason: ConditionReason, message: str) -> ConditionUpdate:
    return ConditionUpdate(ConditionStatus.TRUE, reason, message)


def _false(reason: ConditionReason, message: str) -> ConditionUpdate:
    return ConditionUpdate(ConditionStatus.FALSE, reason, message)


def _unknown(reason: ConditionReason, message: str) -> ConditionUpdate:
    return ConditionUpdate(ConditionStatus.UNKNOWN, reason, message)


def ready(result: TickResult) -> ConditionUpdate:
    """At least one worker of each role and one router serve."""
    seen = result.observation
    if seen.prefill.ready == 0:
        return _false(ConditionReason.NO_READY_PREFILL, _nobody(seen.prefill))
    if seen.decode.ready == 0:
        return _false(ConditionReason.NO_READY_DECODE, _nobody(seen.decode))
    if result.observation.routers_ready == 0:
        return _false(
            ConditionReason.NO_READY_ROUTER, "No router pod is ready; see its events and log."
        )
    return _true(
        ConditionReason.SERVING,
        f"{seen.prefill.ready} prefill and {seen.decode.ready} decode workers serve.",
    )


def _nobody(pool: PoolObservation) -> str:
    return (
        f"No {pool.role.value} worker is ready; {pool.starting} start, "
        f"{pool.unschedulable} of them wait for a node."
    )


def metrics_available(result: TickResult) -> ConditionUpdate:
    """Prometheus tells the load of now."""
    demand = result.observation.demand
    if isinstance(demand, Known):
        return _true(
            ConditionReason.METRICS_READ,
            f"{demand.source} tells the demand, {demand.age_seconds:.0f} s old.",
        )
    return _false(
        _reason(demand, ConditionReason.NO_SERIES),
        f"{demand.message} No worker is removed meanwhile.",
    )


def forecast_trusted(result: TickResult) -> ConditionUpdate:
    """The forecaster beats the last value on this service's own history, at the lead times."""
    model = result.service.spec.autoscaling.forecast.model
    forecasts = [result.forecasts.pool(role) for role in Role]
    for forecast in forecasts:
        if isinstance(forecast, Unknown):
            reason = _reason(forecast, ConditionReason.NOT_ENOUGH_HISTORY)
            return _unknown(reason, f"{forecast.message} The load of now is planned for.")
    if model is ForecastModel.LAST_VALUE:
        return _false(
            ConditionReason.LAST_VALUE_CHOSEN,
            "spec.autoscaling.forecast.model is LastValue: the load of now is planned for.",
        )
    known = [forecast for forecast in forecasts if not isinstance(forecast, Unknown)]
    if any(math.isnan(forecast.error_vs_last_value) for forecast in known):
        return _unknown(
            ConditionReason.NOT_ENOUGH_HISTORY,
            f"Too few forecasts of {model.value} have come due to tell whether it beats the last "
            "value, which is planned for meanwhile, with its own quantiles.",
        )
    told = " and ".join(_told_error(role, f) for role, f in zip(Role, known, strict=True))
    sentence = f"{model.value}'s error at the lead time is {told}.{_told_coverage(result)}"
    if all(forecast.trusted for forecast in known):
        return _true(ConditionReason.BEATS_LAST_VALUE, sentence)
    if all(forecast.error_vs_last_value <= 1.0 for forecast in known):
        # A load that is idle or constant: nothing is to be won, and nothing is lost.
        return _true(ConditionReason.AS_GOOD_AS_LAST_VALUE, sentence)
    return _false(
        ConditionReason.WORSE_THAN_LAST_VALUE,
        f"{sentence} A pool where it is not below the last value's is planned for the last value, "
        "with that one's own quantiles.",
    )


def _told_error(role: Role, forecast: DemandForecast) -> str:
    error = forecast.error_vs_last_value
    ahead = f"for {role.value} ({forecast.horizon_seconds:.0f} s)"
    if math.isinf(error):
        return f"above the last value's, which is none, {ahead}"
    if round(100 * error) == 100:
        return f"the last value's {ahead}"
    side = "below" if error < 1 else "above"
    return f"{abs(error - 1):.0%} {side} the last value's {ahead}"


def _told_coverage(result: TickResult) -> str:
    asked = result.service.spec.autoscaling.forecast.quantile_percent
    shares = {role: result.coverage[role].high for role in Role}
    if any(math.isnan(share) for share in shares.values()):
        return ""
    told = " and ".join(f"{share:.1%} of {role.value}'s" for role, share in shares.items())
    return f" At or below P{asked} came {told} loads."


def slo_met(result: TickResult) -> ConditionUpdate:
    """The share of requests within each objective, over the last window."""
    reading = result.observation.attainment
    if isinstance(reading, Unknown):
        return _unknown(_reason(reading, ConditionReason.NO_REQUESTS), reading.message)
    objectives = result.service.spec.objectives
    seen = reading.value
    told = (
        f"TTFT {100 * seen.ttft:.1f} % within {objectives.ttft.milliseconds} ms "
        f"(wanted {objectives.ttft.percentile} %), TPOT {100 * seen.tpot:.1f} % within "
        f"{objectives.tpot.milliseconds} ms (wanted {objectives.tpot.percentile} %)."
    )
    missed = (
        100 * seen.ttft < objectives.ttft.percentile,
        100 * seen.tpot < objectives.tpot.percentile,
    )
    reasons = {
        (True, True): ConditionReason.TTFT_AND_TPOT_MISSED,
        (True, False): ConditionReason.TTFT_MISSED,
        (False, True): ConditionReason.TPOT_MISSED,
    }
    if missed in reasons:
        return _false(reasons[missed], told)
    return _true(ConditionReason.OBJECTIVES_MET, told)


def slo_feasible(result: TickResult) -> ConditionUpdate:
    """Some number of workers within the bounds meets the objectives at the load planned for."""
    plan = result.plan_ahead
    if isinstance(plan, Unknown):
        plan = result.plan_now
    if isinstance(plan, Unknown):
        return _unknown(_reason(plan, ConditionReason.NOT_YET_OBSERVED), plan.message)
    if result.service.spec.engine.profile is None and not result.calibration.trusted:
        return _unknown(ConditionReason.PROFILE_BEING_LEARNED, _still_learning(result))
    if not plan.prefill.feasible:
        return _false(ConditionReason.TTFT_INFEASIBLE, plan.prefill.reason)
    if not plan.decode.feasible:
        return _false(ConditionReason.TPOT_INFEASIBLE, plan.decode.reason)
    budget = result.service.spec.autoscaling.gpu_budget
    if budget is not None and plan.gpus > budget:
        return _false(
            ConditionReason.GPU_BUDGET_TOO_LOW,
            f"The load needs {plan.gpus} GPUs and gpuBudget is {budget}; raise it, or expect "
            "objectives to be missed.",
        )
    return _true(
        ConditionReason.OBJECTIVES_FEASIBLE,
        f"{plan.prefill.workers} prefill and {plan.decode.workers} decode workers meet both.",
    )


def _still_learning(result: TickResult) -> str:
    learned = ", ".join(
        f"{role.value} {max((r.samples for r in result.calibration.of(role).regions), default=0)}"
        for role in Role
    )
    return (
        f"spec.engine.profile is not set, so a slow engine is assumed until the real one was "
        f"measured under load (samples of {FEWEST_SAMPLES}: {learned}). No worker is removed "
        "meanwhile."
    )


def capacity_available(result: TickResult) -> ConditionUpdate:
    """The cluster gives the workers that were asked for."""
    waiting = []
    stuck = []
    for role in Role:
        pool = result.observation.pool(role)
        patience = STARTUP_PATIENCE * result.service.spec.pool(role).expected_startup_seconds
        if pool.unschedulable:
            waiting.append(f"{pool.unschedulable} {role.value}")
        late = sum(
            w.starting and w.scheduled and w.seconds_on_node > patience for w in pool.workers
        )
        if late:
            stuck.append(f"{late} {role.value}")
    if waiting:
        return _false(
            ConditionReason.WORKERS_UNSCHEDULABLE,
            f"Waiting for a node: {' and '.join(waiting)} workers. Add GPUs or lower maxReplicas.",
        )
    if stuck:
        return _false(
            ConditionReason.WORKERS_NOT_STARTING,
            f"Not ready long after their expected start-up: {' and '.join(stuck)} workers. "
            "See their logs, or raise expectedStartupSeconds.",
        )
    return _true(ConditionReason.ALL_SCHEDULED, "Every worker that was asked for has a node.")


def scaling(result: TickResult) -> ConditionUpdate:
    """Decisions are made and carried out."""
    mode = result.service.spec.autoscaling.mode
    if mode is Mode.PAUSED or result.decision is None:
        return _false(
            ConditionReason.PAUSED, "spec.autoscaling.mode is Paused: workers stay as they are."
        )
    if mode is Mode.ADVISORY:
        return _false(
            ConditionReason.ADVISORY,
            f"spec.autoscaling.mode is Advisory, so this is not done: {result.decision.sentence}",
        )
    if result.decision.holds:
        return _true(ConditionReason.HOLDING, result.decision.sentence)
    return _true(ConditionReason.ACTIVE, "Decisions are carried out.")


CONDITION_EVALUATORS: dict[ConditionType, Callable[[TickResult], ConditionUpdate]] = {
    ConditionType.READY: ready,
    ConditionType.METRICS_AVAILABLE: metrics_available,
    ConditionType.FORECAST_TRUSTED: forecast_trusted,
    ConditionType.SLO_MET: slo_met,
    ConditionType.SLO_FEASIBLE: slo_feasible,
    ConditionType.CAPACITY_AVAILABLE: capacity_available,
    ConditionType.SCALING: scaling,
}


def _reason(unknown: Unknown, otherwise: ConditionReason) -> ConditionReason:
    """The condition's reason for an input that is unknown."""
    try:
        return ConditionReason(unknown.reason)
    except ValueError:
        return otherwise
