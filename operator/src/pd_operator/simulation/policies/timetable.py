"""Pools that follow a timetable made beforehand."""

from bisect import bisect_right
from collections.abc import Sequence

from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import Snapshot


class Timetable:
    """Wants `pools[i]` from `i * period_seconds` on, and the last for ever, whatever comes."""

    def __init__(self, period_seconds: float, pools: Sequence[Pools]) -> None:
        if not pools:
            raise ValueError("a timetable needs an entry at least")
        self._period = period_seconds
        self._pools = tuple(pools)
        self._begins = [number * period_seconds for number in range(len(pools))]

    @property
    def period_seconds(self) -> float:
        """Seconds from one entry to the next."""
        return self._period

    def decide(self, snapshot: Snapshot) -> Pools:
        """The entry of this moment."""
        return self._pools[bisect_right(self._begins, snapshot.time_seconds) - 1]
