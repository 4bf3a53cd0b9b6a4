"""Which workers take the other role now: replicas answer the forecast, roles the present.

A worker that is ordered serves after a start-up, one that changes its role after seconds. So a pool
that lacks workers now borrows from the other one where that can spare them; and where one pool is
to shrink while the other is to grow, workers change over instead of going and coming. The chain's
numbers are workers by role, so what is needed in total stays with replicas, and a loan ends by
itself: the lender lacks workers and borrows them back, or the borrower is to shrink, and the
borrowed workers are the first to go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pd_operator.api.roles import Role
from pd_operator.planning.plan import Plan
from pd_operator.scaling.decision import DecisionReason, RoleFlip
from pd_operator.scaling.engine_trends import fresh_load
from pd_operator.scaling.guard import (
    ReactiveGuard,
    decodes_for_what_runs,
    prefills_for_arrivals,
)
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
say that it is needed, and what the load was before the loan does not end it either."""

FLIP_SECONDS = 15.0
"""From the decision until the worker serves in its new role, most of it the drain."""

LONGEST_DRAIN_SECONDS = 60.0
"""A worker that is still busy so long after it was taken off traffic goes back to its role."""


@dataclass(frozen=True)
class Need:
    """Workers that one pool needs.

    - `pressed`: whether queues show that it lacks workers.
    - `planned`: for the present load as it was measured; `now`: with what its engines hold.
    - `soon`: in `FLIP_SECONDS`, on the way from the present load to the forecast. A worker that is
      needed later comes back, or has been ordered by then.
    - `ahead`: when a worker that is ordered now would serve.
    """

    pressed: bool
    planned: int
    now: int
    soon: int
    ahead: int


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
    if refusal := _refusal(situation):
        return Lending(proposal, (), sentence(refusal))
    needs = _needs(situation)
    if isinstance(needs, Unknown):
        word = f"no worker changes its role while {needs.source} is unknown: {needs.message}"
        return Lending(proposal, (), sentence(word))
    words = []
    for borrower in Role:
        count, word = _wanted(borrower, needs, proposal, recommended, situation)
        workers = [worker.name for worker in _candidates(borrower.other, situation)][:count]
        if workers:
            flips = tuple(RoleFlip(name, borrower) for name in workers)
            named = f"{', '.join(workers)} take the role of {borrower}: {word}"
            moved = _moved(proposal, recommended, situation, borrower, len(flips), named)
            return Lending(moved, flips, sentence(named))
        words.append(f"{word}, and no {borrower.other} worker can switch" if count else word)
    for borrower in Role:
        proposal, word = _kept(borrower, proposal, situation)
        words += [word] if word else []
    return Lending(proposal, (), " ".join(map(sentence, words)))


def _refusal(situation: Situation) -> str:
    """Why no worker may change its role, whatever the load; empty where one may."""
    settings = situation.settings
    if settings.prefill.gpus_per_worker != settings.decode.gpus_per_worker:
        return "roles stay as they are: the pools' workers have different sizes"
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


def _needs(situation: Situation) -> dict[Role, Need] | Unknown:
    """What each pool needs; what is unknown where that cannot be told."""
    demand, now, ahead = situation.observation.demand, situation.plan_now, situation.plan_ahead
    if isinstance(demand, Unknown):
        return demand
    if isinstance(now, Unknown):
        return now
    if isinstance(ahead, Unknown):
        return ahead
    return {role: _need(role, now, ahead, situation) for role in Role}


def _need(role: Role, now: Plan, ahead: Plan, situation: Situation) -> Need:
    """What one pool needs.

    The plan's load is a minute's, and answers tell their length when they end. So prefill needs
    workers for what arrives where queues show that it is more, and decode for what runs already.
    What waits for prefill stays where it waits, whoever comes.
    """
    judged = ReactiveGuard().judge(role, 0, situation)
    pressed = judged.reason is DecisionReason.QUEUE_PRESSURE
    planned, later = now.pool(role).workers, ahead.pool(role).workers
    if role is Role.DECODE:
        held = decodes_for_what_runs(situation)
    else:
        held = prefills_for_arrivals(situation) if pressed else 0
    lead = max(situation.settings.pool(role).lead_time_seconds, FLIP_SECONDS)
    soon = round(planned + (later - planned) * FLIP_SECONDS / lead)
    return Need(pressed, planned, max(planned, held), soon, later)


def _wanted(
    borrower: Role,
    needs: Mapping[Role, Need],
    proposal: Proposal,
    recommended: Proposal,
    situation: Situation,
) -> tuple[int, str]:
    """Workers to borrow, and why so many."""
    lender, need = borrower.other, needs[borrower]
    lack, why = _lack(borrower, need, situation)
    spare = _spare(lender, needs[lender], situation)
    growth = _growth(borrower, need, proposal, recommended, situation)
    surplus = situation.current(lender) - proposal.pool(lender).workers
    if _flipped(situation, SHORTEST_LOAN_SECONDS, lender) and not need.pressed:
        word = f"workers took the role of {lender} less than {SHORTEST_LOAN_SECONDS:.0f} s ago"
        return 0, f"{borrower} borrows none back yet: {word}"
    # What the budget takes from the lender goes in any case, and is here sooner than a new worker.
    # But one that starts may be what it takes, and then none of those that serve may go.
    taken = proposal.pool(lender).reason is DecisionReason.BUDGET_BOUND
    beyond_budget = situation.observation.pool(lender).ready - max(1, proposal.pool(lender).workers)
    spared = max(0, min(growth, surplus, beyond_budget if taken else spare))
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


