"""Carries a decision out: both pools' next steps, and an Event for each change."""

from collections.abc import Iterable, Sequence

from pd_operator.actuation.actuator import Actuator, Look
from pd_operator.actuation.attached_steps import REMOVALS, Removal, attached_steps
from pd_operator.actuation.home_pools import HomeTarget, home_targets
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.actuation.steps import (
    DrainRules,
    PoolTarget,
    PutOnTraffic,
    ReportOverdue,
    ReportWaiting,
    SetReplicas,
    Step,
    TakeBack,
    TakeOffTraffic,
    let_go,
    next_steps,
)
from pd_operator.api.autoscaling import Mode
from pd_operator.api.roles import Role
from pd_operator.api.rollouts import DrainOverdue
from pd_operator.api.v1alpha1 import Metadata, PDInferenceService
from pd_operator.controller.status.events import EventReason, EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.observation import Observation, PoolObservation

DRAIN_CALLED_OFF = "DrainCalledOff"
"""The reason in the log; an Event tells when a drain begins and ends."""


class PoolScaler:
    """Moves one service's pools towards the decision, a safe step at a time."""

    def __init__(
        self,
        writer: PoolWriter,
        look: Look,
        events: EventRecorder,
        metrics: OperatorMetrics,
    ) -> None:
        self._key = writer.key
        self._events = events
        self._metrics = metrics
        self._actuator = Actuator(writer, look)
        self._left_at: dict[Role, int] = {}
        self._reported: set[str] = set()
        self._waiting: dict[Role, str] = {}

    async def notice_others(self, service: PDInferenceService, seen: Observation) -> None:
        """Say where replicas are no longer what was left behind; for every tick of any mode.

        Workloads of other hands are theirs to scale, as long as nothing is decided for them.
        """
        theirs = service.spec.scale_targets is not None
        if theirs and service.spec.autoscaling.mode is not Mode.ACTIVE:
            self._left_at.clear()
            return
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
            taken = await self._actuator.apply(steps, seen.home(role))
            self._left_at[role] = next(
                (step.replicas for step in taken if isinstance(step, SetReplicas)), replicas
            )
            if not any(isinstance(step, ReportWaiting) for step in taken):
                self._waiting.pop(role, None)
            for step in taken:
                await self._announce(service.metadata, role, replicas, step, decision.sentence)
        return any(self._shrinks(seen.home(role), targets[role]) for role in Role)

    async def let_go(self, about: Metadata, homes: Iterable[PoolObservation], why: str) -> bool:
        """Call drains off where nothing may be scaled; whether a worker is still to go.

        Half done, a drain would keep its worker from traffic for as long as that lasts.
        """
        leaving = False
        for home in homes:
            for step in await self._actuator.apply(let_go(home), home):
                await self._announce(about, home.role, home.replicas, step, why)
            leaving = leaving or any(home.is_removed(worker) for worker in home.live)
        return leaving

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
        about: Metadata,
        role: Role,
        before: int,
        step: Step,
        why: str,
    ) -> None:
        match step:
            case SetReplicas(replicas, spared=spared) if spared:
                await self._events.post(
                    about,
                    EventReason.SCALE_DOWN_TAKEN_BACK,
                    f"{role.value} {before} -> {replicas}: {', '.join(spared)} lost readiness, and "
                    "Kubernetes would remove it in place of the worker that has drained.",
                )
            case SetReplicas(replicas, replaced=replaced) if replaced:
                await self._events.post(
                    about,
                    EventReason.SCALE_DOWN_TAKEN_BACK,
                    f"{role.value} {before} -> {replicas}: somebody deleted the worker that had "
                    "drained before Kubernetes' controllers acted. Its ReplicaSet made another, in "
                    "whose place one with requests would go.",
                )
            case SetReplicas():
                await self._announce_replicas(about, role, before, step, why)
            case ReportOverdue() | ReportWaiting():
                await self._announce_waiting(about, role, before, step)
            case TakeBack(worker, gone):
                self._metrics.wrong_victims.labels(
                    self._key.namespace, self._key.name, role.value
                ).inc()
                others = f", still ending: {', '.join(gone)}" if gone else ""
                await self._events.post(
                    about,
                    EventReason.OTHER_WORKER_REMOVED,
                    f"{role.value} worker {worker} had drained to be removed, and another went in "
                    f"its place{others}. {worker} serves again.",
                    warning=True,
                )
            case TakeOffTraffic(worker):
                await self._events.post(
                    about,
                    EventReason.SCALING_DOWN,
                    f"{role.value} worker {worker} gets no new requests and drains: {why}",
                )
            case PutOnTraffic(worker):
                message = f"{role.value} worker {worker} serves again: {why}"
                self._events.note(about, DRAIN_CALLED_OFF, message)
            case _:
                return

    async def _announce_replicas(
        self, about: Metadata, role: Role, before: int, step: SetReplicas, why: str
    ) -> None:
        if step.overdue:
            await self._events.post(
                about,
                EventReason.DRAIN_OVERDUE,
                f"Removing {', '.join(step.overdue)} with requests left: "
                "drainDeadlineSeconds has passed.",
                warning=True,
            )
        if step.replicas > before:
            reason, more = EventReason.SCALED_UP, f": {why}"
        else:
            # Why was told when the drain began; by now nothing may call for a change.
            reason, more = EventReason.SCALED_DOWN, f", without {_named(step.victims)}."
        await self._events.post(about, reason, f"{role.value} {before} -> {step.replicas}{more}")

    async def _announce_waiting(
        self, about: Metadata, role: Role, before: int, step: ReportOverdue | ReportWaiting
    ) -> None:
        """Told once: of a worker that outlasts its deadline, or of what is waited for now."""
        if isinstance(step, ReportWaiting):
            told = step.worker or step.why
            if self._waiting.get(role) != told:
                self._waiting[role] = told
                message = f"{role.value} stays at {before} for now. {step.why}"
                await self._events.post(about, EventReason.SCALE_DOWN_WAITS, message)
        elif step.worker not in self._reported:
            self._reported.add(step.worker)
            await self._events.post(
                about,
                EventReason.DRAIN_OVERDUE,
                f"{role.value} worker {step.worker} still has requests, or does not answer, "
                "after drainDeadlineSeconds; drainOverdue is Wait, so it is waited for.",
                warning=True,
            )


def _named(victims: Sequence[str]) -> str:
    return ", ".join(victims) or "pods that were never there"


def _steps(
    service: PDInferenceService, seen: Observation, target: HomeTarget, role: Role
) -> list[Step]:
    spec = service.spec.pool(role)
    rules = DrainRules(spec.drain_deadline_seconds, spec.drain_overdue is DrainOverdue.WAIT)
    pool = PoolTarget(
        seen.home(role),
        target.replicas,
        seen.time_seconds,
        rules,
        first=target.first,
        kept=target.kept,
    )
    targets = service.spec.scale_targets
    if targets is None:
        return next_steps(pool)
    removal = REMOVALS.get(targets[role].kind, Removal.UNKNOWN)
    return attached_steps(pool, removal, routed=bool(seen.routers_ready))
