"""What is seen of a service's routers: how many are ready, and if none is, why."""

from collections.abc import Iterable
from contextlib import suppress

from pd_operator.api.names import LABEL_ROLE, ROLE_ROUTER
from pd_operator.api.pods import ROUTER_CONTAINER, Pod, holds, label, terminating
from pd_operator.telemetry.observe_pool import Deployment
from pd_operator.telemetry.startup import started_at, unix_seconds
from pd_operator.telemetry.trouble import refusal, waiting_reason


def routers_ready(pods: Iterable[Pod]) -> int:
    """Routers that answer clients, among all pods of a service."""
    return sum(holds(pod, "Ready") for pod in _routers(pods))


def router_trouble(pods: Iterable[Pod], deployment: Deployment | None) -> str:
    """Why no router is ready, in Kubernetes' own words; empty where nobody has said."""
    refused = refusal(deployment) if deployment is not None else ""
    return refused or next(filter(None, map(waiting_reason, _routers(pods))), "")


def router_restarts(pods: Iterable[Pod]) -> dict[str, float]:
    """When routers were started again last (Unix seconds), by pod; none of those never were."""
    found = {}
    for pod in _routers(pods):
        for container in pod.get("status", {}).get("containerStatuses") or ():
            if container.get("name") != ROUTER_CONTAINER or not container.get("restartCount"):
                continue
            with suppress(ValueError):
                found[pod["metadata"]["name"]] = unix_seconds(started_at(container) or "")
    return found


def _routers(pods: Iterable[Pod]) -> list[Pod]:
    return [pod for pod in pods if label(pod, LABEL_ROLE) == ROLE_ROUTER and not terminating(pod)]
