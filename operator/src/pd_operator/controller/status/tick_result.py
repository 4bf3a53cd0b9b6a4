"""Everything that one tick came to know, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2s

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.demand import Coverage
from pd_operator.performance.calibration import Calibration
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown
from pd_operator.scaling.pool_forecasts import PoolForecasts


@dataclass(frozen=True)
class TickResult:
    """One tick of one service: what was seen, expected, planned and decided.

    `plan_ahead` is for the forecast load, `plan_now` for the present one. `decision` is
    `None` where the service is paused. `coverage` tells how often each pool's loads were within
    the quantiles of earlier forecasts.
    """

    service: PDInferenceService
    observation: Observation
    forecasts: PoolForecasts
    plan_ahead: Plan | Unknown
    plan_now: Plan | Unknown
    decision: Decision | None
    memory: ScalingMemory
    coverage: Mapping[Role, Coverage] = field(
        default_factory=lambda: {role: Coverage() for role in Role}
    )
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def decision_id(self) -> str:
        """What log, Events and metrics call this tick's decision."""
        return decision_id(self.service.metadata.uid, self.observation.time_seconds)


def decision_id(uid: str, time_seconds: float) -> str:
    """Twelve hexadecimal digits for what was decided about a service at a moment."""
    return blake2s(f"{uid} {time_seconds!r}".encode(), digest_size=6).hexdigest()
