"""One life of a container: from the start of its process to its end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from pd_e2e.nodes.actions import Outcome
from pd_e2e.nodes.api import Json
from pd_e2e.nodes.probe import Probe, verdicts
from pd_e2e.nodes.process import PodProcess
from pd_e2e.nodes.surroundings import Launch

_MINIMUM_SECONDS_AFTER_TERM = 2.0
"""A kubelet leaves this much for SIGTERM even where preStop used up the grace period."""


class LifeObserver(Protocol):
    """Hears what happens during a container's life."""

    def started(self) -> None:
        """The startup probe succeeded, or there is none."""

    def ready(self, ready: bool) -> None:
        """The container became ready or unready."""

    def probe_failed(self, kind: str, outcome: Outcome) -> None:
        """One attempt of a probe failed."""

    def condemned(self, kind: str) -> None:
        """The container is about to be killed because a probe said so."""

    def pre_stop_failed(self, outcome: Outcome) -> None:
        """The preStop hook failed; the container is stopped all the same."""


class ContainerLife:
    """A running process with its probes and its orderly end."""

    def __init__(
        self, spec: Json, launch: Launch, process: PodProcess, observer: LifeObserver, grace: float
    ) -> None:
        self._spec = spec
        self._launch = launch
        self.process = process
        self._observer = observer
        self._grace_seconds = grace
        self._started_at = asyncio.get_running_loop().time()
        self._terminating = False

    async def run(self) -> int:
        """Probe until the process ends, and return its exit code."""
        probing = asyncio.create_task(self._probe())
        try:
            return await self.process.wait()
        finally:
            probing.cancel()

    async def terminate(self, grace_seconds: float) -> None:
        """Run preStop, then SIGTERM, then SIGKILL when the grace period is over.

        A second call, with a shorter grace period, only brings SIGKILL forward.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        if not self._terminating:
            self._terminating = True
            await self._pre_stop(grace_seconds)
            self.process.terminate()
            if grace_seconds > 0:
                deadline = max(deadline, loop.time() + _MINIMUM_SECONDS_AFTER_TERM)
        timer = loop.call_at(deadline, self.process.kill)
        await self.process.wait()
        timer.cancel()

    async def _pre_stop(self, grace_seconds: float) -> None:
        hook = self._spec.get("lifecycle", {}).get("preStop")
        if hook is None or grace_seconds <= 0:
            return
        running = asyncio.create_task(self._launch.actions.run(hook, grace_seconds))
        ended = asyncio.create_task(self.process.wait())
        await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if running.done() and not running.result().succeeded:
            self._observer.pre_stop_failed(running.result())
        running.cancel()

    async def _probe(self) -> None:
        startup = self._spec.get("startupProbe")
        if startup and not await self._starts(Probe.from_spec(startup)):
            return
        self._observer.started()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_readiness())
            group.create_task(self._watch_liveness())

    async def _starts(self, probe: Probe) -> bool:
        async with aclosing(self._verdicts("Startup", probe)) as answers:
            started = await anext(answers)
        if not started and not self._terminating:
            await self._condemn("startup", probe)
        return started

    async def _watch_readiness(self) -> None:
        spec = self._spec.get("readinessProbe")
        if spec is None:
            self._observer.ready(True)
            return
        async for ready in self._verdicts("Readiness", Probe.from_spec(spec)):
            self._observer.ready(ready)

    async def _watch_liveness(self) -> None:
        spec = self._spec.get("livenessProbe")
        if spec is None:
            return
        probe = Probe.from_spec(spec)
        async for alive in self._verdicts("Liveness", probe):
            if self._terminating:
                return
            if not alive:
                await self._condemn("liveness", probe)

    def _verdicts(self, kind: str, probe: Probe) -> AsyncGenerator[bool]:
        def failed(outcome: Outcome) -> None:
            self._observer.probe_failed(kind, outcome)

        return verdicts(probe, self._launch.actions, self._started_at, failed)

    async def _condemn(self, kind: str, probe: Probe) -> None:
        self._observer.condemned(kind)
        grace = self._grace_seconds if probe.grace_seconds is None else probe.grace_seconds
        await self.terminate(grace)
