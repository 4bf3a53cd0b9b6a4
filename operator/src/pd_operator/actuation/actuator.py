"""Carries the steps of a scaling decision out on the cluster."""

from collections.abc import Sequence
from typing import Any

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import DEPLOYMENT, POD
from pd_operator.actuation.steps import (
    NoteIdle,
    PutOnTraffic,
    SetReplicas,
    Step,
    TakeOffTraffic,
)
from pd_operator.api.names import (
    ANNOTATION_DRAIN_DEADLINE,
    ANNOTATION_IDLE_SINCE,
    LABEL_TRAFFIC,
)

ANNOTATION_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""What a ReplicaSet deletes first among its ready pods (KEP-2255)."""

CHEAPEST = "-2147483648"


class Actuator:
    """Applies steps to one pool's Deployment and pods."""

    def __init__(self, cluster: Cluster, namespace: str, deployment: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._deployment = deployment

    async def apply(self, steps: Sequence[Step]) -> None:
        """Take the steps in order; the first that fails ends this tick's."""
        for step in steps:
            match step:
                case TakeOffTraffic(worker, deadline):
                    await self._mark(
                        worker,
                        labels={LABEL_TRAFFIC: "off"},
                        annotations={ANNOTATION_DRAIN_DEADLINE: f"{deadline:.0f}"},
                    )
                case PutOnTraffic(worker):
                    await self._mark(
                        worker,
                        labels={LABEL_TRAFFIC: None},
                        annotations={
                            ANNOTATION_DRAIN_DEADLINE: None,
                            ANNOTATION_IDLE_SINCE: None,
                            ANNOTATION_DELETION_COST: None,
                        },
                    )
                case NoteIdle(worker, since):
                    text = None if since is None else f"{since:.3f}"
                    await self._mark(worker, annotations={ANNOTATION_IDLE_SINCE: text})
                case SetReplicas(replicas, victims):
                    for victim in victims:
                        await self._mark(victim, annotations={ANNOTATION_DELETION_COST: CHEAPEST})
                    await self._cluster.scale(
                        DEPLOYMENT, self._namespace, self._deployment, replicas
                    )

    async def _mark(self, pod: str, **changes: Any) -> None:
        await self._cluster.mark(POD, self._namespace, pod, **changes)
