"""Loads that no forecast foresaw, and the link that keeps workers for the next of their kind."""

from dataclasses import replace
from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.guard import prefills_for_arrivals
from pd_operator.scaling.memory import Surprise
from pd_operator.scaling.proposal import PoolLink, Proposal, Situation, Wanted

HOLD_STARTUPS = 10.0
"""So many start-ups the workers stay that a surprise has called for.

A worker that leaves and is wanted again costs a start-up's time of GPU and, meanwhile, the requests
that find no room: the wait for the next surprise may cost several times that before it is better to
let go (the ski rental problem). Found on the training loads of the policy lab: with five, spikes
that come every five or six minutes find the workers gone.
"""

LONGEST_HOLD_SECONDS = 3_600.0
"""However long a start-up takes, and however often such a load comes back."""

CONFIRMED_SECONDS = 15.0
"""What the present load calls for is a surprise when it has done so for a default tick."""


def hold_seconds(role: Role, times: int, situation: Situation) -> float:
    """How long a pool keeps the workers that a surprise has called for.

    Twice as long each time that such a load came back before they went: spikes that keep coming
    are worth waiting for, and one that never came again is not.
    """
    once = HOLD_STARTUPS * situation.settings.pool(role).startup_seconds
    return min(once * 2.0 ** (times - 1), LONGEST_HOLD_SECONDS)


def surprised(recommended: Proposal, situation: Situation) -> dict[Role, Surprise]:
    """The surprises of each pool, with that of this tick.

    It is one where queues or the present load call for workers that do not serve yet: had the
    forecast foreseen them, they would. And it is one again where a load comes back that no forecast
    foresaw, and meets the workers that were kept for it.
    """
    found: dict[Role, Surprise] = {}
    for role in Role:
        before = _held(role, situation)
        wanted = _called_for(recommended.pool(role), role, situation)
        if wanted is not None:
            found[role] = _surprise(wanted, before, situation)
        elif before is not None:
            found[role] = _seen_again(before, role, situation)
    return found


def _held(role: Role, situation: Situation) -> Surprise | None:
    """The surprise that workers are still kept for."""
    surprise = situation.memory.surprises.get(role)
    if surprise is None:
        return None
    since = situation.now_seconds - surprise.time_seconds
    return surprise if since < hold_seconds(role, surprise.times, situation) else None


def _surprise(wanted: int, before: Surprise | None, situation: Situation) -> Surprise:
    """One more, or the same that goes on."""
    if before is None:
        return Surprise(situation.now_seconds, wanted)
    if not before.over:
        return replace(
            before, time_seconds=situation.now_seconds, workers=max(wanted, before.workers)
        )
    return _back(before, wanted, situation) if _alike(wanted, before) else before


def _back(before: Surprise, wanted: int, situation: Situation) -> Surprise:
    return Surprise(situation.now_seconds, max(wanted, before.workers), before.times + 1)


def _alike(needed: int, before: Surprise) -> bool:
    """Whether a need is at least half of the surprise's, which may have counted what waited."""
    return 2 * needed >= before.workers


def _seen_again(before: Surprise, role: Role, situation: Situation) -> Surprise:
    """The same, with what the present load says: that it fell back, or that it is there again."""
    now, ahead = situation.plan_now, situation.plan_ahead
    if not isinstance(now, Plan) or not isinstance(ahead, Plan):
        return before
    needed = now.pool(role).workers
    if not before.over:
        return replace(before, over=2 * needed <= before.workers)
    foreseen = needed <= ahead.pool(role).workers
    return _back(before, needed, situation) if _alike(needed, before) and not foreseen else before


class HoldAfterSurprise(PoolLink):
    """Keeps the workers that an unforeseen load called for until another is no longer likely."""

    name: ClassVar[str] = "Surprise"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Raise to the present number, as far as the last surprise called for it."""
        if situation.settings.behavior.scale_down.stabilization_window_seconds is not None:
            word = "how long workers stay is stabilizationWindowSeconds' to say"
            return Wanted(workers, DecisionReason.STEADY, word)
        surprise = situation.memory.surprises.get(role)
        if surprise is None:
            return Wanted(workers, DecisionReason.STEADY, "no load came unforeseen")
        since = situation.now_seconds - surprise.time_seconds
        hold = hold_seconds(role, surprise.times, situation)
        often = f", {surprise.times} times by now" if surprise.times > 1 else ""
        word = (
            f"{since:.0f} s ago a load that nobody foresaw called for {surprise.workers}{often}; "
            f"they stay for {hold:.0f} s"
        )
        kept = min(surprise.workers, situation.current(role))
        return Wanted(max(workers, kept), DecisionReason.SURPRISED, word)


def _called_for(recommended: Wanted, role: Role, situation: Situation) -> int | None:
    """Workers that arrivals or the present load call for and that do not serve; None: there are.

    What waits already is worked off once and does not come again, so a guard's call for more than
    arrivals need is no surprise; nor is the reserve of a plan that is used up.
    """
    if not isinstance(situation.plan_now, Plan):
        return None
    ready = situation.observation.pool(role).ready
    by_queues = recommended.reason is DecisionReason.QUEUE_PRESSURE
    arriving = prefills_for_arrivals(situation) if role is Role.PREFILL and by_queues else 0
    confirmed = situation.short_seconds(role) >= CONFIRMED_SECONDS
    present = situation.least_now(role) if confirmed else 0
    called = max(min(arriving, recommended.workers), present)
    return called if called > ready else None
