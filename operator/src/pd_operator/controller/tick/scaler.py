"""Carries a decision out: both pools' next steps, and an Event for each change."""

import logging
from collections.abc import Sequence

from pd_operator.actuation.actuator import Actuator
from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.home_pools import HomeTarget, home_targets
from pd_operator.actuation.steps import (
    DrainRules,
    PoolTarget,
    PutOnTraffic,
    ReportOverdue,
    SetReplicas,
    Step,
    TakeBack,
    TakeOffTraffic,
    next_steps,
)
from pd_operator.api.autoscaling import Mode
from pd_operator.api.names import ServiceKey, pool_name
from pd_operator.api.roles import Role
from pd_operator.api.rollouts import DrainOverdue
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.events import EventReason, EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.observation import Observation, PoolObservation

log = logging.getLogger(__name__)

DRAIN_CALLED_OFF = "DrainCalledOff"
"""The reason in the log; an Event tells when a drain begins and ends."""


class PoolScaler:
    """Moves one service's pools towards the decision, a safe step at a time."""

    def __init__(
        self, key: ServiceKey, cluster: Cluster, events: EventRecorder, metrics: OperatorMetrics
    ) -> None:
        self._key = key
        self._events = events
        self._metrics = metrics
        self._actuators = {
            role: Actuator(cluster, key.namespace, pool_name(key.name, role)) for role in Role
        }
        self._left_at: dict[Role, int] = {}
        self._reported: set[str] = set()

    async def notice_others(self, service: PDInferenceService, seen: Observation) -> None:
        """Say where replicas are no longer what was left behind; for every tick of any mode."""
        for role in Role:
            replicas, left_at = seen.home(role).replicas, self._left_at.get(role)
            self._left_at[role] = replicas
            if left_at is not None and left_at != replicas:
                await self._tell_of_others(service, role, left_at, replicas)

    async def scale(
        self, service: PDInferenceService, seen: Observation, decision: Decision
    ) -> bool:
        """Take both pools' next steps; whether a worker is still to go."""
        targets = home_targets(seen, decision)
        for role in Role:
            replicas = seen.home(role).replicas
            steps = _steps(service, seen, targets[role], role)
            try:
                await self._actuators[role].apply(steps, seen.home(role))
            except ChangedMeanwhileError as error:
                log.info("the replicas of %s %s stay for now: %s", self._key, role, error)
                steps = [step for step in steps if not isinstance(step, SetReplicas)]
            self._left_at[role] = next(
                (step.replicas for step in steps if isinstance(step, SetReplicas)), replicas
            )
            for step in steps:
                await self._announce(service, role, replicas, step, decision)
        return any(self._shrinks(seen.home(role), targets[role]) for role in Role)

    def _shrinks(self, pool: PoolObservation, target: HomeTarget) -> bool:
        leaving = any(pool.is_removed(worker) for worker in pool.live)
        return leaving or self._left_at[pool.role] > target.replicas

    async def _tell_of_others(
        self, service: PDInferenceService, role: Role, before: int, now: int
    ) -> None:
        mode = service.spec.autoscaling.mode
        consequence = (
            "the next decisions start from there. Remove other autoscalers of this Deployment."
            if mode is Mode.ACTIVE
            else f"in mode {mode.value} it stays so."
        )
        await self._events.post(
            service.metadata,
            EventReason.REPLICAS_CHANGED_ELSEWHERE,
            f"Somebody else set {role.value} replicas from {before} to {now}; {consequence}",
            warning=mode is Mode.ACTIVE,
        )

    async def _announce(
        self,
        service: PDInferenceService,
        role: Role,
        before: int,
        step: Step,
        decision: Decision,
    ) -> None:
        match step:
            case SetReplicas(replicas, victims, overdue):
                if overdue:
                    await self._events.post(
                        service.metadata,
                        EventReason.DRAIN_OVERDUE,
                        f"Removing {', '.join(overdue)} with requests left: "
                        "drainDeadlineSeconds has passed.",
                        warning=True,
                    )
                if replicas > before:
                    reason, why = EventReason.SCALED_UP, f": {decision.sentence}"
                else:
                    # Why was told when the drain began; by now nothing may call for a change.
                    reason, why = EventReason.SCALED_DOWN, f", without {_named(victims)}."
                message = f"{role.value} {before} -> {replicas}{why}"
                await self._events.post(service.metadata, reason, message)
            case ReportOverdue(worker):
                if worker not in self._reported:
                    self._reported.add(worker)
                    await self._events.post(
                        service.metadata,
                        EventReason.DRAIN_OVERDUE,
                        f"{role.value} worker {worker} still has requests, or does not answer, "
                        "after drainDeadlineSeconds; drainOverdue is Wait, so it is waited for.",
                        warning=True,
                    )
            case TakeBack(worker, gone):
                self._metrics.wrong_victims.labels(
                    self._key.namespace, self._key.name, role.value
                ).inc()
                others = f", still ending: {', '.join(gone)}" if gone else ""
                await self._events.post(
                    service.metadata,
                    EventReason.OTHER_WORKER_REMOVED,
                    f"{role.value} worker {worker} had drained to be removed, and another went in "
                    f"its place{others}. {worker} serves again.",
                    warning=True,
                )
            case TakeOffTraffic(worker):
                await self._events.post(
                    service.metadata,
                    EventReason.SCALING_DOWN,
                    f"{role.value} worker {worker} gets no new requests and drains: "
                    f"{decision.sentence}",
                )
            case PutOnTraffic(worker):
                message = f"{role.value} worker {worker} serves again: {decision.sentence}"
                self._events.note(service.metadata, DRAIN_CALLED_OFF, message)
            case _:
                return


def _named(victims: Sequence[str]) -> str:
    return ", ".join(victims) or "pods that were never there"


def _steps(
    service: PDInferenceService, seen: Observation, target: HomeTarget, role: Role
) -> list[Step]:
    spec = service.spec.pool(role)
    rules = DrainRules(spec.drain_deadline_seconds, spec.drain_overdue is DrainOverdue.WAIT)
    return next_steps(
        PoolTarget(
            seen.home(role),
            target.replicas,
            seen.time_seconds,
            rules,
            first=target.first,
            kept=target.kept,
        )
    )
