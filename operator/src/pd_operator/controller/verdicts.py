"""What can be said about a service after a tick: one small function a condition.

Each returns status, reason and a sentence that says what is so and what to do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pd_operator.api.autoscaling import ForecastModel, Mode
from pd_operator.api.conditions import ConditionStatus, ConditionType, Reason
from pd_operator.api.roles import Role
from pd_operator.controller.picture import Picture
from pd_operator.demand import DemandForecast
from pd_operator.performance.calibration import FEWEST_SAMPLES
from pd_operator.scaling.observation import Known, PoolObservation, Unknown

# A start-up may take so many times its expected seconds before it is called stuck.
STARTUP_PATIENCE = 2.0


@dataclass(frozen=True)
class Verdict:
    """A condition's status with its reason."""

    status: ConditionStatus
    reason: Reason
    message: str


def _true(reason: Reason, message: str) -> Verdict:
    return Verdict(ConditionStatus.TRUE, reason, message)


def _false(reason: Reason, message: str) -> Verdict:
    return Verdict(ConditionStatus.FALSE, reason, message)


def _unknown(reason: Reason, message: str) -> Verdict:
    return Verdict(ConditionStatus.UNKNOWN, reason, message)


def ready(picture: Picture) -> Verdict:
    """At least one worker of each role and one router serve."""
    seen = picture.observation
    if seen.prefill.ready == 0:
        return _false(Reason.NO_READY_PREFILL, _nobody(seen.prefill))
    if seen.decode.ready == 0:
        return _false(Reason.NO_READY_DECODE, _nobody(seen.decode))
    if picture.routers_ready == 0:
        return _false(Reason.NO_READY_ROUTER, "No router pod is ready; see its events and log.")
    return _true(
        Reason.SERVING,
        f"{seen.prefill.ready} prefill and {seen.decode.ready} decode workers serve.",
    )


def _nobody(pool: PoolObservation) -> str:
    return (
        f"No {pool.role.value} worker is ready; {pool.starting} start, "
        f"{pool.unschedulable} of them wait for a node."
    )


def metrics_available(picture: Picture) -> Verdict:
    """Prometheus tells the load of now."""
    demand = picture.observation.demand
    if isinstance(demand, Known):
        return _true(
            Reason.METRICS_READ,
            f"{demand.source} tells the demand, {demand.age_seconds:.0f} s old.",
        )
    return _false(
        _reason(demand, Reason.NO_SERIES), f"{demand.message} No worker is removed meanwhile."
    )


def forecast_trusted(picture: Picture) -> Verdict:
    """The forecaster beats the last value on this service's own history, at the lead times."""
    model = picture.service.spec.autoscaling.forecast.model
    forecasts = [picture.ahead.pool(role) for role in Role]
    for forecast in forecasts:
        if isinstance(forecast, Unknown):
            reason = _reason(forecast, Reason.NOT_ENOUGH_HISTORY)
            return _unknown(reason, f"{forecast.message} The load of now is planned for.")
    if model is ForecastModel.LAST_VALUE:
        return _false(
            Reason.LAST_VALUE_CHOSEN,
            "spec.autoscaling.forecast.model is LastValue: the load of now is planned for.",
        )
    known = [forecast for forecast in forecasts if not isinstance(forecast, Unknown)]
    if any(math.isnan(forecast.error_vs_last_value) for forecast in known):
        return _unknown(
            Reason.NOT_ENOUGH_HISTORY,
            f"Too few forecasts of {model.value} have come due to tell whether it beats the last "
            "value, which is planned for meanwhile, with its own quantiles.",
        )
    told = " and ".join(_told_error(role, f) for role, f in zip(Role, known, strict=True))
    sentence = f"{model.value}'s error at the lead time is {told}.{_told_coverage(picture)}"
    if all(forecast.trusted for forecast in known):
        return _true(Reason.BEATS_LAST_VALUE, sentence)
    if all(forecast.error_vs_last_value <= 1.0 for forecast in known):
        # A load that is idle or constant: nothing is to be won, and nothing is lost.
        return _true(Reason.AS_GOOD_AS_LAST_VALUE, sentence)
    return _false(
        Reason.WORSE_THAN_LAST_VALUE,
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


def _told_coverage(picture: Picture) -> str:
    asked = picture.service.spec.autoscaling.forecast.quantile_percent
    shares = {role: picture.ahead.coverage[role].high for role in Role}
    if any(math.isnan(share) for share in shares.values()):
        return ""
    told = " and ".join(f"{share:.1%} of {role.value}'s" for role, share in shares.items())
    return f" At or below P{asked} came {told} loads."


def slo_met(picture: Picture) -> Verdict:
    """The share of requests within each objective, over the last window."""
    reading = picture.observation.attainment
    if isinstance(reading, Unknown):
        return _unknown(_reason(reading, Reason.NO_REQUESTS), reading.message)
    objectives = picture.service.spec.objectives
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
        (True, True): Reason.TTFT_AND_TPOT_MISSED,
        (True, False): Reason.TTFT_MISSED,
        (False, True): Reason.TPOT_MISSED,
    }
    if missed in reasons:
        return _false(reasons[missed], told)
    return _true(Reason.OBJECTIVES_MET, told)


