"""How many decode workers a load needs.

A worker steps through its batch, one token each; the batch is what arrives while it steps. Little's
law gives the mean batch B as a fixed point: B = (rate / workers) E[output] tau(B, context), with
tau one step's seconds. Around B the batch varies about as a Poisson number does, by sqrt(B).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

from pd_operator.api.roles import Role
from pd_operator.demand import Demand
from pd_operator.performance import EngineSurfaces
from pd_operator.planning.limits import NETWORK_CAP, UTILIZATION_CAP
from pd_operator.planning.objectives import Objective
from pd_operator.planning.plan import Limit, Percentiles, PoolPlan
from pd_operator.planning.step_curve import StepCurve
from pd_operator.planning.wording import counted, duration, minor

RESERVED_TOKENS = 512
"""KV that SGLang keeps free for each request, so that those that run may grow
(`--num-reserved-decode-tokens`)."""

_KV_DEVIATIONS = 2.33
"""KV room is kept for 99 of 100 moments."""

_NORMAL = NormalDist()
_SPREAD = 1.25
"""How much more than a Poisson number's the spread of the batches is that sequences see: a batch
that is large is slow, so it stays large. 1.1 to 1.5 in simulations of four models."""
_LARGEST_BATCH = 65536.0


@dataclass(frozen=True)
class DecodeLoad:
    """A demand on decode workers of one kind, under one objective.

    - `in_prefill_seconds`: mean time that a request's KV room is held before it runs. SGLang sets
      the room aside on the decode worker before the prompt is computed.
    """

    demand: Demand
    worker: EngineSurfaces
    objective: Objective
    transfer_bytes_per_second: float
    in_prefill_seconds: float = 0.0

    @property
    def planned_share(self) -> float:
        """Share of the requests that are planned to be in time."""
        return 1 - self.objective.budget_share * self.objective.error_budget

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

    @cached_property
    def steps(self) -> StepCurve:
        """Seconds of one step over the batch, at the mean context."""
        return StepCurve.of(self.worker, self.context_tokens)

    def step_seconds(self, batch: float) -> float:
        """Seconds of one step at the mean context."""
        return self.steps.at(batch)

    def latency_seconds(self, batch: float, share: float | None = None) -> float:
        """Time per output token that `share` (the objective's) stays within, for a mean batch."""
        deviations = _deviations(self.objective.share if share is None else share)
        return self.step_seconds(batch + deviations * math.sqrt(batch))

    @property
    def fastest_step_seconds(self) -> float:
        """Seconds of a step with a single sequence."""
        return self.step_seconds(1.0)

    @cached_property
    def batch_limits(self) -> dict[Limit, float]:
        """The largest mean batch that each constraint on one worker allows."""
        step_cap = self.fastest_step_seconds / (1 - UTILIZATION_CAP)
        in_time = self.steps.largest_within(self.objective.seconds)
        return {
            Limit.TPOT: _mean_below(in_time, _deviations(self.planned_share)),
            Limit.KV_ROOM: _largest(
                lambda batch: self.kv_tokens(batch) <= self.worker.kv_capacity_tokens
            ),
            Limit.UTILIZATION: min(self.steps.largest_within(step_cap), _LARGEST_BATCH),
        }

    def kv_tokens(self, batch: float) -> float:
        """Tokens of KV that a worker with a mean batch sets aside in 99 of 100 moments.

        Of the sequences that run, of those whose prompt is computed meanwhile, and the reserve of
        both.
        """
        prompt, output = self.demand.prompt_tokens, self.demand.output_tokens
        coming = 0.0
        if output.mean > 0:
            coming = self.steps.tokens_per_second(batch) / output.mean * self.in_prefill_seconds
        mean = batch * self.context_tokens + coming * prompt.mean
        squares = batch * self._sequence_second_moment + coming * prompt.second_moment
        reserve = RESERVED_TOKENS * (batch + coming)
        return mean + reserve + _KV_DEVIATIONS * math.sqrt(squares)

    @property
    def objective_in_reach(self) -> bool:
        """Whether a worker with a single sequence meets the objective."""
        return self.fastest_step_seconds <= self.objective.seconds

    @property
    def sequence_fits(self) -> bool:
        """Whether a mean sequence has room in one worker's KV cache."""
        return self.context_tokens <= self.worker.kv_capacity_tokens

    @property
    def in_reach(self) -> bool:
        """Whether there is a number of workers that serves this load within the objective."""
        return self.objective_in_reach and self.sequence_fits

    @cached_property
    def tightest(self) -> tuple[Limit, float]:
        """The constraint that allows the smallest batch, and the best batch that it allows.

        The best is the one that yields most tokens per second, which need not be the largest:
        where one kernel gives way to another, a few sequences more can yield a little less. A
        constraint that nothing can meet is left out: it is named, not chased.
        """
        limits = dict(self.batch_limits)
        if not self.objective_in_reach:
            del limits[Limit.TPOT]
        limits[Limit.KV_ROOM] = max(limits[Limit.KV_ROOM], 1.0)
        limit = min(limits, key=lambda one: limits[one])
        return limit, self.steps.best_batch(limits[limit])

    def carried_share(self, workers: int) -> float:
        """Share of the demand's rate that so many workers take within the objective.

        0 where the objective is out of reach.
        """
        if not self.in_reach:
            return 0.0
        asked = max(self.workers_by_limit().values())
        return 1.0 if asked <= workers * (1 + 1e-9) else workers / asked

    def latency_at(self, workers: int) -> float:
        """Expected latency; with too few workers the batch grows until KV room ends it."""
        tokens_per_second = self.demand.output_tokens_per_second / workers
        room = max(1.0, self.batch_limits[Limit.KV_ROOM])
        return self.latency_seconds(min(self.steps.fixed_point(tokens_per_second), room))

    def percentiles(self, workers: int) -> Percentiles:
        """Time per output token; infinite where sequences arrive faster than they leave."""
        tokens_per_second = self.demand.output_tokens_per_second / workers
        batch = self.steps.fixed_point(tokens_per_second)
        if math.isinf(batch):
            return Percentiles(math.inf, math.inf, math.inf)
        p50, p90, p99 = (self.latency_seconds(batch, share) for share in (0.5, 0.9, 0.99))
        return Percentiles(p50, p90, p99)

    def mean_batch(self, workers: int) -> float:
        """Mean sequences per worker, at most the tightest constraint's: Little's fixed point."""
        tokens_per_second = self.demand.output_tokens_per_second / workers
        return min(self.steps.fixed_point(tokens_per_second), self.tightest[1])

    def workers_by_limit(self) -> dict[Limit, float]:
        """Workers that each constraint asks for, in parts of one.

        At the best batch B that is allowed a worker makes B / tau(B) tokens per second.
        """
        limit, batch = self.tightest
        demand = self.demand
        tokens = demand.output_tokens_per_second
        moved = demand.prompt_tokens_per_second * self.worker.kv_bytes_per_token
        return {
            limit: tokens / self.steps.tokens_per_second(batch) if tokens > 0 else 0.0,
            Limit.NETWORK: moved / (NETWORK_CAP * self.transfer_bytes_per_second),
        }

    def needed(self, maximum: int) -> tuple[Limit, int]:
        """The constraint that asks for most workers, and how many it asks for.

        `maximum` only spares a prefill pool a search; here there is none.
        """
        asked = self.workers_by_limit()
        limit = max(asked, key=lambda one: asked[one])
        return limit, max(1, math.ceil(asked[limit] - 1e-9))

    def reason(self, limit: Limit, needed: int, workers: int) -> str:
        """Why so many `workers`, with the figures: `limit` asks for `needed` of them."""
        return _reason(self, limit, needed, workers)

    def pool_plan(
        self, workers: int, limited_by: Limit, reason: str, *, feasible: bool
    ) -> PoolPlan:
        """The pool of that many workers, with what our model expects of it."""
        return PoolPlan(
            role=Role.DECODE,
            workers=workers,
            utilization=min(1.0, self.mean_batch(workers) / self.tightest[1]),
            latency_seconds=self.latency_at(workers),
            limited_by=limited_by,
            feasible=feasible,
            reason=reason,
            gpus_per_worker=self.worker.gpus,
            tensor_parallel_size=self.worker.tensor_parallel_size,
            largest_batch=self.tightest[1],
        )


def _reason(load: DecodeLoad, limit: Limit, needed: int, workers: int) -> str:
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
        f"{counted(workers, 'decode worker')} at {offered} "
        f"{'holds' if workers == 1 else 'hold'} {batch:.0f} of at most "
        f"{load.tightest[1]:.0f} sequences each; TPOT P{objective.percentile} is "
        f"{duration(load.latency_seconds(batch))} of {duration(objective.seconds)}"
        + (f"; {workers - 1} would break {minor(limit)}." if 1 < needed == workers else ".")
    )


def _deviations(share: float) -> float:
    """Standard deviations of the batch that the tail of TPOT at `share` is away from its mean."""
    return max(0.0, _SPREAD * _NORMAL.inv_cdf(share))


def _mean_below(most: float, deviations: float) -> float:
    """The mean batch B whose tail B + deviations sqrt(B) is `most`; a quadratic in sqrt(B)."""
    root = (math.sqrt(deviations**2 + 4 * most) - deviations) / 2
    return min(root**2, _LARGEST_BATCH)


def _largest(holds: Callable[[float], bool]) -> float:
    """The largest batch for which `holds`, which is true first and then false."""
    low, high = 0.0, _LARGEST_BATCH
    if holds(high):
        return high
    while high - low > 1e-4 * high and high > 1e-3:
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
