"""What a policy knows in truth: what scrapes have told, a little late, and not always.

Counters and histograms lose nothing by a scrape that fails: the next one brings it all. While
Prometheus itself is away nobody counts, so what came then is never known. Gauges of an engine are
refreshed now and then only (SGLang: every 40 decode steps, or 30 s when idle), whoever asks.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from pd_operator.simulation.policy import Policy
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.requests import Requests
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot


@dataclass(frozen=True)
class Scraping:
    """How metrics reach a policy.

    - `interval_seconds`: between two scrapes, each known `delay_seconds` later.
    - `missed_share`: of the scrapes, that fail.
    - `away`: stretches, begin and end in seconds, in which Prometheus is away.
    - `gauge_seconds`: how old a worker's own figures may be before they are refreshed.
    """

    interval_seconds: float = 5.0
    delay_seconds: float = 1.0
    missed_share: float = 0.0
    away: tuple[tuple[float, float], ...] = ()
    gauge_seconds: float = 0.0

    def is_away(self, seconds: float) -> bool:
        """Whether nobody scrapes at that moment."""
        return any(begin <= seconds < end for begin, end in self.away)


@dataclass(frozen=True)
class _Told:
    """What one scrape brought, or after a gap, what it could not bring."""

    at_seconds: float
    parts: tuple[Snapshot, ...]
    unseen: tuple[float, float] | None = None


class Scraped:
    """Shows `inner` what scrapes told; it decides at its own period, on the edge of a scrape.

    The state of pods is not scraped: the API server tells it at once. With `holds_when_blind` a
    policy that knows no unknown is not asked while the newest scrape is older than it may be
    (`blind_after_seconds`), as HorizontalPodAutoscaler does nothing without a metric.
    """

    def __init__(
        self,
        inner: Policy,
        scraping: Scraping,
        *,
        seed: int = 0,
        holds_when_blind: bool = True,
        blind_after_seconds: float = 30.0,
    ) -> None:
        self._inner = inner
        self._scraping = scraping
        self._dice = Random(seed)  # noqa: S311 - no secret
        self._blind_after = blind_after_seconds if holds_when_blind else float("inf")
        self._counted: list[Snapshot] = []
        self._told: deque[_Told] = deque()
        self._seen_until = self._scraped_at = 0.0
        self._away = False
        self._shown: dict[tuple[str, int], tuple[float, WorkerSnapshot]] = {}
        self._next = inner.period_seconds
        self._wanted: Pools | None = None

    @property
    def period_seconds(self) -> float:
        """From one scrape to the next."""
        return self._scraping.interval_seconds

    def decide(self, snapshot: Snapshot) -> Pools:
        """Scrape; ask the inner policy where its time has come."""
        now = snapshot.time_seconds
        self._scrape(snapshot)
        pools = (snapshot.prefill, snapshot.decode)
        present = Pools(*map(_present, pools))
        if now + 1e-9 < self._next:
            return self._wanted or present
        self._next += self._inner.period_seconds
        seen = self._seen(snapshot)
        if now - seen.seen_seconds > self._blind_after:
            return self._wanted or present
        wanted = self._inner.decide(seen)
        self._wanted = Pools(wanted.prefill, wanted.decode)
        return wanted

    def _scrape(self, snapshot: Snapshot) -> None:
        now = snapshot.time_seconds
        if self._scraping.is_away(now):
            self._counted.clear()
            self._away = True
        elif self._away:
            # The first scrape after the gap has nothing to be compared with.
            self._away = False
            self._told.append(_Told(now, (), unseen=(self._scraped_at, now)))
            self._scraped_at = now
        else:
            self._counted.append(snapshot)
            if self._dice.random() >= self._scraping.missed_share:
                self._told.append(_Told(now, tuple(self._counted)))
                self._counted.clear()
                self._scraped_at = now

    def _seen(self, snapshot: Snapshot) -> Snapshot:
        now, told = snapshot.time_seconds, list[_Told]()
        while self._told and self._told[0].at_seconds + self._scraping.delay_seconds <= now:
            told.append(self._told.popleft())
            self._seen_until = told[-1].at_seconds
        parts = [part for one in told for part in one.parts]
        return replace(
            snapshot,
            arrived=_joined([part.arrived for part in parts], snapshot.arrived),
            completed=_joined([part.completed for part in parts], snapshot.arrived),
            ttft_seconds=np.concatenate([_NONE, *(part.ttft_seconds for part in parts)]),
            tpot_seconds=np.concatenate([_NONE, *(part.tpot_seconds for part in parts)]),
            prefill=self._gauges("prefill", snapshot.prefill, now),
            decode=self._gauges("decode", snapshot.decode, now),
            scraped_seconds=self._seen_until,
            unseen=next((one.unseen for one in told if one.unseen), None),
        )

    def _gauges(self, role: str, pool: PoolSnapshot, now: float) -> PoolSnapshot:
        """The workers as they last told of themselves."""
        if not self._scraping.gauge_seconds:
            return pool
        return replace(pool, workers=tuple(self._gauge(role, one, now) for one in pool.workers))

    def _gauge(self, role: str, worker: WorkerSnapshot, now: float) -> WorkerSnapshot:
        at, shown = self._shown.get((role, worker.number), (-float("inf"), worker))
        if now - at >= self._scraping.gauge_seconds:
            self._shown[role, worker.number] = (now, worker)
            return worker
        return shown


def _present(pool: PoolSnapshot) -> int:
    return pool.serving + pool.starting + pool.promised + len(pool.pending_seconds)


_NONE = np.empty(0, dtype=np.float32)


def _joined(parts: Sequence[Requests], like: Requests) -> Requests:
    if not parts:
        return like.part(0, 0)
    return Requests(
        np.concatenate([part.arrival_seconds for part in parts]),
        np.concatenate([part.prompt_tokens for part in parts]),
        np.concatenate([part.output_tokens for part in parts]),
        np.concatenate([part.cached_tokens for part in parts]),
    )
