"""What a user allows: the part of the spec that bounds a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pd_operator.api.autoscaling import Behavior, Mode, RoleFlips
from pd_operator.api.pools import PoolSpec
from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.objectives import Objectives

STARTUPS_UNTIL_CAPACITY_IS_NOT_COMING = 2
SHORTEST_CAPACITY_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class PoolSettings:
    """Bounds of one pool.

    `capacity_timeout_seconds`: a worker that still waits for a node after this long is no longer
    counted on. `scheduled_minimum`: workers that schedules in force ask for at least, which the
    bounds and the budget may still cut. `startup_seconds`, `lead_time_seconds`: until a worker
    ordered now takes requests, alone and with all that comes before it is ordered; the expected
    start-up for both until `with_lead_times` has told.
    """

    minimum: int
    maximum: int
    gpus_per_worker: int
    capacity_timeout_seconds: float
    startup_seconds: float
    lead_time_seconds: float
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
            startup_seconds=float(pool.expected_startup_seconds),
            lead_time_seconds=float(pool.expected_startup_seconds),
        )


@dataclass(frozen=True)
class ScalingSettings:
    """Bounds, budget, brakes and objectives of one service.

    `gpu_budget` is the most GPUs of both pools together; None: only the pools' maxima bound them.
    `role_flips`: whether a worker may take the other role.
    """

    prefill: PoolSettings
    decode: PoolSettings
    gpu_budget: int | None
    behavior: Behavior
    objectives: Objectives
    mode: Mode
    router: RouterClass = RouterClass.POWER_OF_TWO
    role_flips: bool = False

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
            router=RouterClass.of(spec.router.prefill_policy),
            role_flips=spec.autoscaling.role_flips is RoleFlips.ENABLED,
        )

    def with_scheduled(self, prefill: int, decode: int) -> "ScalingSettings":
        """The same with the workers that schedules in force ask for at least."""
        return replace(
            self,
            prefill=replace(self.prefill, scheduled_minimum=prefill),
            decode=replace(self.decode, scheduled_minimum=decode),
        )

    def with_lead_times(
        self, startup_seconds: Mapping[Role, float], lead_time_seconds: Mapping[Role, float]
    ) -> "ScalingSettings":
        """The same with the start-up and lead times that the pools have now."""
        prefill, decode = (
            replace(
                self.pool(role),
                startup_seconds=startup_seconds[role],
                lead_time_seconds=lead_time_seconds[role],
            )
            for role in (Role.PREFILL, Role.DECODE)
        )
        return replace(self, prefill=prefill, decode=decode)

    def scale_down_window_seconds(self, role: Role) -> float:
        """How long a pool must not have been wanted larger before it shrinks.

        Where the user does not say, its lead time: what was wanted within it is what a forecast
        expected between now and the time when a worker ordered now would serve.
        """
        window = self.behavior.scale_down.stabilization_window_seconds
        return self.pool(role).lead_time_seconds if window is None else float(window)

    @property
    def longest_window_seconds(self) -> float:
        """How long recommendations have to be remembered."""
        up = float(self.behavior.scale_up.stabilization_window_seconds)
        return max(up, *(self.scale_down_window_seconds(role) for role in Role))

    def pool(self, role: Role) -> PoolSettings:
        """The bounds of one pool."""
        return self.prefill if role is Role.PREFILL else self.decode
