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
from pd_operator.planning.decode import NETWORK_CAP, UTILISATION_CAP
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.objectives import Objective
from pd_operator.planning.plan import Limit, PoolPlan
from pd_operator.planning.queueing import (
    Queue,
    Service,
    Waiting,
    in_turn,
    lesser_of_two,
    meets,
    one_queue,
    own_queues,
    quantile,
    until_the_pass_ends,
)
from pd_operator.planning.wording import counted, duration, minor

_QUEUES: dict[RouterClass, Queue] = {
    RouterClass.LOAD_AWARE: one_queue,
    RouterClass.TWO_CHOICES: lesser_of_two,
    RouterClass.IN_TURN: in_turn,
    RouterClass.BLIND: own_queues,
}


@dataclass(frozen=True)
class PrefillLoad:
    """A demand on prefill workers of one kind, under one objective.

    `hand_over_seconds`: from the end of the transfer to the first token, in the decode worker.
    """

    demand: Demand
    worker: EngineSurfaces
    objective: Objective
    router: RouterClass
    transfer_bytes_per_second: float
    hand_over_seconds: float

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

    def utilisation(self, workers: int) -> float:
        """Share of time that a worker is busy; above one, the queue grows."""
        return self.demand.requests_per_second * self.service.mean / workers

    def waiting(self, workers: int) -> Waiting:
        """How prompts wait before that many workers."""
        rate = self.demand.requests_per_second
        queue = _QUEUES[self.router](rate, workers, self.service, self.demand.arrival_scv)
        # Of two choices the emptier is taken: the more there are, the fewer share a pass.
        chosen = self.router is RouterClass.TWO_CHOICES
        share = 2 / max(2, workers) if chosen else 1.0
        return until_the_pass_ends(queue, self.utilisation(workers), share)

    def latency_seconds(self, workers: int) -> float:
        """Time to first token at the objective's percentile; infinite where the queue grows."""
        return quantile(self.objective.share, self.waiting(workers), self.without_waiting)

    def meets_objective(self, workers: int) -> bool:
        """Whether few enough prompts are late."""
        return meets(
            self.objective.seconds,
            self.objective.share,
            self.waiting(workers),
            self.without_waiting,
        )

    @property
    def objective_in_reach(self) -> bool:
        """Whether workers without end would meet the objective."""
        return self.floor_seconds <= self.objective.seconds

    def workers_by_limit(self, maximum: int) -> dict[Limit, int]:
        """Workers that each constraint asks for.

        An objective out of reach asks for none, nor does one that could not be served because the
        caps alone ask for more than `maximum`.
        """
        moved = self.demand.prompt_tokens_per_second * self.worker.kv_bytes_per_token
        asked = {
            Limit.UTILISATION: _whole(self.utilisation(1) / UTILISATION_CAP),
            Limit.NETWORK: _whole(moved / (NETWORK_CAP * self.transfer_bytes_per_second)),
        }
        for_caps = max(asked.values())
        if self.objective_in_reach and for_caps <= maximum:
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


def size_prefill(load: PrefillLoad, maximum: int) -> PoolPlan:
    """The fewest prefill workers that meet the objective and both caps, up to `maximum`."""
    asked = load.workers_by_limit(maximum)
    # Of equal claims the first counts: the objective asks for no more than the caps then.
    limit = max(asked, key=lambda one: asked[one])
    needed = asked[limit]
    workers = min(needed, maximum)
    return PoolPlan(
        role=Role.PREFILL,
        workers=workers,
        utilisation=min(1.0, load.utilisation(workers)),
        latency_seconds=load.latency_seconds(workers),
        limited_by=Limit.ONE_WORKER if needed == 1 else limit,
        feasible=load.objective_in_reach and needed <= maximum,
        reason=_reason(load, workers, needed, limit),
        gpus_per_worker=load.worker.gpus,
    )


def _reason(load: PrefillLoad, workers: int, needed: int, limit: Limit) -> str:
    objective, demand = load.objective, load.demand
    promised = f"TTFT P{objective.percentile}"
    if not load.objective_in_reach:
        return (
            f"{promised} of {duration(objective.seconds)} is out of reach: without any waiting "
            f"it is {duration(load.floor_seconds)} on {load.worker.name}."
        )
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
        f"{counted(workers, 'prefill worker')} at {offered} are "
        f"{load.utilisation(workers):.0%} busy; {promised} is "
        f"{duration(load.latency_seconds(workers))} of {duration(objective.seconds)}"
        + ("." if needed == 1 else f"; {workers - 1} would break {minor(limit)}.")
    )


def _whole(workers: float) -> int:
    return max(1, math.ceil(workers - 1e-9))
