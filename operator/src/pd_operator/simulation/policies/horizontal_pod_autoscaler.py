"""HorizontalPodAutoscaler on the requests in flight, one for each pool.

Source: Kubernetes' documentation of the algorithm, `desired = ceil(current * metric / target)`,
with its default behavior: a sync each 15 s, no change within a tolerance of 10 %, scale-up at once
by the larger of 100 % and 4 pods each 15 s, scale-down to the highest recommendation of 300 s.
Workers that are not ready count as idle when the metric asks for more. The metric is the gauge as
it is scraped; a longer window makes it the mean of so many scrapes, as `avg_over_time` does.
"""

import math
from collections import deque
from dataclasses import dataclass

from pd_operator.api.roles import Role
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot


@dataclass(frozen=True)
class InFlightTargets:
    """Requests in flight per worker, running or waiting, that each pool is to have."""

    prefill: float
    decode: float

    def __post_init__(self) -> None:
        if not (self.prefill > 0 and self.decode > 0):
            raise ValueError("targets are above 0")

    def of(self, role: Role) -> float:
        """The target of one pool."""
        return self.prefill if role is Role.PREFILL else self.decode


@dataclass(frozen=True)
class HpaBehavior:
    """What the autoscaler allows itself; defaults are Kubernetes'."""

    period_seconds: float = 15.0
    tolerance: float = 0.1
    metric_window_seconds: float = 0.0
    down_window_seconds: float = 300.0
    up_percent: float = 100.0
    up_pods: int = 4


class HorizontalPodAutoscaler:
    """Holds the requests in flight per worker at a target, between `fewest` and `most` workers."""

    def __init__(
        self,
        targets: InFlightTargets,
        fewest: Pools,
        most: Pools,
        behavior: HpaBehavior | None = None,
    ) -> None:
        self._targets = targets
        self._fewest = fewest
        self._most = most
        self._behavior = behavior or HpaBehavior()
        self._recommended: dict[Role, deque[tuple[float, int]]] = {role: deque() for role in Role}
        scrapes = max(1, round(self._behavior.metric_window_seconds / self.period_seconds))
        self._in_flight: dict[Role, deque[int]] = {role: deque(maxlen=scrapes) for role in Role}

    @property
    def period_seconds(self) -> float:
        """From one sync to the next."""
        return self._behavior.period_seconds

    def decide(self, snapshot: Snapshot) -> Pools:
        """Both pools, each by itself."""
        return Pools(
            self._sized(Role.PREFILL, snapshot.prefill, snapshot.time_seconds),
            self._sized(Role.DECODE, snapshot.decode, snapshot.time_seconds),
        )

    def _sized(self, role: Role, pool: PoolSnapshot, now: float) -> int:
        current = pool.serving + pool.starting
        raw = self._recommendation(role, pool, current)
        bounded = min(max(raw, self._fewest.of(role)), self._most.of(role))
        recent = self._recommended[role]
        recent.append((now, bounded))
        while recent[0][0] <= now - self._behavior.down_window_seconds:
            recent.popleft()
        highest = max(workers for _, workers in recent)
        return min(max(bounded, min(current, highest)), self._fastest(current))

    def _recommendation(self, role: Role, pool: PoolSnapshot, current: int) -> int:
        scraped = self._in_flight[role]
        scraped.append(sum(one.running_requests + one.waiting_requests for one in pool.workers))
        in_flight = sum(scraped) / len(scraped)
        target, tolerance = self._targets.of(role), self._behavior.tolerance
        ratio = in_flight / pool.serving / target if pool.serving else 1.0
        if abs(ratio - 1) <= tolerance:
            return current
        if ratio < 1 or not pool.starting:
            return math.ceil(ratio * pool.serving)
        spread = in_flight / current / target
        if spread <= 1 + tolerance:
            return current
        return math.ceil(spread * current)

    def _fastest(self, current: int) -> int:
        by_percent = math.ceil(current * (100 + self._behavior.up_percent) / 100)
        return max(by_percent, current + self._behavior.up_pods)
