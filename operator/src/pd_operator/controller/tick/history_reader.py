"""One service's demand history, kept up to date from Prometheus piece by piece.

The newest piece is read first, so that there is a forecast within a tick or two of a start; older
ones follow as the time of later ticks allows. A restart loses nothing: all of it is in Prometheus.
"""

import asyncio
import time
from typing import Protocol

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.demand import DemandHistory
from pd_operator.scaling.observation import Unknown

SECONDS_PER_DAY = 86_400
BINS_READ_AGAIN = 2
"""Late scrapes still change the newest bins, so these are read again."""

MAXIMUM_BINS, MINIMUM_BINS = 2880, 45
"""Bins asked for at once: so many that days take a few questions, and so few that Prometheus
answers one within its deadline. Halved where it does not, for a Prometheus of many workers.
"""

PATIENCE_SECONDS = 2.0
"""How long older pieces may be read within one tick."""

OLDER_AGAIN_SECONDS = 300.0
"""A Prometheus that cannot even answer the smallest of them is left alone so long."""


class HistorySource(Protocol):
    """Where the load of the past is known; `PrometheusReader` is one."""

    def demand_history(
        self,
        service: ServiceKey,
        start_seconds: float,
        end_seconds: float,
        bin_seconds: float,
    ) -> DemandHistory | Unknown:
        """The bins that lie wholly in (start, end], NaN where nothing is known."""


class HistoryReader:
    """The history that `spec` asks for, as far as it has been read.

    - `history`: no older than `historyDays`; None before the first answer.
    - `complete`: whether every older piece has been read.
    - `fault`: why the newest bins could not be read; None where they could.
    """

    def __init__(self, key: ServiceKey, spec: ForecastSpec) -> None:
        self._key = key
        self._step = float(spec.resolution_seconds)
        self._length = spec.history_days * SECONDS_PER_DAY // self._step * self._step
        self._piece = MAXIMUM_BINS
        self._read_back_to = 0.0
        self._older_again = 0.0
        self.history: DemandHistory | None = None
        self.complete = False
        self.fault: str | None = None

    async def read(self, archive: HistorySource, now: float) -> None:
        """Read the bins that ended since the last time, then older ones while there is time."""
        until = time.monotonic() + PATIENCE_SECONDS
        end = now // self._step * self._step
        fault = await self._read_newest(archive, end)
        self.fault = fault.message if fault else None
        while not (fault or self.complete) and now >= self._older_again:
            fault = await self._read_older(archive, end - self._length)
            if fault and self._piece == MINIMUM_BINS:
                self._older_again = now + OLDER_AGAIN_SECONDS
            if time.monotonic() >= until:
                return

    async def _read_newest(self, archive: HistorySource, end: float) -> Unknown | None:
        """Let the history reach to `end`; what hindered that, else None."""
        known = self.history
        if known is None or end - known.end_seconds >= self._length:
            return await self._begin(archive, end)
        while known.end_seconds < end:
            start = max(known.start_seconds, known.end_seconds - BINS_READ_AGAIN * self._step)
            newer = await self._ask(archive, start, min(end, start + self._piece * self._step))
            if isinstance(newer, Unknown):
                return newer
            known = known.extended_with(newer).since(end - self._length)
            self.history = known
        return None

    async def _begin(self, archive: HistorySource, end: float) -> Unknown | None:
        start = end - min(self._length, self._piece * self._step)
        newest = await self._ask(archive, start, end)
        if isinstance(newest, Unknown):
            return newest
        self.history, self._read_back_to, self.complete = newest.trimmed(), start, False
        return None

    async def _read_older(self, archive: HistorySource, oldest: float) -> Unknown | None:
        """Read the piece before those already read; what hindered that, else None."""
        end = self._read_back_to
        start = max(oldest, end - self._piece * self._step)
        if end - start < self._step or self.history is None:
            self.complete = True
            return None
        older = await self._ask(archive, start, end)
        if isinstance(older, Unknown):
            return older
        found = older.trimmed()
        if len(found) > 0:
            self.history = found.extended_with(self.history)
        self._read_back_to = start
        return None

    async def _ask(
        self, archive: HistorySource, start: float, end: float
    ) -> DemandHistory | Unknown:
        ask = archive.demand_history
        answer = await asyncio.to_thread(ask, self._key, start, end, self._step)
        if isinstance(answer, Unknown):
            self._piece = max(MINIMUM_BINS, self._piece // 2)
        else:
            self._piece = min(MAXIMUM_BINS, 2 * self._piece)
        return answer
