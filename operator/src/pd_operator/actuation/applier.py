"""Keeps a service's children as they should be, writing only where something differs.

A child is applied when its manifest changed, when it is missing, or when
somebody else changed it since. Nothing is written while all is as it was left,
and nothing at all where a child's name is taken by an object of somebody else.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pd_operator.actuation.apply_over import apply_over
from pd_operator.actuation.cluster import Cluster, ClusterError, Object
from pd_operator.actuation.kinds import CHILD_KINDS, POD_MONITOR, kind_of
from pd_operator.actuation.ownership import objection

ChildKey = tuple[str, str]  # kind's name, object's name


class ChildrenRefusedError(Exception):
    """A child cannot be made as the spec wants it, until somebody changes something.

    The message names the object, and the field or the other owner.
    """


@dataclass(frozen=True)
class Applied:
    """What was applied last, and what the object with that uid held right after."""

    manifest: str
    content: str
    uid: str


class ChildApplier:
    """The children of one service, level by level: compare, then apply what differs."""

    def __init__(self, cluster: Cluster, namespace: str, labels: dict[str, str]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._labels = labels
        self._applied: dict[ChildKey, Applied] = {}

    async def apply(self, manifests: Iterable[Object]) -> list[str]:
        """Make the cluster's children match; returns `Kind/name` of those written.

        `ChildrenRefusedError` before anything is written where a name is somebody else's, and for
        the first child that the API server refuses. `ClusterError` where it does not answer.
        """
        wanted = {_key(manifest): manifest for manifest in manifests}
        present = await self._present(wanted)
        self._refuse_what_is_not_ours(wanted, present)
        written = []
        for key, manifest in wanted.items():
            last, stored = self._applied.get(key), present.get(key)
            if stored is not None and last == _applied(manifest, stored):
                continue
            self._applied[key] = _applied(manifest, await self._write(manifest, stored))
            if stored is None or last is not None:
                written.append("/".join(key))
        return written

    async def _present(self, wanted: Mapping[ChildKey, Object]) -> dict[ChildKey, Object]:
        """The objects with the children's names: found by their labels, else one by one."""
        kinds = {kind_of(manifest) for manifest in wanted.values()}
        found: dict[ChildKey, Object] = {}
        for kind in (*CHILD_KINDS, POD_MONITOR):
            if kind in kinds:
                for child in await self._cluster.select(kind, self._namespace, self._labels):
                    found[_key(child)] = child
        for key, manifest in wanted.items():
            if key not in found:
                stored = await self._cluster.get(kind_of(manifest), self._namespace, key[1])
                if stored is not None:
                    found[key] = stored
        return found

    def _refuse_what_is_not_ours(
        self, wanted: Mapping[ChildKey, Object], present: Mapping[ChildKey, Object]
    ) -> None:
        objections = [
            sentence
            for key, manifest in wanted.items()
            if (stored := present.get(key)) is not None
            # One that we have applied stays ours, also when somebody removes the owner reference.
            and not self._has_applied(key, stored)
            and (sentence := objection(stored, manifest)) is not None
        ]
        if objections:
            raise ChildrenRefusedError(" ".join(objections))

    def _has_applied(self, key: ChildKey, stored: Object) -> bool:
        last = self._applied.get(key)
        return last is not None and last.uid == stored["metadata"]["uid"]

    async def _write(self, manifest: Object, stored: Object | None) -> Object:
        try:
            return await apply_over(self._cluster, manifest, stored)
        except ClusterError as error:
            if not error.refused:
                raise
            what = " ".join(_key(manifest))
            message = " ".join(error.message.split())
            raise ChildrenRefusedError(f"{what}: {message}") from error


def _key(child: Object) -> ChildKey:
    return child["kind"], child["metadata"]["name"]


def _applied(manifest: Object, stored: Object) -> Applied:
    return Applied(_digest(manifest), _content(stored), stored["metadata"]["uid"])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _content(stored: Object) -> str:
    """What an object is meant to be: all but its status, its replicas, and what servers note.

    Replicas are not a child's to keep: they belong to `/scale`.
    """
    metadata = stored["metadata"]
    kept = {key: metadata.get(key) for key in ("uid", "labels", "ownerReferences")}
    body = {key: value for key, value in stored.items() if key not in ("metadata", "status")}
    if isinstance(body.get("spec"), dict):
        body["spec"] = {key: value for key, value in body["spec"].items() if key != "replicas"}
    return _digest([kept, body])
