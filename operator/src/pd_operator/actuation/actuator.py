"""Carries the steps of a scaling decision out on the cluster."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

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


class Actuator:
    """Applies steps to one pool's Deployment and pods."""

    def __init__(self, cluster: Cluster, key: ServiceKey, role: Role, look: Look) -> None:
        self._cluster = cluster
        self._namespace = key.namespace
        self._deployment = pool_name(key.name, role)
        self._role = role
        self._look = look

    async def apply(self, steps: Sequence[Step], pool: PoolObservation) -> None:
        """Take the steps in order; the first that fails ends this tick's.

        `pool` is what they were made from: its replicas are changed only while they are still the
        same (`ChangedMeanwhileError`), and lowered only while nothing else of it has changed, and
        every worker that was ready is.
        """
        for step in steps:
            match step:
                case TakeOffTraffic(worker, now, deadline):
                    await self._mark(
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
                    await self._mark(worker, labels={LABEL_TRAFFIC: None}, annotations=SERVES)
                case Recall(worker, replicas):
                    await self._mark(
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
                    await self._mark(worker, annotations={ANNOTATION_IDLE_SINCE: text})
                case SetReplicas():
                    await self._set_replicas(step, pool)
                case ReportOverdue():
                    continue

    async def _set_replicas(self, step: SetReplicas, pool: PoolObservation) -> None:
        for victim in step.victims:
            await self._mark(
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

    async def _mark(self, pod: str, **changes: Any) -> None:
        await self._cluster.mark(POD, self._namespace, pod, **changes)
