"""What the router's sidecar may read: the pods of its namespace, and nothing else."""

from pd_operator.actuation.children.metadata import ROUTER, Manifest, metadata, router
from pd_operator.api.v1alpha1 import PDInferenceService

_RBAC = "rbac.authorization.k8s.io"


def sidecar_access(service: PDInferenceService) -> list[Manifest]:
    """ServiceAccount, Role and RoleBinding of the router's pods."""
    name = router(service)
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(service, name, ROUTER),
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "Role",
            "metadata": metadata(service, name, ROUTER),
            "rules": [
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
            ],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata(service, name, ROUTER),
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
            "subjects": [
                {
                    "kind": "ServiceAccount",
                    "name": name,
                    "namespace": service.metadata.namespace,
                }
            ],
        },
    ]
