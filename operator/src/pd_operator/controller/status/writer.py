"""Tells people and programs what a tick came to: status, Events on transitions, metrics."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pd_operator.actuation.apply_over import apply_over
from pd_operator.actuation.cluster import Cluster, Object
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.api.autoscaling import Mode
from pd_operator.api.conditions import (
    Condition,
    ConditionReason,
    Conditions,
    ConditionStatus,
    ConditionType,
    find_condition,
)
from pd_operator.api.display import with_display
from pd_operator.api.names import API_VERSION, KIND, ServiceKey
from pd_operator.api.status import ParallelismStatus, PDInferenceServiceStatus
from pd_operator.api.v1alpha1 import Metadata, PDInferenceService
from pd_operator.controller.status.builder import build_status, conditions_of, with_conditions
from pd_operator.controller.status.events import EventReason, EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.metrics_export import export
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.status.updates import ConditionUpdate

HEARTBEAT_SECONDS = 30.0
"""Figures change on every tick; words and worker counts seldom. A status is written when those
change, and else this often; where no figure changes either, as of a service that nobody asks, not.
"""


BAD = {
    ConditionType.READY: ConditionStatus.FALSE,
    ConditionType.METRICS_AVAILABLE: ConditionStatus.FALSE,
    ConditionType.SLO_FEASIBLE: ConditionStatus.FALSE,
    ConditionType.CAPACITY_AVAILABLE: ConditionStatus.FALSE,
}
"""A condition whose status changes is worth an Event; these statuses deserve a warning."""


class StatusWriter:
    """Writes one service's status and Events, and sets its metrics."""

    def __init__(
        self, key: ServiceKey, cluster: Cluster, events: EventRecorder, metrics: OperatorMetrics
    ) -> None:
        self._key = key
        self._cluster = cluster
        self._events = events
        self._metrics = metrics
        self._written: PDInferenceServiceStatus | None = None
        self._written_at = 0.0

    async def publish(self, result: TickResult) -> None:
        """Publish a tick that went well."""
        before = self._written or result.service.status
        status = build_status(result, before)
        export(self._metrics, self._key, result, status)
        about = result.service.metadata
        if result.service.spec.autoscaling.mode is Mode.ADVISORY:
            await self._advise(about, before, status)
        await self._write(about, before, status)

    async def record_parallelism(
        self, service: PDInferenceService, chosen: ParallelismStatus
    ) -> None:
        """Write down the sizes that were chosen, all else as it was."""
        before = self._written or service.status
        status = before.model_copy(update={"parallelism": chosen})
        await self._write(service.metadata, before, status)

    async def publish_failure(
        self,
        resource: Object,
        reason: ConditionReason,
        message: str,
        also: Mapping[ConditionType, ConditionUpdate] | None = None,
    ) -> None:
        """Publish a tick that failed: the summary says why, all else stays as it was.

        `also`: what is to be said of other conditions.
        """
        about = Metadata.model_validate(resource["metadata"])
        before = self._written or PDInferenceServiceStatus.model_validate(
            resource.get("status") or {}
        )
        now = datetime.now(UTC)
        started = conditions_of(before.conditions, now, about.generation)
        updates = {ConditionType.READY: ConditionUpdate(ConditionStatus.FALSE, reason, message)}
        conditions = with_conditions(started, updates | dict(also or {}), now, about.generation)
        # On a first visit, too, what is wrong is worth an Event.
        before = before.model_copy(update={"conditions": started})
        status = with_display(before.model_copy(update={"conditions": conditions}))
        await self._write(about, before, status)

    async def _write(
        self, about: Metadata, before: PDInferenceServiceStatus, status: PDInferenceServiceStatus
    ) -> None:
        if not self._worth_writing(status):
            return
        await self._store(about, status)
        self._written, self._written_at = status, time.monotonic()
        await self._announce(about, before.conditions, status.conditions)

    async def _store(self, about: Metadata, status: PDInferenceServiceStatus) -> None:
        """Apply the status over the object as it is read here, lest it arrive late over a newer.

        `ClusterError` where the API server refuses it, or the object has no rest.
        """
        metadata = {"name": about.name, "namespace": about.namespace}
        header = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata}
        stored = await self._cluster.get(PD_SERVICE, about.namespace, about.name)
        manifest = header | {"status": status.manifest()}
        await apply_over(self._cluster, manifest, stored, subresource="status")

    def _worth_writing(self, status: PDInferenceServiceStatus) -> bool:
        """News is written at once, other figures with the next heartbeat, and nothing twice."""
        if self._written is None or _news(status) != _news(self._written):
            return True
        due = time.monotonic() - self._written_at >= HEARTBEAT_SECONDS
        return due and _without_moments(status) != _without_moments(self._written)

    async def _announce(self, about: Metadata, before: Conditions, after: Conditions) -> None:
        for condition in after:
            kind = ConditionType(condition.type)
            old = find_condition(before, kind)
            bad = BAD.get(kind) is condition.status
            # On a first visit what is well is no news.
            if not (bad if old is None else not _same(old, condition)):
                continue
            message = f"{kind.value} is {condition.status.value}: {condition.message}"
            if kind is ConditionType.SLO_MET:
                # Attainment moves with every burst: that is what dashboards and alerts are for.
                self._events.note(about, condition.reason, message)
            else:
                await self._events.post(about, condition.reason, message, warning=bad)

    async def _advise(
        self, about: Metadata, before: PDInferenceServiceStatus, now: PDInferenceServiceStatus
    ) -> None:
        if _wanted(before) != _wanted(now) and now.last_decision is not None:
            message = f"Advice: {now.last_decision.message}"
            await self._events.post(about, EventReason.ADVICE_CHANGED, message)


def _without_moments(status: PDInferenceServiceStatus) -> PDInferenceServiceStatus:
    """What stays the same where a tick comes to what the one before came to, only later."""
    decision, memory = status.last_decision, status.memory
    changes: dict[str, Any] = {}
    if decision is not None:
        changes["last_decision"] = decision.model_copy(update={"time": None})
    if memory is not None and memory.recommendations:
        *earlier, newest = memory.recommendations
        timeless = newest.model_copy(update={"time_seconds": 0})
        changes["memory"] = memory.model_copy(update={"recommendations": (*earlier, timeless)})
    return status.model_copy(update=changes)


def _same(old: Condition, new: Condition) -> bool:
    return (old.status, old.reason) == (new.status, new.reason)


def _wanted(status: PDInferenceServiceStatus) -> tuple[int | None, int | None]:
    return (
        status.prefill.desired if status.prefill else None,
        status.decode.desired if status.decode else None,
    )


def _news(status: PDInferenceServiceStatus) -> tuple[Any, ...]:
    """What a reader would call news."""
    return (
        status.observed_generation,
        status.prefill,
        status.decode,
        status.parallelism,
        status.last_decision.reason if status.last_decision else None,
        [(c.type, c.status, c.reason) for c in status.conditions],
    )
