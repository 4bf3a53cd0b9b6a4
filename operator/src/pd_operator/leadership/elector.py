"""Elections in real time: one step after another, and what a leader does while it leads."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from pd_operator.actuation.cluster import ClusterError
from pd_operator.leadership.candidate import Candidate
from pd_operator.leadership.election import NOBODY, RETRY_JITTER
from pd_operator.leadership.term import Term

Lead = Callable[[Term], Coroutine[Any, Any, None]]
"""What a leader does, until canceled; never ends by itself."""

log = logging.getLogger(__name__)


class Elector:
    """Has `lead` run while this process leads, and not otherwise."""

    def __init__(self, candidate: Candidate, lead: Lead, follow: Callable[[], None]) -> None:
        """`follow` is called at each look at which another one leads."""
        self._candidate = candidate
        self._lead = lead
        self._follow = follow
        self._led: tuple[Term, asyncio.Task[None]] | None = None
        self._said = ""
        self.beat = time.monotonic()

    @property
    def fault(self) -> str | None:
        """Why this process could not lead if it had to; None once it has read the Lease."""
        return (self._said or NOT_READ) if self._candidate.leader is None else None

    async def run(self) -> None:
        """Take part until canceled; then give the Lease back, once nothing is written any more."""
        try:
            while True:
                pause = await self._step()
                self.beat = time.monotonic()
                await self._follow_the_election()
                await self._pause(pause)
        finally:
            await self._end()

    async def _step(self) -> float:
        try:
            pause = await self._candidate.step()
        except ClusterError as error:
            if self._said != (said := f"cannot read or write the Lease: {error}"):
                log.warning("%s", said)
            self._said = said
            return self._candidate.times.retry_period_seconds
        self._said = ""
        return pause

    async def _follow_the_election(self) -> None:
        candidate = self._candidate
        if self._led is not None and self._led[0] is not candidate.term:
            await self._stop_leading()
        if candidate.term is not None and self._led is None:
            task = asyncio.create_task(self._lead(candidate.term), name="leading")
            self._led = candidate.term, task
        elif candidate.term is None and candidate.leader not in (None, NOBODY, candidate.identity):
            self._follow()

    async def _pause(self, seconds: float) -> None:
        """Wait; a leader for no longer than what it does goes on, which ends only by failing."""
        term, task = self._led or (None, None)
        if term is None or task is None:
            await asyncio.sleep(seconds * random.uniform(1, 1 + RETRY_JITTER))  # noqa: S311  spreads requests, guards no secret
            return
        done, _ = await asyncio.wait([task], timeout=seconds)
        if done:
            task.result()
            raise RuntimeError("a leader stopped leading by itself")

    async def _stop_leading(self) -> bool:
        """End what a leader does, and its writes under way; whether all have ended."""
        if self._led is None:
            return True
        (term, task), self._led = self._led, None
        term.end()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        # What a thread has begun cannot be canceled; its time is bounded.
        return await asyncio.to_thread(term.await_quiet, 2 * term.write_seconds)

    async def _end(self) -> None:
        if not await self._stop_leading():
            log.warning("a write does not end: the Lease is kept, and runs out by itself")
            return
        try:
            if await self._candidate.release():
                log.info("the Lease is given back")
        except ClusterError as error:
            log.warning("the Lease is not given back, and runs out by itself: %s", error)


NOT_READ = "the Lease has not been read yet"
