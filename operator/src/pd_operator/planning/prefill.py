"""How many prefill workers a load needs.

Time to first token is waiting, the prompt's own pass, the transfer of its KV cache, the end of the
decode step that is running, and the first decode step. Waiting is that of a queue before all
workers where the router knows their load, else of a queue before each.
"""

import math
from dataclasses import dataclass
from functools import cached_property

from pd_operator.api.roles import Role
from pd_operator.demand import Demand
from pd_operator.performance import EngineSurfaces
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import NETWORK_CAP, UTILIZATION_CAP
from pd_operator.planning.objectives import Objective
from pd_operator.planning.plan import Limit, Percentiles, PoolPlan
from pd_operator.planning.queueing import (
    Queue,
    Service,
    Waiting,
    allen_cunneen,
    kraemer_langenbach_belz,
    meets,
    pollaczek_khinchine,
    power_of_two,
    quantile,
    share_later_than,
    until_the_pass_ends,
)
from pd_operator.planning.wording import counted, duration, minor

_SHARE_PRECISION = 1e-5

_QUEUES: dict[RouterClass, Queue] = {
    RouterClass.LOAD_AWARE: allen_cunneen,
    RouterClass.POWER_OF_TWO: power_of_two,
    RouterClass.ROUND_ROBIN: kraemer_langenbach_belz,
    RouterClass.BLIND: pollaczek_khinchine,
}


@dataclass(frozen=True)
class PrefillLoad:
    """A demand on prefill workers of one kind, under one objective.

    - `hand_over_seconds`: from the end of the transfer to the first token, in the decode worker.
    """

    demand: Demand
    worker: EngineSurfaces
    objective: Objective
    router: RouterClass
    transfer_bytes_per_second: float
    hand_over_seconds: float
    utilization_cap: float = UTILIZATION_CAP

    @cached_property
    def planned_share(self) -> float:
        """Share of the prompts that are planned to be in time.

        Those that are late however many workers there are come off the error budget first.
        """
        never = Waiting(0.0, 0.0)
        lost = share_later_than(self.objective.seconds, never, self.without_waiting)
        left = max(0.0, self.objective.error_budget - lost)
        return max(self.objective.share, 1 - lost - self.objective.budget_share * left)

    @cached_property
    def service(self) -> Service:
        """Seconds that a prompt occupies a worker."""
        lengths = self.demand.prompt_tokens
        return Service(self.worker.prefill_seconds_each(lengths.values), lengths.probabilities)

    @cached_property
    def without_waiting(self) -> Service:
        """Seconds to first token of a prompt that does not wait."""
        lengths = self.demand.prompt_tokens
        transfer = lengths.values * self.worker.kv_bytes_per_token / self.transfer_bytes_per_second
        seconds = self.service.seconds + transfer + self.hand_over_seconds
        return Service(seconds, lengths.probabilities)

    @cached_property
    def floor_seconds(self) -> float:
        """Time to first token at the objective's percentile with workers without end."""
        return quantile(self.objective.share, Waiting(0.0, 0.0), self.without_waiting)

    def utilization(self, workers: int, rate: float | None = None) -> float:
        """Share of time that a worker is busy; above one, the queue grows."""
        requests_per_second = self.demand.requests_per_second if rate is None else rate
        return requests_per_second * self.service.mean / workers

    def waiting(self, workers: int, rate: float | None = None) -> Waiting:
        """How prompts wait before that many workers, at the demand's rate or another."""
        requests_per_second = self.demand.requests_per_second if rate is None else rate
        scv = self.demand.arrival_scv
        queue = _QUEUES[self.router](requests_per_second, workers, self.service, scv)
        # Of two choices the emptier is taken: the more there are, the fewer share a pass.
        chosen = self.router is RouterClass.POWER_OF_TWO
        share = 2 / max(2, workers) if chosen else 1.0
        return until_the_pass_ends(queue, self.utilization(workers, rate), share)

    def latency_seconds(self, workers: int) -> float:
        """Time to first token at the objective's percentile; infinite where the queue grows."""
        return quantile(self.objective.share, self.waiting(workers), self.without_waiting)

    def percentiles(self, workers: int) -> Percentiles:
        """Time to first token; infinite where the queue grows."""
        waiting = self.waiting(workers)
        p50, p90, p99 = (quantile(s, waiting, self.without_waiting) for s in (0.5, 0.9, 0.99))
        return Percentiles(p50, p90, p99)

    def carried_share(self, workers: int) -> float:
        """Share of the demand's rate that so many workers take within the objective and the caps.

        0 where the objective is out of reach.
        """
        if not self.in_reach:
            return 0.0
        rate = self.demand.requests_per_second
        if self._carries(workers, rate):
            return 1.0
        low, high = 0.0, 1.0
        while high - low > _SHARE_PRECISION:
            middle = (low + high) / 2
            if self._carries(workers, rate * middle):
                low = middle
            else:
                high = middle
        return low

    def _carries(self, workers: int, rate: float) -> bool:
        for_caps = max(self._for_caps(rate).values())
        return for_caps <= workers and self.meets_objective(workers, rate)

    def _for_caps(self, rate: float) -> dict[Limit, int]:
        moved = rate * self.demand.prompt_tokens.mean * self.worker.kv_bytes_per_token
        return {
            Limit.UTILIZATION: _whole(rate * self.service.mean / self.utilization_cap),
            Limit.NETWORK: _whole(moved / (NETWORK_CAP * self.transfer_bytes_per_second)),
        }

    def meets_objective(self, workers: int, rate: float | None = None) -> bool:
        """Whether few enough prompts are late."""
        return meets(
            self.objective.seconds,
            self.planned_share,
            self.waiting(workers, rate),
            self.without_waiting,
        )

    @property
    def in_reach(self) -> bool:
        """Whether workers without end would meet the objective."""
        return self.floor_seconds <= self.objective.seconds

    def workers_by_limit(self, maximum: int) -> dict[Limit, int]:
        """Workers that each constraint asks for.

        An objective out of reach asks for none, nor does one that could not be served because the
        caps alone ask for more than `maximum`.
        """
        asked = self._for_caps(self.demand.requests_per_second)
        for_caps = max(asked.values())
        if self.in_reach and for_caps <= maximum:
            asked[Limit.TTFT] = self._workers_for_objective(for_caps)
        return asked

    def _workers_for_objective(self, at_least: int) -> int:
        """Fewest workers, from `at_least` on, that meet the objective."""
        if self.meets_objective(at_least):
            return at_least
        too_few, enough = at_least, 2 * at_least
        while not self.meets_objective(enough):
            too_few, enough = enough, 2 * enough
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            if self.meets_objective(middle):
                enough = middle
            else:
                too_few = middle
        return enough

    def needed(self, maximum: int) -> tuple[Limit, int]:
        """The constraint that asks for most workers, and how many it asks for.

        `maximum` is as in `workers_by_limit`.
        """
        asked = self.workers_by_limit(maximum)
        # Of equal claims the first counts: the objective asks for no more than the caps then.
        limit = max(asked, key=lambda one: asked[one])
        return limit, asked[limit]

    def reason(self, limit: Limit, needed: int, workers: int) -> str:
        """Why so many `workers`, with the figures: `limit` asks for `needed` of them."""
        return _reason(self, limit, needed, workers)

    def pool_plan(
        self, workers: int, limited_by: Limit, reason: str, *, feasible: bool
    ) -> PoolPlan:
        """The pool of that many workers, with what our model expects of it."""
        return PoolPlan(
            role=Role.PREFILL,
            workers=workers,
            utilization=min(1.0, self.utilization(workers)),
            latency_seconds=self.latency_seconds(workers),
            limited_by=limited_by,
            feasible=feasible,
            reason=reason,
            gpus_per_worker=self.worker.gpus,
            tensor_parallel_size=self.worker.tensor_parallel_size,
        )


