"""The schedule: one loop a service, and no tick that can hurt another."""

import asyncio
from collections.abc import Callable
from typing import Any

from pd_operator.api.names import ServiceKey
from pd_operator.controller.registry import Registry
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.supervisor import Supervisor

PATIENCE_SECONDS = 10.0


class CountingTicker:
    """Counts its ticks; each does what `act` does."""

    period_seconds = 3600.0

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self.ticks = 0
        self.ticked = asyncio.Event()
        self.errors: list[Exception] = []
        self.told = asyncio.Event()
        self.closed = asyncio.Event()

    async def tick(self) -> None:
        self.ticks += 1
        self.ticked.set()
        self._act()

    async def failed(self, error: Exception) -> None:
        self.errors.append(error)
        self.told.set()

    def close(self) -> None:
        self.closed.set()


def nothing() -> None:
    """A tick that goes well."""


def explode() -> None:
    raise RuntimeError("the engine room burns")


def resource(name: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "default", "name": name, "generation": 1, "uid": name}}


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await event.wait()


async def test_each_service_gets_a_loop_that_ends_with_it() -> None:
    registry, ticker = Registry(), CountingTicker(nothing)
    schedule = Supervisor(registry, lambda _: ticker, OperatorMetrics())
    running = asyncio.create_task(schedule.run())
    registry.put(resource("chat"))
    await soon(ticker.ticked)
    registry.drop(ServiceKey("default", "chat"))
    await soon(ticker.closed)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_tick_that_raises_is_told_and_tried_again() -> None:
    registry, ticker, metrics = Registry(), CountingTicker(explode), OperatorMetrics()
    registry.put(resource("chat"))
    running = asyncio.create_task(Supervisor(registry, lambda _: ticker, metrics).run())
    await soon(ticker.told)
    assert str(ticker.errors[0]) == "the engine room burns"
    ticker.ticked.clear()
    registry.poke(ServiceKey("default", "chat"))
    await soon(ticker.ticked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert b'pd_operator_ticks_total{namespace="default",result="error",service="chat"}' in (
        metrics.exposition()
    )


async def test_a_failing_service_delays_no_other() -> None:
    registry = Registry()
    tickers = {"bad": CountingTicker(explode), "good": CountingTicker(nothing)}
    for name in tickers:
        registry.put(resource(name))
    schedule = Supervisor(registry, lambda key: tickers[key.name], OperatorMetrics())
    running = asyncio.create_task(schedule.run())
    await soon(tickers["bad"].told)
    await soon(tickers["good"].ticked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert tickers["good"].closed.is_set()


async def test_the_series_of_a_service_that_is_gone_go_too() -> None:
    registry, metrics, ticker = Registry(), OperatorMetrics(), CountingTicker(nothing)
    running = asyncio.create_task(Supervisor(registry, lambda _: ticker, metrics).run())
    registry.put(resource("chat"))
    await soon(ticker.ticked)
    registry.drop(ServiceKey("default", "chat"))
    await soon(ticker.closed)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert b'service="chat"' not in metrics.exposition()


async def test_the_last_ring_of_a_service_that_is_gone_asks_for_no_tick() -> None:
    registry, ticker = Registry(), CountingTicker(nothing)
    running = asyncio.create_task(Supervisor(registry, lambda _: ticker, OperatorMetrics()).run())
    registry.put(resource("chat"))
    await soon(ticker.ticked)
    key = ServiceKey("default", "chat")
    registry.poke(key)
    registry.drop(key)
    await soon(ticker.closed)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ticker.ticks == 1
