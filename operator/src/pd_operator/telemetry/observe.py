"""From what was read to one observation: pods, replicas, engines' loads and Prometheus.

Kubernetes' JSON ends here: what anybody needs to know of a pod is in its `WorkerObservation`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from pd_operator.api.names import (
    ANNOTATION_DELETION_COST,
    ANNOTATION_DRAIN_DEADLINE,
    ANNOTATION_DRAIN_STARTED,
    ANNOTATION_HALF_SWITCHED,
    ANNOTATION_IDLE_SINCE,
    ANNOTATION_REPLICAS_WITHOUT,
    ANNOTATION_ROLE_SINCE,
)
from pd_operator.api.pods import (
    ENGINE_CONTAINER,
    Pod,
    annotation,
    condition,
    engine_url,
    holds,
    number,
    spelling_number,
    takes_traffic,
    terminating,
    worker_role,
)
from pd_operator.api.roles import Role
from pd_operator.demand import Demand
from pd_operator.scaling.observation import (
    NOT_ASKED,
    Attainment,
    EngineLoad,
    Observation,
    PoolObservation,
    Reading,
    Unknown,
    WorkerObservation,
)
from pd_operator.telemetry.observe_pool import Deployment, observe_pool
from pd_operator.telemetry.observe_roles import pools_by_role
from pd_operator.telemetry.observe_routers import router_restarts, router_trouble, routers_ready
from pd_operator.telemetry.startup import capacity_wait_seconds, startup_seconds, unix_seconds
from pd_operator.telemetry.switching import (
    can_switch,
    home_role,
    own_role_again,
    switch_target,
)
from pd_operator.telemetry.trouble import waiting_reason

FINISHED_PHASES = ("Succeeded", "Failed")


def observe(
    now_seconds: float,
    pods: Iterable[Pod],
    deployments: Mapping[Role, Deployment | None],
    loads: Mapping[str, Reading[EngineLoad]],
    demand: Reading[Demand] = NOT_ASKED,
    attainment: Reading[Attainment] = NOT_ASKED,
    *,
    routers_known: bool = True,
    router: Deployment | None = None,
) -> Observation:
    """The observation of one service.

    `pods` are all pods of the service as the API writes them; of routers only those that are ready
    are counted, and pods that have ended are left out. `deployments` are those of the pools,
    `loads` what the engines answered, by pod name; no earlier than `now_seconds`. `routers_known`:
    whether `pods` has the routers; False for a service behind those of other hands. `router`: their
    Deployment, which tells why there are none.
    """
    everyone = list(pods)
    homes = _homes(now_seconds, everyone, deployments, loads)
    prefill, decode = pools_by_role(*homes)
    ready = routers_ready(everyone)
    return Observation(
        time_seconds=now_seconds,
        demand=demand,
        attainment=attainment,
        prefill=prefill,
        decode=decode,
        routers_ready=ready if routers_known else None,
        router_trouble="" if ready else router_trouble(everyone, router),
        homes=homes,
        router_restarts=tuple(router_restarts(everyone).items()),
    )


def ready_members(pods: Iterable[Pod], role: Role) -> set[str]:
    """Names of the pods that a pool's Deployment counts as ready, whatever their role is now."""
    return {
        pod["metadata"]["name"]
        for pod in pods
        if _is_worker(pod) and _home(pod) is role and holds(pod, "Ready") and not terminating(pod)
    }


def _homes(
    now_seconds: float,
    pods: Iterable[Pod],
    deployments: Mapping[Role, Deployment | None],
    loads: Mapping[str, Reading[EngineLoad]],
) -> tuple[PoolObservation, PoolObservation]:
    """The workers by the Deployment that they are of, from the same as `observe`."""
    workers = [
        worker_observation(pod, loads.get(pod["metadata"]["name"], NO_ENGINE), now_seconds)
        for pod in pods
        if _is_worker(pod)
    ]

    def home(role: Role) -> PoolObservation:
        return observe_pool(role, deployments[role], (w for w in workers if w.member_of is role))

    return home(Role.PREFILL), home(Role.DECODE)


NO_ENGINE = Unknown("EngineNotAsked", "engine", "the worker has no running engine to ask")


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
    home, target = _home(pod), switch_target(pod)
    return WorkerObservation(
        name=metadata["name"],
        role=target or role,
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
        pending=pod.get("status", {}).get("phase") == "Pending",
        unready_seconds=_unready_seconds(pod, now_seconds),
        deletion_cost=int(number(annotation(pod, ANNOTATION_DELETION_COST)) or 0),
        drain_started=number(annotation(pod, ANNOTATION_DRAIN_STARTED)),
        drain_deadline=number(annotation(pod, ANNOTATION_DRAIN_DEADLINE)),
        idle_since=number(annotation(pod, ANNOTATION_IDLE_SINCE)),
        replicas_without=_count(annotation(pod, ANNOTATION_REPLICAS_WITHOUT)),
        software=_software(pod),
        waiting_reason=waiting_reason(pod),
        home=home,
        switching=target is not None,
        switchable=can_switch(pod, role, home or role, now_seconds),
        half_switched=number(annotation(pod, ANNOTATION_HALF_SWITCHED)),
        role_since=number(annotation(pod, ANNOTATION_ROLE_SINCE)),
        own_role_again=own_role_again(pod),
        host_spelling=spelling_number(pod),
        version=str(metadata.get("resourceVersion", "")),
    )


def _home(pod: Pod) -> Role | None:
    """The pool that a worker is a member of: the one that it was made for, where it says so."""
    return home_role(pod) or worker_role(pod)


def _is_worker(pod: Pod) -> bool:
    ended = pod.get("status", {}).get("phase") in FINISHED_PHASES
    return worker_role(pod) is not None and not ended


def _started(pod: Pod) -> bool:
    """Whether the engine has passed its start-up probe; a container beside it says nothing."""
    containers = pod.get("status", {}).get("containerStatuses") or ()
    return any(c.get("started") for c in containers if c.get("name") == ENGINE_CONTAINER)


def _unready_seconds(pod: Pod, now_seconds: float) -> float:
    """For how long the pod has not been ready; 0 for one that is, and where nobody tells."""
    ready = condition(pod, "Ready")
    if ready is None or holds(pod, "Ready"):
        return 0.0
    try:
        return max(0.0, now_seconds - unix_seconds(ready.get("lastTransitionTime") or ""))
    except ValueError:
        return 0.0


def _count(text: str | None) -> int | None:
    written = number(text)
    return None if written is None else int(written)


def _software(pod: Pod) -> str:
    """Eight characters that change with whatever may change an engine's speed."""
    engines = [
        {part: container.get(part) for part in ("image", "command", "args", "env", "resources")}
        for container in pod.get("spec", {}).get("containers") or ()
        if container.get("name") == ENGINE_CONTAINER
    ]
    written = json.dumps(engines, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:8]
