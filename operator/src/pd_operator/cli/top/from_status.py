"""What a service's status says, as it is shown."""

from collections.abc import Sequence

from pd_operator.api.roles import Role
from pd_operator.api.status import ForecastStatus, PoolForecastStatus
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.top.view import Attained, ForecastView, PoolView, ServiceView


def service_view(service: PDInferenceService, offered: Sequence[float]) -> ServiceView:
    """The service as its status has it; `offered` is what is known of its load over time."""
    status = service.status
    decided, demand = status.last_decision, status.demand
    return ServiceView(
        offered=offered,
        offered_now=None if demand is None else demand.milli_requests_per_second / 1000,
        forecast=None if status.forecast is None else _forecast(status.forecast),
        prefill=_pool(service, Role.PREFILL),
        decode=_pool(service, Role.DECODE),
        attained=_attained(service),
        decision=decided.message if decided else "",
    )


def _forecast(forecast: ForecastStatus) -> ForecastView:
    # Of the two horizons the longer one is the farther look ahead, as in `kubectl get`.
    farthest = max((forecast.prefill, forecast.decode), key=lambda pool: pool.horizon_seconds)
    return ForecastView(
        horizon_seconds=farthest.horizon_seconds,
        median=farthest.median_milli_requests_per_second / 1000,
        high=farthest.milli_requests_per_second / 1000,
    )


def _pool(service: PDInferenceService, role: Role) -> PoolView:
    status = service.status
    pool = status.prefill if role is Role.PREFILL else status.decode
    ahead: PoolForecastStatus | None = None
    if status.forecast is not None:
        ahead = status.forecast.prefill if role is Role.PREFILL else status.forecast.decode
    return PoolView(
        desired=pool.desired if pool else 0,
        ready=pool.ready if pool else 0,
        most=service.spec.pool(role).max_replicas,
        tokens_per_second=ahead.tokens_per_second if ahead else None,
    )


def _attained(service: PDInferenceService) -> tuple[Attained, ...]:
    seen, objectives = service.status.attainment, service.spec.objectives
    shares = {
        "TTFT": (objectives.ttft, seen.ttft_per_mille if seen else None),
        "TPOT": (objectives.tpot, seen.tpot_per_mille if seen else None),
    }
    when = "lately" if seen is None else f"of the last {seen.requests:,} requests"
    return tuple(
        Attained(
            f"{name} < {objective.milliseconds} ms",
            objective.percentile / 100,
            [(None if share is None else share / 1000, when)],
        )
        for name, (objective, share) in shares.items()
    )
