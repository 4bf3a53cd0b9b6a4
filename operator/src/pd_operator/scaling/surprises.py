"""Loads that no forecast foresaw, and the link that keeps workers for the next of their kind."""

from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.memory import Surprise
from pd_operator.scaling.proposal import PoolLink, Proposal, Situation, Wanted

HOLD_STARTUPS = 10.0
"""So many start-ups the workers stay that a surprise has called for.

A worker that leaves and is wanted again costs a start-up's time of GPU and, meanwhile, the requests
that find no room: the wait for the next surprise may cost several times that before it is better to
let go (the ski rental problem). Found on the training loads of the policy lab: with five, spikes
that come every five or six minutes find the workers gone.
"""

LONGEST_HOLD_SECONDS = 1_800.0
"""However long a start-up takes."""

CONFIRMED_SECONDS = 15.0
"""What the present load calls for is a surprise when it has done so for a default tick."""


def hold_seconds(role: Role, situation: Situation) -> float:
    """How long a pool keeps the workers that a surprise has called for."""
    return min(HOLD_STARTUPS * situation.settings.pool(role).startup_seconds, LONGEST_HOLD_SECONDS)


def surprised(recommended: Proposal, situation: Situation) -> dict[Role, Surprise]:
    """The surprises of each pool, with that of this tick.

    It is one where queues or the present load call for workers that do not serve yet: had the
    forecast foreseen them, they would.
    """
    found = {
        role: surprise
        for role, surprise in situation.memory.surprises.items()
        if situation.now_seconds - surprise.time_seconds < hold_seconds(role, situation)
    }
    for role in Role:
        wanted = _called_for(recommended.pool(role), role, situation)
        if wanted is None:
            continue
        before = found.get(role)
        workers = max(wanted, before.workers) if before else wanted
        found[role] = Surprise(situation.now_seconds, workers)
    return found


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
        hold = hold_seconds(role, situation)
        word = (
            f"{since:.0f} s ago a load that nobody foresaw called for {surprise.workers}, which "
            f"stay for {hold:.0f} s"
        )
        kept = min(surprise.workers, situation.current(role))
        return Wanted(max(workers, kept), DecisionReason.SURPRISED, word)


def _called_for(recommended: Wanted, role: Role, situation: Situation) -> int | None:
    """Workers that queues or the present load call for and that do not serve; None: there are."""
    if not isinstance(situation.plan_now, Plan):
        return None
    ready = situation.observation.pool(role).ready
    by_queues = recommended.reason is DecisionReason.QUEUE_PRESSURE
    guard = recommended.workers if by_queues else 0
    needed = situation.plan_now.pool(role).workers
    present = needed if situation.short_seconds(role) >= CONFIRMED_SECONDS else 0
    called = max(guard, present)
    return called if called > ready else None
