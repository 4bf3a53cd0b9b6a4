"""Names that more than one part of pd-operator must spell alike."""

from dataclasses import dataclass
from typing import Final

from pd_operator.api.roles import Role

GROUP = "serving.pd-operator.io"
VERSION = "v1alpha1"
API_VERSION: Final = "serving.pd-operator.io/v1alpha1"
KIND: Final = "PDInferenceService"
PLURAL = "pdinferenceservices"
SINGULAR = "pdinferenceservice"
SHORT_NAME = "pdis"
CRD_NAME = f"{PLURAL}.{GROUP}"

LABEL_SERVICE = f"{GROUP}/service"
"""On every child and pod: the name of the PDInferenceService it belongs to."""

LABEL_ROLE = f"{GROUP}/role"
"""On pods: `prefill`, `decode` or `router`. The worker table follows it."""

LABEL_COMPONENT = "app.kubernetes.io/component"
"""On every child and pod: the pool it was made for, or `router`. It never changes."""

LABEL_TRAFFIC = f"{GROUP}/traffic"
"""On worker pods: `off` takes the pod out of the router's table; absent means on."""

TRAFFIC_OFF = "off"
ROLE_ROUTER = "router"

ANNOTATION_BOOTSTRAP_PORT = f"{GROUP}/bootstrap-port"
"""On worker pods: the port at which decodes ask this worker, as a prefill, for KV cache."""

ANNOTATION_DRAIN_STARTED = f"{GROUP}/drain-started"
"""On a draining pod: unix seconds at which it was taken off traffic."""

ANNOTATION_DRAIN_DEADLINE = f"{GROUP}/drain-deadline"
"""On a draining pod: unix seconds after which it is removed although it still has work."""

ANNOTATION_IDLE_SINCE = f"{GROUP}/idle-since"
"""On a draining pod: unix seconds of the first of the two idle readings a drain needs."""

ANNOTATION_REPLICAS_WITHOUT = f"{GROUP}/replicas-without"
"""On a drained pod: the number that its pool's replicas are lowered to for it, written before they
are. While they are no higher the pod counts as gone, however late it is deleted."""

ANNOTATION_SWITCH_TO = f"{GROUP}/switch-to"
"""On a pod that is to change its role: the role it takes, from before its drain until it serves."""

ANNOTATION_HALF_SWITCHED = f"{GROUP}/half-switched"
"""On such a pod: unix seconds at which its engine was first asked, written before it is. Until the
engine has said which role it serves it gets no requests; one that never does is replaced."""

ANNOTATION_SWITCH_REFUSED = f"{GROUP}/switch-refused"
"""On a pod: unix seconds at which it went back to its role since it could not leave it."""

ANNOTATION_ROLE_SINCE = f"{GROUP}/role-since"
"""On a pod that has changed its role: unix seconds since when. An engine that started later has the
role that the pod was made for."""

ANNOTATION_HOST_SPELLING = f"{GROUP}/host-spelling"
"""On a pod that has been a prefill and left: which spelling of its host is the next to be used."""

ANNOTATION_TERM = f"{GROUP}/term"
"""On a pool's pods and Deployment: the last term of leading in which the operator marked them, as
the Lease counts it, who led it, and the Lease's version when it began. All get it before a term's
first drain, return to traffic, lowering of replicas or step of a flip, so that a write of an
earlier term meets a newer version. Raised replicas leave the Deployment's as it is."""

ANNOTATION_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""On any pod: what a ReplicaSet deletes first among pods that are alike (KEP-2255)."""

ANNOTATION_DECISION = f"{GROUP}/decision"
"""On an Event: the decision it belongs to, as in the operator's log and its exemplars."""

ANNOTATION_ADOPT = f"{GROUP}/adopt"
"""On an object that has the name of a child and is not one: the service that may take it over."""

ANNOTATION_PAUSED = f"{GROUP}/paused"
"""On a PDInferenceService: why it is paused, whatever `mode` says. It is there as long as that
holds; `false` counts as if it were not.
"""

ANNOTATION_PAUSED_BY = f"{GROUP}/paused-by"
"""Beside it: who paused the service."""

FIELD_MANAGER = "pd-operator"
"""Owner of the fields we apply, in every child's `metadata.managedFields`."""

ENGINE_PORT = 30000
BOOTSTRAP_PORT = 8998
ROUTER_PORT = 30000
ROUTER_METRICS_PORT = 29000
PORT_HTTP = "http"
PORT_BOOTSTRAP = "bootstrap"
PORT_METRICS = "metrics"

MAX_SERVICE_NAME_LENGTH = 50
"""Leaves room for `-prefill` and the like inside the 63 characters of a label value."""


@dataclass(frozen=True, order=True)
class ServiceKey:
    """Identifies one PDInferenceService in the cluster."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def pool_name(service: str, role: Role) -> str:
    """Name of the Deployment, headless Service and PodDisruptionBudget of one pool."""
    return f"{service}-{role.value}"


def router_name(service: str) -> str:
    """Name of the router's Deployment, PodDisruptionBudget, ServiceAccount and Role."""
    return f"{service}-{ROLE_ROUTER}"


def client_url(service: ServiceKey) -> str:
    """Where clients in the cluster send requests: the Service of the routers has the same name."""
    return f"http://{service.name}.{service.namespace}.svc:{ROUTER_PORT}"
