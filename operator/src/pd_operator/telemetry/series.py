"""By which labels Prometheus tells the series of a service's routers and workers apart."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from pd_operator.api.names import ROLE_ROUTER, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.telemetry.template import Matcher, Matchers, Template

Holes = dict[str, Matchers]

A_POD = Matcher("pod", "", "!=")
"""Counts are taken by pod, so a series without one cannot be told from its like."""

POD_NAMES = {
    "Deployment": "-[a-z0-9]+-[a-z0-9]{5}",
    "StatefulSet": "-[0-9]+",
    "LeaderWorkerSet": "-[0-9]+",
}
"""What follows a workload's name in the names of its pods; of a group of nodes, its leader."""

ANY_POD_NAME = "-.+"


class ServiceSeries(Protocol):
    """The series of services."""

    def routers(self, service: ServiceKey) -> Matchers:
        """Those of the service's routers."""

    def workers(self, service: ServiceKey, role: Role) -> Matchers:
        """Those of its workers of a role."""

    def anyone(self, service: ServiceKey) -> Matchers:
        """Those of all its pods, and of none whose name one of them may have."""


class LabeledSeries:
    """As the operator has pods scraped: labels `pd_service` and `pd_role` from the pods' own."""

    def routers(self, service: ServiceKey) -> Matchers:
        """See `ServiceSeries`."""
        return self._of(service, Matcher("pd_role", ROLE_ROUTER))

    def workers(self, service: ServiceKey, role: Role) -> Matchers:
        """See `ServiceSeries`."""
        return self._of(service, Matcher("pd_role", role.value))

    def anyone(self, service: ServiceKey) -> Matchers:
        """See `ServiceSeries`."""
        return self._of(service)

    def _of(self, service: ServiceKey, *more: Matcher) -> Matchers:
        namespace = Matcher("namespace", service.namespace)
        return Matchers((namespace, Matcher("pd_service", service.name), *more, A_POD))


@dataclass(frozen=True)
class AttachedSeries:
    """As others have their pods scraped: by the labels that the spec names.

    Without labels for a pool, its pods are known by their names: they begin with the workload's.
    """

    router_labels: Mapping[str, str]
    pool_labels: Mapping[Role, Mapping[str, str]]
    targets: Mapping[Role, ScaleTargetRef]

    def routers(self, service: ServiceKey) -> Matchers:
        """See `ServiceSeries`."""
        return _in_namespace(service, self.router_labels)

    def workers(self, service: ServiceKey, role: Role) -> Matchers:
        """See `ServiceSeries`."""
        labels = self.pool_labels.get(role)
        if labels:
            return _in_namespace(service, labels)
        target = self.targets[role]
        names = re.escape(target.name) + POD_NAMES.get(target.kind, ANY_POD_NAME)
        return Matchers((*_in_namespace(service, {}).all, Matcher("pod", names, "=~")))

    def anyone(self, service: ServiceKey) -> Matchers:
        """See `ServiceSeries`."""
        return _in_namespace(service, {})


@dataclass(frozen=True)
class SeriesOfOneCluster:
    """Those of others that have a cluster's external labels, too.

    For a Prometheus, Thanos or Mimir in which several clusters have services of one name.
    """

    series: ServiceSeries
    labels: tuple[tuple[str, str], ...]

    def routers(self, service: ServiceKey) -> Matchers:
        """See `ServiceSeries`."""
        return self._of(self.series.routers(service))

    def workers(self, service: ServiceKey, role: Role) -> Matchers:
        """See `ServiceSeries`."""
        return self._of(self.series.workers(service, role))

    def anyone(self, service: ServiceKey) -> Matchers:
        """See `ServiceSeries`."""
        return self._of(self.series.anyone(service))

    def _of(self, others: Matchers) -> Matchers:
        own = (Matcher(name, value) for name, value in self.labels)
        return Matchers((*own, *others.all))


OWN_SERIES = LabeledSeries()


def series_of(
    spec: PDInferenceServiceSpec, cluster: tuple[tuple[str, str], ...] = ()
) -> ServiceSeries:
    """The series of the service with that spec, in the cluster with those external labels."""
    series = _series_of(spec)
    return SeriesOfOneCluster(series, cluster) if cluster else series


def _series_of(spec: PDInferenceServiceSpec) -> ServiceSeries:
    targets = spec.scale_targets
    if targets is None:
        return OWN_SERIES
    labels = spec.metrics
    pools = {
        Role.PREFILL: labels.prefill_labels or {},
        Role.DECODE: labels.decode_labels or {},
    }
    return AttachedSeries(labels.router_labels or {}, pools, targets)


def series_holes(
    template: Template,
    series: ServiceSeries,
    service: ServiceKey,
    restarted: Collection[str] = (),
) -> Holes:
    """What fills those holes of a template that depend on the service.

    `restarted`: its pods that are known to have begun to count anew.
    """
    others = Matcher("pod", "|".join(map(re.escape, sorted(restarted))), "!~")
    holes = {
        "routers": series.routers(service),
        "prefill": series.workers(service, Role.PREFILL),
        "decode": series.workers(service, Role.DECODE),
        "anyone": series.anyone(service),
        "steady": Matchers((others if restarted else A_POD,)),
    }
    return {name: value for name, value in holes.items() if name in template.holes}


def _in_namespace(service: ServiceKey, labels: Mapping[str, str]) -> Matchers:
    more = (Matcher(name, value) for name, value in labels.items())
    return Matchers((Matcher("namespace", service.namespace), *more, A_POD))
