"""Facts read from a pod as the Kubernetes API writes it in JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from pd_operator.api.names import ENGINE_PORT, LABEL_ROLE, LABEL_TRAFFIC, PORT_HTTP, TRAFFIC_OFF
from pd_operator.api.roles import Role

Pod = Mapping[str, Any]


def label(pod: Pod, name: str) -> str | None:
    """Value of a label, or None."""
    value: str | None = (pod["metadata"].get("labels") or {}).get(name)
    return value


def annotation(pod: Pod, name: str) -> str | None:
    """Value of an annotation, or None."""
    value: str | None = (pod["metadata"].get("annotations") or {}).get(name)
    return value


def condition(pod: Pod, kind: str) -> Mapping[str, Any] | None:
    """The condition of a type, or None where nobody has set it yet."""
    conditions: Iterable[Mapping[str, Any]] = pod.get("status", {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == kind), None)


def holds(pod: Pod, kind: str) -> bool:
    """Whether a condition is there and true."""
    found = condition(pod, kind)
    return found is not None and found.get("status") == "True"


def worker_role(pod: Pod) -> Role | None:
    """The role that the pod's label gives it; None for routers and foreign pods."""
    value = label(pod, LABEL_ROLE)
    return next((role for role in Role if role.value == value), None)


def takes_traffic(pod: Pod) -> bool:
    """Whether nobody has taken the pod out of the router's table."""
    return label(pod, LABEL_TRAFFIC) != TRAFFIC_OFF


def terminating(pod: Pod) -> bool:
    """Whether the pod is being deleted."""
    return pod["metadata"].get("deletionTimestamp") is not None


def engine_url(pod: Pod) -> str | None:
    """Base URL of the engine's HTTP API; None while the pod has no address."""
    host = pod.get("status", {}).get("podIP")
    if not host:
        return None
    authority = f"[{host}]" if ":" in host else host
    return f"http://{authority}:{_http_port(pod)}"


def _http_port(pod: Pod) -> int:
    """The container port named `http`: a pod template may have moved it."""
    for container in pod.get("spec", {}).get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("name") == PORT_HTTP:
                return int(port["containerPort"])
    return ENGINE_PORT
