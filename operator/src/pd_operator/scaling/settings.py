"""What a user allows: the part of the spec that bounds a decision."""

from dataclasses import dataclass, replace

from pd_operator.api.autoscaling import Behavior, Mode
from pd_operator.api.pools import PoolSpec
from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.planning.objectives import Objectives

STARTUPS_UNTIL_CAPACITY_IS_NOT_COMING = 2
SHORTEST_CAPACITY_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class PoolSettings:
    """Bounds of one pool.

    `capacity_timeout_seconds`: a worker that still waits for a node after this long is no longer
    counted on. `scheduled_minimum`: workers that schedules in force ask for at least, which the
    bounds and the budget may still cut.
    """

    minimum: int
    maximum: int
    gpus_per_worker: int
    capacity_timeout_seconds: float
    scheduled_minimum: int = 0

    @classmethod
    def from_spec(cls, pool: PoolSpec) -> "PoolSettings":
        """Read the bounds of one pool."""
        patience = STARTUPS_UNTIL_CAPACITY_IS_NOT_COMING * pool.expected_startup_seconds
        return cls(
            minimum=pool.min_replicas,
            maximum=pool.max_replicas,
            gpus_per_worker=pool.tensor_parallel_size,
            capacity_timeout_seconds=max(patience, SHORTEST_CAPACITY_TIMEOUT_SECONDS),
        )


@dataclass(frozen=True)
class ScalingSettings:
    """Bounds, budget, brakes and objectives of one service.

    `gpu_budget` is the most GPUs of both pools together; None: only the pools' maxima bound them.
    """

    prefill: PoolSettings
    decode: PoolSettings
    gpu_budget: int | None
    behavior: Behavior
    objectives: Objectives
    mode: Mode

    @classmethod
    def from_spec(cls, spec: PDInferenceServiceSpec) -> "ScalingSettings":
        """Read what a decision needs from a resource's spec."""
        return cls(
            prefill=PoolSettings.from_spec(spec.prefill),
            decode=PoolSettings.from_spec(spec.decode),
            gpu_budget=spec.autoscaling.gpu_budget,
            behavior=spec.autoscaling.behavior,
            objectives=Objectives.of(spec.objectives),
            mode=spec.autoscaling.mode,
        )

    def with_scheduled(self, prefill: int, decode: int) -> "ScalingSettings":
        """The same with the workers that schedules in force ask for at least."""
        return replace(
            self,
            prefill=replace(self.prefill, scheduled_minimum=prefill),
            decode=replace(self.decode, scheduled_minimum=decode),
        )

    def pool(self, role: Role) -> PoolSettings:
        """The bounds of one pool."""
        return self.prefill if role is Role.PREFILL else self.decode
