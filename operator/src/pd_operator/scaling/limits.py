"""Links that keep a decision within what there is and what is allowed."""

from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.observation import PoolObservation
from pd_operator.scaling.proposal import ChainLink, PoolLink, Proposal, Situation, Wanted


class CapacityNotComing(PoolLink):
    """Asks for no more workers while those that were asked for do not come.

    That is so while the API server refuses pods, while a worker has waited for a node for too long,
    and while the newest workers that had their time do not run. One broken worker among others that
    were asked for with it or after it stops nobody.

    Waiting workers are replicas already, so they are never asked for twice. They stay asked for:
    the cluster may yet find a node, and what adds nodes looks at pending pods. They are given up
    when the load does not need them any more.
    """

    name: ClassVar[str] = "Capacity"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Cap at the present number while workers do not come."""
        pool = situation.observation.pool(role)
        timeout = situation.settings.pool(role).capacity_timeout_seconds
        obstacle = _refused(pool) or _without_node(pool, timeout) or _newest_broken(pool, timeout)
        if obstacle:
            return Wanted(
                min(workers, max(pool.current, 1)),
                DecisionReason.CAPACITY_NOT_COMING,
                f"{obstacle}, so no more are asked for",
            )
        word = "no worker waits for a node"
        if pool.unschedulable:
            word = f"{pool.unschedulable} wait for a node, none for longer than {timeout:.0f} s"
        return Wanted(workers, DecisionReason.STEADY, word)


def _refused(pool: PoolObservation) -> str:
    return f"{pool.missing} pods are refused ({pool.refused})" if pool.refused else ""


def _without_node(pool: PoolObservation, timeout: float) -> str:
    waited = {
        worker.age_seconds: worker.waiting_reason
        for worker in pool.workers
        if worker.unschedulable and worker.age_seconds > timeout
    }
    if not waited:
        return ""
    late = sum(worker.unschedulable and worker.age_seconds > timeout for worker in pool.workers)
    longest = max(waited)
    words = f" ({waited[longest]})" if waited[longest] else ""
    return (
        f"{late} of {pool.current} workers have waited for a node for up to {longest:.0f} s, "
        f"longer than {timeout:.0f} s{words}"
    )


def _newest_broken(pool: PoolObservation, timeout: float) -> str:
    broken = [worker for worker in pool.workers if worker.failing or worker.late(timeout)]
    if not broken:
        return ""
    newest = min(broken, key=lambda worker: worker.age_seconds)
    if any(worker.serving and worker.age_seconds <= newest.age_seconds for worker in pool.workers):
        return ""
    if newest.waiting_reason:
        return f"the newest worker does not run ({newest.waiting_reason})"
    return f"the newest worker has not become ready within {timeout:.0f} s"


class Bounds(PoolLink):
    """Keeps each pool within its own minimum and maximum."""

    name: ClassVar[str] = "Bounds"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Move the number into the bounds."""
        bounds = situation.settings.pool(role)
        if workers < bounds.minimum:
            word = f"{workers} would be below the minimum of {bounds.minimum}"
            return Wanted(bounds.minimum, DecisionReason.AT_MINIMUM, word)
        if workers > bounds.maximum:
            word = f"{workers} would be above the maximum of {bounds.maximum}"
            return Wanted(bounds.maximum, DecisionReason.AT_MAXIMUM, word)
        word = f"{workers} is within {bounds.minimum} to {bounds.maximum}"
        return Wanted(workers, DecisionReason.STEADY, word)


class Budget(ChainLink):
    """Keeps both pools together within the GPU budget."""

    name: ClassVar[str] = "Budget"

    def apply(self, proposal: Proposal, situation: Situation) -> tuple[Proposal, str]:
        """Where the budget does not cover the pair, shrink both in proportion.

        Then add only as many workers as fit beside those that still hold GPUs.
        """
        budget = situation.settings.gpu_budget
        asked = _gpus(_workers(proposal), situation)
        if budget is None:
            return proposal, f"{asked} GPUs are asked for, and no budget is set."
        word = f"{asked} of {budget} GPUs are asked for"
        if asked > budget:
            proposal, word = _within(proposal, situation, budget)
        return _beside_those_that_leave(proposal, situation, budget, word)


