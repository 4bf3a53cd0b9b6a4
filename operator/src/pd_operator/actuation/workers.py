"""A worker pod as actuation sees it: what it runs, and which step of a drain it is in.

A drain in progress is written on the pod itself, so that an operator that
restarts half-way continues instead of starting over.
"""

from dataclasses import dataclass

from pd_operator.api.names import ANNOTATION_DRAIN_DEADLINE, ANNOTATION_IDLE_SINCE
from pd_operator.api.pods import Pod, annotation, holds, takes_traffic, terminating
from pd_operator.scaling.observation import EngineLoad, Known, Reading


@dataclass(frozen=True)
class Worker:
    """One pod of a pool that is not already being deleted.

    `started` is false until the engine's start-up probe has passed once:
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


def read_worker(pod: Pod, load: Reading[EngineLoad]) -> Worker | None:
    """The worker of a pod of the Kubernetes API; `None` for one that is being deleted."""
    if terminating(pod):
        return None
    containers = pod.get("status", {}).get("containerStatuses") or ()
    return Worker(
        name=pod["metadata"]["name"],
        ready=holds(pod, "Ready"),
        started=any(container.get("started") for container in containers),
        draining=not takes_traffic(pod),
        drain_deadline=_seconds(annotation(pod, ANNOTATION_DRAIN_DEADLINE)),
        idle_since=_seconds(annotation(pod, ANNOTATION_IDLE_SINCE)),
        load=load,
    )


def _seconds(text: str | None) -> float | None:
    """A time written on a pod; unreadable ones are as good as none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None
