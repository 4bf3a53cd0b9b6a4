"""Tensor-parallel sizes of a service's workers, chosen once, before there are any.

For a load: the sizes with which `search_plan` needs fewest GPUs, the same as `kubectl pd plan`.
Without a rate: the sizes with the highest goodput per GPU, which is what DistServe's algorithm for
high node affinity goes by (OSDI 2024, arXiv 2401.09670, algorithm 1), with two differences. Goodput
is that of our queues, not of a simulation: it takes milliseconds, and tests hold one against the
other. And it is that of a node full of workers, not of one: eight small ones that share a queue
carry more than eight times what one does, so that large ones would win undeservedly.
"""

from dataclasses import dataclass, replace

from pd_operator.api.parallelism import ExpectedLoad, Parallelism
from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.performance import PerformanceProfile
from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import Limits, WorkerRange
from pd_operator.planning.load import Load, steady_load
from pd_operator.planning.objectives import Objectives
from pd_operator.planning.plan import PlanningError
from pd_operator.planning.planner import size_pool
from pd_operator.planning.prefill import PrefillLoad
from pd_operator.planning.search import Sizing, missed_by, pair_loads, search_plan
from pd_operator.planning.wording import duration

_ANY_RATE = 1.0


@dataclass(frozen=True)
class TensorParallel:
    """Tensor-parallel sizes of both pools, and why these."""

    prefill: int
    decode: int
    sentence: str


class OutOfReachError(PlanningError):
    """No size and number of workers meets the objective of `role`."""

    def __init__(self, role: Role, message: str) -> None:
        super().__init__(message)
        self.role = role


def choose_tensor_parallel_for(
    spec: PDInferenceServiceSpec,
    profile: PerformanceProfile,
    prefill: int | None = None,
    decode: int | None = None,
) -> TensorParallel:
    """Sizes for a service's objectives, limits and expected load; one may be settled already.

    `PlanningError` where the limits leave none, its `OutOfReachError` where the objectives do.
    """
    limits = open_limits(spec, prefill, decode)
    expected = spec.expected_load or ExpectedLoad()
    router = RouterClass.of(spec.router.prefill_policy)
    return choose_tensor_parallel(expected, Objectives.of(spec.objectives), profile, limits, router)


def open_limits(
    spec: PDInferenceServiceSpec, prefill: int | None = None, decode: int | None = None
) -> Limits:
    """What the spec of a service whose sizes are yet to be chosen allows."""
    return replace(
        Limits.of(spec),
        prefill_tensor_parallel=() if prefill is None else (prefill,),
        decode_tensor_parallel=() if decode is None else (decode,),
        same_size=spec.parallelism is Parallelism.AUTO,
    )


def choose_tensor_parallel(
    expected: ExpectedLoad,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    router: RouterClass,
) -> TensorParallel:
    """`choose_tensor_parallel_for` an expected load, or its lengths where it has no rate."""
    rate = expected.requests_per_second
    load = steady_load(
        _ANY_RATE if rate is None else rate, expected.prompt_tokens, expected.output_tokens
    )
    pairs = [
        _Pair(size, *pair_loads(load, objectives, profile, limits, router, size))
        for size in limits.tensor_parallel_pairs(profile)
    ]
    able = [pair for pair in pairs if pair.in_reach]
    if not able:
        raise _out_of_reach(pairs)
    if rate is None:
        return _most_goodput(able, load, limits)
    return _fewest_gpus(search_plan(load, objectives, profile, limits, router), load)


@dataclass(frozen=True)
class _Pair:
    """A size of worker for each pool, and what the pools carry."""

    sizes: tuple[int, int]
    prefill: PrefillLoad
    decode: DecodeLoad

    @property
    def in_reach(self) -> bool:
        return self.prefill.in_reach and self.decode.in_reach

    def goodput(self, gpus: int) -> tuple[float, float]:
        """Requests per second within the objectives, of prefill and of decode on so many GPUs."""
        workers = gpus // self.prefill.worker.gpus
        # What keeps the prefill workers busy all the time, which is more than they can take.
        rate = workers / self.prefill.service.mean
        prefill = replace(
            self.prefill, demand=replace(self.prefill.demand, requests_per_second=rate)
        )
        by_one = self.decode.demand.requests_per_second / max(
            self.decode.workers_by_limit().values()
        )
        return rate * prefill.carried_share(workers), gpus // self.decode.worker.gpus * by_one


def _out_of_reach(pairs: list[_Pair]) -> OutOfReachError:
    """The objective that is missed by the pair which comes nearest."""
    nearest = min(pairs, key=lambda pair: missed_by(pair.prefill, pair.decode))
    if not nearest.prefill.in_reach:
        return OutOfReachError(Role.PREFILL, size_pool(nearest.prefill, WorkerRange(1, 1)).reason)
    return OutOfReachError(Role.DECODE, size_pool(nearest.decode, WorkerRange(1, 1)).reason)


def _most_goodput(pairs: list[_Pair], load: Load, limits: Limits) -> TensorParallel:
    """The pair that needs fewest GPUs for each request per second; of equals the smaller one."""
    affordable = [pair for pair in pairs if _affordable(pair, limits)]
    if not affordable:
        raise PlanningError(
            f"a budget of {limits.gpu_budget} GPUs is less than the fewest workers of each role "
            f"of the sizes that meet the objectives: {_listed(pairs)}"
        )
    node = limits.gpus_per_node
    goodputs = [(pair, *pair.goodput(node)) for pair in affordable]
    able = [one for one in goodputs if min(one[1:]) > 0]
    if not able:
        seconds = duration(affordable[0].prefill.objective.seconds)
        raise OutOfReachError(
            Role.PREFILL, f"TTFT {seconds} leaves no time to wait: a node of prefill keeps no load."
        )
    # GPUs for a request per second: 1 / goodput of as many GPUs for each pool.
    best, prefill, decode = min(able, key=lambda one: 1 / one[1] + 1 / one[2])
    return TensorParallel(
        *best.sizes,
        f"Most requests per GPU within the objectives: of {_lengths(load)}, a node of {node} GPUs "
        f"takes {prefill:.3g}/s with prefill of TP{best.sizes[0]} and {decode:.3g}/s with decode "
        f"of TP{best.sizes[1]}.",
    )


def _affordable(pair: _Pair, limits: Limits) -> bool:
    least = limits.minimum_gpus(pair.prefill.worker, pair.decode.worker)
    return limits.gpu_budget is None or least <= limits.gpu_budget


def _fewest_gpus(sizing: Sizing, load: Load) -> TensorParallel:
    """The sizes of the plan that carries all of the load with fewest GPUs, or else most of it."""
    pools = sizing.plan
    carried = (
        f"Fewest GPUs ({pools.gpus}) for {load.requests_per_second:g} requests/s of "
        f"{_lengths(load)}: {sizing.summary}"
        if sizing.feasible
        else f"Most of {load.requests_per_second:g} requests/s of {_lengths(load)} "
        f"({sizing.carried_share:.0%}): {sizing.summary}"
    )
    return TensorParallel(
        pools.prefill.tensor_parallel_size, pools.decode.tensor_parallel_size, carried
    )


def _lengths(load: Load) -> str:
    prompt, output = load.prefill.prompt_tokens.mean, load.decode.output_tokens.mean
    return f"{prompt:,.0f} prompt and {output:,.0f} output tokens"


def _listed(pairs: list[_Pair]) -> str:
    return ", ".join(f"TP{p} and TP{d}" for p, d in (pair.sizes for pair in pairs))
