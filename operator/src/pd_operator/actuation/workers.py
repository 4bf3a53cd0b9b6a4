"""A worker pod as actuation sees it: what it runs, and which step of a drain it is in.

A drain in progress is written on the pod itself, so that an operator that
restarts half-way continues instead of starting over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pd_operator.api.names import (
    ANNOTATION_DRAIN_DEADLINE,
    ANNOTATION_IDLE_SINCE,
    LABEL_TRAFFIC,
)
from pd_operator.scaling.observation import EngineLoad, Known, Reading


@dataclass(frozen=True)
class Worker:
    """One pod of a pool that is not already being deleted.

    ``started`` is false until the engine's start-up probe has passed once:
    such a pod never got a request. Times are Unix seconds.
    """

    name: str
    ready: bool
    started: bool
    draining: bool
    drain_deadline: float | None
    idle_since: float | None
    load: Reading[EngineLoad]

    @property
    def work(self) -> int:
        """Requests running or queued here; a worker that cannot be read counts as busiest."""
        if isinstance(self.load, Known):
            return self.load.value.running_requests + self.load.value.queued_requests
        return 1 << 30

    @property
    def idle(self) -> bool:
        """Whether the engine itself says that it has nothing left to do."""
        return isinstance(self.load, Known) and self.load.value.idle


def read_worker(pod: Mapping[str, Any], load: Reading[EngineLoad]) -> Worker | None:
    """The worker of a pod of the Kubernetes API; ``None`` for one that is being deleted."""
    metadata = pod["metadata"]
    if metadata.get("deletionTimestamp"):
        return None
    status = pod.get("status", {})
    annotations = metadata.get("annotations") or {}
    return Worker(
        name=metadata["name"],
        ready=any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in status.get("conditions", ())
        ),
        started=any(container.get("started") for container in status.get("containerStatuses", ())),
        draining=(metadata.get("labels") or {}).get(LABEL_TRAFFIC) == "off",
        drain_deadline=_seconds(annotations.get(ANNOTATION_DRAIN_DEADLINE)),
        idle_since=_seconds(annotations.get(ANNOTATION_IDLE_SINCE)),
        load=load,
    )


def _seconds(text: str | None) -> float | None:
    """A time written on a pod; unreadable ones are as good as none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None
