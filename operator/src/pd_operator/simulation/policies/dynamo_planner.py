"""NVIDIA Dynamo's planner, as of 1.6: predictive ("throughput") and load scaling.

Source: the published wheel's documentation and behavior, stated anew. Predictive: each interval,
rate and mean lengths of the next one are predicted separately, and `workers = ceil(rate / rate of
one worker)`, with no head-room, at most eight more or fewer at a time. Load: each five seconds, one
worker more where every engine's estimated latency is above its objective, one fewer where 80 % of
the objective would still do with one less; no decision while workers come or go.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from pd_operator.simulation.policies.present import changing, present_pools, within
from pd_operator.simulation.policies.recent_load import RecentLoad
from pd_operator.simulation.policies.worker_capacity import WorkerCapacity
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import Snapshot, WorkerSnapshot

_MAXIMUM_CHANGE = 8
_CONSOLIDATE = 0.8


class Predictor(StrEnum):
    """How the next interval is foretold; Dynamo's ARIMA and Prophet are not restated."""

    CONSTANT = "constant"
    KALMAN = "kalman"


class Foretelling(Protocol):
    """Foretells a series one step ahead."""

    def next_after(self, value: float) -> float:
        """The value to come, now that `value` was seen."""


class Constant:
    """The last value."""

    def next_after(self, value: float) -> float:
        """The same again."""
        return value


@dataclass
class Kalman:
    """A local linear trend, filtered with Dynamo's default variances; the last value at first."""

    level_variance: float = 1.0
    trend_variance: float = 0.1
    noise_variance: float = 10.0
    warm_up: int = 5
    _seen: int = 0
    _state: tuple[float, float] = (0.0, 0.0)
    _spread: tuple[float, float, float] = field(default=(1.0, 0.0, 1.0))

    def next_after(self, value: float) -> float:
        """Filter `value` in, and go one step on."""
        level, trend = self._state
        if self._seen == 0:
            level, trend = value, 0.0
        a, b, d = self._spread
        foretold = level + trend
        a, b, d = a + 2 * b + d + self.level_variance, b + d, d + self.trend_variance
        gain = a + self.noise_variance
        error = value - foretold
        level, trend = foretold + a / gain * error, trend + b / gain * error
        self._spread = (a - a * a / gain, b - a * b / gain, d - b * b / gain)
        self._state = (level, trend)
        self._seen += 1
        return value if self._seen < self.warm_up else max(0.0, level + trend)


_PREDICTORS: dict[Predictor, type[Constant] | type[Kalman]] = {
    Predictor.CONSTANT: Constant,
    Predictor.KALMAN: Kalman,
}


class DynamoPredictive:
    """Throughput scaling; its usual interval is 180 s."""

    def __init__(
        self,
        capacity: WorkerCapacity,
        most: Pools,
        predictor: Predictor = Predictor.CONSTANT,
        interval_seconds: float = 180.0,
    ) -> None:
        self._capacity = capacity
        self._most = most
        self._interval = interval_seconds
        self._recent = RecentLoad(interval_seconds)
        make = _PREDICTORS[predictor]
        self._rate, self._prompt, self._output = make(), make(), make()

    @property
    def period_seconds(self) -> float:
        """The interval."""
        return self._interval

    def decide(self, snapshot: Snapshot) -> Pools:
        """Workers for the next interval."""
        self.see(snapshot)
        return self.predicted(snapshot)

    def see(self, snapshot: Snapshot) -> None:
        """Take what came since the last snapshot."""
        self._recent.see(snapshot)

    def predicted(self, snapshot: Snapshot) -> Pools:
        """Workers for the next interval, now that one is over."""
        means = self._recent.means()
        present = present_pools(snapshot)
        if means is None:
            return present
        rate = self._rate.next_after(means.requests_per_second)
        prompt = self._prompt.next_after(means.prompt_tokens)
        output = self._output.next_after(means.output_tokens)
        if prompt < 1 or output < 1:
            return present  # no capacity can be reckoned: held
        prefill = math.ceil(rate / self._capacity.prefill_requests_per_second(prompt))
        decode = math.ceil(rate / self._capacity.decode_requests_per_second(prompt, output))
        return within(
            _stepped(prefill, present.prefill), _stepped(decode, present.decode), self._most
        )


class DynamoLoad:
    """Load scaling for latency objectives ("sla"), with a `floor` where predictive runs too."""

    period_seconds = 5.0

    def __init__(
        self, capacity: WorkerCapacity, most: Pools, floor: DynamoPredictive | None = None
    ) -> None:
        self._capacity = capacity
        self._most = most
        self._recent = RecentLoad(60.0)
        self._floor = floor
        self._fewest = Pools(1, 1)
        self._floor_due = floor.period_seconds if floor else math.inf

    def decide(self, snapshot: Snapshot) -> Pools:
        """One more, one fewer or none; never below the floor."""
        self._recent.see(snapshot)
        self._ask_floor(snapshot)
        present = present_pools(snapshot)
        means = self._recent.means()
        if means is None or changing(snapshot):
            return self._raised(present)
        own = self._capacity.prompt_seconds(means.prompt_tokens)
        prefill = present.prefill + self._prefill_step(snapshot, own / means.prompt_tokens, own)
        decode = present.decode + self._decode_step(snapshot)
        return self._raised(within(prefill, decode, self._most))

    def _ask_floor(self, snapshot: Snapshot) -> None:
        if self._floor is None:
            return
        self._floor.see(snapshot)
        if snapshot.time_seconds >= self._floor_due:
            self._floor_due += self._floor.period_seconds
            self._fewest = self._floor.predicted(snapshot)

    def _raised(self, wanted: Pools) -> Pools:
        return Pools(
            max(wanted.prefill, self._fewest.prefill), max(wanted.decode, self._fewest.decode)
        )

    def _prefill_step(self, snapshot: Snapshot, seconds_per_token: float, own: float) -> int:
        objective = self._capacity.objectives.ttft.seconds
        queues = [one.waiting_tokens * seconds_per_token for one in snapshot.prefill.workers]
        if all(queue + own > objective for queue in queues):
            return 1
        workers = len(queues)
        if workers > 1 and all(
            queue * workers / (workers - 1) < (objective - own) * _CONSOLIDATE for queue in queues
        ):
            return -1
        return 0

    def _decode_step(self, snapshot: Snapshot) -> int:
        objective = self._capacity.objectives.tpot.seconds
        busy = snapshot.decode.workers
        if all(self._step_seconds(one, 1.0) > objective for one in busy):
            return 1
        if len(busy) > 1:
            load = len(busy) / (len(busy) - 1)
            fits = all(one.used_tokens * load < one.capacity_tokens for one in busy)
            quick = all(self._step_seconds(one, load) < objective * _CONSOLIDATE for one in busy)
            return -1 if fits and quick else 0
        return 0

    def _step_seconds(self, worker: WorkerSnapshot, load: float) -> float:
        if not worker.running_requests:
            return 0.0
        context = worker.context_tokens / worker.running_requests
        surfaces = self._capacity.engine.decode
        return surfaces.decode_step_seconds(worker.running_requests * load, max(context, 1.0))


def _stepped(wanted: int, present: int) -> int:
    return min(max(wanted, present - _MAXIMUM_CHANGE), present + _MAXIMUM_CHANGE)
