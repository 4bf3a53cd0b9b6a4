"""DistServe's two placement algorithms.

Source: Y. Zhong et al., OSDI 2024 (arXiv 2401.09670), algorithms 1 and 2.

- High node affinity (1), for a fast network between nodes: of all pairs of worker that with the
  highest goodput per GPU, for prefill and for decode by itself; then ceil(rate / goodput) of each.
- Low node affinity (2), for a slow one: one prefill and one decode worker on one node, the pair
  with the highest goodput per GPU; then ceil(rate / goodput) pairs.

Goodput is the highest rate at which the asked share of requests keeps the objectives: TTFT for
prefill, TPOT for decode, both for a pair.

Faults, named here and kept unless `corrected`:

1. The best goodput per GPU is not the fewest GPUs at a given rate: a large worker that would be
   half idle still wins. Corrected, the size with the fewest GPUs at the rate is taken.
2. n workers are taken to carry n times what one carries. With a router that knows their load they
   carry more (`planning.queueing`), so the answer has workers to spare; that is kept.
3. KV transfer takes no time in algorithm 1, and the artifact's simulator has none at all.

Pipeline parallelism (inter-op) is not searched: profiles are of workers without it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pd_operator.performance import EngineSurfaces, PerformanceProfile
from pd_operator.placement.goodput import Trial, decode_goodput, prefill_goodput, unit_goodput
from pd_operator.planning.limits import Limits
from pd_operator.planning.load import Load
from pd_operator.planning.objectives import Objectives
from pd_operator.planning.plan import PlanningError


class Affinity(StrEnum):
    """How fast the network between nodes is, by its algorithm."""

    HIGH = "DistServeHighAffinity"
    LOW = "DistServeLowAffinity"


@dataclass(frozen=True)
class Unit:
    """What is replicated: workers and their GPUs, and requests per second with objectives kept."""

    prefill: EngineSurfaces | None
    decode: EngineSurfaces | None
    goodput: float

    @property
    def gpus(self) -> int:
        """GPUs of one."""
        return sum(worker.gpus for worker in (self.prefill, self.decode) if worker is not None)

    @property
    def goodput_per_gpu(self) -> float:
        """What the algorithms maximize."""
        return self.goodput / self.gpus

    def needed(self, requests_per_second: float) -> int:
        """Replicas for a rate."""
        return max(1, math.ceil(requests_per_second / self.goodput - 1e-9))


@dataclass(frozen=True)
class Placement:
    """Sizes and counts of both pools, and why."""

    prefill: EngineSurfaces
    decode: EngineSurfaces
    prefill_workers: int
    decode_workers: int
    sentence: str

    @property
    def gpus(self) -> int:
        """GPUs of both pools."""
        return self.prefill_workers * self.prefill.gpus + self.decode_workers * self.decode.gpus


def place(
    affinity: Affinity,
    load: Load,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    trial: Trial | None = None,
    *,
    corrected: bool = True,
) -> Placement:
    """Place a load by one of the algorithms. Some seconds of simulation.

    `PlanningError` where no worker keeps an objective at any rate.
    """
    how = trial or Trial()
    if affinity is Affinity.LOW:
        return _low(load, objectives, profile, limits, how, corrected=corrected)
    return _high(load, objectives, profile, limits, how, corrected=corrected)


def best(units: Sequence[Unit], requests_per_second: float, *, corrected: bool) -> Unit:
    """The unit that an algorithm takes; `PlanningError` where none keeps its objectives."""
    able = [unit for unit in units if unit.goodput > 0]
    if not able:
        raise PlanningError("DistServe: no size of worker keeps the objectives at any rate")
    if corrected:
        return min(
            able,
            key=lambda one: (one.needed(requests_per_second) * one.gpus, -one.goodput_per_gpu),
        )
    return max(able, key=lambda one: one.goodput_per_gpu)


def _high(
    load: Load,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    trial: Trial,
    *,
    corrected: bool,
) -> Placement:
    pairs = limits.tensor_parallel_pairs(profile)
    prefills = [
        Unit(worker, None, prefill_goodput(worker, load, objectives, trial))
        for worker in (profile.surfaces(size) for size in sorted({p for p, _ in pairs}))
    ]
    decodes = [
        Unit(None, worker, decode_goodput(worker, load, objectives, trial))
        for worker in (profile.surfaces(size) for size in sorted({d for _, d in pairs}))
    ]
    rate = load.requests_per_second
    p, d = (best(units, rate, corrected=corrected) for units in (prefills, decodes))
    return Placement(
        _worker(p.prefill),
        _worker(d.decode),
        p.needed(load.prefill.requests_per_second),
        d.needed(load.decode.requests_per_second),
        f"DistServe, high affinity: a prefill worker keeps TTFT up to {p.goodput:.3g} requests/s, "
        f"a decode worker TPOT up to {d.goodput:.3g}.",
    )


def _low(
    load: Load,
    objectives: Objectives,
    profile: PerformanceProfile,
    limits: Limits,
    trial: Trial,
    *,
    corrected: bool,
) -> Placement:
    pairs = [
        (profile.surfaces(p), profile.surfaces(d))
        for p, d in limits.tensor_parallel_pairs(profile)
        if profile.surfaces(p).gpus + profile.surfaces(d).gpus <= limits.gpus_per_node
    ]
    units = [Unit(p, d, unit_goodput(p, d, load, objectives, trial)) for p, d in pairs]
    rate = load.requests_per_second
    unit = best(units, rate, corrected=corrected)
    replicas = unit.needed(rate)
    return Placement(
        _worker(unit.prefill),
        _worker(unit.decode),
        replicas,
        replicas,
        f"DistServe, low affinity: a pair on one node keeps both objectives up to "
        f"{unit.goodput:.3g} requests/s.",
    )


def _worker(worker: EngineSurfaces | None) -> EngineSurfaces:
    if worker is None:
        raise PlanningError("DistServe: a unit lacks a worker")
    return worker
