"""The operator's own metrics: how it ticks, what it saw, what it decided."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role

SERVICE = ("namespace", "service")
TICK_RESULTS = ("ok", "refused", "error", "timeout")
"""Refused: the spec or a child is, until somebody changes it. The operator does what it can."""
TICK_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60)


class OperatorMetrics:
    """All series of the operator, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.ticks = self._counter("ticks_total", "Ticks by result.", "result")
        self.tick_seconds = Histogram(
            "pd_operator_tick_duration_seconds",
            "Seconds that a tick took.",
            registry=self.registry,
            buckets=TICK_BUCKETS,
        )
        self.tick_lag_seconds = Histogram(
            "pd_operator_tick_lag_seconds",
            "Seconds from when a tick was due to its end.",
            registry=self.registry,
            buckets=TICK_BUCKETS,
        )
        self.tick_step_seconds = Histogram(
            "pd_operator_tick_step_duration_seconds",
            "Seconds that a step of a tick took.",
            ("step",),
            registry=self.registry,
            buckets=TICK_BUCKETS,
        )
        self.last_tick = self._gauge(
            "last_tick_timestamp_seconds",
            "When the last tick succeeded, or ended with a refusal that is not the operator's to "
            "mend (Unix seconds).",
        )
        self.input_age = self._gauge(
            "input_age_seconds",
            "Age of the newest sample behind an input; NaN is unknown.",
            "input",
        )
        self.decisions = self._counter("decisions_total", "Decisions by reason.", "reason")
        self.wrong_victims = self._counter(
            "wrong_victims_total", "Workers drained to be removed where another one went.", "role"
        )
        self.role_flips = self._counter(
            "role_flips_total",
            "Changes of role by the role that a worker has then, and how they ended.",
            "role",
            "result",
        )
        self.workers = self._gauge(
            "workers",
            "Workers of a role: wanted, current, ready, starting, draining; flipped are those "
            "borrowed from the other pool.",
            "role",
            "state",
        )
        self.gpus = self._gauge(
            "gpus", "GPUs of the workers that are asked for: replicas times tensorParallelSize."
        )
        self.demand_requests = self._gauge(
            "demand_requests_per_second", "Requests offered a second; NaN is unknown."
        )
        self.demand_tokens = self._gauge(
            "demand_tokens_per_second", "Tokens offered a second; NaN is unknown.", "kind"
        )
        self.forecast_requests = self._gauge(
            "forecast_requests_per_second",
            "Requests a second expected at the pool's lead time.",
            "role",
            "percentile",
        )
        self.forecast_tokens = self._gauge(
            "forecast_tokens_per_second",
            "Tokens a second expected at the lead time: prompt for prefill, output for decode.",
            "role",
            "percentile",
        )
        self.forecast_horizon = self._gauge(
            "forecast_horizon_seconds", "How far ahead a pool's load is forecast.", "role"
        )
        self.forecast_error = self._gauge(
            "forecast_error_vs_last_value",
            "Mean absolute error of the forecaster asked for, at the lead time, over that of the "
            "last value; below 1 it is better. NaN before there are enough to compare.",
            "role",
        )
        self.forecast_coverage = self._gauge(
            "forecast_coverage_ratio",
            "Share of the loads that came which were at or below that percentile of their "
            "forecast; it should be the percentile itself. NaN before enough came due.",
            "role",
            "percentile",
        )
        self.calibration = self._gauge(
            "calibration_ratio",
            "Measured over expected time of the engines, by region of prompt length or batch.",
            "role",
            "region",
        )
        self.attainment = self._gauge(
            "slo_attainment_ratio", "Share of requests that met the objective.", "objective"
        )
        self.target = self._gauge(
            "slo_target_ratio", "Share of requests that should meet the objective.", "objective"
        )
        self.limit = self._gauge(
            "slo_limit_seconds", "What the objective allows a request to take.", "objective"
        )
        self.condition = self._gauge(
            "condition", "1 for the status that a condition has now.", "type", "status"
        )
        self.managed_elsewhere = self._gauge(
            "managed_elsewhere", "1 where another operator runs the service and this one stands by."
        )
        self.loop_lag = Gauge(
            "pd_operator_event_loop_lag_seconds",
            "How late the event loop woke up.",
            registry=self.registry,
        )

        self.leader = Gauge(
            "pd_operator_leader",
            "1 where this pod holds the Lease and acts, 0 where it stands by.",
            registry=self.registry,
        )

    def welcome(self, key: ServiceKey) -> None:
        """Begin the counts of a service at 0: a series that appears at 1 has no increase."""
        for result in TICK_RESULTS:
            self.ticks.labels(key.namespace, key.name, result)
        for role in Role:
            self.wrong_victims.labels(key.namespace, key.name, role.value)

    def ticked(self, key: ServiceKey, result: str, seconds: float) -> None:
        """Count one tick."""
        self.ticks.labels(key.namespace, key.name, result).inc()
        if result == "refused":
            self.last_tick.labels(key.namespace, key.name).set_to_current_time()
        self.tick_seconds.observe(seconds)

    def set_workers(self, key: ServiceKey, role: Role, counts: dict[str, int]) -> None:
        """Set a pool's workers by state."""
        for state, count in counts.items():
            self.workers.labels(key.namespace, key.name, role.value, state).set(count)

    def set_managed_elsewhere(self, key: ServiceKey, elsewhere: bool) -> None:
        """Set whether another operator runs the service."""
        self.managed_elsewhere.labels(key.namespace, key.name).set(elsewhere)

    def set_condition(self, key: ServiceKey, condition: str, status: str) -> None:
        """Set which of its three statuses a condition has."""
        for each in ("True", "False", "Unknown"):
            self.condition.labels(key.namespace, key.name, condition, each).set(each == status)

    def forget(self, key: ServiceKey) -> None:
        """Remove the series of a service that is gone."""
        for metric in self._per_service():
            metric.remove_by_labels({"namespace": key.namespace, "service": key.name})

    def forget_all(self) -> None:
        """Remove the series of all services: another pod has them."""
        for metric in self._per_service():
            metric.clear()

    def exposition(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)

    def _per_service(self) -> Iterable[MetricWrapperBase]:
        return (
            value
            for value in vars(self).values()
            if isinstance(value, Counter | Gauge) and value not in (self.loop_lag, self.leader)
        )

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(
            f"pd_operator_{name}", documentation, (*SERVICE, *labels), registry=self.registry
        )

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(
            f"pd_operator_{name}", documentation, (*SERVICE, *labels), registry=self.registry
        )
