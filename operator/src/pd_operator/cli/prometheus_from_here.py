"""Reaches a service's Prometheus from where a command runs, which may be outside the cluster."""

import asyncio
import socket
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import DEPLOYMENT
from pd_operator.actuation.service_proxy import InCluster
from pd_operator.api.metrics import MetricsSpec
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.telemetry.access import PrometheusAccess

NO_ADDRESS = (
    "The service names no Prometheus, and what its operator was given cannot be read from here."
)

FLAG = "--prometheus-url"
"""Of the operator, as the chart sets it."""


@dataclass(frozen=True)
class Reached:
    """Where to ask, how, and what to do where that does not answer."""

    url: str
    access: PrometheusAccess
    advice: str

    @classmethod
    def directly(cls, url: str) -> Self:
        """As the address says, by nobody in particular."""
        return cls(url, PrometheusAccess(), "Reach it from here with --prometheus URL.")

    def sending(self, metrics: MetricsSpec) -> Self:
        """With the headers and parameters of a service, such as the tenant of a Mimir."""
        access = replace(
            self.access,
            more_headers=tuple((one.name, one.value) for one in metrics.headers),
            parameters=tuple((one.name, one.value) for one in metrics.query_parameters),
        )
        return replace(self, access=access)


def prometheus_from_here(cluster: Cluster, url: str, metrics: MetricsSpec) -> Reached:
    """`url` itself where its host is known here, else through the API server's proxy.

    An address that is neither known here nor that of a Service stays as it is. Headers and
    parameters are those of `metrics`; its secrets stay in the cluster.
    """
    service = InCluster.parse(url)
    if service is None or _known_here(url):
        return Reached.directly(url).sending(metrics)
    proxy = cluster.proxy_to(service)
    access = PrometheusAccess(
        token=proxy.token,
        authority=proxy.authority,
        certificate=proxy.certificate,
        private_key=proxy.private_key,
    )
    where = f"-n {service.namespace} service/{service.name}"
    advice = (
        "It was asked through the API server's proxy, which takes the right to get services/proxy "
        f"in {service.namespace}. Else: kubectl port-forward {where} 9090:{service.port}, and "
        "--prometheus http://127.0.0.1:9090."
    )
    return Reached(proxy.url, access, advice).sending(metrics)


def prometheus_of(cluster: Cluster, service: PDInferenceService, given: str | None) -> str | None:
    """The address to ask: the one given, else the service's own, else its operator's.

    None where nobody names one, or the operator's Deployment may not be read.
    """
    return given or service.spec.metrics.prometheus_url or _operators_own(cluster, service)


def _operators_own(cluster: Cluster, service: PDInferenceService) -> str | None:
    manager = service.status.managed_by
    if manager is None:
        return None
    namespace, _, name = manager.operator.partition("/")
    try:
        found = asyncio.run(cluster.get(DEPLOYMENT, namespace, name))
    except ClusterError:
        return None
    containers = (found or {}).get("spec", {}).get("template", {}).get("spec", {}).get("containers")
    for container in containers or ():
        arguments = container.get("args") or []
        if FLAG in arguments[:-1]:
            return str(arguments[arguments.index(FLAG) + 1])
    return None


def _known_here(url: str) -> bool:
    """Whether this machine finds the host, as a pod does, or one with a way into the cluster."""
    try:
        socket.getaddrinfo(urlsplit(url).hostname, None)
    except OSError:
        return False
    return True
