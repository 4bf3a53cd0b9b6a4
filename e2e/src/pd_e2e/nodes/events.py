"""Kubernetes Events about pods, as `kubectl describe` shows them."""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from pd_e2e.nodes.api import ApiError, ApiUnavailableError, Json, KubeApi, PatchType
from pd_e2e.nodes.clock import now

_log = logging.getLogger(__name__)
_COMPONENT = "process-node"
_REMEMBERED = 1000


class EventType(StrEnum):
    """How serious an event is."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True)
class PodEvent:
    """Something that happened to a pod, or to one of its containers."""

    pod: Json
    container: str | None
    kind: EventType
    reason: str
    message: str

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for repetitions of the same event."""
        return (self.pod["metadata"]["uid"], self.container or "", self.reason, self.message)


class EventRecorder:
    """Writes events in the background; a repetition raises the count of the first."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api
        self._queue: asyncio.Queue[PodEvent] = asyncio.Queue(maxsize=_REMEMBERED)
        self._written: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()

    def record(self, event: PodEvent) -> None:
        """Queue an event; while the queue is full (the API server is away) it is dropped."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            _log.info("event dropped: %s %s", event.reason, event.message)

    async def run(self) -> None:
        """Write events for ever."""
        while True:
            event = await self._queue.get()
            try:
                await self._write(event)
            except (ApiError, ApiUnavailableError) as error:
                _log.info("event %s not written: %s", event.reason, error)

    async def _write(self, event: PodEvent) -> None:
        path = f"/api/v1/namespaces/{event.pod['metadata']['namespace']}/events"
        if event.key in self._written:
            name, count = self._written.pop(event.key)
            body = {"count": count + 1, "lastTimestamp": now()}
            await self._api.patch(f"{path}/{name}", body, PatchType.MERGE)
        else:
            name, count = (await self._api.create(path, _body(event)))["metadata"]["name"], 0
        self._written[event.key] = (name, count + 1)
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)


def _body(event: PodEvent) -> Json:
    metadata = event.pod["metadata"]
    involved = {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    if event.container:
        involved["fieldPath"] = f"spec.containers{{{event.container}}}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": involved,
        "type": event.kind,
        "reason": event.reason,
        "message": event.message,
        "source": {"component": _COMPONENT, "host": event.pod["spec"]["nodeName"]},
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "count": 1,
    }
