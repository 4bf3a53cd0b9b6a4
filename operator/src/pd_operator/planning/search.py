"""The cheapest workers for a load: over tensor-parallel sizes and counts, within limits."""

from dataclasses import dataclass, replace

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.demand import Demand
from pd_operator.performance import PerformanceProfile
from pd_operator.planning.budget import Split, best_split
from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import Limits, WorkerRange
from pd_operator.planning.load import Load
from pd_operator.planning.methods import Counts, plan_of
from pd_operator.planning.objectives import Objectives
from pd_operator.planning.plan import Limit, Plan, PlanningError, PoolPlan
from pd_operator.planning.planner import pool_loads, size_pool, size_pools
from pd_operator.planning.prefill import PrefillLoad


@dataclass(frozen=True)
class Sizing:
    """The chosen plan, and what else there was.

    - `requests_per_second`: offered; `carried_share`: of these, what the plan takes with both
      objectives met, as our model has it. Within a budget, latencies are those of that share.
    - `nodes`: filled by the plan's GPUs.
    - `summary`: in one sentence why it is this plan.
    - `alternatives`: the plan of each pair of tensor-parallel sizes that was considered,
      cheapest first, the chosen one included unless the budget binds.
    """

    plan: Plan
    requests_per_second: float
    carried_share: float
    nodes: int
    summary: str
    alternatives: tuple[Plan, ...]

    @property
    def feasible(self) -> bool:
        """Whether all of the load is carried within both objectives and the limits."""
        return self.plan.feasible and self.carried_share >= 1.0

    @property
    def carried_requests_per_second(self) -> float:
        """Requests per second that the plan takes with both objectives met."""
        return self.carried_share * self.requests_per_second


@dataclass(frozen=True)
class _Candidate:
    prefill: PrefillLoad
    decode: DecodeLoad
    plan: Plan

    @property
    def rank(self) -> tuple[tuple[float, float], bool, float, int, float, int]:
        """By how much objectives are missed, then of the load, then GPUs, room and workers."""
        pools = self.plan
        return (
            missed_by(self.prefill, self.decode),
            not pools.feasible,
            0.0 if pools.feasible else -_carried(self),
            pools.gpus,
            max(pools.prefill.utilization, pools.decode.utilization),
            pools.prefill.workers + pools.decode.workers,
        )


