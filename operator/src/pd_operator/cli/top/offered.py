"""The load of the last half hour, from Prometheus; where that is out of reach, what was seen."""

import math
from collections import deque

from pd_operator.actuation.cluster import Cluster
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.prometheus_from_here import (
    NO_ADDRESS,
    Reached,
    prometheus_from_here,
    prometheus_of,
)
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import series_of

SPAN_SECONDS = 1800.0
AGAIN_SECONDS = 15.0
"""A scrape's usual interval: asked sooner, Prometheus knows nothing new."""

ANSWER_SECONDS = 5.0


class OfferedLoad:
    """Requests per second over time, oldest first; asks Prometheus no more often than it learns.

    `fault` says why Prometheus could not be read; then `rates` are those of the statuses looked at.
    """

    def __init__(self, cluster: Cluster, service: PDInferenceService, url: str | None) -> None:
        metrics = service.spec.metrics
        scrape = float(metrics.scrape_interval_seconds)
        address = prometheus_of(cluster, service, url)
        self._asked: tuple[PrometheusReader, Reached] | None = None
        if address:
            reached = prometheus_from_here(cluster, address, metrics)
            reader = PrometheusReader(
                reached.url, ANSWER_SECONDS, scrape, reached.access, series_of(service.spec)
            )
            self._asked = reader, reached
        self._bin_seconds = max(30.0, 2 * scrape)
        self._seen: deque[float] = deque(maxlen=round(SPAN_SECONDS / 2))
        self._read: list[float] = []
        self._next_seconds = 0.0
        self.fault = "" if address else f"{NO_ADDRESS} Give it with --prometheus URL."

    def rates(self, service: PDInferenceService, now_seconds: float) -> list[float]:
        """The rates up to now."""
        demand = service.status.demand
        if demand is not None:
            self._seen.append(demand.milli_requests_per_second / 1000)
        if self._asked is not None and now_seconds >= self._next_seconds:
            self._ask(*self._asked, service, now_seconds)
        return self._read or list(self._seen)

    def _ask(
        self, reader: PrometheusReader, reached: Reached, service: PDInferenceService, now: float
    ) -> None:
        self._next_seconds = now + AGAIN_SECONDS
        past = reader.demand_history(service.key, now - SPAN_SECONDS, now, self._bin_seconds)
        if isinstance(past, Unknown):
            self.fault = f"{past.message} {reached.advice}"
            return
        known = [rate for rate in past.requests_per_second if not math.isnan(rate)]
        self._read, self.fault = [float(rate) for rate in known], ""
