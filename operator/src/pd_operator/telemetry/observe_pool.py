"""From a pool's Deployment and its workers to one observation of the pool."""

from collections.abc import Iterable, Mapping
from typing import Any

from pd_operator.api.roles import Role
from pd_operator.scaling.observation import PoolObservation, WorkerObservation
from pd_operator.telemetry.trouble import refusal

Deployment = Mapping[str, Any]
"""A Deployment as the Kubernetes API writes it in JSON."""


def observe_pool(
    role: Role, deployment: Deployment | None, workers: Iterable[WorkerObservation]
) -> PoolObservation:
    """The pool; without its Deployment, one of no replicas.

    The Deployment and its pods are read one after the other, and controllers write down what they
    have done later than they do it. So the pool is settled only where all agree: the Deployment's
    controller has seen its newest spec, and counts as many pods, and as many ready, as are here.
    """
    ordered = tuple(sorted(workers, key=lambda worker: worker.name))
    if deployment is None:
        return PoolObservation(role, 0, ordered)
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    live = [worker for worker in ordered if not worker.terminating]
    pods = int(status.get("replicas", 0))
    return PoolObservation(
        role,
        int(deployment["spec"]["replicas"]),
        ordered,
        settled=(
            status.get("observedGeneration", 0) == metadata.get("generation", 0)
            and pods == len(live)
            and status.get("readyReplicas", 0) == sum(worker.ready for worker in live)
        ),
        rolling_out=int(status.get("updatedReplicas", 0)) < pods,
        version=str(metadata.get("resourceVersion", "")),
        refused=refusal(deployment),
    )