def search_plan(
    load: Load,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    router: RouterClass,
    method: PlanningMethod = PlanningMethod.QUEUEING,
) -> Sizing:
    """The fewest GPUs that carry the load within both objectives.

    All pairs of sizes are tried, and for each the fewest workers, which are exact: what a pool
    needs does not depend on how many workers the other has. Where budget or bounds are less than
    that, the workers that carry most within both objectives. An objective that no size and number
    of workers meets is named in the result, not chased. Raises `PlanningError` where the limits
    leave no plan at all.
    """
    candidates = [
        _candidate(load, objectives, profile, limits, router, method, pair)
        for pair in limits.tensor_parallel_pairs(profile)
    ]
    best = min(candidates, key=lambda one: one.rank)
    alternatives = tuple(one.plan for one in sorted(candidates, key=lambda one: one.rank))
    budget = limits.gpu_budget
    if budget is not None and best.plan.gpus > budget:
        missed = missed_by(best.prefill, best.decode)
        able = [one for one in candidates if missed_by(one.prefill, one.decode) == missed]
        return _within_budget(able, best, load, limits, budget, alternatives)
    return Sizing(
        plan=_predicted(best.prefill, best.decode, best.plan),
        requests_per_second=load.requests_per_second,
        carried_share=_carried(best),
        nodes=-(-best.plan.gpus // limits.gpus_per_node),
        summary=_summary(best),
        alternatives=alternatives,
    )


def sized_by(
    counts: Counts,
    sizes: tuple[int, int],
    load: Load,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    router: RouterClass,
) -> Sizing:
    """Workers of given sizes and counts, found elsewhere, with what our model expects of them."""
    prefill, decode = pair_loads(load, objectives, profile, limits, router, sizes)
    pools = plan_of(counts, prefill, decode, limits.bounds)
    budget = limits.gpu_budget
    within = budget is None or pools.gpus <= budget
    if not within:
        pools = Plan(replace(pools.prefill, feasible=False), replace(pools.decode, feasible=False))
    chosen = _Candidate(prefill, decode, pools)
    return Sizing(
        plan=_predicted(prefill, decode, pools),
        requests_per_second=load.requests_per_second,
        carried_share=_carried(chosen),
        nodes=-(-pools.gpus // limits.gpus_per_node),
        summary=counts.sentence
        if within
        else f"{counts.sentence} That is {pools.gpus} GPUs, more than the budget of {budget}.",
        alternatives=(),
    )


def _candidate(
    load: Load,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    router: RouterClass,
    method: PlanningMethod,
    sizes: tuple[int, int],
) -> _Candidate:
    loads = pair_loads(load, objectives, profile, limits, router, sizes)
    pools = size_pools(method, *loads, limits.bounds)
    return _Candidate(*loads, pools)


def pair_loads(
    load: Load,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    router: RouterClass,
    sizes: tuple[int, int],
) -> tuple[PrefillLoad, DecodeLoad]:
    """What pools of workers of these sizes have to carry."""
    prefill, decode = (profile.surfaces(size) for size in sizes)
    engine = EngineModel(
        prefill,
        decode,
        limits.transfer_bytes_per_second(prefill),
        limits.transfer_bytes_per_second(decode),
    )
    return pool_loads(load.prefill, load.decode, engine, objectives, router, limits.utilization_cap)


def missed_by(prefill: PrefillLoad, decode: DecodeLoad) -> tuple[float, float]:
    """Seconds that each pool takes at best where its objective is out of reach, else 0."""
    return (
        0.0 if prefill.in_reach else prefill.floor_seconds,
        0.0 if decode.in_reach else decode.fastest_step_seconds,
    )


def _within_budget(
    candidates: list[_Candidate],
    cheapest: _Candidate,
    load: Load,
    limits: Limits,
    budget: int,
    alternatives: tuple[Plan, ...],
) -> Sizing:
    """The best that the budget allows."""
    splits = [
        (split, one)
        for one in candidates
        if (split := best_split(one.prefill, one.decode, limits, budget)) is not None
    ]
    if not splits:
        raise PlanningError(_too_small(candidates, limits, budget))
    split, chosen = max(splits, key=lambda s: (s[0].share, -s[0].gpus))
    needed, offered = cheapest.plan.gpus, load.requests_per_second
    return Sizing(
        plan=_cut(chosen, split, budget, needed),
        requests_per_second=load.requests_per_second,
        carried_share=split.share,
        nodes=-(-split.gpus // limits.gpus_per_node),
        summary=(
            f"The load needs {needed} GPUs; {budget} carry {split.share * offered:.3g} of "
            f"{offered:.3g} requests/s within both objectives."
        ),
        alternatives=alternatives,
    )


def _cut(chosen: _Candidate, split: Split, budget: int, needed: int) -> Plan:
    """The plan of a split, its latencies those of the load that it carries."""
    prefill = replace(chosen.prefill, demand=_share(chosen.prefill.demand, split.share))
    decode = replace(chosen.decode, demand=_share(chosen.decode.demand, split.share))
    p = size_pool(prefill, WorkerRange(split.prefill, split.prefill))
    d = size_pool(decode, WorkerRange(split.decode, split.decode))
    reason = f"Within the budget of {budget} GPUs; the whole load needs {needed}."
    pools = Plan(
        replace(p, feasible=False, reason=reason, limited_by=chosen.plan.prefill.limited_by),
        replace(d, feasible=False, reason=reason, limited_by=chosen.plan.decode.limited_by),
    )
    return _predicted(prefill, decode, pools)


def _share(demand: Demand, share: float) -> Demand:
    return replace(demand, requests_per_second=share * demand.requests_per_second)


def _predicted(prefill: PrefillLoad, decode: DecodeLoad, pools: Plan) -> Plan:
    p, d = pools.prefill, pools.decode
    return Plan(
        replace(p, percentiles=prefill.percentiles(p.workers)),
        replace(d, percentiles=decode.percentiles(d.workers)),
    )


def _carried(best: _Candidate) -> float:
    p, d = best.plan.prefill, best.plan.decode
    return min(best.prefill.carried_share(p.workers), best.decode.carried_share(d.workers))


def _summary(best: _Candidate) -> str:
    if best.plan.feasible and best.plan.prefill.limited_by is Limit.METHOD:
        return best.plan.prefill.reason
    if best.plan.feasible:
        return f"{_pool(best.plan.prefill)} and {_pool(best.plan.decode)} meet both objectives."
    pools = (best.plan.prefill, best.plan.decode)
    return " ".join(pool.reason for pool in pools if not pool.feasible)


def _pool(pool: PoolPlan) -> str:
    return f"{pool.workers} {pool.role.value} of TP{pool.tensor_parallel_size}"


def _too_small(candidates: list[_Candidate], limits: Limits, budget: int) -> str:
    least = min(limits.minimum_gpus(one.prefill.worker, one.decode.worker) for one in candidates)
    return (
        f"a budget of {budget} GPUs is less than the fewest workers of each role: they have {least}"
    )
