"""The schedule: one loop a service, and no tick that can hurt another."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pd_operator.actuation.applier import ChildrenRefusedError
from pd_operator.actuation.cluster import ClusterError
from pd_operator.api.names import ServiceKey
from pd_operator.controller import supervisor
from pd_operator.controller.registry import Registry
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.supervisor import Supervisor

PATIENCE_SECONDS = 10.0


class CountingTicker:
    """Counts its ticks; each does what `act` does."""

    period_seconds = 3600.0

    def __init__(self, act: Callable[[], None], rests: Sequence[float] = ()) -> None:
        self._act = act
        self._rests = list(rests)
        self.rest_seconds: float | None = None
        self.went_on = 0
        self.ticks = 0
        self.ticked = asyncio.Event()
        self.errors: list[Exception] = []
        self.told = asyncio.Event()
        self.closed = asyncio.Event()

    async def tick(self) -> None:
        self.ticks += 1
        self.ticked.set()
        self._rest()
        self._act()

    async def go_on(self) -> None:
        self.went_on += 1
        self._rest()
        self._act()

    def _rest(self) -> None:
        self.rest_seconds = self._rests.pop(0) if self._rests else None

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


async def test_a_new_leader_takes_services_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_TICKS_AT_ONCE", 2)
    first_done, at_once = asyncio.Event(), []

    class Newcomer(CountingTicker):
        async def tick(self) -> None:
            at_once.append(self)
            self.ticked.set()
            await first_done.wait()

    tickers = {name: Newcomer(nothing) for name in ("a", "b", "c")}
    registry = Registry()
    for name in tickers:
        registry.put(resource(name))
    schedule = Supervisor(registry, lambda key: tickers[key.name], OperatorMetrics())
    running = asyncio.create_task(schedule.run())
    await soon(tickers["a"].ticked)
    await soon(tickers["b"].ticked)
    assert at_once == [tickers["a"], tickers["b"]]
    first_done.set()
    await soon(tickers["c"].ticked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_how_late_a_tick_ended_is_told() -> None:
    registry, metrics, ticker = Registry(), OperatorMetrics(), CountingTicker(nothing)
    registry.put(resource("chat"))
    running = asyncio.create_task(Supervisor(registry, lambda _: ticker, metrics).run())
    await soon(ticker.ticked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert b"pd_operator_tick_lag_seconds_count 1.0" in metrics.exposition()


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


async def run_until(done: asyncio.Event, ticker: CountingTicker) -> bytes:
    """The metrics after a service's loop has come so far."""
    registry, metrics = Registry(), OperatorMetrics()
    registry.put(resource("chat"))
    running = asyncio.create_task(Supervisor(registry, lambda _: ticker, metrics).run())
    await soon(done)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return metrics.exposition()


async def test_what_has_begun_goes_on_between_two_ticks_until_it_has_ended() -> None:
    done = asyncio.Event()

    def act() -> None:
        if ticker.went_on == 3:
            done.set()

    ticker = CountingTicker(act, rests=[0.001, 0.002, 0.001])
    exposition = await run_until(done, ticker)
    assert (ticker.ticks, ticker.went_on) == (1, 3)
    assert b'ticks_total{namespace="default",result="ok",service="chat"} 1.0' in exposition


async def test_a_step_between_two_ticks_that_fails_is_logged_and_left_to_the_next_tick(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = asyncio.Event()

    def act() -> None:
        if ticker.went_on:
            asyncio.get_running_loop().call_soon(done.set)
            raise ClusterError(0, "the API server does not answer")

    ticker = CountingTicker(act, rests=[0.001])
    await run_until(done, ticker)
    assert (ticker.ticks, ticker.went_on, ticker.errors) == (1, 1, [])
    assert "step between two ticks of default/chat failed" in caplog.text


async def test_a_tick_lets_the_step_go_first_that_is_due_soon_after_it() -> None:
    done, order = asyncio.Event(), list[tuple[int, int]]()

    def act() -> None:
        order.append((ticker.ticks, ticker.went_on))
        if ticker.ticks == 2:
            done.set()

    ticker = CountingTicker(act, rests=[0.01, 0.01])
    ticker.period_seconds = 0.001
    await run_until(done, ticker)
    assert order == [(1, 0), (1, 1), (1, 2), (2, 2)]


async def test_a_tick_that_is_due_long_before_comes_first() -> None:
    done = asyncio.Event()

    def act() -> None:
        if ticker.ticks == 3:
            done.set()

    ticker = CountingTicker(act, rests=[3000.0] * 3)
    ticker.period_seconds = 0.001
    await run_until(done, ticker)
    assert ticker.went_on == 0


async def test_a_tick_that_is_asked_for_need_not_wait_for_what_has_begun() -> None:
    registry, ticker = Registry(), CountingTicker(nothing, rests=[3000.0])
    registry.put(resource("chat"))
    running = asyncio.create_task(Supervisor(registry, lambda _: ticker, OperatorMetrics()).run())
    await soon(ticker.ticked)
    ticker.ticked.clear()
    registry.poke(ServiceKey("default", "chat"))
    await soon(ticker.ticked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (ticker.ticks, ticker.went_on) == (2, 0)


def be_refused() -> None:
    raise ChildrenRefusedError("Service chat is there already")


async def ticked_often(act: Callable[[], None], times: int) -> bytes:
    """The metrics after a service was ticked so many times."""
    registry, ticker, metrics = Registry(), CountingTicker(act), OperatorMetrics()
    registry.put(resource("chat"))
    running = asyncio.create_task(Supervisor(registry, lambda _: ticker, metrics).run())
    for _ in range(times):
        await soon(ticker.told)
        ticker.told.clear()
        registry.poke(ServiceKey("default", "chat"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return metrics.exposition()


async def test_what_is_refused_again_and_again_is_logged_once_on_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await ticked_often(be_refused, 3)
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.getMessage().endswith("ChildrenRefusedError: Service chat is there already")
    assert line.exc_info is None


async def test_an_error_that_nobody_foresaw_is_logged_once_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await ticked_often(explode, 3)
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.exc_info


async def test_a_refusal_is_counted_as_one_and_not_as_a_stalled_operator() -> None:
    exposition = (await ticked_often(be_refused, 2)).decode()
    assert 'ticks_total{namespace="default",result="refused",service="chat"}' in exposition
    assert 'last_tick_timestamp_seconds{namespace="default",service="chat"}' in exposition
    assert 'ticks_total{namespace="default",result="error",service="chat"} 0.0' in exposition
