"""Carries the steps of a scaling decision out on the cluster."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.deletion_order import CHEAPEST, DRAINING
from pd_operator.actuation.kinds import DEPLOYMENT, POD
from pd_operator.actuation.steps import (
    NoteIdle,
    PutOnTraffic,
    Recall,
    ReportOverdue,
    SetReplicas,
    Step,
    TakeBack,
    TakeOffTraffic,
)
from pd_operator.api.names import (
    ANNOTATION_DELETION_COST,
    ANNOTATION_DRAIN_DEADLINE,
    ANNOTATION_DRAIN_STARTED,
    ANNOTATION_IDLE_SINCE,
    ANNOTATION_REPLICAS_WITHOUT,
    ANNOTATION_SWITCH_TO,
    ANNOTATION_TERM,
    LABEL_TRAFFIC,
    TRAFFIC_OFF,
    ServiceKey,
    pool_name,
)
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import PoolObservation

SERVES: dict[str, str | None] = {
    ANNOTATION_DRAIN_STARTED: None,
    ANNOTATION_DRAIN_DEADLINE: None,
    ANNOTATION_IDLE_SINCE: None,
    ANNOTATION_REPLICAS_WITHOUT: None,
    ANNOTATION_DELETION_COST: None,
    ANNOTATION_SWITCH_TO: None,
}
"""What a drain or a change of role writes on a pod is gone from one that serves."""

Look = Callable[[Role], Awaitable[Collection[str]]]
"""Names of the workers of a pool that are ready now."""


Versions = dict[str, str]
"""By pod name, the version that it has as far as is known: moved on by each write of ours."""

log = logging.getLogger(__name__)


class Actuator:
    """Applies steps to one pool's Deployment and pods, for one term of leading."""

    def __init__(self, cluster: Cluster, key: ServiceKey, role: Role, look: Look) -> None:
        self._cluster = cluster
        self._namespace = key.namespace
        self._deployment = pool_name(key.name, role)
        self._role = role
        self._look = look
        self._term = cluster.fence.label
        self._term_begun = False

    async def apply(self, steps: Sequence[Step], pool: PoolObservation) -> list[Step]:
        """Take the steps in order; returns those that were taken.

        `pool` is what they were made from. A pod is written to only while nothing else of it has
        changed; replicas are changed only while they are still the same, and lowered only while
        nothing else of the pool has changed, and every worker that was ready is. The first step
        that meets a change ends this tick's.
        """
        versions = {worker.name: worker.version for worker in pool.workers}
        taken: list[Step] = []
        try:
            if any(_takes_away(step, pool) for step in steps):
                pool = await self._begin_term(pool, versions)
            for step in steps:
                await self._take(step, pool, versions)
                taken.append(step)
        except ChangedMeanwhileError as error:
            log.info("%s/%s stays for now: %s", self._namespace, self._deployment, error)
        return taken

    async def _begin_term(self, pool: PoolObservation, versions: Versions) -> PoolObservation:
        """Move all versions on, once: what an earlier leader has yet under way is then refused."""
        if self._term_begun or not self._term:
            return pool
        for worker in pool.live:
            await self._mark(versions, worker.name)
        version = await self._cluster.mark(
            DEPLOYMENT,
            self._namespace,
            self._deployment,
            annotations={ANNOTATION_TERM: self._term},
            version=pool.version,
        )
        self._term_begun = True
        return replace(pool, version=version)

    async def _take(self, step: Step, pool: PoolObservation, versions: Versions) -> None:
        match step:
            case TakeOffTraffic(worker, now, deadline):
                await self._mark(
                    versions,
                    worker,
                    labels={LABEL_TRAFFIC: TRAFFIC_OFF},
                    annotations={
                        ANNOTATION_DRAIN_STARTED: f"{now:.3f}",
                        ANNOTATION_DRAIN_DEADLINE: f"{deadline:.0f}",
                        ANNOTATION_IDLE_SINCE: None,
                        ANNOTATION_DELETION_COST: str(DRAINING),
                        ANNOTATION_SWITCH_TO: None,
                    },
                )
            case PutOnTraffic(worker) | TakeBack(worker):
                await self._mark(versions, worker, labels={LABEL_TRAFFIC: None}, annotations=SERVES)
            case Recall(worker, replicas):
                await self._mark(
                    versions,
                    worker,
                    annotations={
                        ANNOTATION_DRAIN_STARTED: None,
                        ANNOTATION_DRAIN_DEADLINE: None,
                        ANNOTATION_IDLE_SINCE: None,
                        ANNOTATION_REPLICAS_WITHOUT: str(replicas),
                    },
                )
            case NoteIdle(worker, since):
                text = None if since is None else f"{since:.3f}"
                await self._mark(versions, worker, annotations={ANNOTATION_IDLE_SINCE: text})
            case SetReplicas():
                await self._set_replicas(step, pool, versions)
            case ReportOverdue():
                return

    async def _set_replicas(
        self, step: SetReplicas, pool: PoolObservation, versions: Versions
    ) -> None:
        for victim in step.victims:
            await self._mark(
                versions,
                victim,
                labels={LABEL_TRAFFIC: TRAFFIC_OFF},
                annotations={
                    ANNOTATION_DELETION_COST: str(CHEAPEST),
                    ANNOTATION_REPLICAS_WITHOUT: str(step.replicas),
                },
            )
        if step.replicas < pool.replicas:
            await self._must_be_as_ready(pool)
        await self._cluster.scale(
            DEPLOYMENT,
            self._namespace,
            self._deployment,
            step.replicas,
            before=pool.replicas,
            version=pool.version if step.replicas < pool.replicas else "",
        )

    async def _must_be_as_ready(self, pool: PoolObservation) -> None:
        """A tick takes a while, and a worker that lost readiness meanwhile would go first."""
        ready = await self._look(self._role)
        lost = [worker.name for worker in pool.live if worker.ready and worker.name not in ready]
        if lost:
            raise ChangedMeanwhileError(0, f"no longer ready: {', '.join(lost)}")

    async def _mark(
        self,
        versions: Versions,
        pod: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> None:
        noted = dict(annotations or {}) | ({ANNOTATION_TERM: self._term} if self._term else {})
        versions[pod] = await self._cluster.mark(
            POD,
            self._namespace,
            pod,
            labels=labels,
            annotations=noted,
            version=versions.get(pod, ""),
        )


def _takes_away(step: Step, pool: PoolObservation) -> bool:
    """Whether the pool has less to serve with after it."""
    match step:
        case TakeOffTraffic():
            return True
        case SetReplicas(replicas):
            return replicas < pool.replicas
        case _:
            return False
