"""Which operator runs a service, where more than one watches it: the one in `status.managedBy`.

Two releases whose namespaces overlap would undo each other's changes without end. The first to
write its name into the status runs the service and renews the entry; any other stands still, says
so, and takes over when the entry has not been renewed for long. (Which of the pods of *one* release
runs is another question: they share a name.)
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.api.names import ServiceKey
from pd_operator.api.v1alpha1 import Metadata
from pd_operator.controller.status.events import EventReason, EventRecorder

RENEW_SECONDS = 120.0
STALE_RENEWALS = 3
"""An entry that was not renewed for so many times is of an operator that is gone."""

REPEAT_EVENT_SECONDS = 3600.0
"""Kubernetes forgets Events after an hour: as often it is said again who runs the service."""

ATTEMPTS = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """What `status.managedBy` says: who, and when it was last renewed, as written."""

    operator: str
    renewed: str


class ServiceClaim:
    """One operator's claim to one service.

    Others' clocks are not trusted: an entry is stale when it has stood unchanged for so long by
    our own.
    """

    def __init__(
        self, key: ServiceKey, cluster: Cluster, events: EventRecorder, identity: str
    ) -> None:
        self._key = key
        self._cluster = cluster
        self._events = events
        self._identity = identity
        self._renewed_at: float | None = None
        self._replaced: Entry | None = None
        self._seen: tuple[Entry, float] | None = None
        self._told: tuple[str, float] | None = None

    @property
    def held(self) -> bool:
        """Whether the service was ours when last asked, so that its status is ours to write."""
        return self._renewed_at is not None

    @property
    def elsewhere(self) -> bool:
        """Whether another operator ran the service when last asked."""
        return self._told is not None

    async def hold(self, resource: Mapping[str, Any]) -> bool:
        """Whether this operator runs the service: by an entry of its own, renewed in time.

        `resource` is the object as the watch last told of it; the API server is asked only where
        an entry has to be written. `ClusterError` where it does not answer.
        """
        now = time.monotonic()
        if self._settled(resource, now):
            return True
        for _ in range(ATTEMPTS):
            if (other := self._other(resource, now)) is not None:
                self._renewed_at = None
                await self._tell(resource, other.operator, now)
                return False
            # The watch may lag. What counts is what is stored, with no write in between.
            stored = await self._cluster.get(PD_SERVICE, self._key.namespace, self._key.name)
            if stored is None:
                return False
            if self._other(stored, now) is None and await self._write(stored):
                self._renewed_at, self._replaced, self._told = now, _entry(stored), None
                return True
            resource = stored
        return False

    def _settled(self, resource: Mapping[str, Any], now: float) -> bool:
        """Whether we renewed the entry just now, and nobody has replaced it since."""
        if self._renewed_at is None or now - self._renewed_at >= RENEW_SECONDS:
            return False
        entry = _entry(resource)
        return entry is None or entry == self._replaced or entry.operator == self._identity

    def _other(self, resource: Mapping[str, Any], now: float) -> Entry | None:
        """The entry of another operator that is alive."""
        entry = _entry(resource)
        if entry is None or entry.operator == self._identity:
            return None
        if self._seen is None or self._seen[0] != entry:
            self._seen = (entry, now)
        return entry if now - self._seen[1] < _stale_seconds(resource) else None

    async def _write(self, stored: Mapping[str, Any]) -> bool:
        """Write our entry; False where somebody else has written the object in between."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        status = {"managedBy": {"operator": self._identity, "renewTime": now}}
        version = stored["metadata"]["resourceVersion"]
        try:
            await self._cluster.patch_status(
                PD_SERVICE, self._key.namespace, self._key.name, status, resource_version=version
            )
        except ChangedMeanwhileError:
            return False
        return True

    async def _tell(self, resource: Mapping[str, Any], other: str, now: float) -> None:
        if self._told and self._told[0] == other and now - self._told[1] < REPEAT_EVENT_SECONDS:
            return
        self._told = (other, now)
        message = (
            f"Operator {other} runs this service, as status.managedBy says, so operator "
            f"{self._identity} leaves it alone. Let only one of them watch this namespace: "
            "watchNamespaces of their charts."
        )
        log.warning("%s: %s", self._key, message)
        about = Metadata.model_validate(resource["metadata"])
        await self._events.post(about, EventReason.MANAGED_ELSEWHERE, message, warning=True)


def _entry(resource: Mapping[str, Any]) -> Entry | None:
    written = (resource.get("status") or {}).get("managedBy")
    return Entry(written["operator"], written["renewTime"]) if written else None


def _stale_seconds(resource: Mapping[str, Any]) -> float:
    """An entry is renewed on a tick, so that a service of a long period waits for so many."""
    period = resource["spec"].get("autoscaling", {}).get("periodSeconds", 0)
    return STALE_RENEWALS * max(RENEW_SECONDS, float(period))
