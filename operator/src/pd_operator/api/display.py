"""What `kubectl get` prints of a status."""

from pd_operator.api.conditions import first_fault
from pd_operator.api.status import (
    AttainmentStatus,
    DisplayStatus,
    ForecastStatus,
    PDInferenceServiceStatus,
    PoolStatus,
)

_UNKNOWN = "-"


def with_display(status: PDInferenceServiceStatus) -> PDInferenceServiceStatus:
    """The status with its columns filled in from its other fields."""
    display = DisplayStatus(
        prefill=_pool(status.prefill),
        decode=_pool(status.decode),
        forecast=_forecast(status.forecast),
        attainment=_attainment(status.attainment),
        reason=_reason(status),
    )
    return status.model_copy(update={"display": display})


def _pool(pool: PoolStatus | None) -> str:
    if pool is None:
        return _UNKNOWN
    borrowed = f" ({pool.flipped} borrowed)" if pool.flipped else ""
    return f"{pool.ready}/{pool.desired}{borrowed}"


def _forecast(forecast: ForecastStatus | None) -> str:
    if forecast is None:
        return _UNKNOWN
    # Of the two horizons the longer one is the farther look ahead.
    pools = (forecast.prefill, forecast.decode)
    farthest = max(pools, key=lambda pool: pool.horizon_seconds)
    return f"{farthest.milli_requests_per_second / 1000:.1f}/s"


def _attainment(attainment: AttainmentStatus | None) -> str:
    if attainment is None:
        return _UNKNOWN
    return f"{attainment.ttft_per_mille / 10:.1f}/{attainment.tpot_per_mille / 10:.1f}%"


def _reason(status: PDInferenceServiceStatus) -> str:
    """What is wrong first; where nothing is, what the last decision was made for."""
    fault = first_fault(status.conditions)
    if fault is not None:
        return fault.reason
    return status.last_decision.reason if status.last_decision else _UNKNOWN
