"""A service's children, kept as its spec wants them."""

import time
from collections.abc import Mapping
from contextlib import suppress

from pd_operator.actuation.applier import ChildApplier
from pd_operator.actuation.children import build_children, build_pod_monitor
from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.kinds import DEPLOYMENT, POD_MONITOR
from pd_operator.actuation.rollouts import pools_that_make_room
from pd_operator.api.names import LABEL_SERVICE, ServiceKey, pool_name
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.events import EventReason, EventRecorder
from pd_operator.scaling.observation import Observation

RESYNC_SECONDS = 60.0
"""The watch tells of changes at once; this catches those it missed."""

DISCOVERY_SECONDS = 600.0


class ChildReconciler:
    """Compares the children with the spec when something changed, and now and then."""

    def __init__(
        self,
        key: ServiceKey,
        cluster: Cluster,
        events: EventRecorder,
        operator_image: str,
        pod_monitor_labels: Mapping[str, str],
    ) -> None:
        self._key = key
        self._cluster = cluster
        self._events = events
        self._operator_image = operator_image
        self._pod_monitor_labels = pod_monitor_labels
        self._applier = ChildApplier(cluster, key.namespace, {LABEL_SERVICE: key.name})
        self._monitored: tuple[float, bool] = (-DISCOVERY_SECONDS, False)
        self._compared = -RESYNC_SECONDS
        self._making_room: frozenset[Role] = frozenset()

    async def reconcile(self, service: PDInferenceService, *, touched: bool) -> None:
        """Create what is missing, apply what changed, restore what somebody else changed.

        Compares only where something was `touched`, or a while after the last time. Pools of other
        hands have no children.
        """
        if service.spec.scale_targets is not None:
            return
        if not touched and time.monotonic() - self._compared < RESYNC_SECONDS:
            return
        new_pools = [role for role in Role if not await self._exists(role)]
        manifests = build_children(
            service, operator_image=self._operator_image, making_room=self._making_room
        )
        if await self._pod_monitors_known():
            manifests = [*manifests, build_pod_monitor(service, self._pod_monitor_labels)]
        applied = await self._applier.apply(manifests)
        for role in new_pools:
            await self._open(service, role)
        self._compared = time.monotonic()
        if applied:
            message = f"Applied {', '.join(applied)}."
            await self._events.post(service.metadata, EventReason.CHILDREN_APPLIED, message)

    def follow_rollouts(self, seen: Observation) -> None:
        """Let rollouts that find no room make some, from the next comparison on."""
        making_room = pools_that_make_room(seen, self._making_room)
        if making_room != self._making_room:
            self._making_room, self._compared = making_room, -RESYNC_SECONDS

    async def _exists(self, role: Role) -> bool:
        name = pool_name(self._key.name, role)
        return await self._cluster.get(DEPLOYMENT, self._key.namespace, name) is not None

    async def _open(self, service: PDInferenceService, role: Role) -> None:
        """A pool is made with one worker, the API's default, and starts with its minimum."""
        name, minimum = pool_name(self._key.name, role), service.spec.pool(role).min_replicas
        # Where the number is another one by now, somebody knows better.
        with suppress(ChangedMeanwhileError):
            await self._cluster.scale(DEPLOYMENT, self._key.namespace, name, minimum, before=1)

    async def _pod_monitors_known(self) -> bool:
        asked, known = self._monitored
        if time.monotonic() - asked >= DISCOVERY_SECONDS:
            known = await self._cluster.serves(POD_MONITOR)
            self._monitored = (time.monotonic(), known)
        return known
