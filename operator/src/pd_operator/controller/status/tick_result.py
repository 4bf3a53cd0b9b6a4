"""Everything that one tick came to know, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2s

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.demand import Coverage
from pd_operator.performance.calibration import Calibration
from pd_operator.scaling.autoscaler import Outcome


@dataclass(frozen=True)
class TickResult(Outcome):
    """The outcome of one tick of one service, and what is told of it beside.

    `coverage` tells how often each pool's loads were within the quantiles of earlier forecasts.
    """

    service: PDInferenceService
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
