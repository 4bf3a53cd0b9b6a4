"""What a simulation found."""

from dataclasses import dataclass

import numpy as np

from pd_operator.planning.objectives import Objectives
from pd_operator.simulation.request_log import Column


@dataclass(frozen=True)
class PoolUse:
    """What one pool did.

    - `gpu_seconds`: GPUs held, from the asking for a worker until it is gone.
    - `worker_seconds`: of workers that were ready.
    - `busy_seconds`: of these, with a pass or a batch under way.
    - `request_seconds`: requests in passes or batches, summed over time.
    - `tokens`: prompt tokens computed, or tokens generated after the first of each request.
    """

    gpu_seconds: float
    worker_seconds: float
    busy_seconds: float
    request_seconds: float
    tokens: int

    @property
    def utilization(self) -> float:
        """Share of the ready workers' time that they were busy."""
        return self.busy_seconds / self.worker_seconds if self.worker_seconds else 0.0


@dataclass(frozen=True)
class PoolSizes:
    """Workers at one moment: what the policy wants from now on, and what serves."""

    time_seconds: float
    prefill_wanted: int
    decode_wanted: int
    prefill_serving: int
    decode_serving: int


@dataclass(frozen=True)
class Attained:
    """Shares of all requests that met their objectives; a lost request meets none."""

    ttft: float
    tpot: float
    joint: float


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """Latencies of each request in order of arrival, shape (n,), and the use of the pools.

    - `ttft_seconds`: arrival to first token; infinite for lost requests.
    - `tpot_seconds`: mean time per token after the first; NaN for answers of one token, which
      have none, infinite for lost requests.
    - `span_seconds`: from zero until the last answer was complete.
    - `lost_requests`: of a worker that died, too large for any, or come when none served.
    - `retractions`: times that a decode threw a request out for want of room.
    - `flips`: workers that took the other role.
    - `sizes`: what the policy asked for and what served, at each of its periods.
    """

    ttft_seconds: Column
    tpot_seconds: Column
    span_seconds: float
    prefill: PoolUse
    decode: PoolUse
    lost_requests: int
    retractions: int
    flips: int = 0
    sizes: tuple[PoolSizes, ...] = ()

    @property
    def gpu_seconds(self) -> float:
        """GPUs held by both pools, summed over time."""
        return self.prefill.gpu_seconds + self.decode.gpu_seconds

    def ttft_quantile(self, share: float) -> float:
        """Seconds that `share` of the requests stay within; NaN without requests."""
        return _quantile(self.ttft_seconds, share)

    def tpot_quantile(self, share: float) -> float:
        """Seconds per token that `share` of the requests with more than one token stay within."""
        return _quantile(self.tpot_seconds[~np.isnan(self.tpot_seconds)], share)

    def attained(self, objectives: Objectives) -> Attained:
        """Shares of the requests that met the objectives' times; all 1 without requests."""
        if not len(self.ttft_seconds):
            return Attained(1.0, 1.0, 1.0)
        early = self.ttft_seconds <= objectives.ttft.seconds
        # A request without a second token is never late with it.
        fluent = ~(self.tpot_seconds > objectives.tpot.seconds)
        return Attained(float(early.mean()), float(fluent.mean()), float((early & fluent).mean()))


def _quantile(column: Column, share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    if not len(column):
        return float("nan")
    place = min(len(column) - 1, max(0, int(np.ceil(share * len(column))) - 1))
    return float(np.partition(column, place)[place])
