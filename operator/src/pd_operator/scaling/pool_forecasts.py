"""The load that each pool will have at its own horizon, as schedules want it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import (
    Demand,
    DemandForecast,
    NotEnoughHistoryError,
    Scheduled,
    scheduled,
)
from pd_operator.scaling.lead_time import horizon_seconds
from pd_operator.scaling.observation import Observation, Unknown


class FittedForecaster(Protocol):
    """A forecaster that has seen the history up to `end_seconds`; `FittedDemand` is one."""

    @property
    def end_seconds(self) -> float:
        """Unix time up to which the load was seen."""

    def nearest_learned(self, horizon_seconds: float) -> float:
        """The horizon to ask for in place of this one: the nearest that was learned."""

    def forecast(
        self, role: Role, horizon_seconds: float, quantile_percent: int, shape: Demand
    ) -> DemandForecast:
        """The pool's load so long after `end_seconds`; raises `NotEnoughHistoryError`.

        `shape` is the present demand: how lengths are spread, and how bursty arrivals are.
        """


@dataclass(frozen=True)
class PoolForecasts:
    """The forecast of each pool at its own horizon, or why there is none.

    - `scheduled`: what schedules ask of each pool; forecasts allow for it already.
    - `made`: the forecasts before schedules; their horizons count from the history's end.
    """

    prefill: DemandForecast | Unknown
    decode: DemandForecast | Unknown
    scheduled: Mapping[Role, Scheduled] = field(
        default_factory=lambda: {role: Scheduled() for role in Role}
    )
    made: Mapping[Role, DemandForecast] = field(default_factory=dict)

    def pool(self, role: Role) -> DemandForecast | Unknown:
        """The forecast of one pool."""
        return self.prefill if role is Role.PREFILL else self.decode

    def expected_now(self, present: Demand) -> tuple[Demand, Demand]:
        """The load of now for prefill and decode, as schedules want it where no forecast is."""
        prefill, decode = (
            self.scheduled[role].demand(present)
            if isinstance(self.pool(role), Unknown)
            else present
            for role in (Role.PREFILL, Role.DECODE)
        )
        return prefill, decode


def forecast_at(
    moment_seconds: float,
    fitted: FittedForecaster,
    role: Role,
    quantile_percent: int,
    shape: Demand,
) -> DemandForecast | Unknown:
    """The pool's load at a moment (Unix time); its horizon counts from the history's end.

    The newest bin has ended a little ago, or long ago where Prometheus was away. A lead time that
    has changed is soon learned in the process of the fits; to learn it here would hold up a tick.
    """
    reach = fitted.nearest_learned(moment_seconds - fitted.end_seconds)
    try:
        return fitted.forecast(role, reach, quantile_percent, shape)
    except NotEnoughHistoryError as error:
        return Unknown("NotEnoughHistory", "forecast", str(error))


def forecast_pools(
    spec: PDInferenceServiceSpec,
    seen: Observation,
    fitted: FittedForecaster | Unknown,
    *,
    at_least_percent: int = 0,
) -> PoolForecasts:
    """Ask the forecaster for each pool's horizon, and let schedules stretch and raise the answer.

    The quantile is the spec's, or `at_least_percent` where that is higher. Without a forecaster, or
    without a present demand that gives the lengths their spread, there is no forecast; what
    schedules ask for counts all the same.
    """
    horizons = {role: horizon_seconds(spec, seen, role) for role in Role}
    asked = {
        role: scheduled(spec.autoscaling.schedules, role, seen.time_seconds, horizons[role])
        for role in Role
    }
    if isinstance(seen.demand, Unknown):
        return PoolForecasts(seen.demand, seen.demand, asked)
    if isinstance(fitted, Unknown):
        return PoolForecasts(fitted, fitted, asked)
    percent = max(spec.autoscaling.forecast.quantile_percent, at_least_percent)
    raw = {
        role: forecast_at(
            seen.time_seconds + horizons[role], fitted, role, percent, seen.demand.value
        )
        for role in Role
    }
    prefill, decode = (
        own
        if isinstance(own, Unknown)
        else asked[role].forecast(replace(own, horizon_seconds=horizons[role]), role)
        for role, own in raw.items()
    )
    return PoolForecasts(
        prefill,
        decode,
        asked,
        {role: own for role, own in raw.items() if not isinstance(own, Unknown)},
    )
