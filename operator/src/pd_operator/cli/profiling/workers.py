"""Which engines of a service to measure: one ready worker of each role."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import POD
from pd_operator.actuation.kubeconfig import KubeconfigError
from pd_operator.api.names import LABEL_SERVICE
from pd_operator.api.pods import Pod, engine_url, holds, takes_traffic, terminating, worker_role
from pd_operator.api.roles import Role
from pd_operator.cli.resources import fault, read_resource
from pd_operator.telemetry.startup import startup_seconds


@dataclass(frozen=True)
class Workers:
    """An engine's address for each role, and how long the slower of the two took to start."""

    urls: Mapping[Role, str]
    startup_seconds: int | None = None


def ready_workers(name: str, namespace: str | None, context: str | None) -> Workers:
    """One worker of each role; ends the program with a sentence where a role has none.

    Their pods' own addresses: from outside the cluster, forward their ports instead.
    """
    place = str(read_resource(name, namespace, context)["metadata"]["namespace"])
    try:
        cluster = Cluster.connect(context=context)
        pods = asyncio.run(cluster.select(POD, place, {LABEL_SERVICE: name}))
    except (KubeconfigError, ClusterError) as error:
        raise fault(str(error)) from error
    chosen = {role: _first(pods, role) for role in Role}
    for role, pod in chosen.items():
        if pod is None:
            raise fault(f"{place}/{name} has no ready {role.value} worker to measure")
    ready = {role: pod for role, pod in chosen.items() if pod is not None}
    starts = [seconds for pod in ready.values() if (seconds := startup_seconds(pod)) is not None]
    return Workers(
        {role: url for role, pod in ready.items() if (url := engine_url(pod)) is not None},
        round(max(starts)) if starts else None,
    )


def _first(pods: Sequence[Pod], role: Role) -> Pod | None:
    return next(
        (
            pod
            for pod in pods
            if worker_role(pod) is role
            and holds(pod, "Ready")
            and takes_traffic(pod)
            and not terminating(pod)
        ),
        None,
    )
