"""The Lease in the cluster: read, and changed only as it was read."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster, Object
from pd_operator.actuation.kinds import LEASE
from pd_operator.leadership.election import (
    NOBODY,
    RELEASED_SECONDS,
    ElectionTimes,
    LeaseRecord,
)

MICRO_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
"""The API server takes six decimals and nothing else, also on a whole second (Kubernetes 1.36)."""

WallClock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of day, for people who read a Lease."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class StoredLease:
    """A Lease as the API server has it; `version` is what it can be changed by."""

    record: LeaseRecord
    version: str


class LeaseStore:
    """One Lease of the cluster. `ClusterError` where the API server refuses or does not answer."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        times: ElectionTimes,
        wall_clock: WallClock = utc_now,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._duration = math.ceil(times.lease_duration_seconds)
        self._wall_clock = wall_clock

    async def read(self) -> StoredLease:
        """The Lease; where there is none, one of nobody is made."""
        stored = await self._cluster.get(LEASE, self._namespace, self._name)
        if stored is None:
            # Applied, and empty: of several who make it at once none undoes another's.
            metadata = {"name": self._name, "namespace": self._namespace}
            header = {"apiVersion": LEASE.api_version, "kind": LEASE.name}
            stored = await self._cluster.apply(header | {"metadata": metadata})
        return _stored(stored)

    async def acquire(self, lease: StoredLease, identity: str, term: int) -> StoredLease | None:
        """Take it for a term; `None` where somebody has written it since it was read."""
        now = self._stamp(lease)
        return await self._write(
            lease,
            holderIdentity=identity,
            leaseDurationSeconds=self._duration,
            leaseTransitions=term,
            acquireTime=now,
            renewTime=now,
        )

    async def renew(self, lease: StoredLease) -> StoredLease | None:
        """Say that the holder is alive; `None` as above."""
        return await self._write(
            lease, leaseDurationSeconds=self._duration, renewTime=self._stamp(lease)
        )

    async def release(self, lease: StoredLease) -> StoredLease | None:
        """Give it back, so that another one need not wait; `None` as above."""
        return await self._write(
            lease,
            holderIdentity=NOBODY,
            leaseDurationSeconds=RELEASED_SECONDS,
            acquireTime=None,
            renewTime=self._stamp(lease),
        )

    async def _write(self, lease: StoredLease, **spec: Any) -> StoredLease | None:
        try:
            stored = await self._cluster.merge_spec(
                LEASE, self._namespace, self._name, spec, version=lease.version
            )
        except ChangedMeanwhileError:
            return None
        return _stored(stored)

    def _stamp(self, lease: StoredLease) -> str:
        """The time of day, never the same twice: a renewal that changes nothing is seen by none."""
        now = self._wall_clock()
        stamp = now.strftime(MICRO_TIME)
        if stamp == lease.record.renewed:
            stamp = (now + timedelta(microseconds=1)).strftime(MICRO_TIME)
        return stamp


def _stored(lease: Object) -> StoredLease:
    spec = lease.get("spec") or {}
    record = LeaseRecord(
        holder=spec.get("holderIdentity") or NOBODY,
        duration_seconds=float(spec.get("leaseDurationSeconds") or 0),
        term=int(spec.get("leaseTransitions") or 0),
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
    )
    return StoredLease(record, str(lease["metadata"]["resourceVersion"]))
