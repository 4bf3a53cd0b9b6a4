"""The router: Deployment, and what its sidecar may read."""

from pd_operator.actuation.children.metadata import (
    ROUTER,
    Manifest,
    labels,
    metadata,
    router,
    selector,
)
from pd_operator.actuation.children.pods import (
    END_IS_TOLD,
    PRE_STOP_SECONDS,
    downward_env,
    http_probe,
    pod_template,
    pre_stop,
    rolling_update,
)
from pd_operator.actuation.children.router_arguments import (
    ROUTER_COMMAND,
    TABLE_DIRECTORY,
    TABLE_FILE,
    longest_grace_seconds,
    router_arguments,
)
from pd_operator.api.names import (
    PORT_HTTP,
    PORT_METRICS,
    ROLE_ROUTER,
    ROUTER_METRICS_PORT,
    ROUTER_PORT,
)
from pd_operator.api.pods import ROUTER_CONTAINER
from pd_operator.api.v1alpha1 import PDInferenceService

SIDECAR_CONTAINER = "worker-table"

_TABLE_VOLUME = "worker-table"
_NONROOT = 65532
"""User of both images by number: kubelet cannot tell from a name that it is not root."""

_EXIT_SECONDS = 10


def router_deployment(service: PDInferenceService, operator_image: str) -> Manifest:
    """The Deployment of smg with the worker-table sidecar."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(service, router(service), ROUTER),
        "spec": {
            "replicas": service.spec.router.replicas,
            "selector": {"matchLabels": selector(service, ROUTER)},
            "strategy": rolling_update(),
            "template": pod_template(
                labels(service, ROUTER),
                ROLE_ROUTER,
                _pod_spec(service, operator_image),
                service.spec.router.template,
            ),
        },
    }


def _pod_spec(service: PDInferenceService, operator_image: str) -> Manifest:
    grace = longest_grace_seconds(service)
    return {
        "serviceAccountName": router(service),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _NONROOT,
            "runAsGroup": _NONROOT,
            "fsGroup": _NONROOT,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_smg_container(service), _sidecar_container(service, operator_image)],
        "volumes": [{"name": _TABLE_VOLUME, "emptyDir": {"sizeLimit": "16Mi"}}],
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + grace + _EXIT_SECONDS,
        "enableServiceLinks": False,
    }


def _smg_container(service: PDInferenceService) -> Manifest:
    return {
        "name": ROUTER_CONTAINER,
        "image": service.spec.router.image,
        "command": list(ROUTER_COMMAND),
        "args": router_arguments(service),
        "env": [downward_env("POD_IP", "status.podIP")],
        "ports": [
            {"name": PORT_HTTP, "containerPort": ROUTER_PORT, "protocol": "TCP"},
            {"name": PORT_METRICS, "containerPort": ROUTER_METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}},
        "securityContext": _restricted(),
        **END_IS_TOLD,
        "lifecycle": pre_stop(),
        # A router without workers is alive (restarting it helps nobody) but not ready: it would
        # answer 503. So a rollout waits until the new router knows the workers.
        "livenessProbe": http_probe(
            "/liveness", PORT_HTTP, periodSeconds=10, timeoutSeconds=5, failureThreshold=6
        ),
        "readinessProbe": http_probe(
            "/readiness", PORT_HTTP, periodSeconds=2, timeoutSeconds=2, failureThreshold=3
        ),
        "volumeMounts": [{"name": _TABLE_VOLUME, "mountPath": TABLE_DIRECTORY, "readOnly": True}],
    }


def _sidecar_container(service: PDInferenceService, operator_image: str) -> Manifest:
    return {
        "name": SIDECAR_CONTAINER,
        "image": operator_image,
        "args": [
            "worker-table",
            *("--service", service.metadata.name),
            *("--namespace", "$(POD_NAMESPACE)"),
            *("--output", TABLE_FILE),
        ],
        "env": [downward_env("POD_NAMESPACE", "metadata.namespace")],
        "resources": {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": _restricted(),
        **END_IS_TOLD,
        "volumeMounts": [{"name": _TABLE_VOLUME, "mountPath": TABLE_DIRECTORY}],
    }


def _restricted() -> Manifest:
    """What Pod Security's restricted level asks of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
