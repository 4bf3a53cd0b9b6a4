"""Links that keep a decision within what there is and what is allowed."""

from typing import ClassVar

from pd_operator.api.roles import Role
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.proposal import ChainLink, PoolLink, Proposal, Situation, Wanted


class CapacityNotComing(PoolLink):
    """Asks for no more workers while earlier ones have waited for a node for too long.

    Waiting workers are replicas already, so they are never asked for twice. They stay asked for:
    the cluster may yet find a node.
    """

    name: ClassVar[str] = "Capacity"

    def judge(self, role: Role, workers: int, situation: Situation) -> Wanted:
        """Cap at the present number while a worker waits for longer than the timeout."""
        pool = situation.observation.pool(role)
        timeout = situation.settings.pool(role).capacity_timeout_seconds
        ages = [
            worker.age_seconds
            for worker in pool.workers
            if worker.starting and not worker.scheduled
        ]
        late = [age for age in ages if age > timeout]
        if not late:
            waiting = f"{len(ages)} wait for a node, none for longer than {timeout:.0f} s"
            return Wanted(
                workers, DecisionReason.STEADY, waiting if ages else "no worker waits for a node"
            )
        return Wanted(
            min(workers, max(pool.current, 1)),
            DecisionReason.CAPACITY_NOT_COMING,
            f"{len(late)} of {pool.current} workers have waited for a node for up to "
            f"{max(late):.0f} s, longer than {timeout:.0f} s, so no more are asked for",
        )


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
        """Where the budget does not cover the pair, shrink both in proportion."""
        settings = situation.settings
        each = {role: settings.pool(role).gpus_per_worker for role in Role}
        wanted = {role: proposal.pool(role).workers for role in Role}
        asked = sum(wanted[role] * each[role] for role in Role)
        if settings.gpu_budget is None:
            return proposal, f"{asked} GPUs are asked for, and no budget is set."
        if asked <= settings.gpu_budget:
            return proposal, f"{asked} of {settings.gpu_budget} GPUs are asked for."
        prefill, decode = _best_pair(wanted, _floors(wanted, situation), each, settings.gpu_budget)
        word = (
            f"{asked} GPUs are more than the budget of {settings.gpu_budget}; "
            f"{prefill} prefill and {decode} decode workers fit"
        )
        for role, workers in ((Role.PREFILL, prefill), (Role.DECODE, decode)):
            proposal = proposal.with_pool(role, Wanted(workers, DecisionReason.BUDGET_BOUND, word))
        return proposal, f"{word}."


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
