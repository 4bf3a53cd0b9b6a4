"""The Kubernetes kinds that the operator reads or writes, and their paths.

A fixed table instead of API discovery: the operator needs no rights on
discovery documents, writes no cache file, and asks for nothing it was not
granted by name in its Role.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object: `api_version` as in manifests, `plural` as in URLs."""

    name: str
    api_version: str
    plural: str

    @property
    def root(self) -> str:
        """The URL path of the API version, e.g. `/apis/apps/v1`."""
        return (
            f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        )

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The URL path of an object, or of the collection where `name` is empty.

        An empty `namespace` is the collection over all namespaces.
        """
        scope = [f"namespaces/{namespace}"] if namespace else []
        return "/".join([self.root, *scope, self.plural, *filter(None, [name, subresource])])


PD_SERVICE = Kind("PDInferenceService", "serving.pd-operator.io/v1alpha1", "pdinferenceservices")
DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments")
SERVICE = Kind("Service", "v1", "services")
SERVICE_ACCOUNT = Kind("ServiceAccount", "v1", "serviceaccounts")
ROLE = Kind("Role", "rbac.authorization.k8s.io/v1", "roles")
ROLE_BINDING = Kind("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings")
DISRUPTION_BUDGET = Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets")
POD_MONITOR = Kind("PodMonitor", "monitoring.coreos.com/v1", "podmonitors")
POD = Kind("Pod", "v1", "pods")
POD_AUTOSCALER = Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers")
CONFIG_MAP = Kind("ConfigMap", "v1", "configmaps")
SECRET = Kind("Secret", "v1", "secrets")
EVENT = Kind("Event", "v1", "events")
LEASE = Kind("Lease", "coordination.k8s.io/v1", "leases")

CHILD_KINDS = (
    DEPLOYMENT,
    SERVICE,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    DISRUPTION_BUDGET,
)

_APPLIED = (*CHILD_KINDS, POD_MONITOR, PD_SERVICE, LEASE)
_BY_NAME = {(kind.api_version, kind.name): kind for kind in _APPLIED}


def kind_of(manifest: dict[str, object]) -> Kind:
    """The kind of a manifest; `KeyError` where the operator has no business with it."""
    return _BY_NAME[str(manifest["apiVersion"]), str(manifest["kind"])]
