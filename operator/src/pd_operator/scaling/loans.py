"""Which workers take the other role now: replicas answer the forecast, roles the present.

A worker that is ordered serves after a start-up, one that changes its role after seconds. So a pool
that lacks workers now borrows from the other one where that can spare them; and where one pool is
to shrink while the other is to grow, workers change over instead of going and coming. The chain's
numbers are workers by role, so what is needed in total stays with replicas, and a loan ends by
itself: the lender lacks workers and borrows them back, or the borrower is to shrink, and the
borrowed workers are the first to go.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason, RoleFlip
from pd_operator.scaling.engine_trends import fresh_load
from pd_operator.scaling.guard import ReactiveGuard, prefills_for_arrivals
from pd_operator.scaling.observation import Unknown, WorkerObservation
from pd_operator.scaling.proposal import Proposal, Situation, Wanted, sentence
from pd_operator.scaling.recommendations import RoomForAJump
from pd_operator.scaling.surprises import CONFIRMED_SECONDS

FLIPS_PER_HOUR = 24
"""A flip costs a worker's seconds and its prefix cache. A mix that keeps shifting faster than pools
can follow, one shift in five minutes answered by two workers, is met with replicas."""

BUDGET_SECONDS = 3_600.0
"""The hour that flips are counted over."""

SHORTEST_LOAN_SECONDS = 60.0
"""One window of the present load: sooner, a flip back answers nothing but chance, unless queues
say that it is needed."""

FLIP_SECONDS = 15.0
"""From the decision until the worker serves in its new role, most of it the drain."""

LONGEST_DRAIN_SECONDS = 60.0
"""A worker that is still busy so long after it was taken off traffic goes back to its role."""


@dataclass(frozen=True)
class Lending:
    """The proposal once `flips` have begun, and a sentence on why or why not.

    Nothing is said where the user does not want flips.
    """

    proposal: Proposal
    flips: tuple[RoleFlip, ...]
    sentence: str


def lend(proposal: Proposal, recommended: Proposal, situation: Situation) -> Lending:
    """Begin the flips that the present load calls for, or that spare a start-up.

    `proposal` is the chain's outcome, `recommended` what the load called for before anything held
    it back: what a lender is to make good by replicas.
    """
    if not situation.settings.role_flips:
        return Lending(proposal, (), "")
    refusal = _refusal(situation)
    if refusal:
        return Lending(proposal, (), sentence(refusal))
    words = []
    for borrower in Role:
        count, word = _wanted(borrower, proposal, recommended, situation)
        workers = [worker.name for worker in _candidates(borrower.other, situation)][:count]
        if workers:
            flips = tuple(RoleFlip(name, borrower) for name in workers)
            named = f"{', '.join(workers)} take the role of {borrower}: {word}"
            moved = _moved(proposal, recommended, situation, borrower, len(flips), named)
            return Lending(moved, flips, sentence(named))
        words.append(f"{word}, and no {borrower.other} worker can switch" if count else word)
    return Lending(proposal, (), " ".join(map(sentence, words)))


def _refusal(situation: Situation) -> str:
    """Why no worker may change its role, whatever the load; empty where one may."""
    settings, unknown = situation.settings, situation.unknown
    if settings.prefill.gpus_per_worker != settings.decode.gpus_per_worker:
        return "roles stay as they are: the pools' workers have different sizes"
    if unknown is not None:
        return f"no worker changes its role while {unknown.source} is unknown: {unknown.message}"
    if not situation.engine_measured:
        return "no worker changes its role until this engine was measured"
    if any(situation.observation.pool(role).rolling_out for role in Role):
        return "no worker changes its role during a rollout, which ends all loans"
    if _flipped(situation, BUDGET_SECONDS) >= FLIPS_PER_HOUR:
        return f"{FLIPS_PER_HOUR} workers changed their role within an hour, so no more do"
    return ""


def _flipped(situation: Situation, seconds: float, role: Role | None = None) -> int:
    """Flips of the last `seconds`, all or those to one role."""
    return sum(
        flip.role is (role or flip.role)
        for flip in situation.memory.flips
        if situation.now_seconds - flip.time_seconds < seconds
    )


def _wanted(
    borrower: Role, proposal: Proposal, recommended: Proposal, situation: Situation
) -> tuple[int, str]:
    """Workers to borrow, and why so many."""
    lender = borrower.other
    lack, why = _lack(borrower, situation)
    spare = _spare(lender, situation)
    growth = _growth(borrower, proposal, recommended, situation)
    surplus = situation.current(lender) - proposal.pool(lender).workers
    if _flipped(situation, SHORTEST_LOAN_SECONDS, lender) and not _pressed(borrower, situation):
        word = f"workers took the role of {lender} less than {SHORTEST_LOAN_SECONDS:.0f} s ago"
        return 0, f"{borrower} borrows none back yet: {word}"
    spared = min(growth, surplus, spare)
    count = max(min(lack, spare), spared)
    left = FLIPS_PER_HOUR - _flipped(situation, BUDGET_SECONDS)
    room = situation.settings.pool(borrower).maximum - situation.current(borrower)
    count = max(0, min(count, left, room))
    if count and count <= lack:
        return count, f"{why}, and {lender} can spare {spare}"
    if count:
        return count, f"{borrower} is to grow and {lender} to shrink"
    if lack:
        return 0, f"{why}, and {lender} can spare none"
    return 0, f"{borrower} lacks no worker now"


def _growth(role: Role, proposal: Proposal, recommended: Proposal, situation: Situation) -> int:
    """Workers that would be ordered, and find work when they come.

    What waits already keeps a guard asking for one more, and whoever comes does not relieve it.
    """
    wanted, ahead = proposal.pool(role).workers, situation.plan_ahead
    by_queues = recommended.pool(role).reason is DecisionReason.QUEUE_PRESSURE
    if by_queues and not isinstance(ahead, Unknown):
        wanted = min(wanted, max(ahead.pool(role).workers, _need(role, situation)))
    return max(0, wanted - situation.current(role))


def _lack(role: Role, situation: Situation) -> tuple[int, str]:
    """Workers that the load calls for now, beyond those ready and those about to switch."""
    pool = situation.observation.pool(role)
    coming = sum(worker.switching for worker in pool.workers)
    need = _need(role, situation)
    lasting = situation.short_seconds(role) >= CONFIRMED_SECONDS
    confirmed = lasting or _pressed(role, situation) or need > _planned(role, situation)
    missing = max(0, need - pool.ready - coming) if confirmed else 0
    return missing, f"{role} needs {need} now and has {pool.ready + coming}"


def _spare(role: Role, situation: Situation) -> int:
    """Ready workers beyond what the load needs now and by the time a flip is done."""
    pool = situation.observation.pool(role)
    if _pressed(role, situation) or situation.short_seconds(role):
        return 0
    kept = max(_need(role, situation), _need_soon(role, situation))
    kept = RoomForAJump().judge(role, max(1, kept), situation).workers
    floor = situation.settings.pool(role).minimum
    return max(0, min(pool.ready - kept, situation.current(role) - floor))


def _need(role: Role, situation: Situation) -> int:
    """Workers for the present load.

    The plan's load is a minute's, and answers tell their length when they end. So prefill needs
    workers for what arrives where queues show that it is more, and decode for what runs already.
    What waits for prefill stays where it waits, whoever comes.
    """
    planned = _planned(role, situation)
    if role is Role.DECODE:
        return max(planned, _decodes_for_what_runs(situation))
    return max(planned, prefills_for_arrivals(situation)) if _pressed(role, situation) else planned


def _planned(role: Role, situation: Situation) -> int:
    """Workers that the plan for the present load has."""
    plan = situation.plan_now
    return 0 if isinstance(plan, Unknown) else plan.pool(role).workers


def _decodes_for_what_runs(situation: Situation) -> int:
    """Decode workers that the sequences of now fill, as the plan would fill them."""
    plan, decode = situation.plan_now, situation.observation.decode
    largest = None if isinstance(plan, Unknown) else plan.decode.largest_batch
    loads = [load for worker in decode.workers if (load := fresh_load(worker)) is not None]
    running = sum(load.running_requests for load in loads)
    return math.ceil(running / largest) if largest else 0


def _need_soon(role: Role, situation: Situation) -> int:
    """Workers for the load in `FLIP_SECONDS`, on the way from the present need to the forecast's.

    A worker that is needed later comes back, or has been ordered by then.
    """
    ahead, now = situation.plan_ahead, situation.plan_now
    if isinstance(ahead, Unknown) or isinstance(now, Unknown):
        return 0
    lead = max(situation.settings.pool(role).lead_time_seconds, FLIP_SECONDS)
    begin, end = now.pool(role).workers, ahead.pool(role).workers
    return round(begin + (end - begin) * FLIP_SECONDS / lead)


def _pressed(role: Role, situation: Situation) -> bool:
    """Whether queues show that the pool lacks workers."""
    judged = ReactiveGuard().judge(role, 0, situation)
    return judged.reason is DecisionReason.QUEUE_PRESSURE


def _candidates(lender: Role, situation: Situation) -> Iterator[WorkerObservation]:
    """Workers that can leave the lender: those that go home first, then the least work."""
    serving = [
        worker
        for worker in situation.observation.pool(lender).workers
        if worker.switchable and fresh_load(worker) is not None
    ]
    yield from sorted(serving, key=lambda one: (not one.on_loan, one.work, one.name))


def _moved(
    proposal: Proposal,
    recommended: Proposal,
    situation: Situation,
    borrower: Role,
    count: int,
    why: str,
) -> Proposal:
    """The workers wanted of each role with the flips done.

    The lender makes good by replicas only what the load calls for, not what a brake held on to.
    """
    lender = borrower.other
    left = situation.current(lender) - count
    wanted = min(proposal.pool(lender).workers, max(left, recommended.pool(lender).workers))
    has = max(proposal.pool(borrower).workers, situation.current(borrower) + count)
    return proposal.with_pool(lender, Wanted(wanted, DecisionReason.ON_LOAN, why)).with_pool(
        borrower, Wanted(has, DecisionReason.ON_LOAN, why)
    )
