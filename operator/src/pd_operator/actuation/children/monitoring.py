"""How Prometheus finds the pods, where the Prometheus operator is installed."""

from collections.abc import Mapping

from pd_operator.actuation.children.metadata import ROUTER, Manifest, metadata
from pd_operator.api.names import (
    LABEL_ROLE,
    LABEL_SERVICE,
    PORT_HTTP,
    PORT_METRICS,
    ROLE_ROUTER,
)
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService


def build_pod_monitor(
    service: PDInferenceService, own_labels: Mapping[str, str] | None = None
) -> Manifest:
    """The PodMonitor of routers and workers; only for clusters that know the kind.

    A Prometheus may select monitors by the labels that the administrator gives it, `own_labels`.
    Every series gets the labels `pd_service` and `pd_role` that the operator's queries ask
    for; namespace and pod are Prometheus' own.
    """
    about = metadata(service, service.metadata.name, ROUTER)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": about | {"labels": {**(own_labels or {}), **about["labels"]}},
        "spec": {
            "selector": {"matchLabels": {LABEL_SERVICE: service.metadata.name}},
            "podMetricsEndpoints": [
                # A router's port of that name serves clients, and its metrics are elsewhere.
                _endpoint(service, PORT_HTTP, f"{Role.PREFILL}|{Role.DECODE}"),
                _endpoint(service, PORT_METRICS, ROLE_ROUTER),
            ],
        },
    }


def _endpoint(service: PDInferenceService, port: str, roles: str) -> Manifest:
    return {
        "port": port,
        "path": "/metrics",
        "interval": f"{service.spec.metrics.scrape_interval_seconds}s",
        "relabelings": [
            {
                "sourceLabels": [_pod_label(LABEL_ROLE)],
                "regex": roles,
                "action": "keep",
            },
            {"sourceLabels": [_pod_label(LABEL_SERVICE)], "targetLabel": "pd_service"},
            {"sourceLabels": [_pod_label(LABEL_ROLE)], "targetLabel": "pd_role"},
        ],
    }


def _pod_label(label: str) -> str:
    """Prometheus' name for a pod's label."""
    name = label.replace(".", "_").replace("/", "_").replace("-", "_")
    return f"__meta_kubernetes_pod_label_{name}"
