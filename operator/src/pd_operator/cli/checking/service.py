"""Whether one service has what it needs: metrics, a monitor, a profile, and its own conditions."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import POD_MONITOR
from pd_operator.api.conditions import (
    CHOSEN,
    Condition,
    ConditionStatus,
    ConditionType,
    find_condition,
)
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.checking.findings import Finding, act, note, ok
from pd_operator.cli.prometheus_from_here import Reached, prometheus_from_here
from pd_operator.controller.tick.engine_profile import engine_basis
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import series_of

SILENCE_SECONDS = 360.0
"""An operator that has not said for so long that it runs the service does not: docs/operations.md.
"""

WINDOW_SECONDS = 300.0


async def service_pieces(
    cluster: Cluster, service: PDInferenceService, prometheus: str | None
) -> AsyncIterator[Finding]:
    """The pieces of one service."""
    yield _managed(service)
    yield await _monitor(cluster, service)
    if prometheus is None:
        yield _metrics_by_status(service)
    else:
        reached = prometheus_from_here(cluster, prometheus, service.spec.metrics)
        yield await asyncio.to_thread(_metrics_from_here, service, reached)
    yield await _profile(cluster, service)
    for finding in _conditions(service):
        yield finding


def _managed(service: PDInferenceService) -> Finding:
    manager = service.status.managed_by
    if manager is None:
        return act(
            "managed",
            "No operator has taken this service.",
            "Does the operator watch its namespace (watchNamespaces)? See its log.",
        )
    age = (datetime.now(UTC) - manager.renew_time).total_seconds()
    if age > SILENCE_SECONDS:
        said = f"{manager.operator} ran it, and has been silent for {age:.0f} s."
        return act("managed", said, "See the operator's pods and log.")
    return ok("managed", f"{manager.operator} runs it.")


async def _monitor(cluster: Cluster, service: PDInferenceService) -> Finding:
    if service.spec.scale_targets is not None:
        return note("monitor", "Its workers are of other hands, and so is what has them scraped.")
    try:
        if not await cluster.serves(POD_MONITOR):
            return note("monitor", "It has none: the kind is not served.")
        found = await cluster.get(POD_MONITOR, service.key.namespace, service.key.name)
    except ClusterError as error:
        return note("monitor", f"Its PodMonitor may not be read: {error.message}")
    if found is None:
        return act("monitor", "It has no PodMonitor.", "See Ready in its conditions.")
    labels = found["metadata"].get("labels") or {}
    told = ", ".join(f"{name}={labels[name]}" for name in sorted(labels) if "/" not in name)
    return ok("monitor", f"Its PodMonitor is there{f', labeled {told}' if told else ''}.")


def _metrics_by_status(service: PDInferenceService) -> Finding:
    """What the operator says of them: it is the one that has to read them."""
    said = find_condition(service.status.conditions, ConditionType.METRICS_AVAILABLE)
    if said is None or said.status is ConditionStatus.UNKNOWN:
        return note("metrics", "The operator has not looked yet." if said is None else said.message)
    if said.status is ConditionStatus.TRUE:
        return ok("metrics", said.message)
    return act("metrics", said.message, _advice(service, said.reason))


def _metrics_from_here(service: PDInferenceService, reached: Reached) -> Finding:
    """What is read as the operator reads it, from where the command runs."""
    scrape = float(service.spec.metrics.scrape_interval_seconds)
    reader = PrometheusReader(
        reached.url,
        scrape_interval_seconds=scrape,
        access=reached.access,
        series=series_of(service.spec),
    )
    try:
        demand = reader.demand(service.key, time.time(), WINDOW_SECONDS)
    finally:
        reader.close()
    if isinstance(demand, Unknown):
        return act("metrics", demand.message, "docs/operations.md, Prometheus.")
    rate = demand.value.requests_per_second
    age = f"the newest sample {demand.age_seconds:.0f} s old"
    return ok("metrics", f"{rate:.1f} requests/s are read from {demand.source}, {age}.")


async def _profile(cluster: Cluster, service: PDInferenceService) -> Finding:
    try:
        basis = await engine_basis(service, cluster)
    except ClusterError as error:
        return note("profile", f"Its profile may not be read: {error.message}")
    if isinstance(basis, Unknown):
        return act("profile", basis.message, "docs/profiles.md.")
    if basis.assumed:
        return note(
            "profile",
            "It has none: a slow engine is assumed until the running ones are measured.",
            "kubectl pd profile measures, imports or computes one.",
        )
    return ok("profile", "Its profile is there and holds the sizes of both pools.")


def _conditions(service: PDInferenceService) -> Iterator[Finding]:
    """What else is not as it should be, in the operator's own words."""
    for condition in service.status.conditions:
        if condition.type != ConditionType.METRICS_AVAILABLE and _wrong(condition):
            yield act(condition.type, condition.message, _advice(service, condition.reason))


def _advice(service: PDInferenceService, reason: str) -> str:
    key = service.key
    where = f"docs/operations.md, Every reason, has {reason}"
    return f"kubectl pd explain -n {key.namespace} {key.name}; {where}."


def _wrong(condition: Condition) -> bool:
    return condition.status is ConditionStatus.FALSE and condition.reason not in CHOSEN
