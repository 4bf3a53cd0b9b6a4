"""What can be said about a service after a tick: one small function a condition.

Each returns status, reason and a sentence that says what is so and what to do.
"""

import math
from collections.abc import Callable

from pd_operator.api.autoscaling import ForecastModel, Mode
from pd_operator.api.calibration import MINIMUM_SAMPLES
from pd_operator.api.conditions import ConditionReason, ConditionType
from pd_operator.api.roles import Role
from pd_operator.controller.status.capacity import capacity_available
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.status.updates import ConditionUpdate, false, true, unknown
from pd_operator.demand import DemandForecast
from pd_operator.scaling.observation import Known, PoolObservation, Unknown

LONGEST_PAUSE = 1024
"""An annotation may be longer than a message should be."""

UNREADABLE_PROFILE = (ConditionReason.UNKNOWN_PROFILE, ConditionReason.PROFILE_INVALID)
"""Without a profile nothing can be planned: a fault that somebody must mend, not a lack of data."""


def ready(result: TickResult) -> ConditionUpdate:
    """At least one worker of each role and one router serve."""
    seen = result.observation
    if seen.prefill.ready == 0:
        return false(ConditionReason.NO_READY_PREFILL, _nobody_ready(seen.prefill))
    if seen.decode.ready == 0:
        return false(ConditionReason.NO_READY_DECODE, _nobody_ready(seen.decode))
    if seen.routers_ready == 0:
        return false(ConditionReason.NO_READY_ROUTER, _no_router(seen.router_trouble))
    return true(
        ConditionReason.SERVING,
        f"{seen.prefill.ready} prefill and {seen.decode.ready} decode workers serve.",
    )


def _no_router(trouble: str) -> str:
    if not trouble:
        return "No router pod is ready; see its events and log."
    return f"No router pod is ready: {trouble}. Nothing is served until that is mended."


def _nobody_ready(pool: PoolObservation) -> str:
    states = {
        "starting": pool.starting - pool.unschedulable,
        "waiting for a node": pool.unschedulable,
        "without a pod": pool.missing,
    }
    told = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    return f"No {pool.role.value} worker is ready ({told or 'none was asked for'})."


