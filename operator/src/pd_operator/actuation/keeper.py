"""Keeps a service's children as they should be, writing only where something differs.

A child is applied when its manifest changed, when it is missing, or when
somebody else changed it since. Nothing is written while all is as it was left.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pd_operator.actuation.cluster import Cluster, Object
from pd_operator.actuation.kinds import CHILD_KINDS, POD_MONITOR, Kind, kind_of

ChildKey = tuple[str, str]  # kind's name, object's name


@dataclass(frozen=True)
class Applied:
    """What was applied last, and how the object looked right after."""

    manifest: str
    version: str


class ChildKeeper:
    """The children of one service, level by level: compare, then apply what differs."""

    def __init__(self, cluster: Cluster, namespace: str, labels: dict[str, str]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._labels = labels
        self._applied: dict[ChildKey, Applied] = {}

    async def keep(self, manifests: Iterable[Object]) -> list[str]:
        """Make the cluster's children match; returns ``Kind/name`` of those written.

        Raises ``ClusterError`` for the first child that the API server refuses.
        """
        wanted = list(manifests)
        present = await self._present({kind_of(manifest) for manifest in wanted})
        written = []
        for manifest in wanted:
            key = (manifest["kind"], manifest["metadata"]["name"])
            last = self._applied.get(key)
            if last == Applied(_digest(manifest), _version(present.get(key))):
                continue
            stored = await self._cluster.apply(manifest)
            self._applied[key] = Applied(_digest(manifest), _version(stored))
            if key not in present or last is not None:
                written.append("/".join(key))
        return written

    async def _present(self, kinds: set[Kind]) -> dict[ChildKey, Object]:
        found: dict[ChildKey, Object] = {}
        for kind in (*CHILD_KINDS, POD_MONITOR):
            if kind in kinds:
                for child in await self._cluster.select(kind, self._namespace, self._labels):
                    found[child["kind"], child["metadata"]["name"]] = child
        return found


def _digest(manifest: Object) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _version(stored: Object | None) -> str:
    """What changes when an object's specification does, and not when its status does."""
    if stored is None:
        return "absent"
    metadata: dict[str, Any] = stored["metadata"]
    changing = metadata.get("generation", metadata.get("resourceVersion"))
    marks = json.dumps([metadata.get("labels"), metadata.get("ownerReferences")], sort_keys=True)
    return f"{metadata['uid']}:{changing}:{marks}"
