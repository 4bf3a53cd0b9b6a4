"""Names, labels and ownership that every child carries."""

from typing import Any

from pd_operator.api.names import (
    LABEL_COMPONENT,
    LABEL_SERVICE,
    ROLE_ROUTER,
    pool_name,
    router_name,
)
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

Manifest = dict[str, Any]
"""A Kubernetes object as it is sent to the apiserver."""

ROUTER = ROLE_ROUTER


def metadata(service: PDInferenceService, name: str, component: str) -> Manifest:
    """Metadata of a child: gone with the service, and found by its labels."""
    return {
        "name": name,
        "namespace": service.metadata.namespace,
        "labels": labels(service, component),
        "ownerReferences": [owner_reference(service)],
    }


def labels(service: PDInferenceService, component: str) -> dict[str, str]:
    """Labels of a child and of its pods."""
    return {
        "app.kubernetes.io/name": "smg" if component == ROUTER else "sglang",
        "app.kubernetes.io/part-of": "pd-operator",
        "app.kubernetes.io/managed-by": "pd-operator",
        **selector(service, component),
    }


def selector(service: PDInferenceService, component: str) -> dict[str, str]:
    """Labels that tell the pods of one Deployment, for as long as they live.

    The role label is not among them: it says what a worker does now, and may change, while the
    component is the pool it was born in.
    """
    return {
        "app.kubernetes.io/instance": service.metadata.name,
        LABEL_COMPONENT: component,
        LABEL_SERVICE: service.metadata.name,
    }


def owner_reference(service: PDInferenceService) -> Manifest:
    """Makes garbage collection remove the child with its service.

    Deletion of the service does not wait for its children: a worker may drain for minutes.
    """
    return {
        "apiVersion": service.api_version,
        "kind": service.kind,
        "name": service.metadata.name,
        "uid": service.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def pool(service: PDInferenceService, role: Role) -> str:
    """Name of a pool's children."""
    return pool_name(service.metadata.name, role)


def router(service: PDInferenceService) -> str:
    """Name of the router's children."""
    return router_name(service.metadata.name)
