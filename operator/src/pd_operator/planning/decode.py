"""How many decode workers a load needs.

A worker steps through its batch, one token each; the batch is what arrives while it steps. Little's
law gives the mean batch B as a fixed point: B = (rate / workers) E[output] tau(B, context), with
tau one step's seconds. Around B the batch varies as a Poisson number does, by sqrt(B).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

from pd_operator.api.roles import Role
from pd_operator.demand import Demand
from pd_operator.performance import EngineSurfaces
from pd_operator.planning.objectives import Objective
from pd_operator.planning.plan import Limit, PoolPlan
from pd_operator.planning.wording import counted, duration, minor

UTILISATION_CAP = 0.85
NETWORK_CAP = 0.6
"""Share of the network that transfers may take before they queue behind each other."""

_KV_DEVIATIONS = 2.33
"""KV room is kept for 99 of 100 moments."""

_Z_P90 = NormalDist().inv_cdf(0.9)
_LARGEST_BATCH = 65536.0


@dataclass(frozen=True)
class DecodeLoad:
    """A demand on decode workers of one kind, under one objective."""

    demand: Demand
    worker: EngineSurfaces
    objective: Objective
    transfer_bytes_per_second: float

    @cached_property
    def context_tokens(self) -> float:
        """Mean tokens of KV per sequence over time; reckoned from lengths where not measured.

        Weighted by output: a sequence counts as long as it stays, so a plain mean is too low.
        """
        if self.demand.context_tokens_mean is not None:
            return self.demand.context_tokens_mean
        return self._reckoned_context

    @cached_property
    def _reckoned_context(self) -> float:
        prompt, output = self.demand.prompt_tokens, self.demand.output_tokens
        if output.mean == 0:
            return prompt.mean
        return prompt.mean + output.second_moment / (2 * output.mean)

    @cached_property
    def _sequence_second_moment(self) -> float:
        """Mean squared length of a whole sequence, prompt and output, in tokens squared."""
        prompt, output = self.demand.prompt_tokens, self.demand.output_tokens
        moment = prompt.second_moment + 2 * prompt.mean * output.mean + output.second_moment
        reckoned = self._reckoned_context
        return moment * (self.context_tokens / reckoned) ** 2 if reckoned > 0 else 0.0

    def step_seconds(self, batch: float) -> float:
        """Seconds of one step at the mean context."""
        return self.worker.decode_step_seconds(batch, self.context_tokens)

    def latency_seconds(self, batch: float) -> float:
        """Time per output token at the objective's percentile, for a mean batch.

        One deviation of the batch for P90, as simulations have it: a sequence averages over the
        batches it sees, so the tail is lighter than a single step's.
        """
        deviations = NormalDist().inv_cdf(self.objective.share) / _Z_P90
        return self.step_seconds(batch + max(0.0, deviations) * math.sqrt(batch))

    @cached_property
    def fastest_step_seconds(self) -> float:
        """Seconds of a step with a single sequence."""
        return self.step_seconds(1.0)

    @cached_property
    def batch_limits(self) -> dict[Limit, float]:
        """The largest mean batch that each constraint on one worker allows."""
        step_cap = self.fastest_step_seconds / (1 - UTILISATION_CAP)
        return {
            Limit.TPOT: _largest(lambda b: self.latency_seconds(b) <= self.objective.seconds),
            Limit.KV_ROOM: _largest(lambda b: self._kv_tokens(b) <= self.worker.kv_capacity_tokens),
            Limit.UTILISATION: _largest(lambda b: self.step_seconds(b) <= step_cap),
        }

    @property
    def objective_in_reach(self) -> bool:
        """Whether a worker with a single sequence meets the objective."""
        return self.fastest_step_seconds <= self.objective.seconds

    @property
    def sequence_fits(self) -> bool:
        """Whether a mean sequence has room in one worker's KV cache."""
        return self.context_tokens <= self.worker.kv_capacity_tokens

    @cached_property
    def tightest(self) -> tuple[Limit, float]:
        """The constraint that allows the smallest batch, and that batch.

        A constraint that nothing can meet is left out: it is named, not chased.
        """
        limits = dict(self.batch_limits)
        if not self.objective_in_reach:
            del limits[Limit.TPOT]
        limits[Limit.KV_ROOM] = max(limits[Limit.KV_ROOM], 1.0)
        limit = min(limits, key=lambda one: limits[one])
        return limit, limits[limit]

    def mean_batch(self, workers: int) -> float:
        """Mean sequences per worker, at most the tightest constraint's.

        The least fixed point of B = rate / workers E[output] tau(B); tau never falls with B.
        """
        tokens_per_second = self.demand.output_tokens_per_second / workers
        _, most = self.tightest
        if tokens_per_second * self.step_seconds(most) >= most:
            return most
        return _largest(lambda b: tokens_per_second * self.step_seconds(b) > b, most)

    def workers_by_limit(self) -> dict[Limit, float]:
        """Workers that each constraint asks for, in parts of one.

        At the largest batch B that is allowed a worker makes B / tau(B) tokens per second.
        """
        limit, batch = self.tightest
        demand = self.demand
        tokens = demand.output_tokens_per_second
        moved = demand.prompt_tokens_per_second * self.worker.kv_bytes_per_token
        return {
            limit: tokens * self.step_seconds(batch) / batch if tokens > 0 else 0.0,
            Limit.NETWORK: moved / (NETWORK_CAP * self.transfer_bytes_per_second),
        }

    def _kv_tokens(self, batch: float) -> float:
        deviation = math.sqrt(batch * self._sequence_second_moment)
        return batch * self.context_tokens + _KV_DEVIATIONS * deviation


