"""The driver turns the loop's time into the scheduler's."""

import asyncio

import pytest

from pd_e2e.engine.driver import Driver
from pd_e2e.engine.job import Output


class Ticking:
    """Has an event every 10 ms, and notes until when it was advanced."""

    def __init__(self, start: float) -> None:
        self.next = start + 0.01
        self.advanced: list[float] = []
        self.woken_often = asyncio.Event()

    def advance(self, now: float) -> list[Output]:
        self.advanced.append(now)
        if len(self.advanced) == 5:
            self.woken_often.set()
        while self.next <= now:
            self.next += 0.01
        return []

    def next_event(self) -> float | None:
        return self.next

    def shift(self, seconds: float) -> None:
        self.next += seconds


@pytest.fixture
async def ticking() -> tuple[Driver, Ticking]:
    scheduler = Ticking(asyncio.get_running_loop().time())
    return Driver(scheduler, lambda _: None), scheduler


async def test_the_scheduler_is_woken_at_each_event(ticking: tuple[Driver, Ticking]) -> None:
    driver, scheduler = ticking
    driver.catch_up()
    async with asyncio.timeout(10):
        await scheduler.woken_often.wait()
    driver.close()


async def test_a_halted_scheduler_stands_still_and_loses_no_work(
    ticking: tuple[Driver, Ticking],
) -> None:
    driver, scheduler = ticking
    driver.halt("test")
    left = scheduler.next - driver.now()
    stopped_at, calls = driver.now(), len(scheduler.advanced)
    await asyncio.sleep(0.05)
    assert driver.now() == stopped_at
    assert len(scheduler.advanced) == calls
    driver.resume("test")
    assert scheduler.next - scheduler.advanced[-1] == pytest.approx(left, abs=0.005)
    driver.close()


async def test_the_driver_runs_again_when_the_last_reason_to_halt_is_gone(
    ticking: tuple[Driver, Ticking],
) -> None:
    driver, _ = ticking
    driver.halt("pause")
    with driver.halted("stall"):
        stopped_at = driver.now()
    assert driver.now() == stopped_at
    driver.resume("pause")
    assert driver.now() > stopped_at
    driver.close()
