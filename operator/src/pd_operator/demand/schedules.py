"""What schedules make of a forecast."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pd_operator.api.roles import Role
from pd_operator.api.schedules import ScheduleSpec
from pd_operator.demand.demand import Demand
from pd_operator.demand.forecast import DemandForecast, QuantileBand


@dataclass(frozen=True)
class Scheduled:
    """What the schedules in force ask of one pool.

    - `names`: the schedules in force, in the order of the spec.
    - `min_requests_per_second`: load to expect at least; 0 where none is asked for.
    - `factor`: times the forecast; 1 leaves it as it is.
    - `min_replicas`: workers of the pool to have at least.
    """

    names: tuple[str, ...] = ()
    min_requests_per_second: float = 0.0
    factor: float = 1.0
    min_replicas: int = 0

    def demand(self, expected: Demand) -> Demand:
        """The demand to plan for, where `expected` is what would come without a schedule."""
        rate = expected.requests_per_second * self.factor
        raised = max(rate, self.min_requests_per_second)
        return replace(expected, requests_per_second=raised)

    def forecast(self, own: DemandForecast, role: Role) -> DemandForecast:
        """The forecast to plan for: stretched by the factor, then raised to the floor.

        The floor counts for the request rate; tokens follow by the forecast's mean lengths.
        """
        demand = own.demand
        lengths = demand.prompt_tokens if role is Role.PREFILL else demand.output_tokens
        floor = self.min_requests_per_second
        return replace(
            own,
            demand=self.demand(demand),
            requests_per_second=self._band(own.requests_per_second, floor),
            tokens_per_second=self._band(own.tokens_per_second, floor * lengths.mean),
        )

    def _band(self, band: QuantileBand, floor: float) -> QuantileBand:
        values = (band.low, band.median, band.high)
        return QuantileBand(*(max(value * self.factor, floor) for value in values))


def scheduled(
    schedules: Sequence[ScheduleSpec], role: Role, now_seconds: float, lead_seconds: float
) -> Scheduled:
    """What holds from now until a worker of the pool that is ordered now would be ready.

    So workers are ordered a lead time before a schedule begins, and kept until it ends. Where
    several are in force, the largest of each figure counts. A factor below 1 counts only while
    its schedule covers all of that time.
    """
    until = now_seconds + lead_seconds
    met = [schedule for schedule in schedules if schedule.meets(now_seconds, until)]
    factors = [
        schedule.factor_percent / 100
        for schedule in met
        if schedule.factor_percent is not None
        and (schedule.factor_percent >= 100 or _covers(schedule, now_seconds, until))
    ]
    return Scheduled(
        names=tuple(schedule.name for schedule in met),
        min_requests_per_second=float(
            max((schedule.min_requests_per_second or 0 for schedule in met), default=0)
        ),
        factor=max(factors, default=1.0),
        min_replicas=max((schedule.min_replicas(role) for schedule in met), default=0),
    )


def _covers(schedule: ScheduleSpec, first_seconds: float, last_seconds: float) -> bool:
    """Whether a schedule is in force at both ends of a time, which is shorter than its pauses."""
    return all(schedule.meets(moment, moment) for moment in (first_seconds, last_seconds))