def size_decode(load: DecodeLoad, maximum: int) -> PoolPlan:
    """The fewest decode workers that meet the objective, KV room and network, up to `maximum`."""
    asked = load.workers_by_limit()
    limit = max(asked, key=lambda one: asked[one])
    needed = max(1, math.ceil(asked[limit] - 1e-9))
    workers = min(needed, maximum)
    return PoolPlan(
        role=Role.DECODE,
        workers=workers,
        utilisation=min(1.0, load.mean_batch(workers) / load.tightest[1]),
        latency_seconds=_latency(load, workers, needed),
        limited_by=Limit.ONE_WORKER if needed == 1 else limit,
        feasible=load.objective_in_reach and load.sequence_fits and needed <= maximum,
        reason=_reason(load, workers, needed, limit),
        gpus_per_worker=load.worker.gpus,
    )


def _latency(load: DecodeLoad, workers: int, needed: int) -> float:
    """Expected latency; with fewer workers than needed the batch grows until KV room ends it."""
    if workers >= needed:
        return load.latency_seconds(load.mean_batch(workers))
    tokens_per_second = load.demand.output_tokens_per_second / workers
    room = max(1.0, load.batch_limits[Limit.KV_ROOM])
    batch = _largest(lambda b: tokens_per_second * load.step_seconds(b) > b, room)
    return load.latency_seconds(batch)


def _reason(load: DecodeLoad, workers: int, needed: int, limit: Limit) -> str:
    objective, worker = load.objective, load.worker
    fastest = load.fastest_step_seconds
    if not load.objective_in_reach:
        return (
            f"TPOT {duration(objective.seconds)} is below the fastest decode step of "
            f"{duration(fastest)} of {worker.name}; no number of workers can meet it."
        )
    if not load.sequence_fits:
        return (
            f"A sequence of {load.context_tokens:,.0f} tokens does not fit the KV cache of "
            f"{worker.kv_capacity_tokens:,} tokens of {worker.name}."
        )
    demand = load.demand
    offered = f"{demand.output_tokens_per_second:,.0f} output tokens/s"
    if needed > workers:
        return (
            f"{offered} need {counted(needed, 'decode worker')} ({minor(limit)}), "
            f"at most {workers} are allowed."
        )
    batch = load.mean_batch(workers)
    return (
        f"{counted(workers, 'decode worker')} at {offered} hold {batch:.0f} of at most "
        f"{load.tightest[1]:.0f} sequences each; TPOT P{objective.percentile} is "
        f"{duration(load.latency_seconds(batch))} of {duration(objective.seconds)}"
        + ("." if needed == 1 else f"; {workers - 1} would break {minor(limit)}.")
    )


def _largest(holds: Callable[[float], bool], upper: float = _LARGEST_BATCH) -> float:
    """The largest batch up to `upper` for which `holds`, which is true first and then false."""
    low, high = 0.0, upper
    if holds(high):
        return high
    while high - low > 1e-6 * high and high > 1e-9:
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