def metrics_available(result: TickResult) -> ConditionUpdate:
    """The present load can be read from Prometheus."""
    demand = result.observation.demand
    if isinstance(demand, Known):
        return true(
            ConditionReason.METRICS_READ,
            f"The load was read from {demand.source}; its newest sample is "
            f"{demand.age_seconds:.0f} s old.",
        )
    return false(
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
            return unknown(
                reason, f"{forecast.message.rstrip('.')}. Workers are planned for the present load."
            )
    if model is ForecastModel.LAST_VALUE:
        return false(
            ConditionReason.LAST_VALUE_CHOSEN,
            "spec.autoscaling.forecast.model is LastValue: workers are planned for the present "
            "load.",
        )
    known = [forecast for forecast in forecasts if not isinstance(forecast, Unknown)]
    if any(math.isnan(forecast.error_vs_last_value) for forecast in known):
        return unknown(
            ConditionReason.NOT_ENOUGH_HISTORY,
            f"It is too early to compare {model.value} with the last value. Until then, workers "
            "are planned for the last value and its own quantiles.",
        )
    told = " and ".join(_told_error(role, f) for role, f in zip(Role, known, strict=True))
    sentence = f"The error of {model.value} is {told}.{_told_coverage(result)}"
    if all(forecast.trusted for forecast in known):
        return true(ConditionReason.BEATS_LAST_VALUE, sentence)
    if all(forecast.error_vs_last_value <= 1.0 for forecast in known):
        # A load that is idle or constant: nothing is to be won, and nothing is lost.
        return true(ConditionReason.AS_GOOD_AS_LAST_VALUE, sentence)
    return false(
        ConditionReason.WORSE_THAN_LAST_VALUE,
        f"{sentence} Where it is not below, workers are planned for the last value and its own "
        "quantiles.",
    )


def _told_error(role: Role, forecast: DemandForecast) -> str:
    error = forecast.error_vs_last_value
    where = f"for {role.value}, {forecast.horizon_seconds:.0f} s ahead"
    if math.isinf(error):
        return f"above the last value's, which was exact, {where}"
    if round(100 * error) == 100:
        return f"equal to the last value's {where}"
    side = "below" if error < 1 else "above"
    return f"{abs(error - 1):.0%} {side} the last value's {where}"


def _told_coverage(result: TickResult) -> str:
    asked = result.service.spec.autoscaling.forecast.quantile_percent
    shares = {role: result.coverage[role].high for role in Role}
    if any(math.isnan(share) for share in shares.values()):
        return ""
    told = " and ".join(f"{share:.1%} of the {role.value} loads" for role, share in shares.items())
    return f" The P{asked} forecast covered {told}."


def slo_met(result: TickResult) -> ConditionUpdate:
    """The share of requests within each objective, over the last window."""
    reading = result.observation.attainment
    if isinstance(reading, Unknown):
        return unknown(_reason(reading, ConditionReason.NO_REQUESTS), reading.message)
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
        return false(reasons[missed], told)
    return true(ConditionReason.OBJECTIVES_MET, told)


def slo_feasible(result: TickResult) -> ConditionUpdate:
    """Some number of workers within the bounds meets the objectives at the load planned for."""
    plan = result.plan_ahead
    if isinstance(plan, Unknown):
        plan = result.plan_now
    if isinstance(plan, Unknown):
        reason = _reason(plan, ConditionReason.NOT_YET_OBSERVED)
        tell = false if reason in UNREADABLE_PROFILE else unknown
        return tell(reason, plan.message)
    if result.service.spec.engine.profile is None and not result.calibration.trusted:
        return unknown(ConditionReason.PROFILE_BEING_LEARNED, _still_learning(result))
    if not plan.prefill.feasible:
        return false(ConditionReason.TTFT_INFEASIBLE, plan.prefill.reason)
    if not plan.decode.feasible:
        return false(ConditionReason.TPOT_INFEASIBLE, plan.decode.reason)
    budget = result.service.spec.autoscaling.gpu_budget
    if budget is not None and plan.gpus > budget:
        return false(
            ConditionReason.GPU_BUDGET_TOO_LOW,
            f"The load needs {plan.gpus} GPUs and gpuBudget is {budget}; raise it, or expect "
            "objectives to be missed.",
        )
    return true(
        ConditionReason.OBJECTIVES_FEASIBLE,
        f"{plan.prefill.workers} prefill and {plan.decode.workers} decode workers meet both.",
    )


def _still_learning(result: TickResult) -> str:
    learned = ", ".join(
        f"{role.value} {max((r.samples for r in result.calibration.of(role).regions), default=0)}"
        for role in Role
    )
    return (
        "spec.engine.profile is not set: a slow engine is assumed, and no worker is removed, until "
        f"{MINIMUM_SAMPLES} samples under load were taken of each role ({learned} so far)."
    )


def scaling(result: TickResult) -> ConditionUpdate:
    """Decisions are made and carried out."""
    mode = result.service.spec.autoscaling.mode
    if mode is Mode.PAUSED or result.decision is None:
        return false(ConditionReason.PAUSED, _paused(result))
    if mode is Mode.ADVISORY:
        return false(
            ConditionReason.ADVISORY,
            f"spec.autoscaling.mode is Advisory, so this is not done: {result.decision.sentence}",
        )
    if result.decision.holds:
        return true(ConditionReason.HOLDING, result.decision.sentence)
    return true(ConditionReason.ACTIVE, "Decisions are carried out.")


def _paused(result: TickResult) -> str:
    pause = result.service.metadata.pause
    if pause is None:
        return "spec.autoscaling.mode is Paused: workers stay as they are."
    name = result.service.metadata.name
    return (
        f"Workers stay as they are, {pause.rstrip('.')}. "
        f"`kubectl pd resume {name}` lets them follow the load again."
    )[:LONGEST_PAUSE]


CONDITION_EVALUATORS: dict[ConditionType, Callable[[TickResult], ConditionUpdate]] = {
    ConditionType.READY: ready,
    ConditionType.METRICS_AVAILABLE: metrics_available,
    ConditionType.FORECAST_TRUSTED: forecast_trusted,
    ConditionType.SLO_MET: slo_met,
    ConditionType.SLO_FEASIBLE: slo_feasible,
    ConditionType.CAPACITY_AVAILABLE: capacity_available,
    ConditionType.SCALING: scaling,
}


def _reason(reading: Unknown, otherwise: ConditionReason) -> ConditionReason:
    """The condition's reason for an input that is unknown."""
    try:
        return ConditionReason(reading.reason)
    except ValueError:
        return otherwise