def _growth(
    role: Role, need: Need, proposal: Proposal, recommended: Proposal, situation: Situation
) -> int:
    """Workers that would be ordered, and find work when they come.

    What waits already keeps a guard asking for one more, and whoever comes does not relieve it.
    Those that wait for room in the budget count: a flip needs none.
    """
    wanted = proposal.pool(role).workers
    budget = situation.settings.gpu_budget
    if budget is not None and proposal.pool(role).reason is DecisionReason.BUDGET_BOUND:
        affordable = budget // situation.settings.pool(role).gpus_per_worker
        room = affordable - proposal.pool(role.other).workers
        wanted = max(wanted, min(recommended.pool(role).workers, room))
    if recommended.pool(role).reason is DecisionReason.QUEUE_PRESSURE:
        wanted = min(wanted, max(need.ahead, need.now))
    return max(0, wanted - situation.current(role))


def _lack(role: Role, need: Need, situation: Situation) -> tuple[int, str]:
    """Workers that the load calls for now, beyond those ready and those about to switch."""
    pool = situation.observation.pool(role)
    coming = sum(worker.switching for worker in pool.workers)
    lasting = situation.short_seconds(role) >= CONFIRMED_SECONDS
    confirmed = lasting or need.pressed or need.now > need.planned
    missing = max(0, need.now - pool.ready - coming) if confirmed else 0
    return missing, f"{role} needs {need.now} now and has {pool.ready + coming}"


def _spare(role: Role, need: Need, situation: Situation) -> int:
    """Ready workers beyond what the load needs now and by the time a flip is done.

    None where one that serves does not say what it does: it may be all that the others cannot.
    """
    pool = situation.observation.pool(role)
    if any(worker.serving and fresh_load(worker) is None for worker in pool.workers):
        return 0
    if need.pressed or situation.short_seconds(role):
        return 0
    kept = RoomForAJump().judge(role, max(1, need.now, need.soon), situation).workers
    floor = situation.settings.pool(role).minimum
    return max(0, min(pool.ready - kept, situation.current(role) - floor))


def _candidates(lender: Role, situation: Situation) -> Iterator[WorkerObservation]:
    """Workers that can leave the lender: those that go home first, then the least work."""
    serving = [
        worker
        for worker in situation.observation.pool(lender).workers
        if worker.switchable and fresh_load(worker) is not None
    ]
    yield from sorted(serving, key=lambda one: (not one.on_loan, one.work, one.name))


def _kept(borrower: Role, proposal: Proposal, situation: Situation) -> tuple[Proposal, str]:
    """The proposal with a loan that has just begun, and a word where something would have ended it.

    A worker is borrowed for what runs, and the plan learns of that when its answers end. What
    maximum and budget do not have room for goes all the same.
    """
    settings, lender = situation.settings, borrower.other
    lent = _flipped(situation, SHORTEST_LOAN_SECONDS, borrower)
    most = min(situation.current(borrower), settings.pool(borrower).maximum)
    held = min(most, proposal.pool(borrower).workers + lent)
    wanted = proposal.pool(lender).workers
    if settings.gpu_budget is not None:
        affordable = settings.gpu_budget // settings.pool(lender).gpus_per_worker
        wanted = min(wanted, max(situation.current(lender), affordable - held))
        held = min(held, affordable - wanted)
    if held <= proposal.pool(borrower).workers:
        return proposal, ""
    word = (
        f"{borrower} keeps {held}: a loan lasts {SHORTEST_LOAN_SECONDS:.0f} s at least, until the "
        "measured load has what it was for"
    )
    if wanted != proposal.pool(lender).workers:
        proposal = proposal.with_pool(lender, Wanted(wanted, DecisionReason.ON_LOAN, word))
    return proposal.with_pool(borrower, Wanted(held, DecisionReason.ON_LOAN, word)), word


def _moved(
    proposal: Proposal,
    recommended: Proposal,
    situation: Situation,
    borrower: Role,
    count: int,
    why: str,
) -> Proposal:
    """The workers wanted of each role with the flips done.

    The lender makes good by replicas only what the load calls for, not what a brake held on to,
    and only within the budget: those that it lent hold their GPUs as before.
    """
    lender = borrower.other
    left = situation.current(lender) - count
    wanted = min(proposal.pool(lender).workers, max(left, recommended.pool(lender).workers))
    has = max(proposal.pool(borrower).workers, situation.current(borrower) + count)
    budget = situation.settings.gpu_budget
    if budget is not None:
        # Both pools' workers have the same size, else none would flip.
        affordable = budget // situation.settings.pool(lender).gpus_per_worker
        wanted = min(wanted, max(left, affordable - has))
    return proposal.with_pool(lender, Wanted(wanted, DecisionReason.ON_LOAN, why)).with_pool(
        borrower, Wanted(has, DecisionReason.ON_LOAN, why)
    )
