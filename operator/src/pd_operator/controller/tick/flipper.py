"""Lets workers change their role: the next step of each, and an Event for what happened."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from pd_operator.actuation.cluster import ChangedMeanwhileError
from pd_operator.actuation.flip_marks import Marks, asked, marks, serves_as_before, switched
from pd_operator.actuation.flips import (
    BeginFlip,
    CorrectRole,
    FlipStep,
    KeepRole,
    Replace,
    SwitchRole,
    flip_steps,
    rest_seconds,
)
from pd_operator.actuation.pool_writer import PoolWriter, Versions, versions_of
from pd_operator.actuation.role_switch import RoleSwitch, SwitchResult
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import Metadata
from pd_operator.controller.status.events import EventReason, EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.observation import Observation, PoolObservation

STILL_ASKING = "RoleNotSwitchedYet"
"""The reason in the log; an Event tells when it has switched, or keeps its role."""

log = logging.getLogger(__name__)


class RoleFlipper:
    """Moves one service's workers between the roles, a safe step at a time."""

    def __init__(
        self,
        writer: PoolWriter,
        switch_role: RoleSwitch,
        events: EventRecorder,
        metrics: OperatorMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` tells Unix seconds."""
        self._clock = clock
        self._key = writer.key
        self._writer = writer
        self._switch_role = switch_role
        self._events = events
        self._metrics = metrics

    async def flip(
        self, about: Metadata, seen: Observation, decision: Decision | None
    ) -> float | None:
        """Begin what is decided, go on with what has begun, all workers at once.

        Returns the seconds until the next step of one can be taken; None where no flip is under
        way. A pod is written to only while it is as seen; one that has changed is looked at again.
        """
        begun = decision.flips if decision else ()
        why = decision.sentence if decision else ""
        homes = [seen.home(role) for role in Role]
        versions = versions_of(homes)
        steps = flip_steps(seen, begun)
        if steps and await self._begin_term(homes, versions):
            takes = (self._take_as_seen(step, versions, about, why) for step in steps)
            # None is left behind where another one fails.
            for failed in await asyncio.gather(*takes, return_exceptions=True):
                if failed is not None:
                    raise failed
        return rest_seconds(seen, steps, self._clock())

    async def _begin_term(self, homes: Iterable[PoolObservation], versions: Versions) -> bool:
        try:
            for home in homes:
                await self._writer.begin_term(home, versions)
        except ChangedMeanwhileError as error:
            log.info("no worker of %s changes its role for now: %s", self._key, error)
            return False
        return True

    async def _take_as_seen(
        self, step: FlipStep, versions: Versions, about: Metadata, why: str
    ) -> None:
        try:
            await self._take(step, versions, about, why)
        except ChangedMeanwhileError as error:
            log.info("%s of %s stays for now: %s", step.worker, self._key, error)

    async def _take(self, step: FlipStep, versions: Versions, about: Metadata, why: str) -> None:
        if isinstance(step, SwitchRole):
            await self._switch(step, versions, about)
        else:
            await self._mark(step.worker, versions, marks(step, self._clock()))
            await self._announce(step, about, why)

    async def _switch(self, step: SwitchRole, versions: Versions, about: Metadata) -> None:
        """Ask the engine, and write down what it said.

        That it is asked is written first: what it does meanwhile nobody may see.
        """
        if not step.asked_before:
            await self._mark(step.worker, versions, asked(self._clock()))
        answer = await self._switch_role(step.address, step.role, step.graphs_of)
        match answer.result:
            case SwitchResult.SWITCHED:
                await self._mark(step.worker, versions, switched(step, self._clock()))
                await self._tell(
                    about,
                    EventReason.ROLE_SWITCHED,
                    f"{step.worker} serves as {step.role.value} now.",
                    step.role,
                )
            case SwitchResult.REFUSED:
                await self._mark(step.worker, versions, serves_as_before())
            case SwitchResult.NOT_ASKED if not step.asked_before:
                await self._mark(step.worker, versions, serves_as_before())
            case _:
                pass
        if answer.result is not SwitchResult.SWITCHED:
            message = f"{step.worker} has not taken the role of {step.role.value}: {answer}"
            self._events.note(about, STILL_ASKING, message)

    async def _announce(self, step: FlipStep, about: Metadata, why: str) -> None:
        match step:
            case BeginFlip(worker, role):
                message = f"{worker} drains to take the role of {role.value}: {why}"
                await self._events.post(about, EventReason.SWITCHING_ROLE, message)
            case KeepRole(worker, role):
                message = f"{worker} keeps its role and serves as {role.value}."
                await self._tell(about, EventReason.ROLE_KEPT, message, role)
            case CorrectRole(worker, role):
                message = f"The engine of {worker} has the role of {role.value}; its label follows."
                await self._tell(about, EventReason.ROLE_CORRECTED, message, role)
            case Replace(worker):
                message = f"{worker} stays between two roles, gets no requests, and is replaced."
                await self._tell(about, EventReason.ROLE_LOST, message, None)
            case _:
                return

    async def _tell(
        self, about: Metadata, reason: EventReason, message: str, role: Role | None
    ) -> None:
        """An Event, and a count by how it ended."""
        self._metrics.role_flips.labels(
            self._key.namespace, self._key.name, role.value if role else "none", reason.value
        ).inc()
        warning = reason is not EventReason.ROLE_SWITCHED
        await self._events.post(about, reason, message, warning=warning)

    async def _mark(self, pod: str, versions: Versions, written: Marks) -> None:
        await self._writer.mark(
            pod, versions, labels=written.labels, annotations=written.annotations
        )
