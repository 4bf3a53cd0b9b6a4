"""From what was read to one observation: pods, replicas, engines' loads and Prometheus.

Kubernetes' JSON ends here: what anybody needs to know of a pod is in its `WorkerObservation`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from pd_operator.api.names import (
    ANNOTATION_DRAIN_DEADLINE,
    ANNOTATION_IDLE_SINCE,
    LABEL_ROLE,
    ROLE_ROUTER,
)
from pd_operator.api.pods import (
    Pod,
    annotation,
    engine_url,
    holds,
    label,
    takes_traffic,
    terminating,
    worker_role,
)
from pd_operator.api.roles import Role
from pd_operator.demand import Demand
from pd_operator.scaling.observation import (
    Attainment,
    EngineLoad,
    Observation,
    PoolObservation,
    Reading,
    Unknown,
    WorkerObservation,
)
from pd_operator.telemetry.startup import capacity_wait_seconds, startup_seconds, unix_seconds

ENGINE_CONTAINER = "engine"
FINISHED_PHASES = ("Succeeded", "Failed")


def observe(
    now_seconds: float,
    pods: Iterable[Pod],
    replicas: Mapping[Role, int],
    loads: Mapping[str, Reading[EngineLoad]],
    demand: Reading[Demand],
    attainment: Reading[Attainment],
) -> Observation:
    """The observation of one service.

    `pods` are all pods of the service as the API writes them; of routers only those that are ready
    are counted, and pods that have ended are left out. `replicas` is what the Deployments ask for,
    `loads` what the engines answered, by pod name.
    """
    everyone = list(pods)
    workers = [
        worker_observation(pod, loads.get(pod["metadata"]["name"], NOT_ASKED), now_seconds)
        for pod in everyone
        if _is_worker(pod)
    ]

    def pool(role: Role) -> PoolObservation:
        of_role = sorted((w for w in workers if w.role is role), key=lambda worker: worker.name)
        return PoolObservation(role, replicas[role], tuple(of_role))

    return Observation(
        time_seconds=now_seconds,
        demand=demand,
        attainment=attainment,
        prefill=pool(Role.PREFILL),
        decode=pool(Role.DECODE),
        routers_ready=sum(_ready_router(pod) for pod in everyone),
    )


NOT_ASKED = Unknown("EngineNotAsked", "engine", "the worker has no running engine to ask")


def askable_engines(pods: Iterable[Pod]) -> dict[str, str]:
    """Base URL by pod name of each engine that can be asked: its container runs."""
    return {
        pod["metadata"]["name"]: url
        for pod in pods
        if _is_worker(pod)
        and pod["status"].get("phase") == "Running"
        and (url := engine_url(pod)) is not None
    }


def worker_observation(
    pod: Pod, load: Reading[EngineLoad], now_seconds: float
) -> WorkerObservation:
    """One worker. `ValueError` for a pod that is none (see `worker_role`)."""
    role = worker_role(pod)
    if role is None:
        raise ValueError(f"pod {pod['metadata']['name']} is not a worker")
    metadata = pod["metadata"]
    return WorkerObservation(
        name=metadata["name"],
        role=role,
        address=engine_url(pod) or "",
        ready=holds(pod, "Ready"),
        traffic=takes_traffic(pod),
        terminating=terminating(pod),
        age_seconds=now_seconds - unix_seconds(metadata["creationTimestamp"]),
        startup_seconds=startup_seconds(pod),
        capacity_wait_seconds=capacity_wait_seconds(pod, now_seconds),
        scheduled=holds(pod, "PodScheduled"),
        load=load,
        started=_started(pod),
        drain_deadline=_seconds(annotation(pod, ANNOTATION_DRAIN_DEADLINE)),
        idle_since=_seconds(annotation(pod, ANNOTATION_IDLE_SINCE)),
        software=_software(pod),
    )


def _is_worker(pod: Pod) -> bool:
    ended = pod.get("status", {}).get("phase") in FINISHED_PHASES
    return worker_role(pod) is not None and not ended


def _started(pod: Pod) -> bool:
    containers = pod.get("status", {}).get("containerStatuses") or ()
    return any(container.get("started") for container in containers)


def _seconds(text: str | None) -> float | None:
    """A time written on a pod; unreadable ones are as good as none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _software(pod: Pod) -> str:
    """Eight characters that change with whatever may change an engine's speed."""
    engines = [
        {part: container.get(part) for part in ("image", "command", "args", "env", "resources")}
        for container in pod.get("spec", {}).get("containers") or ()
        if container.get("name") == ENGINE_CONTAINER
    ]
    written = json.dumps(engines, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:8]


def _ready_router(pod: Pod) -> bool:
    return label(pod, LABEL_ROLE) == ROLE_ROUTER and holds(pod, "Ready") and not terminating(pod)
