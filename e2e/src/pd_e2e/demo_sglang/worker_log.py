"""What became of each worker during the demo, from every state of its pod."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pd_operator.api.names import ANNOTATION_IDLE_SINCE
from pd_operator.api.pods import Pod, annotation, holds, takes_traffic, terminating, worker_role
from pd_operator.api.roles import Role
from pd_operator.telemetry.startup import startup_seconds
from pd_operator.telemetry.switching import home_role, switch_target


@dataclass(frozen=True)
class Flip:
    """A worker that took another role; `seconds` from off traffic until on traffic again."""

    worker: str
    role: Role
    at: float
    seconds: float


@dataclass
class Worker:
    """One worker as it was last seen; times are Unix seconds."""

    name: str
    home: Role
    role: Role
    startup_seconds: float | None = None
    off_since: float | None = None
    idle: bool = False
    switching: bool = False
    left: float | None = None

    @property
    def drained(self) -> bool:
        """Whether it went away with nothing left to do, taken off traffic before."""
        return self.left is not None and self.off_since is not None and self.idle

    @property
    def cut(self) -> bool:
        """Whether it served, and went away without having drained."""
        return self.left is not None and self.startup_seconds is not None and not self.drained


@dataclass
class WorkerLog:
    """All workers that were seen, and their flips."""

    workers: dict[str, Worker] = field(default_factory=dict)
    flips: list[Flip] = field(default_factory=list)

    def look(self, pods: Iterable[Pod], now: float) -> None:
        """Take the pods of the service as they are now."""
        here = set()
        for pod in pods:
            role, home = worker_role(pod), home_role(pod)
            if role is not None and home is not None:
                name = str(pod["metadata"]["name"])
                here.add(name)
                self._see(self.workers.setdefault(name, Worker(name, home, role)), pod, role, now)
        for worker in self.workers.values():
            if worker.name not in here:
                worker.left = worker.left or now

    def _see(self, worker: Worker, pod: Pod, role: Role, now: float) -> None:
        if holds(pod, "Ready") and not terminating(pod) and worker.startup_seconds is None:
            worker.startup_seconds = startup_seconds(pod)
        worker.idle = annotation(pod, ANNOTATION_IDLE_SINCE) is not None
        if terminating(pod):
            worker.left = worker.left or now
            if not takes_traffic(pod):
                worker.off_since = worker.off_since or now
            return
        worker.switching = worker.switching or switch_target(pod) is not None
        if not takes_traffic(pod):
            worker.off_since = worker.off_since or now
        elif worker.off_since is not None:
            if role is not worker.role:
                self.flips.append(Flip(worker.name, role, now, now - worker.off_since))
            worker.off_since, worker.role, worker.switching = None, role, False
