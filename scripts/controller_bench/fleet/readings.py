"""What one operator was like over a while: late or not, costly or not, and what it wrote."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from scripts.controller_bench.fleet.operator_process import Costs, OperatorProcess

from pd_e2e.cluster.controlplane import ControlPlane

LAG = "pd_operator_tick_lag_seconds_bucket"
WRITING = frozenset({"APPLY", "DELETE", "DELETECOLLECTION", "PATCH", "POST", "PUT"})
OF_NODES_AND_LEADERS = frozenset({"nodes", "leases", "tokenreviews", "subjectaccessreviews"})
"""Heartbeats, which have to be, and questions that are asked by a POST."""


@dataclass(frozen=True)
class Reading:
    """Over a while. `lag_seconds_p99`: from when a tick was due to its end; None: not told."""

    services: int
    seconds: float
    ticks: float
    failed: float
    cpu_seconds: float
    megabytes: float
    lag_seconds_p99: float | None
    writes: Mapping[str, float]

    @property
    def cores(self) -> float:
        """Processors that all of the operator's processes kept busy."""
        return self.cpu_seconds / self.seconds

    @property
    def tick_cpu_seconds(self) -> float:
        """Processor time of a tick, with its share of all else."""
        return self.cpu_seconds / self.ticks

    def __str__(self) -> str:
        lag = "" if self.lag_seconds_p99 is None else f", lag p99 {self.lag_seconds_p99:.2f} s"
        return (
            f"{self.services} services: {self.ticks:.0f} ticks ({self.failed:.0f} failed) in "
            f"{self.seconds:.0f} s, {self.cores:.2f} cores, {1000 * self.tick_cpu_seconds:.1f} ms "
            f"a tick, {self.megabytes:.0f} MB{lag}, writes: {dict(self.writes)}"
        )


@dataclass(frozen=True)
class _Moment:
    seconds: float
    results: Mapping[str, float]
    costs: Costs
    lags: Mapping[str, float]
    writes: Mapping[str, float]


def read(
    operator: OperatorProcess, control_plane: ControlPlane, services: int, seconds: float
) -> Reading:
    """Watch an operator for so long."""
    before = _moment(operator, control_plane)
    time.sleep(seconds)
    after = _moment(operator, control_plane)
    ticks = {
        result: count - before.results.get(result, 0.0) for result, count in after.results.items()
    }
    writes = {
        what: count - before.writes.get(what, 0.0)
        for what, count in after.writes.items()
        if count > before.writes.get(what, 0.0)
    }
    lags = {edge: count - before.lags.get(edge, 0.0) for edge, count in after.lags.items()}
    return Reading(
        services=services,
        seconds=after.seconds - before.seconds,
        ticks=sum(ticks.values()),
        failed=sum(ticks.values()) - ticks.get("ok", 0.0),
        cpu_seconds=after.costs.cpu_seconds - before.costs.cpu_seconds,
        megabytes=after.costs.megabytes,
        lag_seconds_p99=percentile(lags, 0.99) if lags else None,
        writes=writes,
    )


def percentile(cumulative: Mapping[str, float], share: float) -> float:
    """The value within whose reach that share of a histogram's observations is.

    `cumulative`: observations by the upper edge. Within a bucket they count as spread evenly.
    """
    edges = sorted((float(edge), count) for edge, count in cumulative.items())
    wanted = share * edges[-1][1]
    below_edge, below = 0.0, 0.0
    for edge, count in edges:
        if count >= wanted and count > below:
            return below_edge + (edge - below_edge) * (wanted - below) / (count - below)
        below_edge, below = edge, count
    return below_edge


def _moment(operator: OperatorProcess, control_plane: ControlPlane) -> _Moment:
    results: dict[str, float] = {}
    for labels, value in operator.samples("pd_operator_ticks_total"):
        results[labels["result"]] = results.get(labels["result"], 0.0) + value
    lags = {labels["le"]: value for labels, value in operator.samples(LAG)}
    return _Moment(time.monotonic(), results, operator.costs(), lags, _writes(control_plane))


def _writes(control_plane: ControlPlane) -> dict[str, float]:
    """What the API server was asked to write, by verb and resource, whoever asked."""
    counts: dict[str, float] = {}
    text = control_plane.kubectl("get", "--raw=/metrics")
    for family in text_string_to_metric_families(text):
        if family.name != "apiserver_request":
            continue
        for sample in family.samples:
            verb, resource = sample.labels.get("verb"), sample.labels.get("resource", "")
            if verb in WRITING and resource not in OF_NODES_AND_LEADERS:
                what = f"{verb} {resource}"
                counts[what] = counts.get(what, 0.0) + sample.value
    return counts
