"""When each service is ticked: its own period, jitter, a deadline, an exception barrier.

One task a service, so that a slow one delays nobody else. Whatever a tick
raises ends that tick and nothing more: the workers stay as they are, the error
is counted and told, and the next tick tries again.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from pd_operator.api.names import ServiceKey
from pd_operator.controller.errors import is_foreseen, is_refusal
from pd_operator.controller.registry import Registry
from pd_operator.controller.status.metrics import OperatorMetrics

JITTER = 0.1
DEADLINE_PERIODS = 4.0
SHORTEST_DEADLINE_SECONDS = 30.0
LATEST_SECONDS = 2.0
"""A tick is so late at most because a step that lies between two is due."""

FIRST_TICKS_AT_ONCE = 32
"""A first tick reads days of history and compares all children. A new leader has one of every
service before it: all at once, they would share the processor until each is past its deadline.
"""

log = logging.getLogger(__name__)


class Ticker(Protocol):
    """What one service's loop offers to the schedule."""

    @property
    def period_seconds(self) -> float:
        """Seconds from one tick to the next."""

    @property
    def rest_seconds(self) -> float | None:
        """Seconds until `go_on`; None where there is nothing to go on with before the next tick."""

    async def tick(self) -> None:
        """Observe, forecast, plan, decide, act, and tell, once."""

    async def go_on(self) -> None:
        """Take what has begun a step further, and decide nothing."""

    async def failed(self, error: Exception) -> None:
        """Tell the service's users that a tick failed."""

    def close(self) -> None:
        """Forget the service."""


class Supervisor:
    """Runs a loop for every service in the registry, from its arrival to its end."""

    def __init__(
        self,
        registry: Registry,
        make: Callable[[ServiceKey], Ticker],
        metrics: OperatorMetrics,
    ) -> None:
        self._registry = registry
        self._make = make
        self._metrics = metrics
        self._loops: dict[ServiceKey, asyncio.Task[None]] = {}
        self._logged: dict[ServiceKey, str] = {}
        self._newcomers = asyncio.Semaphore(FIRST_TICKS_AT_ONCE)
        self.beat = time.monotonic()

    async def run(self) -> None:
        """Start and end loops as services come and go; until canceled."""
        try:
            while True:
                self._match()
                self.beat = time.monotonic()
                await _first(self._registry.changed.wait(), at_most=5.0)
                self._registry.changed.clear()
        finally:
            await self._end(list(self._loops))

    def _match(self) -> None:
        for key in self._registry.services():
            loop = self._loops.get(key)
            if loop is None or loop.done():
                self._metrics.welcome(key)
                self._loops[key] = asyncio.create_task(self._serve(key), name=f"loop {key}")
        for key in [key for key in self._loops if key not in self._registry]:
            self._loops.pop(key).cancel()
            self._logged.pop(key, None)
            self._metrics.forget(key)

    async def _end(self, keys: list[ServiceKey]) -> None:
        loops = [self._loops.pop(key) for key in keys]
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    async def _serve(self, key: ServiceKey) -> None:
        ticker = self._make(key)
        wake = self._registry.entry(key).wake
        due = time.monotonic()
        turn: AbstractAsyncContextManager[object] = self._newcomers
        try:
            # Its children's last events poke the wake of a service that is gone.
            while key in self._registry:
                async with turn:
                    wake.clear()
                    await self._tick(key, ticker, due)
                due, turn = await self._pause(key, ticker, wake), nullcontext()
        finally:
            ticker.close()

    async def _pause(self, key: ServiceKey, ticker: Ticker, wake: asyncio.Event) -> float:
        """Until the next tick is due or asked for; since when it has been (monotonic seconds).

        What has begun goes on meanwhile. A tick lasts longer than what it would keep from going on:
        it comes after that, within limits.
        """
        jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  spreads ticks, guards no secret
        due = time.monotonic() + ticker.period_seconds * jitter
        while not wake.is_set():
            now, rest = time.monotonic(), ticker.rest_seconds
            if rest is None or now + rest > due + LATEST_SECONDS:
                await _first(wake.wait(), at_most=due - now)
                break
            await _first(wake.wait(), at_most=rest)
            if not wake.is_set():
                await self._go_on(key, ticker)
        return min(due, time.monotonic())

    async def _tick(self, key: ServiceKey, ticker: Ticker, due: float) -> None:
        """Tick now what was `due` at a moment (monotonic seconds)."""
        started = time.monotonic()
        result = "ok"
        try:
            await _within(_deadline_seconds(ticker), ticker.tick())
            self._logged.pop(key, None)
        except Exception as error:
            result = _result(error)
            self._log(key, "tick", error)
            await self._tell(key, ticker, error)
        ended = time.monotonic()
        self._metrics.ticked(key, result, ended - started)
        self._metrics.tick_lag_seconds.observe(ended - due)

    async def _go_on(self, key: ServiceKey, ticker: Ticker) -> None:
        """Where it fails, the next tick tries again, and tells."""
        try:
            await _within(_deadline_seconds(ticker), ticker.go_on())
        except Exception as error:
            self._log(key, "step between two ticks", error)

    def _log(self, key: ServiceKey, what: str, error: Exception) -> None:
        """Log a failure once, on one line; a traceback where nobody has foreseen it."""
        said = f"{type(error).__name__}: {error}"
        if self._logged.get(key) != said:
            trace = None if is_foreseen(error) else error
            log.warning("%s of %s failed: %s", what, key, said, exc_info=trace)
        self._logged[key] = said

    async def _tell(self, key: ServiceKey, ticker: Ticker, error: Exception) -> None:
        try:
            async with asyncio.timeout(SHORTEST_DEADLINE_SECONDS):
                await ticker.failed(error)
        except Exception as second:
            # Most often the API server is away: there is nobody to tell. The log has it.
            log.info("could not write the failed tick of %s into its status: %s", key, second)


def _deadline_seconds(ticker: Ticker) -> float:
    return max(SHORTEST_DEADLINE_SECONDS, DEADLINE_PERIODS * ticker.period_seconds)


async def _within(seconds: float, act: Awaitable[None]) -> None:
    async with asyncio.timeout(seconds):
        await act


def _result(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "refused" if is_refusal(error) else "error"


async def _first(waiting: Awaitable[object], *, at_most: float) -> None:
    """Wait for `waiting`, but no longer than `at_most` seconds."""
    try:
        async with asyncio.timeout(at_most):
            await waiting
    except TimeoutError:
        return
