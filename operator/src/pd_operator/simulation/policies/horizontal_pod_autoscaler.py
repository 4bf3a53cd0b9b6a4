"""HorizontalPodAutoscaler, one for each pool, on whatever metric of the workers.

Source: Kubernetes' documentation of the algorithm, `desired = ceil(current * metric / target)`,
with its default behavior: a sync each 15 s, no change within a tolerance of 10 %, scale-up at once
by the larger of 100 % and 4 pods each 15 s, scale-down to the highest recommendation of 300 s.
Workers that are not ready count as idle when the metric asks for more. The metric is the gauge as
it is scraped; a longer window makes it the mean of so many scrapes, as `avg_over_time` does.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pd_operator.api.roles import Role
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot


@dataclass(frozen=True)
class Metric:
    """A pool's `total`, and how much of it each worker is to have, above 0."""

    total: Callable[[PoolSnapshot], float]
    target: float

    def __post_init__(self) -> None:
        if not self.target > 0:
            raise ValueError(f"a target is above 0, not {self.target}")


def in_flight(pool: PoolSnapshot) -> float:
    """Requests that run or wait in the workers."""
    return sum(worker.running_requests + worker.waiting_requests for worker in pool.workers)


def waiting_tokens(pool: PoolSnapshot) -> float:
    """Prompt tokens still to compute."""
    return sum(worker.waiting_tokens for worker in pool.workers)


def kv_use(pool: PoolSnapshot) -> float:
    """Shares of the KV caches in use, summed over the workers."""
    return sum(worker.used_tokens / worker.capacity_tokens for worker in pool.workers)


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
    """Holds each pool's metric per worker at its target, between `fewest` and `most` workers."""

    def __init__(
        self,
        prefill: Metric,
        decode: Metric,
        fewest: Pools,
        most: Pools,
        behavior: HpaBehavior | None = None,
    ) -> None:
        self._metrics = {Role.PREFILL: prefill, Role.DECODE: decode}
        self._fewest = fewest
        self._most = most
        self._behavior = behavior or HpaBehavior()
        self._recommended: dict[Role, deque[tuple[float, int]]] = {role: deque() for role in Role}
        scrapes = max(1, round(self._behavior.metric_window_seconds / self.period_seconds))
        self._scraped: dict[Role, deque[float]] = {role: deque(maxlen=scrapes) for role in Role}

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
        metric, tolerance = self._metrics[role], self._behavior.tolerance
        scraped = self._scraped[role]
        scraped.append(metric.total(pool))
        wanted = sum(scraped) / len(scraped) / metric.target
        ratio = wanted / pool.serving if pool.serving else 1.0
        if abs(ratio - 1) <= tolerance:
            return current
        if ratio > 1 and pool.starting and wanted / current <= 1 + tolerance:
            return current
        return math.ceil(wanted)

    def _fastest(self, current: int) -> int:
        by_percent = math.ceil(current * (100 + self._behavior.up_percent) / 100)
        return max(by_percent, current + self._behavior.up_pods)
