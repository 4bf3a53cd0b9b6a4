"""What Prometheus knows of a service's past, as the operator told it: arrays over one time axis."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.demand import FloatArray
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.bins import Bins
from pd_operator.telemetry.prometheus import PrometheusReader

POINTS = 720
"""As many as a plot shows; a step is no shorter than `SHORTEST_STEP_SECONDS`."""

SHORTEST_STEP_SECONDS = 15.0


@dataclass(frozen=True, eq=False)
class PoolPast:
    """One pool: workers, and requests per second forecast, at the time that was forecast for."""

    wanted: FloatArray
    ready: FloatArray
    forecast_median: FloatArray
    forecast_high: FloatArray


@dataclass(frozen=True, eq=False)
class ServicePast:
    """All arrays have a value for each of `seconds` (Unix), NaN where nothing is known."""

    seconds: FloatArray
    offered: FloatArray
    gpus: FloatArray
    attained: Mapping[str, FloatArray]
    pools: Mapping[Role, PoolPast]

    @property
    def step_seconds(self) -> float:
        """Between two of `seconds`."""
        return float(self.seconds[1] - self.seconds[0])

    @property
    def known(self) -> bool:
        """Whether anything is known at all."""
        return not bool(np.isnan(self.offered).all() and np.isnan(self.gpus).all())


class NoPastError(Exception):
    """Prometheus does not answer; the message says why."""


class PastReader:
    """Reads the operator's own series of one service between two moments."""

    def __init__(
        self, reader: PrometheusReader, service: ServiceKey, begin: float, end: float
    ) -> None:
        self._reader = reader
        self._service = service
        step = max(SHORTEST_STEP_SECONDS, float(round((end - begin) / POINTS)))
        self._bins = Bins.within(begin, end, step)

    def read(self, percentile: int) -> ServicePast:
        """Everything; `NoPastError` where Prometheus does not answer."""
        ends = [self._bins.end_of(index) for index in range(self._bins.count)]
        return ServicePast(
            seconds=np.array(ends),
            offered=self._metric("demand_requests_per_second"),
            gpus=self._metric("gpus"),
            attained={
                objective: self._metric("slo_attainment_ratio", objective=objective)
                for objective in ("ttft", "tpot")
            },
            pools={role: self._pool(role, percentile) for role in Role},
        )

    def _pool(self, role: Role, percentile: int) -> PoolPast:
        lead = self._metric("forecast_horizon_seconds", role=role.value)
        median, high = (
            self._metric("forecast_requests_per_second", role=role.value, percentile=str(percent))
            for percent in (50, percentile)
        )
        return PoolPast(
            wanted=self._metric("workers", role=role.value, state="wanted"),
            ready=self._metric("workers", role=role.value, state="ready"),
            forecast_median=self._at_its_time(median, lead),
            forecast_high=self._at_its_time(high, lead),
        )

    def _metric(self, name: str, **labels: str) -> FloatArray:
        answer = self._reader.operator_history(
            self._service, f"pd_operator_{name}", labels, self._bins
        )
        if isinstance(answer, Unknown):
            raise NoPastError(answer.message)
        return answer

    def _at_its_time(self, said: FloatArray, lead: FloatArray) -> FloatArray:
        """What was said, one lead time later: the newest of what was said for a moment."""
        shifted = np.full(len(said), np.nan)
        known = np.flatnonzero(~np.isnan(said) & ~np.isnan(lead))
        targets = known + np.rint(lead[known] / self._bins.bin_seconds).astype(int)
        inside = targets < len(said)
        shifted[targets[inside]] = said[known[inside]]
        return shifted
