"""Faults that can be switched on while the simulator runs. The real server has none of this."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pd_e2e.engine.engine import Engine

_CRASH_EXIT_CODE = 137
_log = logging.getLogger(__name__)


class FaultKind(StrEnum):
    """What can go wrong.

    crash: the process is gone at once. hang: the GPU stands still, HTTP does not. slow: every
    step takes `factor` times as long. refuse: connections are refused. no_metrics: `/metrics` is
    404. nonsense_loads: `/v1/loads` answers what no engine can mean. never_ready: start-up does
    not end. none: all is well again.
    """

    CRASH = "crash"
    HANG = "hang"
    SLOW = "slow"
    REFUSE = "refuse"
    NO_METRICS = "no_metrics"
    NONSENSE_LOADS = "nonsense_loads"
    NEVER_READY = "never_ready"
    NONE = "none"


class FaultError(ValueError):
    """A fault is not understood."""


@dataclass(frozen=True)
class Fault:
    """A fault that begins after `after_seconds` and, unless None, ends `seconds` later.

    `variant` of nonsense_loads: `negative`, `text`, `empty` or `not_json`.
    """

    kind: FaultKind
    after_seconds: float = 0.0
    seconds: float | None = None
    factor: float = 4.0
    variant: str = "negative"

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Fault":
        """From JSON; `FaultError` names what is wrong."""
        try:
            kind = FaultKind(body.get("kind", ""))
        except ValueError:
            raise FaultError(f"kind must be one of {', '.join(FaultKind)}") from None
        unknown = set(body) - {"kind", "after_seconds", "seconds", "factor", "variant"}
        if unknown:
            raise FaultError(f"unknown fields: {', '.join(sorted(unknown))}")
        return cls(kind, **{name: value for name, value in body.items() if name != "kind"})


class Faults:
    """The faults of one engine. `set_listening` opens and closes the API port."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.active = Fault(FaultKind.NONE)
        self.set_listening: Callable[[bool], Awaitable[None]] | None = None
        self._pending: asyncio.Task[None] | None = None

    def is_active(self, kind: FaultKind) -> bool:
        """Whether `kind` is what goes wrong at the moment."""
        return self.active.kind is kind

    def inject(self, fault: Fault) -> None:
        """Let `fault` take the place of the present one."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = asyncio.create_task(self._run(fault))

    async def _run(self, fault: Fault) -> None:
        if fault.after_seconds:
            await asyncio.sleep(fault.after_seconds)
        await self._become(fault)
        if fault.seconds is not None:
            await asyncio.sleep(fault.seconds)
            await self._become(Fault(FaultKind.NONE))

    async def _become(self, fault: Fault) -> None:
        _log.warning("Fault: %s", fault)
        before, self.active = self.active, fault
        role, timings = self._engine.role, self._engine.context.timings
        if fault.kind is FaultKind.CRASH:
            os._exit(_CRASH_EXIT_CODE)
        if before.kind is FaultKind.HANG:
            role.driver.resume("hang")
        if fault.kind is FaultKind.HANG:
            role.driver.halt("hang")
        role.settle_pace()
        timings.slowdown = fault.factor if fault.kind is FaultKind.SLOW else 1.0
        role.driver.catch_up()
        if self.set_listening and FaultKind.REFUSE in (before.kind, fault.kind):
            await self.set_listening(fault.kind is not FaultKind.REFUSE)