def _within(proposal: Proposal, situation: Situation, budget: int) -> tuple[Proposal, str]:
    wanted = _workers(proposal)
    prefill, decode = _best_pair(
        wanted, _floors(wanted, situation), _gpus_per_worker(situation), budget
    )
    word = (
        f"{_gpus(wanted, situation)} GPUs are more than the budget of {budget}; "
        f"{prefill} prefill and {decode} decode workers fit"
    )
    return _bound(proposal, (prefill, decode), word), word


def _beside_those_that_leave(
    proposal: Proposal, situation: Situation, budget: int, word: str
) -> tuple[Proposal, str]:
    """No GPU is asked for that a worker on its way out still holds: neither drained nor deleted.

    It comes back to the budget when that worker is gone. None that is there is removed for it.
    """
    wanted, kept, occupied = _workers(proposal), {}, {}
    for role in Role:
        pool = situation.observation.pool(role)
        kept[role] = min(wanted[role], max(pool.replicas, situation.settings.pool(role).minimum))
        occupied[role] = max(pool.replicas, kept[role]) + pool.leaving
    held = _gpus(occupied, situation) - _gpus(kept, situation)
    room = _gpus(kept, situation) + max(0, budget - _gpus(occupied, situation))
    if _gpus(wanted, situation) <= room:
        return proposal, f"{word}."
    pair = _best_pair(wanted, kept, _gpus_per_worker(situation), room)
    word = f"{word}; {held} GPUs are still held by workers on their way out"
    return _bound(proposal, pair, word), f"{word}."


def _bound(proposal: Proposal, pair: tuple[int, int], word: str) -> Proposal:
    for role, workers in zip((Role.PREFILL, Role.DECODE), pair, strict=True):
        proposal = proposal.with_pool(role, Wanted(workers, DecisionReason.BUDGET_BOUND, word))
    return proposal


def _workers(proposal: Proposal) -> dict[Role, int]:
    return {role: proposal.pool(role).workers for role in Role}


def _gpus_per_worker(situation: Situation) -> dict[Role, int]:
    return {role: situation.settings.pool(role).gpus_per_worker for role in Role}


def _gpus(workers: dict[Role, int], situation: Situation) -> int:
    return sum(workers[role] * each for role, each in _gpus_per_worker(situation).items())


def _floors(wanted: dict[Role, int], situation: Situation) -> dict[Role, int]:
    """Fewest workers of each pool: its minimum, or the present number while load is unknown.

    A pool that queues drive up must not take workers from one whose need is not known.
    """
    settings = situation.settings
    minimum = {role: settings.pool(role).minimum for role in Role}
    if situation.unknown is None or settings.gpu_budget is None:
        return minimum
    present = {
        role: max(minimum[role], min(situation.current(role), wanted[role])) for role in Role
    }
    held = sum(present[role] * settings.pool(role).gpus_per_worker for role in Role)
    return present if held <= settings.gpu_budget else minimum


def _best_pair(
    wanted: dict[Role, int], floors: dict[Role, int], each: dict[Role, int], budget: int
) -> tuple[int, int]:
    """The pair within the budget whose worse-served pool gets the largest share of its wish.

    Of equals, the one that uses more of the budget. The floors, where not even they fit.
    """
    best = (floors[Role.PREFILL], floors[Role.DECODE])
    best_score = (-1.0, -1.0)
    for prefill in range(floors[Role.PREFILL], wanted[Role.PREFILL] + 1):
        left = (budget - prefill * each[Role.PREFILL]) // each[Role.DECODE]
        decode = min(wanted[Role.DECODE], left)
        if decode < floors[Role.DECODE]:
            break
        shares = (prefill / wanted[Role.PREFILL], decode / wanted[Role.DECODE])
        score = (min(shares), max(shares))
        if score > best_score:
            best, best_score = (prefill, decode), score
    return best
