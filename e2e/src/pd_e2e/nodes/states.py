"""The states of a container, and a pod's status made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pd_e2e.nodes.api import Json
from pd_e2e.nodes.clock import now


@dataclass(frozen=True)
class Waiting:
    """Not running: still starting, or held back for `reason`."""

    reason: str
    message: str = ""

    def to_api(self) -> Json:
        """Return the API's ContainerState."""
        return {"waiting": _without_empty({"reason": self.reason, "message": self.message})}


@dataclass(frozen=True)
class Running:
    """Its process runs."""

    started_at: str

    def to_api(self) -> Json:
        """Return the API's ContainerState."""
        return {"running": {"startedAt": self.started_at}}


@dataclass(frozen=True)
class Terminated:
    """Its process has ended."""

    exit_code: int
    reason: str
    started_at: str
    finished_at: str
    message: str = ""

    @classmethod
    def after_exit(cls, exit_code: int, started_at: str, message: str) -> "Terminated":
        """Return the state of a process that ended now; `message` is what it said last."""
        reason = "Completed" if exit_code == 0 else "Error"
        return cls(exit_code, reason, started_at, now(), message)

    def to_api(self) -> Json:
        """Return the API's ContainerState."""
        fields = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "message": self.message,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
        }
        return {"terminated": _without_empty(fields)}


State = Waiting | Running | Terminated


@dataclass(frozen=True)
class ContainerStatus:
    """What is known of one container."""

    name: str
    image: str
    state: State = Waiting("ContainerCreating")
    last_termination: Terminated | None = None
    restart_count: int = 0
    started: bool = False
    ready: bool = False
    process_id: int | None = None

    def to_api(self) -> Json:
        """Return the API's ContainerStatus."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"process://{self.image}",
            "containerID": f"process://{self.process_id}" if self.process_id else "",
            "state": self.state.to_api(),
            "lastState": self.last_termination.to_api() if self.last_termination else {},
            "restartCount": self.restart_count,
            "started": self.started,
            "ready": self.ready,
        }

    def resumed_after(self, previous: Json | None) -> "ContainerStatus":
        """Continue the count of an agent that was here before: what it ran has died with it."""
        if previous is None:
            return self
        count, state = previous.get("restartCount", 0), previous.get("state", {})
        if "running" not in state:
            return replace(self, restart_count=count)
        lost = Terminated(
            exit_code=137,
            reason="ContainerStatusUnknown",
            message="The node agent was not there to see it end",
            started_at=state["running"].get("startedAt") or now(),
            finished_at=now(),
        )
        return replace(self, restart_count=count + 1, last_termination=lost)


@dataclass(frozen=True)
class PodStatus:
    """What is known of one pod. The scheduler's condition is not ours, and not touched."""

    pod_ip: str
    host_ip: str
    start_time: str
    init_containers: tuple[ContainerStatus, ...]
    sidecars: frozenset[str]
    """Names of the init containers that keep running."""
    containers: tuple[ContainerStatus, ...]
    initialized: bool
    ended: bool = False
    """Every container has ended for good."""

    @property
    def phase(self) -> str:
        """Pending, Running, Succeeded or Failed."""
        if self.ended:
            codes = [c.state.exit_code for c in self.containers if isinstance(c.state, Terminated)]
            all_well = len(codes) == len(self.containers) and not any(codes)
            return "Succeeded" if all_well else "Failed"
        begun = any(not isinstance(c.state, Waiting) or c.restart_count for c in self.containers)
        return "Running" if self.initialized and begun else "Pending"

    def to_api(self, previous_conditions: Sequence[Json]) -> Json:
        """Return the API's PodStatus; times of conditions that did not change are kept."""
        return {
            "phase": self.phase,
            "hostIP": self.host_ip,
            "hostIPs": [{"ip": self.host_ip}],
            "podIP": self.pod_ip,
            "podIPs": [{"ip": self.pod_ip}],
            "startTime": self.start_time,
            "conditions": self._conditions(previous_conditions),
            "initContainerStatuses": [status.to_api() for status in self.init_containers],
            "containerStatuses": [status.to_api() for status in self.containers],
        }

    def _conditions(self, previous: Sequence[Json]) -> list[Json]:
        lasting = [status for status in self.init_containers if status.name in self.sidecars]
        unready = [status.name for status in (*lasting, *self.containers) if not status.ready]
        wrong = (
            ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
            if unready
            else None
        )
        if self.phase == "Succeeded":
            wrong = ("PodCompleted", "")
        not_initialized = None if self.initialized else ("ContainersNotInitialized", "")
        return [
            _condition("Initialized", not_initialized, previous),
            _condition("ContainersReady", wrong, previous),
            _condition("Ready", wrong, previous),
        ]


def _condition(kind: str, wrong: tuple[str, str] | None, previous: Sequence[Json]) -> Json:
    status = "False" if wrong else "True"
    reason, message = wrong or (None, None)
    before = next((condition for condition in previous if condition["type"] == kind), {})
    same = before.get("status") == status
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message or None,
        "lastTransitionTime": before["lastTransitionTime"] if same else now(),
    }


def _without_empty(fields: Json) -> Json:
    return {key: value for key, value in fields.items() if value != ""}
