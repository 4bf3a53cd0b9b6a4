"""What a plan may use: workers, their tensor-parallel sizes, GPUs, nodes, network."""

from dataclasses import dataclass
from typing import Self

from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.performance import EngineSurfaces, PerformanceProfile
from pd_operator.planning.plan import PlanningError

BYTES_PER_GIGABIT = 1e9 / 8

UTILIZATION_CAP = 0.85
"""Of prefill workers' time, and of what decode's steps may grow by. Beyond it a little more load
than was planned for makes waits several times as long."""

NETWORK_CAP = 0.6
"""Share of the network that transfers may take before they queue behind each other."""


@dataclass(frozen=True)
class WorkerRange:
    """Minimum and maximum of a pool's workers, at least 1; `PlanningError` for others."""

    minimum: int = 1
    maximum: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.maximum:
            raise PlanningError(
                f"a pool has at least 1 worker, not {self.minimum} to {self.maximum}"
            )

    def clip(self, workers: int) -> int:
        """The number of workers within the range that is nearest to `workers`."""
        return max(self.minimum, min(workers, self.maximum))


@dataclass(frozen=True)
class PoolBounds:
    """The ranges of both pools."""

    prefill: WorkerRange
    decode: WorkerRange

    @classmethod
    def up_to(cls, prefill: int, decode: int) -> Self:
        """Any number of workers up to these maxima."""
        return cls(WorkerRange(maximum=prefill), WorkerRange(maximum=decode))


@dataclass(frozen=True)
class Limits:
    """The means at hand. `PlanningError` for limits that leave nothing to plan with.

    - `gpu_budget`: most GPUs of both pools together; None: no such limit.
    - `gpus_per_node`: a worker's GPUs are on one node, and nodes are filled whole: only sizes
      that divide a node are considered.
    - `prefill_tensor_parallel`, `decode_tensor_parallel`: tensor-parallel sizes to consider;
      empty: all that the profile has.
    - `same_size`: both pools have workers of one size, as some KV layouts demand.
    - `prefill_workers`, `decode_workers`: how many workers each pool may have.
    - `transfer_bytes_per_second_per_gpu`: network for KV cache; a worker has that of its GPUs.
    - `transfer_bytes_per_second_per_worker`: the same where each worker has as much whatever its
      size, and then instead of the other; None: it has not.
    - `utilization_cap`: most of the time that prefill workers may be busy.
    """

    gpu_budget: int | None = None
    gpus_per_node: int = 8
    prefill_tensor_parallel: tuple[int, ...] = ()
    decode_tensor_parallel: tuple[int, ...] = ()
    same_size: bool = False
    prefill_workers: WorkerRange = WorkerRange()
    decode_workers: WorkerRange = WorkerRange()
    transfer_bytes_per_second_per_gpu: float = 200 * BYTES_PER_GIGABIT
    transfer_bytes_per_second_per_worker: float | None = None
    utilization_cap: float = UTILIZATION_CAP

    @classmethod
    def of(cls, spec: PDInferenceServiceSpec) -> Self:
        """What a service's spec allows, with the sizes that its pools have."""
        prefill, decode = spec.prefill, spec.decode
        return cls(
            gpu_budget=spec.autoscaling.gpu_budget,
            gpus_per_node=spec.engine.gpus_per_node,
            prefill_tensor_parallel=(prefill.tensor_parallel_size,),
            decode_tensor_parallel=(decode.tensor_parallel_size,),
            prefill_workers=WorkerRange(prefill.min_replicas, prefill.max_replicas),
            decode_workers=WorkerRange(decode.min_replicas, decode.max_replicas),
            transfer_bytes_per_second_per_worker=spec.engine.transfer_gigabits_per_second
            * BYTES_PER_GIGABIT,
        )

    def transfer_bytes_per_second(self, worker: EngineSurfaces) -> float:
        """Network for KV cache of one worker."""
        if self.transfer_bytes_per_second_per_worker is not None:
            return self.transfer_bytes_per_second_per_worker
        return self.transfer_bytes_per_second_per_gpu * worker.gpus

    def __post_init__(self) -> None:
        if self.gpu_budget is not None and self.gpu_budget < 2:
            raise PlanningError(
                f"a budget of {self.gpu_budget} GPUs is less than one worker of each role"
            )
        if self.gpus_per_node < 1:
            raise PlanningError(f"a node has at least 1 GPU, not {self.gpus_per_node}")
        if not 0 < self.utilization_cap < 1:
            raise PlanningError(
                f"a utilization cap is above 0 and below 1, not {self.utilization_cap:g}"
            )
        networks = (
            self.transfer_bytes_per_second_per_gpu,
            self.transfer_bytes_per_second_per_worker,
        )
        if not all(speed is None or speed > 0 for speed in networks):
            raise PlanningError("KV transfer needs a network of more than 0 bytes/s")

    @property
    def bounds(self) -> PoolBounds:
        """How many workers each pool may have."""
        return PoolBounds(self.prefill_workers, self.decode_workers)

    def minimum_gpus(self, prefill: EngineSurfaces, decode: EngineSurfaces) -> int:
        """GPUs of the smallest pools allowed, of workers of these kinds."""
        minima = (self.prefill_workers.minimum, self.decode_workers.minimum)
        return minima[0] * prefill.gpus + minima[1] * decode.gpus

    def tensor_parallel_pairs(self, profile: PerformanceProfile) -> tuple[tuple[int, int], ...]:
        """Tensor-parallel sizes of prefill and decode workers to consider, smaller ones first."""
        prefill = self._usable(profile, self.prefill_tensor_parallel)
        decode = self._usable(profile, self.decode_tensor_parallel)
        pairs = [(p, d) for p in prefill for d in decode if p == d or not self.same_size]
        if not pairs:
            raise PlanningError("both pools must have one tensor-parallel size, and share none")
        return tuple(pairs)

    def _usable(self, profile: PerformanceProfile, wanted: tuple[int, ...]) -> tuple[int, ...]:
        sizes = sorted(set(wanted)) or profile.tensor_parallel_sizes
        usable = tuple(s for s in sizes if self.gpus_per_node % profile.surfaces(s).gpus == 0)
        if not usable:
            said = ", ".join(f"TP{size}" for size in sizes)
            raise PlanningError(
                f"no worker of {profile.name} fits nodes of {self.gpus_per_node} GPUs: "
                f"there is {said}"
            )
        return usable
