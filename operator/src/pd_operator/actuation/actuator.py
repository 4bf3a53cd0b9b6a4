"""Carries the steps of a scaling decision out on the cluster."""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from pd_operator.actuation.cluster import ChangedMeanwhileError
from pd_operator.actuation.deletion_order import CHEAPEST, DRAINING
from pd_operator.actuation.pool_writer import PoolWriter, Versions, versions_of
from pd_operator.actuation.steps import (
    NoteIdle,
    PutOnTraffic,
    Recall,
    ReportOverdue,
    ReportWaiting,
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

log = logging.getLogger(__name__)


class Actuator:
    """Applies steps to a service's pools."""

    def __init__(self, writer: PoolWriter, look: Look) -> None:
        self._writer = writer
        self._look = look

    async def apply(self, steps: Sequence[Step], pool: PoolObservation) -> list[Step]:
        """Take the steps in order; returns those that were taken.

        `pool` is what they were made from. A pod is written to only while nothing else of it has
        changed; replicas are changed only while they are still the same, and lowered only while
        nothing else of the pool has changed, and every worker that was ready is. The first step
        that meets a change ends this tick's.
        """
        versions = versions_of([pool])
        taken: list[Step] = []
        try:
            if any(_begins_term(step, pool) for step in steps):
                pool = await self._writer.begin_term(pool, versions)
            for step in steps:
                await self._take(step, pool, versions)
                taken.append(step)
        except ChangedMeanwhileError as error:
            log.info("%s of %s stays for now: %s", pool.role, self._writer.key, error)
        return taken

    async def _take(self, step: Step, pool: PoolObservation, versions: Versions) -> None:
        match step:
            case TakeOffTraffic(worker, now, deadline):
                await self._writer.mark(
                    worker,
                    versions,
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
                await self._writer.mark(
                    worker, versions, labels={LABEL_TRAFFIC: None}, annotations=SERVES
                )
            case Recall(worker, replicas):
                await self._writer.mark(
                    worker,
                    versions,
                    annotations={
                        ANNOTATION_DRAIN_STARTED: None,
                        ANNOTATION_DRAIN_DEADLINE: None,
                        ANNOTATION_IDLE_SINCE: None,
                        ANNOTATION_REPLICAS_WITHOUT: str(replicas),
                    },
                )
            case NoteIdle(worker, since):
                text = None if since is None else f"{since:.3f}"
                await self._writer.mark(worker, versions, annotations={ANNOTATION_IDLE_SINCE: text})
            case SetReplicas():
                await self._set_replicas(step, pool, versions)
            case ReportOverdue() | ReportWaiting():
                return

    async def _set_replicas(
        self, step: SetReplicas, pool: PoolObservation, versions: Versions
    ) -> None:
        for victim in step.victims:
            await self._writer.mark(
                victim,
                versions,
                labels={LABEL_TRAFFIC: TRAFFIC_OFF},
                annotations={
                    ANNOTATION_DELETION_COST: str(CHEAPEST),
                    ANNOTATION_REPLICAS_WITHOUT: str(step.replicas),
                    ANNOTATION_SWITCH_TO: None,
                },
            )
        if step.replicas < pool.replicas:
            await self._must_be_as_ready(pool)
        await self._writer.scale(pool, step.replicas)

    async def _must_be_as_ready(self, pool: PoolObservation) -> None:
        """A tick takes a while, and a worker that lost readiness meanwhile would go first."""
        ready = await self._look(pool.role)
        lost = [worker.name for worker in pool.live if worker.ready and worker.name not in ready]
        if lost:
            raise ChangedMeanwhileError(0, f"no longer ready: {', '.join(lost)}")


def _begins_term(step: Step, pool: PoolObservation) -> bool:
    """Whether a lowering that comes late, of an earlier leader, would undo it or go with it.

    One that adds replicas need not wait for that: their number alone refuses a late one.
    """
    match step:
        case TakeOffTraffic() | PutOnTraffic() | TakeBack() | Recall():
            return True
        case SetReplicas(replicas):
            return replicas < pool.replicas
        case NoteIdle() | ReportOverdue() | ReportWaiting():
            return False
