"""Keeps a service's children as they should be, writing only where something differs.

A child is applied when its manifest changed, when it is missing, or when
somebody else changed it since. Nothing is written while all is as it was left.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pd_operator.actuation.cluster import Cluster, Object
from pd_operator.actuation.kinds import CHILD_KINDS, POD_MONITOR, Kind, kind_of

ChildKey = tuple[str, str]  # kind's name, object's name


@dataclass(frozen=True)
class Applied:
    """What was applied last, and what the object held right after."""

    manifest: str
    content: str


class ChildApplier:
    """The children of one service, level by level: compare, then apply what differs."""

    def __init__(self, cluster: Cluster, namespace: str, labels: dict[str, str]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._labels = labels
        self._applied: dict[ChildKey, Applied] = {}

    async def apply(self, manifests: Iterable[Object]) -> list[str]:
        """Make the cluster's children match; returns `Kind/name` of those written.

        Raises `ClusterError` for the first child that the API server refuses.
        """
        wanted = list(manifests)
        present = await self._present({kind_of(manifest) for manifest in wanted})
        written = []
        for manifest in wanted:
            key = (manifest["kind"], manifest["metadata"]["name"])
            last = self._applied.get(key)
            if last == Applied(_digest(manifest), _content(present.get(key))):
                continue
            stored = await self._cluster.apply(manifest)
            self._applied[key] = Applied(_digest(manifest), _content(stored))
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


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _content(stored: Object | None) -> str:
    """What an object is meant to be: all but its status, its replicas, and what servers note.

    Replicas are not a child's to keep: they belong to `/scale`.
    """
    if stored is None:
        return "absent"
    metadata = stored["metadata"]
    kept = {key: metadata.get(key) for key in ("uid", "labels", "ownerReferences")}
    body = {key: value for key, value in stored.items() if key not in ("metadata", "status")}
    if isinstance(body.get("spec"), dict):
        body["spec"] = {key: value for key, value in body["spec"].items() if key != "replicas"}
    return _digest([kept, body])
