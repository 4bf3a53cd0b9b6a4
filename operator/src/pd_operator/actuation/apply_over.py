"""Server-side apply over an object as it was read, lest it arrive late over a newer one."""

from contextlib import suppress

from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster, Object
from pd_operator.actuation.kinds import kind_of

ATTEMPTS = 3
"""So often an object is applied that somebody keeps changing."""


async def apply_over(
    cluster: Cluster, manifest: Object, stored: Object | None, *, subresource: str = ""
) -> Object:
    """Apply a manifest over `stored`, and where that has changed, over what is read anew.

    Returns the object as it is then. `ChangedMeanwhileError` where it changes each time, or is
    another one of the same name by now; `ClusterError` where the API server refuses.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(ChangedMeanwhileError):
            return await cluster.apply(_over(manifest, stored), subresource=subresource)
        stored = await _again(cluster, manifest, stored)
    return await cluster.apply(_over(manifest, stored), subresource=subresource)


async def _again(cluster: Cluster, manifest: Object, stored: Object | None) -> Object | None:
    """The object that has changed: its controller has written a status, most often."""
    about = manifest["metadata"]
    now = await cluster.get(kind_of(manifest), about["namespace"], about["name"])
    return now if now is None or stored is None or _uid(now) == _uid(stored) else stored


def _over(manifest: Object, stored: Object | None) -> Object:
    """The manifest for that very object, as it was read. Any other one the API server refuses."""
    if stored is None:
        return manifest
    read = {key: stored["metadata"].get(key) for key in ("uid", "resourceVersion")}
    known = {key: value for key, value in read.items() if value}
    return manifest | {"metadata": manifest["metadata"] | known}


def _uid(stored: Object) -> str:
    return str(stored["metadata"]["uid"])
