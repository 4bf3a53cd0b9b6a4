"""Runs a pure scheduler on the event loop's clock."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from pd_e2e.engine.job import Output


class Scheduler(Protocol):
    """What the driver needs of a scheduler."""

    def advance(self, now: float) -> list[Output]:
        """What came out by `now`."""

    def next_event(self) -> float | None:
        """When something happens next."""

    def shift(self, seconds: float) -> None:
        """The GPU stood still that long."""


class Driver:
    """Wakes a scheduler when it has something to say, and hands what comes out to `deliver`.

    While halted (a paused, hung or stalled engine) time stands still for the scheduler: what was
    under way goes on from there, requests that come in meanwhile wait. Several reasons may halt
    it at once; it runs when none is left.
    """

    def __init__(self, scheduler: Scheduler, deliver: Callable[[list[Output]], None]) -> None:
        self._scheduler = scheduler
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._halted_at: float | None = None
        self._reasons: set[str] = set()

    def now(self) -> float:
        """Seconds on the scheduler's clock: the loop's, or the moment of the halt."""
        return self._loop.time() if self._halted_at is None else self._halted_at

    def delivered(self, outputs: list[Output]) -> None:
        """Hand out what a call to the scheduler returned, and find the next wake-up."""
        self._deliver(outputs)
        self._rearm()

    def catch_up(self) -> None:
        """Hand out what is due by now."""
        self.delivered(self._scheduler.advance(self.now()))

    def halt(self, reason: str) -> None:
        """Stop the scheduler's time."""
        if not self._reasons:
            self.catch_up()
            self._halted_at = self._loop.time()
            self._cancel()
        self._reasons.add(reason)

    def resume(self, reason: str) -> None:
        """Let the scheduler's time run on, if nothing else holds it."""
        self._reasons.discard(reason)
        if self._halted_at is not None and not self._reasons:
            self._scheduler.shift(self._loop.time() - self._halted_at)
            self._halted_at = None
            self.catch_up()

    @contextmanager
    def halted(self, reason: str) -> Iterator[None]:
        """Stop the scheduler's time for the duration of a block."""
        self.halt(reason)
        try:
            yield
        finally:
            self.resume(reason)

    def close(self) -> None:
        """Wake up no more."""
        self._cancel()

    def _rearm(self) -> None:
        at = self._scheduler.next_event() if self._halted_at is None else None
        if self._timer is not None and self._timer.when() == at:
            return
        self._cancel()
        if at is not None:
            self._timer = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.catch_up()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
