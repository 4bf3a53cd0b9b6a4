"""Addresses: one for clients, one headless per role."""

from pd_operator.actuation.children.metadata import ROUTER, Manifest, metadata, pool, selector
from pd_operator.api.names import (
    ENGINE_PORT,
    LABEL_ROLE,
    LABEL_SERVICE,
    PORT_HTTP,
    PORT_METRICS,
    ROUTER_METRICS_PORT,
    ROUTER_PORT,
)
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService


def client_service(service: PDInferenceService) -> Manifest:
    """Where clients send requests: the routers, under the service's own name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(service, service.metadata.name, ROUTER),
        "spec": {
            "selector": selector(service, ROUTER),
            "ports": [
                _port(PORT_HTTP, ROUTER_PORT),
                _port(PORT_METRICS, ROUTER_METRICS_PORT),
            ],
        },
    }


def headless_service(service: PDInferenceService, role: Role) -> Manifest:
    """DNS names of the workers that have a role now; requests go by the worker table, not here."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(service, pool(service, role), role.value),
        "spec": {
            "clusterIP": "None",
            "selector": {LABEL_SERVICE: service.metadata.name, LABEL_ROLE: role.value},
            "ports": [_port(PORT_HTTP, ENGINE_PORT)],
        },
    }


def _port(name: str, number: int) -> Manifest:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
