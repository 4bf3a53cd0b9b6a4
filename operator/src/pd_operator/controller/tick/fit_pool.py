"""Fits forecasters in a process of its own: a fit takes the CPU that ticks need."""

import asyncio
import os
import signal
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.demand import DemandHistory, FittedDemand, fit_demand

FIT_DEADLINE_SECONDS = 60.0
NICENESS = 10
"""Ticks and their children's events go first."""


class FitPool:
    """One process that fits for all services, one after the other."""

    def __init__(self, deadline_seconds: float = FIT_DEADLINE_SECONDS) -> None:
        self._deadline = deadline_seconds
        self._start()
        self._turn = asyncio.Lock()

    async def fit(
        self, history: DemandHistory, spec: ForecastSpec, horizons_seconds: Sequence[float]
    ) -> FittedDemand:
        """Fit the model that `spec` asks for.

        `NotEnoughHistoryError` where bins are too few, `BrokenExecutor` where the fit took too long
        or its process died. The time that other services' fits take first does not count.
        """
        loop = asyncio.get_running_loop()
        asked = (history, spec.model.value, spec.season_seconds, tuple(horizons_seconds))
        async with self._turn:
            try:
                return await loop.run_in_executor(self._pool, _fit, self._deadline, *asked)
            except BrokenExecutor as error:
                self._start()
                raise BrokenExecutor(
                    f"it took longer than {self._deadline:g} s, or its process was killed"
                ) from error

    def close(self) -> None:
        """End the process, also in the middle of a fit: the operator's own end waits for it."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._process.done() and not self._process.cancelled():
            with suppress(BrokenExecutor, ProcessLookupError):
                os.kill(self._process.result(), signal.SIGKILL)

    def _start(self) -> None:
        # Spawned, not forked: the operator runs threads and holds connections.
        spawned = get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawned, initializer=os.nice, initargs=(NICENESS,))
        self._process = self._pool.submit(os.getpid)


def _fit(
    deadline_seconds: float,
    history: DemandHistory,
    model: str,
    season_seconds: float | None,
    horizons_seconds: tuple[float, ...],
) -> FittedDemand:
    """Runs in the process of the pool, which an alarm ends where the fit takes too long."""
    signal.setitimer(signal.ITIMER_REAL, deadline_seconds)
    try:
        return fit_demand(
            history, model, season_seconds=season_seconds, horizons_seconds=horizons_seconds
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
