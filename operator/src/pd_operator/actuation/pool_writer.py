"""The writes on a service's pools: each for the version of the object that it was decided on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import POD
from pd_operator.actuation.workload import Workload
from pd_operator.api.names import ANNOTATION_TERM, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import PoolObservation

Versions = dict[str, str]
"""By pod name, the version that it has as far as is known: moved on by each write of ours."""


def versions_of(pools: Iterable[PoolObservation]) -> Versions:
    """The versions of all pods, as they were seen."""
    return {worker.name: worker.version for pool in pools for worker in pool.workers}


class PoolWriter:
    """Writes on the pods and workloads of one service's pools, for one term of leading.

    `workload`: which those are by role; by default, the Deployments that the operator makes.

    `ChangedMeanwhileError` where an object has changed since it was seen, or is gone. Whoever
    decides by itself has `versions` of its own, lest it write over what another one has just done.
    """

    def __init__(
        self,
        key: ServiceKey,
        cluster: Cluster,
        workload: Callable[[Role], Workload] | None = None,
    ) -> None:
        self.key = key
        self._cluster = cluster
        self._workload = workload or partial(Workload.of_pool, key)
        self._term = cluster.fence.label
        self._begun: set[Role] = set()

    async def begin_term(self, pool: PoolObservation, versions: Versions) -> PoolObservation:
        """Move all versions on, once: what an earlier leader has yet under way is then refused.

        Returns the pool with its Deployment's new version. Workloads of other hands, and their
        pods, are not moved on: there, time alone and the version seen keep earlier leaders out.
        """
        if pool.role in self._begun or not self._term:
            return pool
        workload = self._workload(pool.role)
        if not workload.ours:
            return pool
        for worker in pool.live:
            await self.mark(worker.name, versions)
        version = pool.version
        if version:  # else there is no Deployment, whose replicas could be lowered
            version = await self._cluster.mark(
                workload.kind,
                self.key.namespace,
                workload.name,
                annotations={ANNOTATION_TERM: self._term},
                version=version,
            )
        self._begun.add(pool.role)
        return replace(pool, version=version)

    async def mark(
        self,
        pod: str,
        versions: Versions,
        *,
        labels: Mapping[str, str | None] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> None:
        """Set labels and annotations of a pod; `None` removes one."""
        term = {ANNOTATION_TERM: self._term} if self._term else {}
        versions[pod] = await self._cluster.mark(
            POD,
            self.key.namespace,
            pod,
            labels=labels,
            annotations=dict(annotations or {}) | term,
            version=versions[pod],
        )

    async def scale(self, pool: PoolObservation, replicas: int) -> None:
        """Set the replicas while they are as seen, and lower them only while all of the pool is."""
        workload = self._workload(pool.role)
        await self._cluster.scale(
            workload.kind,
            self.key.namespace,
            workload.name,
            replicas,
            before=pool.replicas,
            version=pool.version if replicas < pool.replicas else "",
        )
