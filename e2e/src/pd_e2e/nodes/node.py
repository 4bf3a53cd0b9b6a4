"""Node objects: their capacity, their Ready condition and their heartbeat."""

import asyncio
import logging
import platform
from collections.abc import Iterable
from dataclasses import dataclass

from pd_e2e.nodes.api import ApiError, ApiUnavailableError, Json, KubeApi, PatchType
from pd_e2e.nodes.clock import now, now_micro

_log = logging.getLogger(__name__)

HOST_IP = "127.0.0.1"
_RETRY_SECONDS = 1.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(frozen=True)
class NodeShape:
    """What each node offers to the scheduler."""

    gpus: int
    cpu: str = "64"
    memory: str = "1Ti"
    pods: int = 110

    def allocatable(self) -> dict[str, str]:
        """Return the node's resources, as the API names them."""
        return {
            "cpu": self.cpu,
            "memory": self.memory,
            "pods": str(self.pods),
            "nvidia.com/gpu": str(self.gpus),
        }


@dataclass(frozen=True)
class Heartbeat:
    """How often a node says that it lives, and for how long that holds."""

    period_seconds: float
    lease_seconds: int = 40


class NodeRegistry:
    """Keeps the agent's Node objects registered, Ready and alive."""

    def __init__(
        self,
        api: KubeApi,
        names: Iterable[str],
        shape: NodeShape,
        heartbeat: Heartbeat,
        log_port: int,
    ) -> None:
        """Prepare; `log_port` is where the API server finds the pods' logs."""
        self._api = api
        self._names = tuple(names)
        self._shape = shape
        self._heartbeat = heartbeat
        self._log_port = log_port
        self._introduced: set[str] = set()

    async def run(self) -> None:
        """Register the nodes, and beat for ever; an API server that is away is tried again."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._heartbeat.period_seconds
            try:
                await self.beat()
            except (ApiError, ApiUnavailableError) as error:
                _log.warning("heartbeat failed: %s", error)
                due = loop.time() + _RETRY_SECONDS
            await asyncio.sleep(due - loop.time())

    async def beat(self) -> None:
        """Renew every lease, and mend every Node object that is new, missing or not Ready."""
        for name in self._names:
            await self._renew_lease(name)
        listing = await self._api.get("/api/v1/nodes")
        found = {node["metadata"]["name"]: node for node in listing["items"]}
        for name in self._names:
            if name not in found:
                await self._api.create("/api/v1/nodes", self._node(name))
            if name not in self._introduced or not is_ready(found.get(name)):
                await self._patch_status(name)
                self._introduced.add(name)

    async def _renew_lease(self, name: str) -> None:
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": self._heartbeat.lease_seconds,
            "renewTime": now_micro(),
        }
        try:
            await self._api.patch(f"{_LEASES}/{name}", {"spec": spec}, PatchType.MERGE)
        except ApiError as error:
            if error.status != 404:
                raise
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
            await self._api.create(_LEASES, {**lease, "metadata": {"name": name}})

    async def _patch_status(self, name: str) -> None:
        _log.info("node %s is Ready", name)
        resources = self._shape.allocatable()
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "AgentReady",
            "message": "pods run as processes of this machine",
            "lastHeartbeatTime": now(),
            "lastTransitionTime": now(),
        }
        status = {
            "capacity": resources,
            "allocatable": resources,
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": HOST_IP}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._log_port}},
            "nodeInfo": {
                "operatingSystem": "linux",
                "architecture": platform.machine(),
                "kernelVersion": platform.release(),
                "osImage": "processes, no containers",
                "containerRuntimeVersion": "process://1",
                "kubeletVersion": "process-node",
            },
        }
        path = f"/api/v1/nodes/{name}/status"
        await self._api.patch(path, {"status": status}, PatchType.STRATEGIC)

    def _node(self, name: str) -> Json:
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
        }


def is_ready(node: Json | None) -> bool:
    """Whether a Node object exists and says that it is Ready."""
    conditions = (node or {}).get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
