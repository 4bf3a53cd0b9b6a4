"""Everything that one tick came to know, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.demand import Coverage, Demand, DemandForecast, Scheduled
from pd_operator.performance.calibration import Calibration
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown


@dataclass(frozen=True)
class PoolForecasts:
    """The forecast of each pool at its own lead time, or why there is none.

    - `coverage`: how often each pool's loads were within the quantiles of earlier forecasts.
    - `scheduled`: what schedules ask of each pool; forecasts allow for it already.
    """

    prefill: DemandForecast | Unknown
    decode: DemandForecast | Unknown
    coverage: Mapping[Role, Coverage] = field(
        default_factory=lambda: {role: Coverage() for role in Role}
    )
    scheduled: Mapping[Role, Scheduled] = field(
        default_factory=lambda: {role: Scheduled() for role in Role}
    )

    def pool(self, role: Role) -> DemandForecast | Unknown:
        """The forecast of one pool."""
        return self.prefill if role is Role.PREFILL else self.decode

    def expected_now(self, present: Demand) -> tuple[Demand, Demand]:
        """The load of now for prefill and decode, as schedules want it where no forecast is."""
        prefill, decode = (
            self.scheduled[role].demand(present)
            if isinstance(self.pool(role), Unknown)
            else present
            for role in (Role.PREFILL, Role.DECODE)
        )
        return prefill, decode


@dataclass(frozen=True)
class TickResult:
    """One tick of one service: what was seen, expected, planned and decided.

    `plan_ahead` is for the forecast load, `plan_now` for the present one. `decision` is
    `None` where the service is paused.
    """

    service: PDInferenceService
    observation: Observation
    routers_ready: int
    ahead: PoolForecasts
    plan_ahead: Plan | Unknown
    plan_now: Plan | Unknown
    decision: Decision | None
    memory: ScalingMemory
    calibration: Calibration = field(default_factory=Calibration)
