"""Links that say how many workers the load calls for."""

from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.observation import Unknown
from pd_operator.scaling.proposal import PoolLink, Situation, Wanted


class ForecastPlan(PoolLink):
    """Workers for the load of the time when a worker ordered now would be ready."""

    name: ClassVar[str] = "Forecast"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Take the plan's number, or leave the present one where there is no plan."""
        plan = situation.plan_ahead
        if isinstance(plan, Unknown):
            return Wanted(
                workers, DecisionReason.STEADY, f"no plan for the load to come: {plan.message}"
            )
        pool = plan.pool(role)
        return Wanted(pool.workers, DecisionReason.FORECAST_LOAD, pool.reason)


class PresentPlan(PoolLink):
    """No worker that the load of now calls for is removed.

    None is added for it either: one ordered now comes for the load to come. Only where that is
    unknown, the load of now has to stand for it.
    """

    name: ClassVar[str] = "Present"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to the plan for the present load, as far as its workers are there."""
        plan = situation.plan_now
        if isinstance(plan, Unknown):
            return Wanted(
                workers, DecisionReason.STEADY, f"no plan for the present load: {plan.message}"
            )
        needed = plan.pool(role).workers
        ahead_known = not isinstance(situation.plan_ahead, Unknown)
        kept = min(needed, situation.current(role)) if ahead_known else needed
        if kept <= workers:
            return Wanted(workers, DecisionReason.STEADY, f"the present load needs {needed}")
        return Wanted(kept, DecisionReason.PRESENT_LOAD, plan.pool(role).reason)


class ScheduledMinimum(PoolLink):
    """Has the workers that a schedule asks for, whatever the load."""

    name: ClassVar[str] = "Schedule"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to the scheduled minimum."""
        minimum = situation.settings.pool(role).scheduled_minimum
        if minimum == 0:
            return Wanted(workers, DecisionReason.STEADY, "no schedule asks for workers")
        word = f"a schedule asks for at least {minimum}"
        return Wanted(max(workers, minimum), DecisionReason.SCHEDULED, word)


class HoldWhileUnmeasured(PoolLink):
    """No worker is removed by a plan for an engine that nobody described or measured."""

    name: ClassVar[str] = "Unmeasured"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to the present number while the engine is only guessed at."""
        if situation.engine_measured:
            return Wanted(workers, DecisionReason.STEADY, "the engine was described or measured")
        current = situation.current(role)
        return Wanted(
            max(workers, current),
            DecisionReason.ENGINE_UNMEASURED,
            f"{current} stay until this engine was measured",
        )


class HoldWhileUnknown(PoolLink):
    """No worker is removed on account of something that is not known."""

    name: ClassVar[str] = "Unknown"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to the present number while demand or a plan is unknown."""
        unknown = situation.unknown
        if unknown is None:
            return Wanted(workers, DecisionReason.STEADY, "demand and both plans are known")
        return Wanted(
            max(workers, situation.current(role)),
            DecisionReason.DEMAND_UNKNOWN,
            f"no worker is removed while {unknown.source} is unknown: {unknown.message}",
        )
