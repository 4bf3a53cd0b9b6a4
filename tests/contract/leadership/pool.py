"""A pool that only stands in the API server: a Deployment without pods, and pods that never run."""

from typing import Any

from pd_operator.actuation.actuator import Actuator
from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import DEPLOYMENT, POD
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.api.names import LABEL_ROLE, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import NOT_ASKED, PoolObservation
from pd_operator.telemetry.observe import worker_observation
from pd_operator.telemetry.observe_pool import observe_pool

POOL = "chat-decode"
WORKERS = ("w1", "w2")
REPLICAS = 1000
"""More than all tests together take away."""

LABELS = {"pool": POOL}
SPEC = {
    "containers": [{"name": "engine", "image": "none"}],
    "schedulingGates": [{"name": "serving.pd-operator.io/never"}],
}


def deployment() -> Any:
    """Paused, so that its controller makes nothing of it."""
    template = {"metadata": {"labels": {"of": "none"}}, "spec": SPEC}
    spec = {"replicas": REPLICAS, "paused": True, "template": template}
    selector = {"selector": {"matchLabels": {"of": "none"}}}
    return {"metadata": {"name": POOL}, "spec": spec | selector}


def worker(name: str) -> Any:
    return {"metadata": {"name": name, "labels": LABELS | {LABEL_ROLE: "decode"}}, "spec": SPEC}


def actuator(cluster: Cluster, namespace: str) -> Actuator:
    async def look(role: Role) -> tuple[str, ...]:
        del role
        return ()

    return Actuator(PoolWriter(ServiceKey(namespace, "chat"), cluster), look)


async def observe(api: Cluster, namespace: str) -> PoolObservation:
    found = await api.get(DEPLOYMENT, namespace, POOL)
    pods = await api.select(POD, namespace, LABELS)
    workers = [worker_observation(pod, NOT_ASKED, 0.0) for pod in pods]
    return observe_pool(Role.DECODE, found, workers)
