"""Links that say how many workers the load calls for."""

from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.observation import Unknown
from pd_operator.scaling.proposal import PoolLink, Situation, Wanted

LASTING_NEED_SECONDS = 120.0
"""A need that lasts through two windows of the present load is no chance of arrivals."""


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


class HighForecast(PoolLink):
    """No worker goes that the load to come may well need.

    Workers are ordered by one quantile of the forecast and let go by a higher one, so that a pool
    near the edge of a worker does not go to and fro as the forecast wavers.
    """

    name: ClassVar[str] = "HighForecast"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to as many as are there of the workers that the high forecast needs."""
        plan = situation.beside.high
        if plan is None:
            return Wanted(workers, DecisionReason.STEADY, "no higher forecast was asked for")
        pool = plan.pool(role)
        kept = min(pool.workers, situation.current(role))
        if kept <= workers:
            word = f"the highest load that is likely needs {pool.workers}"
            return Wanted(workers, DecisionReason.STEADY, word)
        word = f"none goes that may be needed: {pool.reason.rstrip('.')}"
        return Wanted(kept, DecisionReason.FORECAST_LOAD, word)


MINIMUM_OVER_A_FALL = 2
"""A load that falls may come back, and one worker alone has no room for that.

With one, a decode pool lost up to a point of share at the next climb of NVIDIA's sine
(`make bench-nvidia`), for a hundredth of a GPU hour.
"""


class FallingLoad(PoolLink):
    """Over a load that plainly falls no worker is kept for more than the present load.

    Margins of the last value are those of a load that may go either way. While one falls they would
    keep a peak's workers until the trough. What the present load needs stays, here and later.
    """

    name: ClassVar[str] = "Fall"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Lower to what the present load needs."""
        pool = situation.beside.falling.get(role)
        if pool is None:
            word = "the load does not plainly fall, or a trusted forecast says how it goes on"
            return Wanted(workers, DecisionReason.STEADY, word)
        word = f"the load falls: {pool.reason.rstrip('.')}"
        if pool.workers < MINIMUM_OVER_A_FALL:
            word = f"{word}; {MINIMUM_OVER_A_FALL} stay, since it may come back"
        least = max(MINIMUM_OVER_A_FALL, pool.workers)
        return Wanted(min(workers, least), DecisionReason.FALLING_LOAD, word)


class RisingLoad(PoolLink):
    """Workers for the load as it will have risen when one ordered now serves."""

    name: ClassVar[str] = "Rise"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to what the load needs that is drawn on along its rise."""
        plan = situation.beside.rising
        if plan is None:
            return Wanted(workers, DecisionReason.STEADY, "the load does not plainly rise")
        pool = plan.pool(role)
        word = f"the load rises: {pool.reason.rstrip('.')}"
        return Wanted(max(workers, pool.workers), DecisionReason.RISING_LOAD, word)


class PresentPlan(PoolLink):
    """No worker that the load of now calls for is removed; one that it has long called for comes.

    One ordered now comes for the load to come, so that a moment's need orders none. A need that
    lasts says that the forecast has been too low all along, and is answered whatever the
    forecast. Where the load to come is unknown, that of now has to stand for it at once.
    """

    name: ClassVar[str] = "Present"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to the plan for the present load, or to as many of its workers as are there."""
        plan = situation.plan_now
        if isinstance(plan, Unknown):
            return Wanted(
                workers, DecisionReason.STEADY, f"no plan for the present load: {plan.message}"
            )
        needed = plan.pool(role).workers
        short_seconds = situation.short_seconds(role)
        lasting = short_seconds >= LASTING_NEED_SECONDS
        whole = lasting or isinstance(situation.plan_ahead, Unknown)
        kept = needed if whole else min(needed, situation.current(role))
        if kept <= workers:
            return Wanted(workers, DecisionReason.STEADY, f"the present load needs {needed}")
        since = f", for {short_seconds:.0f} s now" if lasting else ""
        because = f"{plan.pool(role).reason.rstrip('.')}{since}"
        return Wanted(kept, DecisionReason.PRESENT_LOAD, because)


LONE_UTILIZATION = 0.25
"""A lone worker that is busier gets a second, so that one alone has room for four times the load.

Found on the training loads of the policy lab: without, a mix of prompts that shifts to longer ones
costs five points of attainment, since a lone worker's queue outlasts the shift by minutes.
"""


class RoomForAJump(PoolLink):
    """A pool of one worker that has no room for a jump gets a second.

    What waits before a lone worker stays there, late altogether, and holds room in decode
    meanwhile; workers that come take new requests only. A larger pool has its head-room in whole
    workers, and one that clogs is one of several.
    """

    name: ClassVar[str] = "Jump"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise one worker to two where the present load keeps it busy."""
        plan = situation.plan_now
        if isinstance(plan, Unknown) or workers != 1:
            return Wanted(workers, DecisionReason.STEADY, "there is no lone worker to relieve")
        pool = plan.pool(role)
        if pool.workers == 1 and pool.utilization <= LONE_UTILIZATION:
            word = f"one worker is {pool.utilization:.0%} busy and has room for a jump of the load"
            return Wanted(workers, DecisionReason.STEADY, word)
        word = f"one worker alone would be {pool.utilization:.0%} busy, without room for a jump"
        return Wanted(2, DecisionReason.ROOM_FOR_A_JUMP, word)


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
