"""The node agent: what a kubelet is elsewhere, for pods that are processes."""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.nodes.addresses import AddressPool
from pd_e2e.nodes.api import ApiAccess, Json, KubeApi
from pd_e2e.nodes.backoff import BackoffPolicy
from pd_e2e.nodes.events import EventRecorder
from pd_e2e.nodes.follow import Changed, Deleted, Listed, follow
from pd_e2e.nodes.images import ImageCatalog
from pd_e2e.nodes.log_server import LogServer
from pd_e2e.nodes.node import Heartbeat, NodeRegistry, NodeShape
from pd_e2e.nodes.pod import Pod, PodHost
from pd_e2e.nodes.surroundings import Services

_log = logging.getLogger(__name__)
_OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class AgentSettings:
    """Which nodes an agent serves, and how."""

    node_names: tuple[str, ...]
    root: Path
    """Directory of volumes, kubeconfigs and logs of the pods."""
    shape: NodeShape
    heartbeat: Heartbeat
    backoff: BackoffPolicy
    certificate: Path
    """With `key`, what the nodes show to the API server when it asks for logs."""
    key: Path


class NodeAgent:
    """Serves some nodes of one cluster."""

    def __init__(self, access: ApiAccess, images: ImageCatalog, settings: AgentSettings) -> None:
        self._access = access
        self._images = images
        self._settings = settings
        self._pods: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until canceled; then every process of every pod is killed."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(KubeApi(self._access))
            probes = await stack.enter_async_context(_probe_session())
            lifeline = stack.enter_context(Lifeline())
            events = EventRecorder(api)
            logs = LogServer(settings.root, settings.certificate, settings.key)
            log_port = await stack.enter_async_context(logs.serving())
            registry = NodeRegistry(
                api, settings.node_names, settings.shape, settings.heartbeat, log_port
            )
            host = PodHost(
                Services(api, self._images, probes, lifeline),
                AddressPool(),
                events,
                settings.shape,
                settings.backoff,
                settings.root,
            )
            stack.push_async_callback(self._end_pods)
            async with asyncio.TaskGroup() as group:
                group.create_task(registry.run())
                group.create_task(events.run())
                group.create_task(self._follow_pods(api, host))

    async def _follow_pods(self, api: KubeApi, host: PodHost) -> None:
        async for change in follow(api, "/api/v1/pods", {"fieldSelector": "spec.nodeName!="}):
            match change:
                case Listed(objects):
                    self._forget_all_but({pod["metadata"]["uid"] for pod in objects})
                    for pod in objects:
                        self._observe(pod, host)
                case Changed(pod):
                    self._observe(pod, host)
                case Deleted(pod):
                    self._forget(pod["metadata"]["uid"])

    def _observe(self, pod: Json, host: PodHost) -> None:
        if pod["spec"].get("nodeName") not in self._settings.node_names:
            return
        uid = pod["metadata"]["uid"]
        if uid in self._pods:
            self._pods[uid].observed(pod)
        elif pod["status"].get("phase") not in _OVER or "deletionTimestamp" in pod["metadata"]:
            self._pods[uid] = Pod(pod, host)
            task = asyncio.create_task(self._pods[uid].run(), name=pod["metadata"]["name"])
            self._tasks.add(task)
            task.add_done_callback(self._pod_is_over)

    def _forget_all_but(self, uids: set[str]) -> None:
        for uid in self._pods.keys() - uids:
            self._forget(uid)

    def _forget(self, uid: str) -> None:
        if pod := self._pods.pop(uid, None):
            pod.vanished()

    def _pod_is_over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("pod %s failed by a fault of this agent", task.get_name(), exc_info=error)

    async def _end_pods(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _probe_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # As a kubelet: a new connection for every probe, and no memory of earlier answers.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "kube-probe/process-node"},
    )
