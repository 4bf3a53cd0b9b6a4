"""Sets the operator's metrics from a tick's result. Unknown is NaN, never zero."""

import math

from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.status import PDInferenceServiceStatus
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.demand import DemandForecast, QuantileBand
from pd_operator.scaling.observation import Known, Unknown

NAN = math.nan


def export(
    metrics: OperatorMetrics, key: ServiceKey, result: TickResult, status: PDInferenceServiceStatus
) -> None:
    """All series of one service."""
    metrics.last_tick.labels(*_of(key)).set(result.observation.time_seconds)
    _inputs(metrics, key, result)
    _demand(metrics, key, result)
    _attainment(metrics, key, result)
    pools = (result.observation.pool(role).replicas * _gpus(result, role) for role in Role)
    metrics.gpus.labels(*_of(key)).set(sum(pools))
    for role in Role:
        _workers(metrics, key, result, role)
        _forecast(metrics, key, result, role)
        _calibration(metrics, key, result, role)
    if result.decision is not None:
        decided = metrics.decisions.labels(*_of(key), result.decision.reason.value)
        decided.inc(exemplar={"decision": result.decision_id})
    for condition in status.conditions:
        metrics.set_condition(key, condition.type, condition.status.value)


def _gpus(result: TickResult, role: Role) -> int:
    return result.service.spec.pool(role).tensor_parallel_size


def _of(key: ServiceKey) -> tuple[str, str]:
    return key.namespace, key.name


def _inputs(metrics: OperatorMetrics, key: ServiceKey, result: TickResult) -> None:
    seen = result.observation
    readings = {"demand": seen.demand, "attainment": seen.attainment}
    for name, reading in readings.items():
        age = reading.age_seconds if isinstance(reading, Known) else NAN
        metrics.input_age.labels(*_of(key), name).set(age)
    workers = (*seen.prefill.workers, *seen.decode.workers)
    ages = [worker.load.age_seconds for worker in workers if isinstance(worker.load, Known)]
    metrics.input_age.labels(*_of(key), "engines").set(max(ages, default=NAN))


def _demand(metrics: OperatorMetrics, key: ServiceKey, result: TickResult) -> None:
    reading = result.observation.demand
    known = reading.value if isinstance(reading, Known) else None
    metrics.demand_requests.labels(*_of(key)).set(known.requests_per_second if known else NAN)
    tokens = {
        "prompt": known.prompt_tokens_per_second if known else NAN,
        "output": known.output_tokens_per_second if known else NAN,
    }
    for kind, value in tokens.items():
        metrics.demand_tokens.labels(*_of(key), kind).set(value)


def _attainment(metrics: OperatorMetrics, key: ServiceKey, result: TickResult) -> None:
    reading = result.observation.attainment
    known = reading.value if isinstance(reading, Known) else None
    objectives = result.service.spec.objectives
    shares = {
        "ttft": (known.ttft if known else NAN, objectives.ttft),
        "tpot": (known.tpot if known else NAN, objectives.tpot),
    }
    for name, (share, objective) in shares.items():
        metrics.attainment.labels(*_of(key), name).set(share)
        metrics.target.labels(*_of(key), name).set(objective.percentile / 100)
        metrics.limit.labels(*_of(key), name).set(objective.seconds)


def _workers(metrics: OperatorMetrics, key: ServiceKey, result: TickResult, role: Role) -> None:
    pool = result.observation.pool(role)
    wanted = result.decision.pool(role).desired if result.decision else pool.current
    counts = {
        "wanted": wanted,
        "current": pool.replicas,
        "ready": pool.ready,
        "starting": pool.starting,
        "draining": pool.draining,
        "flipped": pool.borrowed,
    }
    metrics.set_workers(key, role, counts)


def _forecast(metrics: OperatorMetrics, key: ServiceKey, result: TickResult, role: Role) -> None:
    forecast = result.forecasts.pool(role)
    percent = result.service.spec.autoscaling.forecast.quantile_percent
    horizon, requests, tokens = _bands(forecast)
    metrics.forecast_horizon.labels(*_of(key), role.value).set(horizon)
    error = NAN if isinstance(forecast, Unknown) else forecast.error_vs_last_value
    metrics.forecast_error.labels(*_of(key), role.value).set(error)
    for gauge, band in (
        (metrics.forecast_requests, requests),
        (metrics.forecast_tokens, tokens),
        (metrics.forecast_coverage, result.coverage[role]),
    ):
        # The asked percentile is part of the label: another one asked leaves none behind.
        gauge.remove_by_labels(
            {"namespace": key.namespace, "service": key.name, "role": role.value}
        )
        for label, value in (
            ("5", band.low),
            ("50", band.median),
            (str(percent), band.high),
        ):
            gauge.labels(*_of(key), role.value, label).set(value)


def _calibration(metrics: OperatorMetrics, key: ServiceKey, result: TickResult, role: Role) -> None:
    # A region whose samples were forgotten leaves no series behind.
    metrics.calibration.remove_by_labels(
        {"namespace": key.namespace, "service": key.name, "role": role.value}
    )
    for region in result.calibration.of(role).regions:
        metrics.calibration.labels(*_of(key), role.value, region.name).set(region.ratio)


def _bands(forecast: DemandForecast | Unknown) -> tuple[float, QuantileBand, QuantileBand]:
    if isinstance(forecast, Unknown):
        nothing = QuantileBand(NAN, NAN, NAN)
        return NAN, nothing, nothing
    return forecast.horizon_seconds, forecast.requests_per_second, forecast.tokens_per_second
