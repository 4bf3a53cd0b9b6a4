"""Everything that one tick came to know, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
