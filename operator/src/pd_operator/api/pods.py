"""Facts read from a pod as the Kubernetes API writes it in JSON."""

import math
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, ip_address
from typing import Any

from pd_operator.api.names import (
    ANNOTATION_HOST_SPELLING,
    ENGINE_PORT,
    LABEL_ROLE,
    LABEL_TRAFFIC,
    PORT_HTTP,
    TRAFFIC_OFF,
)
from pd_operator.api.roles import Role

Pod = Mapping[str, Any]

ENGINE_CONTAINER = "engine"
ROUTER_CONTAINER = "router"


def label(pod: Pod, name: str) -> str | None:
    """Value of a label, or None."""
    value: str | None = (pod["metadata"].get("labels") or {}).get(name)
    return value


def annotation(pod: Pod, name: str) -> str | None:
    """Value of an annotation, or None."""
    value: str | None = (pod["metadata"].get("annotations") or {}).get(name)
    return value


def number(text: str | None) -> float | None:
    """A number written on a pod; one that is unreadable or not finite is as good as none."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def role_of(text: str | None) -> Role | None:
    """The role that goes by this name; None for any other text."""
    return next((role for role in Role if role.value == text), None)


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
    return role_of(label(pod, LABEL_ROLE))


def takes_traffic(pod: Pod) -> bool:
    """Whether nobody has taken the pod out of the router's table."""
    return label(pod, LABEL_TRAFFIC) != TRAFFIC_OFF


def terminating(pod: Pod) -> bool:
    """Whether the pod is being deleted."""
    return pod["metadata"].get("deletionTimestamp") is not None


def engine_url(pod: Pod) -> str | None:
    """Base URL of the engine's HTTP API; None while the pod has no address."""
    spellings = host_spellings(pod)
    return f"http://{spellings[0]}:{_http_port(pod)}" if spellings else None


def prefill_url(pod: Pod) -> str | None:
    """The same for a prefill, by a name that decodes do not know from an earlier stay in the role.

    SGLang 0.5.23 keeps a dead port for the `host:port` of a prefill that left and came back, and
    waits for it for 300 s; routers write other forms of an IPv4 address (`127.1`) in its usual one.
    """
    spellings = host_spellings(pod)
    if not spellings:
        return None
    number = min(spelling_number(pod), len(spellings) - 1)
    return f"http://{spellings[number]}:{_http_port(pod)}"


def host_spellings(pod: Pod) -> tuple[str, ...]:
    """The ways to write the pod's address in a URL, each good for one stay as a prefill."""
    host = pod.get("status", {}).get("podIP")
    try:
        address = ip_address(host or "")
    except ValueError:
        return (host,) if host else ()
    if isinstance(address, IPv4Address):
        return (str(address), f"[::ffff:{address}]")
    return (f"[{address}]",)


def spelling_number(pod: Pod) -> int:
    """Which of `host_spellings` the pod is to be known by as a prefill."""
    text = annotation(pod, ANNOTATION_HOST_SPELLING) or ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _http_port(pod: Pod) -> int:
    """The container port named `http`: a pod template may have moved it."""
    for container in pod.get("spec", {}).get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("name") == PORT_HTTP:
                return int(port["containerPort"])
    return ENGINE_PORT
