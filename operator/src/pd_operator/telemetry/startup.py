"""How long a worker waits for a node, and from then on until it takes requests."""

from datetime import datetime
from typing import Any

from pd_operator.api.pods import Pod, condition, holds


def startup_seconds(pod: Pod) -> float | None:
    """From scheduled to ready: image, weights, warm-up. None where it did not show.

    How long the pod waited for a node before is another matter (`capacity_wait_seconds`), and
    says nothing of the next worker's start.
    The transition of `ContainersReady` counts, which only the kubelet sets: `Ready` flips
    too when the node controller loses sight of a node. A pod whose container was restarted, or
    whose readiness came later than its start-up probe allows (it was ready, lost that and found
    it again), tells nothing of a start-up.
    """
    ready = condition(pod, "ContainersReady")
    containers: list[Any] = pod.get("status", {}).get("containerStatuses") or []
    if ready is None or not holds(pod, "Ready") or not holds(pod, "ContainersReady"):
        return None
    if not containers or any(container.get("restartCount", 0) for container in containers):
        return None
    since_scheduled = seconds_between(_scheduled_at(pod), ready.get("lastTransitionTime"))
    since_started = [
        seconds_between(started_at(container), ready.get("lastTransitionTime"))
        for container in containers
    ]
    allowed = _probe_seconds(pod)
    if allowed is not None and any(late is None or late > allowed for late in since_started):
        return None
    return since_scheduled


def capacity_wait_seconds(pod: Pod, now_seconds: float) -> float:
    """From creation until a node was found; until now where none was."""
    created = unix_seconds(pod["metadata"]["creationTimestamp"])
    if not holds(pod, "PodScheduled"):
        return max(0.0, now_seconds - created)
    try:
        return max(0.0, unix_seconds(_scheduled_at(pod) or "") - created)
    except ValueError:
        return 0.0


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds between two timestamps of the API; None where one is missing or unreadable."""
    try:
        return unix_seconds(end or "") - unix_seconds(start or "")
    except ValueError:
        return None


def unix_seconds(timestamp: str) -> float:
    """Unix time of an API timestamp. Raises `ValueError`."""
    return datetime.fromisoformat(timestamp).timestamp()


def _scheduled_at(pod: Pod) -> str | None:
    """When a node was found; its creation where the pod does not tell."""
    scheduled = condition(pod, "PodScheduled") if holds(pod, "PodScheduled") else None
    told: str | None = (scheduled or {}).get("lastTransitionTime")
    created: str | None = pod["metadata"].get("creationTimestamp")
    return told or created


def started_at(container: Any) -> str | None:
    """When a container began to run, as the API writes it; None where it does not run."""
    started: str | None = (container.get("state") or {}).get("running", {}).get("startedAt")
    return started


def _probe_seconds(pod: Pod) -> float | None:
    """The longest a container may take by its start-up probe; None where it has none."""
    probes = [
        container["startupProbe"]
        for container in pod.get("spec", {}).get("containers") or ()
        if container.get("startupProbe")
    ]
    return max((_budget_seconds(probe) for probe in probes), default=None)


def _budget_seconds(probe: Any) -> float:
    """Kubernetes' own defaults where the probe leaves a field out."""
    attempts = float(probe.get("failureThreshold", 3)) + 1.0
    return float(probe.get("initialDelaySeconds", 0)) + attempts * float(
        probe.get("periodSeconds", 10)
    )