def _reason(load: PrefillLoad, limit: Limit, needed: int, workers: int) -> str:
    objective, demand = load.objective, load.demand
    promised = f"TTFT P{objective.percentile}"
    if not load.in_reach:
        return _out_of_reach(load, f"{promised} {duration(objective.seconds)}")
    offered = (
        f"{demand.requests_per_second:.3g} requests/s of {demand.prompt_tokens.mean:,.0f} "
        "prompt tokens"
    )
    if needed > workers:
        return (
            f"{offered} need {counted(needed, 'prefill worker')} ({minor(limit)}), "
            f"at most {workers} are allowed."
        )
    return (
        f"{counted(workers, 'prefill worker')} at {offered} {'is' if workers == 1 else 'are'} "
        f"{load.utilization(workers):.0%} busy; {promised} is "
        f"{duration(load.latency_seconds(workers))} of {duration(objective.seconds)}"
        + (f"; {workers - 1} would break {minor(limit)}." if 1 < needed == workers else ".")
    )


def _out_of_reach(load: PrefillLoad, promised: str) -> str:
    """Which part of the time to first token alone is longer than the objective."""
    share, percent = load.objective.share, load.objective.percentile
    never = Waiting(0.0, 0.0)
    alone = quantile(share, never, load.service)
    if alone > load.objective.seconds:
        term, seconds = f"prefill of a P{percent} prompt alone takes", alone
    elif load.hand_over_seconds > load.objective.seconds:
        term = "the hand-over to the decode worker alone takes"
        seconds = load.hand_over_seconds
    else:
        term = f"prefill, KV transfer and hand-over of a P{percent} prompt that does not wait take"
        seconds = load.floor_seconds
    return f"{promised}: {term} {duration(seconds)} on {load.worker.name}."


def _whole(workers: float) -> int:
    return max(1, math.ceil(workers - 1e-9))
