"""Workloads of other hands, as if a pool of ours had made them.

What reads pods and Deployments then need not know who made them. Nothing of this is written back.
"""

from collections.abc import Mapping
from typing import Any

from pd_operator.api.names import LABEL_COMPONENT, LABEL_ROLE, PORT_HTTP
from pd_operator.api.pods import ENGINE_CONTAINER, Pod
from pd_operator.api.roles import Role

Object = dict[str, Any]


def as_worker(pod: Pod, role: Role, port: int | None) -> Object:
    """The pod with the labels of a worker of that role, and its server's container named so.

    That container is the one named `engine`, else the first, which is a pod's main one by custom.
    `port`: where it serves HTTP, None where a container port named `http` tells.
    """
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    labels = {**(metadata.get("labels") or {}), LABEL_ROLE: role.value, LABEL_COMPONENT: role.value}
    containers = list(spec.get("containers") or ())
    engine = _engine_name(containers)
    return {
        **pod,
        "metadata": {**metadata, "labels": labels},
        "spec": {**spec, "containers": [_with_port(_renamed(c, engine), port) for c in containers]},
        "status": {
            **status,
            "containerStatuses": [
                _renamed(each, engine) for each in status.get("containerStatuses") or ()
            ],
        },
    }


def as_deployment(stored: Mapping[str, Any], scale: Mapping[str, Any]) -> Object:
    """The workload with that `/scale` as a Deployment is written.

    A kind that does not say which spec its controller has seen has acted on its replicas where it
    counts as many. What a kind does not say of its pods stays missing, so that none is removed.
    """
    metadata, counted = scale["metadata"], scale.get("status") or {}
    status = stored.get("status") or {}
    same = stored["metadata"].get("resourceVersion") == metadata.get("resourceVersion")
    generation = stored["metadata"].get("generation", 0)
    wanted, there = (
        int((scale.get("spec") or {}).get("replicas", 0)),
        int(counted.get("replicas", 0)),
    )
    seen = status.get("observedGeneration", generation if wanted == there else None)
    return {
        "metadata": {**metadata, "generation": generation},
        "spec": {"replicas": wanted},
        "status": {
            **status,
            "replicas": there,
            "observedGeneration": seen if same else None,
        },
    }


def _engine_name(containers: list[Mapping[str, Any]]) -> str:
    names = [str(container.get("name", "")) for container in containers]
    return ENGINE_CONTAINER if ENGINE_CONTAINER in names else next(iter(names), "")


def _renamed(container: Mapping[str, Any], engine: str) -> Object:
    renamed = {"name": ENGINE_CONTAINER} if container.get("name") == engine else {}
    return {**container, **renamed}


def _with_port(container: Object, port: int | None) -> Object:
    """The container with that port alone, which is then the pod's only one."""
    if port is None:
        return container
    engine = container["name"] == ENGINE_CONTAINER
    ports = [{"name": PORT_HTTP, "containerPort": port}] if engine else []
    return {**container, "ports": ports}
