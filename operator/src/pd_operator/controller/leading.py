"""What a pod does while it leads, and while another one does."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from pd_operator.actuation.cluster import ClusterError
from pd_operator.actuation.fence import Fence
from pd_operator.controller.registry import Registry
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.supervisor import Supervisor
from pd_operator.controller.watch import ServiceList

STALLED_SECONDS = 60.0
RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class Beating(Protocol):
    """What shows a sign of life now and then."""

    @property
    def beat(self) -> float:
        """When it last did (monotonic seconds)."""


class Leading:
    """A supervisor for each term: nothing of an earlier one is carried into the next."""

    def __init__(
        self,
        services: ServiceList,
        registry: Registry,
        metrics: OperatorMetrics,
        supervise: Callable[[Fence], Supervisor],
    ) -> None:
        self._services = services
        self._registry = registry
        self._metrics = metrics
        self._supervise = supervise
        self._supervisor: Supervisor | None = None
        self.follow()

    async def lead(self, fence: Fence) -> None:
        """Run all services' loops, their writes behind the fence, until canceled."""
        self._metrics.leader.set(1)
        try:
            await self._catch_up()
            self._supervisor = self._supervise(fence)
            await self._supervisor.run()
        finally:
            self._supervisor = None
            self._metrics.leader.set(0)

    def follow(self) -> None:
        """Another one leads: what this one knew of the services is of the past."""
        self._metrics.leader.set(0)
        self._metrics.forget_all()

    @property
    def beating(self) -> Beating | None:
        """The supervisor at work, if one is."""
        return self._supervisor

    async def _catch_up(self) -> None:
        """Read what the leader before wrote last, which the watch may not have told of yet."""
        while True:
            try:
                self._registry.replace(await self._services.read())
            except ClusterError as error:
                log.warning("cannot list PDInferenceServices to begin with: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


def stalled(name: str, work: Beating | None) -> str | None:
    """What to say of something that has shown no sign of life for long."""
    silent = 0.0 if work is None else time.monotonic() - work.beat
    return f"{name} has been silent for {silent:.0f} s" if silent > STALLED_SECONDS else None
