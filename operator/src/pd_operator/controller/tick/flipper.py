"""Lets workers change their role: the next step of each, and an Event for what happened."""

import time

from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.flip_marks import Marks, in_between, marks, switched
from pd_operator.actuation.flips import (
    BeginFlip,
    CorrectRole,
    FlipStep,
    KeepRole,
    Replace,
    SwitchRole,
    flip_steps,
)
from pd_operator.actuation.kinds import POD
from pd_operator.actuation.role_switch import RoleSwitch, SwitchResult
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.events import EventReason, EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.observation import Observation

STILL_ASKING = "RoleNotSwitchedYet"
"""The reason in the log; an Event tells when it has switched, or keeps its role."""


class RoleFlipper:
    """Moves one service's workers between the roles, a safe step at a time."""

    def __init__(
        self,
        key: ServiceKey,
        cluster: Cluster,
        switch_role: RoleSwitch,
        events: EventRecorder,
        metrics: OperatorMetrics,
    ) -> None:
        self._key = key
        self._cluster = cluster
        self._switch_role = switch_role
        self._events = events
        self._metrics = metrics

    async def flip(
        self, service: PDInferenceService, seen: Observation, decision: Decision | None
    ) -> bool:
        """Begin what is decided, go on with what has begun; whether a flip is under way.

        Workers of other hands keep their role, and their labels.
        """
        if service.spec.scale_targets is not None:
            return False
        begun = decision.flips if decision else ()
        for step in flip_steps(seen, begun):
            if isinstance(step, SwitchRole):
                await self._switch(step, service)
            else:
                await self._mark(step.worker, marks(step, time.time()))
                await self._announce(step, service, decision.sentence if decision else "")
        switching = any(worker.switching for role in Role for worker in seen.pool(role).live)
        return switching or bool(begun)

    async def _switch(self, step: SwitchRole, service: PDInferenceService) -> None:
        """Ask the engine, and write down what it said."""
        answer = await self._switch_role(step.address, step.role, step.graphs_of)
        match answer.result:
            case SwitchResult.SWITCHED:
                await self._mark(step.worker, switched(step, time.time()))
                await self._tell(
                    service,
                    EventReason.ROLE_SWITCHED,
                    f"{step.worker} serves as {step.role.value} now.",
                    step.role,
                )
            case SwitchResult.IN_BETWEEN if not step.asked_before:
                await self._mark(step.worker, in_between(time.time()))
        if answer.result is not SwitchResult.SWITCHED:
            message = f"{step.worker} has not taken the role of {step.role.value}: {answer}"
            self._events.note(service.metadata, STILL_ASKING, message)

    async def _announce(self, step: FlipStep, service: PDInferenceService, why: str) -> None:
        match step:
            case BeginFlip(worker, role):
                message = f"{worker} drains to take the role of {role.value}: {why}"
                await self._events.post(service.metadata, EventReason.SWITCHING_ROLE, message)
            case KeepRole(worker, role):
                message = f"{worker} keeps its role and serves as {role.value}."
                await self._tell(service, EventReason.ROLE_KEPT, message, role)
            case CorrectRole(worker, role):
                message = f"The engine of {worker} has the role of {role.value}; its label follows."
                await self._tell(service, EventReason.ROLE_CORRECTED, message, role)
            case Replace(worker):
                message = f"{worker} stays between two roles, gets no requests, and is replaced."
                await self._tell(service, EventReason.ROLE_LOST, message, None)
            case _:
                return

    async def _tell(
        self, service: PDInferenceService, reason: EventReason, message: str, role: Role | None
    ) -> None:
        """An Event, and a count by how it ended."""
        self._metrics.role_flips.labels(
            self._key.namespace, self._key.name, role.value if role else "none", reason.value
        ).inc()
        warning = reason is not EventReason.ROLE_SWITCHED
        await self._events.post(service.metadata, reason, message, warning=warning)

    async def _mark(self, pod: str, written: Marks) -> None:
        await self._cluster.mark(
            POD,
            self._key.namespace,
            pod,
            labels=written.labels,
            annotations=written.annotations,
        )
