"""How many workers a load needs, and why."""

from dataclasses import dataclass
from enum import StrEnum
from math import gcd

from pd_operator.api.roles import Role


class PlanningError(ValueError):
    """There is nothing to plan with, or the figures make no sense. One sentence says what."""


class Limit(StrEnum):
    """What asks for as many workers as a plan has: with one worker less, this one is broken."""

    TTFT = "TimeToFirstToken"
    TPOT = "TimePerOutputToken"
    UTILIZATION = "Utilization"
    KV_ROOM = "KvRoom"
    NETWORK = "Network"
    MINIMUM = "Minimum"
    """The fewest workers that are allowed are more than the load needs."""
    METHOD = "Method"
    """One of the literature's methods was chosen, and asks for them."""
    ONE_WORKER = "OneWorker"
    """Nothing does: a pool cannot be smaller."""


@dataclass(frozen=True)
class Percentiles:
    """Predicted seconds that 50, 90 and 99 percent of the requests stay within."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True)
class PoolPlan:
    """Workers of one role that meet that role's objective, or why none can.

    - `utilization`: share of time a prefill worker is busy; for decode, the share of the largest
      batch that still meets the objective, the KV room and the network.
    - `latency_seconds`: expected latency at the objective's percentile (TTFT or TPOT).
    - `feasible`: False where the objective is out of reach with any number of workers, or with
      the most there may be; `workers` is then the best that can be done.
    - `reason`: one sentence with the figures.
    - `percentiles`: of that latency; None where nobody asked, as they cost more than the rest.
    - `largest_batch`: mean sequences that one decode worker may hold; None where nobody says.
    """

    role: Role
    workers: int
    utilization: float
    latency_seconds: float
    limited_by: Limit
    feasible: bool
    reason: str
    gpus_per_worker: int = 1
    tensor_parallel_size: int = 1
    percentiles: Percentiles | None = None
    largest_batch: float | None = None

    @property
    def gpus(self) -> int:
        """GPUs of the pool."""
        return self.workers * self.gpus_per_worker


@dataclass(frozen=True)
class Plan:
    """Workers of both pools for one load."""

    prefill: PoolPlan
    decode: PoolPlan

    def pool(self, role: Role) -> PoolPlan:
        """The plan of one pool."""
        return self.prefill if role is Role.PREFILL else self.decode

    @property
    def ratio(self) -> str:
        """Prefill to decode workers in lowest terms, such as `3:2`."""
        common = gcd(self.prefill.workers, self.decode.workers) or 1
        return f"{self.prefill.workers // common}:{self.decode.workers // common}"

    @property
    def gpus(self) -> int:
        """GPUs of both pools."""
        return self.prefill.gpus + self.decode.gpus

    @property
    def feasible(self) -> bool:
        """Whether both objectives are met."""
        return self.prefill.feasible and self.decode.feasible


@dataclass(frozen=True)
class Counts:
    """Workers of both pools as one of the literature's methods has them, before any limit.

    - `prefill_share`, `decode_share`: the same before rounding, where the method has it.
    - `sentence`: the method's reasoning with its figures.
    """

    prefill: int
    decode: int
    prefill_share: float
    decode_share: float
    sentence: str

    @property
    def ratio(self) -> float:
        """Prefill workers per decode worker, before rounding."""
        return self.prefill_share / self.decode_share