def slo_feasible(picture: Picture) -> Verdict:
    """Some number of workers within the bounds meets the objectives at the load planned for."""
    plan = picture.plan_ahead
    if isinstance(plan, Unknown):
        plan = picture.plan_now
    if isinstance(plan, Unknown):
        return _unknown(_reason(plan, Reason.NOT_YET_OBSERVED), plan.message)
    if picture.service.spec.engine.profile is None and not picture.calibration.trusted:
        return _unknown(Reason.PROFILE_BEING_LEARNED, _still_learning(picture))
    if not plan.prefill.feasible:
        return _false(Reason.TTFT_INFEASIBLE, plan.prefill.reason)
    if not plan.decode.feasible:
        return _false(Reason.TPOT_INFEASIBLE, plan.decode.reason)
    budget = picture.service.spec.autoscaling.gpu_budget
    if budget is not None and plan.gpus > budget:
        return _false(
            Reason.GPU_BUDGET_TOO_LOW,
            f"The load needs {plan.gpus} GPUs and gpuBudget is {budget}; raise it, or expect "
            "objectives to be missed.",
        )
    return _true(
        Reason.OBJECTIVES_FEASIBLE,
        f"{plan.prefill.workers} prefill and {plan.decode.workers} decode workers meet both.",
    )


def _still_learning(picture: Picture) -> str:
    learned = ", ".join(
        f"{role.value} {max((r.samples for r in picture.calibration.of(role).regions), default=0)}"
        for role in Role
    )
    return (
        f"spec.engine.profile is not set, so a slow engine is assumed until the real one was "
        f"measured under load (samples of {FEWEST_SAMPLES}: {learned}). No worker is removed "
        "meanwhile."
    )


def capacity_available(picture: Picture) -> Verdict:
    """The cluster gives the workers that were asked for."""
    waiting = []
    stuck = []
    for role in Role:
        pool = picture.observation.pool(role)
        patience = STARTUP_PATIENCE * picture.service.spec.pool(role).expected_startup_seconds
        if pool.unschedulable:
            waiting.append(f"{pool.unschedulable} {role.value}")
        late = sum(w.starting and w.scheduled and w.age_seconds > patience for w in pool.workers)
        if late:
            stuck.append(f"{late} {role.value}")
    if waiting:
        return _false(
            Reason.WORKERS_UNSCHEDULABLE,
            f"Waiting for a node: {' and '.join(waiting)} workers. Add GPUs or lower maxReplicas.",
        )
    if stuck:
        return _false(
            Reason.WORKERS_NOT_STARTING,
            f"Not ready long after their expected start-up: {' and '.join(stuck)} workers. "
            "See their logs, or raise expectedStartupSeconds.",
        )
    return _true(Reason.ALL_SCHEDULED, "Every worker that was asked for has a node.")


def scaling(picture: Picture) -> Verdict:
    """Decisions are made and carried out."""
    mode = picture.service.spec.autoscaling.mode
    if mode is Mode.PAUSED or picture.decision is None:
        return _false(Reason.PAUSED, "spec.autoscaling.mode is Paused: workers stay as they are.")
    if mode is Mode.ADVISORY:
        return _false(
            Reason.ADVISORY,
            f"spec.autoscaling.mode is Advisory, so this is not done: {picture.decision.sentence}",
        )
    if picture.decision.holds:
        return _true(Reason.HOLDING, picture.decision.sentence)
    return _true(Reason.ACTIVE, "Decisions are carried out.")


VERDICTS: dict[ConditionType, Callable[[Picture], Verdict]] = {
    ConditionType.READY: ready,
    ConditionType.METRICS_AVAILABLE: metrics_available,
    ConditionType.FORECAST_TRUSTED: forecast_trusted,
    ConditionType.SLO_MET: slo_met,
    ConditionType.SLO_FEASIBLE: slo_feasible,
    ConditionType.CAPACITY_AVAILABLE: capacity_available,
    ConditionType.SCALING: scaling,
}


def _reason(unknown: Unknown, otherwise: Reason) -> Reason:
    """The condition's reason for an input that is unknown."""
    try:
        return Reason(unknown.reason)
    except ValueError:
        return otherwise
